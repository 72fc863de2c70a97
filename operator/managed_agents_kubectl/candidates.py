"""What can stand in a place of a command line: names from the cluster, contexts from the kubeconfig.

Called by `flags` while a line is being completed. Nobody waits long for that, and what can't be read has no candidates.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from managed_agents_kubectl.cluster import CORE, OURS, opened
from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.api.connection import CLUSTER_CONNECTIONS, CONNECTIONS
from managed_agents_operator.kube.contexts import contexts, kubeconfig
from managed_agents_operator.settings import WrongSettings

PATIENCE = 3.0


def find(what: str, scope: Scope) -> list[tuple[str, str]]:
    """Names with a word about each; `what` is sessions, namespaces, connections or contexts."""
    try:
        if what == "contexts":
            files = kubeconfig(scope.kubeconfig)
            return [(name, namespace) for name, namespace in contexts(files)[0].items()] if files else []
        return asyncio.run(_find(what, replace(scope, request_timeout=PATIENCE)))
    except (Failed, WrongSettings):
        return []


async def _find(what: str, scope: Scope) -> list[tuple[str, str]]:
    async with opened(scope) as kubernetes:
        if what == "sessions":
            bodies = await kubernetes.sessions(kubernetes.namespace)
            return [(body["metadata"]["name"], (body.get("status") or {}).get("state") or "") for body in bodies]
        if what == "namespaces":
            found = await kubernetes.listed(CORE, "namespaces", what="Namespace")
            return [(body["metadata"]["name"], "") for body in found]
        own = await kubernetes.listed(OURS, CONNECTIONS, what="Connection", namespace=kubernetes.namespace)
        names = [(body["metadata"]["name"], "Connection") for body in own]
        try:
            shared = await kubernetes.listed(OURS, CLUSTER_CONNECTIONS, what="ClusterConnection")
        except Failed:
            shared = []
        return [*names, *((f"clusterconnection/{body['metadata']['name']}", "ClusterConnection") for body in shared)]
