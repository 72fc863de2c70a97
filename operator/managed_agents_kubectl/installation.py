"""What is to be seen of the operator in the cluster: where its own key is, where it calls, how it names the cluster.

Used by `credentials`, `unowned` and `export`. Read from its Deployment by the person's rights; where that can't be
seen, it is as deploy/base has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from managed_agents_kubectl.cluster import CORE, Kubernetes, Missing, Object, Refused
from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.api.resources import SecretKeyRef

LABELS = "app.kubernetes.io/name=managed-agents-operator"
SECRET, SECRET_KEY = "anthropic-api-key", "apiKey"
IDENTITY = "MANAGED_AGENTS_IDENTITY_NAMESPACE"
KUBE_SYSTEM = "kube-system"


async def own_connection(kubernetes: Kubernetes, scope: Scope) -> ConnectionSpec:
    """The operator's own key and address, as if they were those of a connection."""
    return connection(await _deployments(kubernetes, scope))


async def identities(kubernetes: Kubernetes, scope: Scope, namespace: str | None) -> set[str]:
    """The names that this cluster may have in the marker of a session: uids of its namespaces. Raises `Failed`.

    Which namespace it is, the operator is told by a setting; no namespace of another cluster has the same uid.
    `namespace` is the one that is asked about, None for all.
    """
    if namespace is None:
        try:
            return {one["metadata"]["uid"] for one in await kubernetes.listed(CORE, "namespaces", what="Namespace")}
        except Refused:
            pass
    told = [env.get(IDENTITY, {}).get("value") for env in map(_env, await _deployments(kubernetes, scope))]
    found: set[str] = set()
    trouble: Failed | None = None
    for name in dict.fromkeys(filter(None, (KUBE_SYSTEM, *told, scope.operator_namespace, namespace))):
        try:
            body = await kubernetes.get(CORE, "namespaces", None, name, what="Namespace")
        except (Refused, Missing) as error:
            trouble = trouble or error
        else:
            found.add(body["metadata"]["uid"])
    if not found and trouble is not None:
        raise trouble
    return found


def connection(deployments: list[Object]) -> ConnectionSpec:
    """What these Deployments say of the key and the address."""
    env: dict[str, Mapping[str, Any]] = {}
    file: SecretKeyRef | None = None
    for deployment in deployments:
        env |= _env(deployment)
        file = file or _file(deployment, env)
    known: dict[str, Any] = {}
    if url := env.get("ANTHROPIC_BASE_URL", {}).get("value"):
        known["base_url"] = url
    if workspace := env.get("MANAGED_AGENTS_WORKSPACE_ID", {}).get("value"):
        known["workspace_id"] = workspace
    ref = file or _ref(env, "ANTHROPIC_API_KEY")
    if ref is None and (token := _ref(env, "ANTHROPIC_AUTH_TOKEN")) is not None:
        return ConnectionSpec(auth_token_secret_ref=token, **known)
    return ConnectionSpec(api_key_secret_ref=ref or SecretKeyRef(name=SECRET, key=SECRET_KEY), **known)


async def _deployments(kubernetes: Kubernetes, scope: Scope) -> list[Object]:
    try:
        return await kubernetes.deployments(scope.operator_namespace, LABELS)
    except (Refused, Missing):
        return []


def _containers(deployment: Object) -> list[Object]:
    found: list[Object] = deployment["spec"]["template"]["spec"].get("containers") or []
    return found


def _env(deployment: Object) -> dict[str, Mapping[str, Any]]:
    return {one["name"]: one for container in _containers(deployment) for one in container.get("env") or ()}


def _ref(env: Mapping[str, Mapping[str, Any]], name: str) -> SecretKeyRef | None:
    ref = (env.get(name, {}).get("valueFrom") or {}).get("secretKeyRef")
    return SecretKeyRef(name=ref["name"], key=ref["key"]) if ref else None


def _file(deployment: Object, env: Mapping[str, Mapping[str, Any]]) -> SecretKeyRef | None:
    """The Secret that is mounted where the file with the key is."""
    told = env.get("MANAGED_AGENTS_API_KEY_FILE", {}).get("value")
    if not told:
        return None
    path = PurePosixPath(told)
    mounts = (mount for container in _containers(deployment) for mount in container.get("volumeMounts") or ())
    name = next((mount["name"] for mount in mounts if PurePosixPath(mount["mountPath"]) == path.parent), None)
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or ()
    secret = next((one["secret"] for one in volumes if one["name"] == name and "secret" in one), None)
    if secret is None:
        return None
    renamed = {item["path"]: item["key"] for item in secret.get("items") or ()}
    return SecretKeyRef(name=secret["secretName"], key=renamed.get(path.name, path.name))
