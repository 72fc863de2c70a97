"""What a person's kubeconfig says beside the way to a cluster: its contexts, and the namespace of each.

Used by the kubectl plugin, which finds both as kubectl does; the operator serves namespaces by its settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kubernetes.aio.config import list_kube_config_contexts

from managed_agents_operator.kube.access import UNUSABLE
from managed_agents_operator.settings import SERVICE_ACCOUNT, WrongSettings

DEFAULT_NAMESPACE = "default"


def kubeconfig(given: str | None) -> str | None:
    """The files to read, as kubectl finds them: what was given, else KUBECONFIG, else ~/.kube/config.

    None in a pod without any of them, where the service account counts.
    """
    named = given or os.environ.get("KUBECONFIG")
    if named:
        return named
    usual = Path("~/.kube/config").expanduser()
    return None if os.environ.get("KUBERNETES_SERVICE_HOST") and not usual.is_file() else str(usual)


def contexts(files: str) -> tuple[dict[str, str], str | None]:
    """The namespace of each context, and the name of the one in force. Raises `WrongSettings`."""
    try:
        found: Any = list_kube_config_contexts  # the client has no types here
        listed, current = found(files)
    except UNUSABLE as e:
        reason = " ".join(str(e).split())[:200]
        raise WrongSettings(f"KUBECONFIG: can't be used ({reason}): check it with kubectl version") from None
    known = {one["name"]: (one.get("context") or {}).get("namespace") or DEFAULT_NAMESPACE for one in listed}
    return known, current["name"] if current else None


def pod_namespace() -> str:
    """The namespace of the pod that this runs in."""
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text().strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE
