"""Kubeconfig files for one cluster and one bearer token.

Called by `controlplane.py` for its administrator and by `cluster.py` for service accounts.
"""

from pathlib import Path
from typing import Any

import yaml

NAME = "managed-agents"


def write(path: Path, *, cluster: dict[str, Any], token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig that only its owner can read, and give its path back.

    `cluster` is a cluster's entry as kubeconfigs have it: `server`, `certificate-authority` and the like.
    """
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
