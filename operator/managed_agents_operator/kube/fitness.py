"""Whether the cluster is fit to be worked in, and which one it is.

Asked once by `app`, before anything is started: the framework would watch nothing, silently and for ever, where our
kind is not known yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence

from managed_agents_operator.api.connection import CLUSTER_CONNECTION, CLUSTER_CONNECTIONS, CONNECTION, CONNECTIONS
from managed_agents_operator.api.session import GROUP, VERSION
from managed_agents_operator.engine.errors import ClusterError, ObjectGone
from managed_agents_operator.kube.access import Cluster, object_path
from managed_agents_operator.kube.backoffs import Backoffs

log = logging.getLogger(__name__)

Kind = tuple[str, str, str]
"""Group, version and plural."""


def connection_kinds(namespaces: Collection[str]) -> dict[str, Kind]:
    """What decides on connections, by kind: what is there for the whole cluster only where all of it is served."""
    own = {CONNECTION: (GROUP, VERSION, CONNECTIONS)}
    if namespaces:
        return own
    return {**own, CLUSTER_CONNECTION: (GROUP, VERSION, CLUSTER_CONNECTIONS), "Namespace": ("", "v1", "namespaces")}


async def fit(cluster: Cluster, kinds: Sequence[tuple[str, str, str]], namespace: str | None, identity: str) -> str:
    """Waits until our kinds can be listed (in `namespace`, or everywhere) and returns the uid of the cluster.

    That is the uid of the namespace `identity`. What is waited for is logged whenever it changes.
    """
    told, missing = "", ""
    for delay in Backoffs(most=15):
        try:
            for group, version, plural in kinds:
                missing = f"{plural}.{group}/{version} is not installed: kubectl apply --server-side -f crds/"
                await cluster.call("GET", object_path(group, version, plural, namespace), params={"limit": "1"})
            missing = f"there is no namespace {identity}: mend MANAGED_AGENTS_IDENTITY_NAMESPACE"
            named = await cluster.call("GET", object_path("", "v1", "namespaces", None, identity))
            return str(named["metadata"]["uid"])
        except ObjectGone:
            problem = missing
        except ClusterError as e:
            problem = str(e)
        if problem != told:
            told = problem
            log.warning("Waiting for the cluster: %s", problem)
        await asyncio.sleep(delay)
    raise AssertionError("back-offs have no end")
