"""Sessions that carry the marker of a resource of this cluster which is gone.

Used by `orphans`. Of other clusters in the same workspace nothing is found. The API is listed before the cluster: a
resource whose session is seen was there by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from managed_agents_kubectl.calling import connected, said
from managed_agents_kubectl.cluster import OURS, Kubernetes
from managed_agents_kubectl.credentials import Access, access
from managed_agents_kubectl.export import chosen
from managed_agents_kubectl.installation import identities
from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.api.connection import CLUSTER_CONNECTIONS, CONNECTIONS
from managed_agents_operator.api.session import CLAIM_ANNOTATION
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.claim import Claim, Marker


@dataclass(frozen=True, slots=True)
class Orphan:
    """A session without a resource, and the connection that showed it."""

    wire: Session
    namespace: str
    owner: str
    uid: str
    client: Client
    access: Access

    @property
    def id(self) -> str:
        """Of the session."""
        return self.wire.id


def owned(bodies: Iterable[Mapping[str, Any]]) -> tuple[set[str], set[str]]:
    """By resources that are there: the uids whose sessions have somebody, and the ids of sessions that have."""
    uids: set[str] = set()
    ids: set[str] = set()
    for body in bodies:
        meta, status, spec = body["metadata"], body.get("status") or {}, body.get("spec") or {}
        claim = Claim.parse((meta.get("annotations") or {}).get(CLAIM_ANNOTATION))
        # A claim with another uid is that of a restored backup: the operator looks for its session.
        uids |= {meta["uid"], *([claim.uid] if claim else [])}
        ids |= {id for id in (status.get("id"), spec.get("sessionId")) if id}
    return uids, ids


def orphaned(wire: Session, clusters: Collection[str], namespace: str | None) -> tuple[str, str, str] | None:
    """Namespace, name and uid of the resource that a living session was made for, in this cluster and namespace."""
    marker = Marker.parse(wire.metadata)
    if marker is None or marker.place is None or wire.archived_at:
        return None
    where, its_namespace, name = marker.place
    if where not in clusters or namespace not in (None, its_namespace):
        return None
    return its_namespace, name, marker.uid


async def places(kubernetes: Kubernetes, connection: str | None, *, everywhere: bool) -> list[Place]:
    """Where to look: the connection that was named, else the usual one, or all of them. Raises `Failed`."""
    if connection is not None or not everywhere:
        return [await chosen(kubernetes, connection)]
    own = await kubernetes.listed(OURS, CONNECTIONS, what="Connection")
    shared = await kubernetes.listed(OURS, CLUSTER_CONNECTIONS, what="ClusterConnection")
    return [
        ENVIRONMENT,
        *(Place("Connection", one["metadata"]["namespace"], one["metadata"]["name"]) for one in own),
        *(Place("ClusterConnection", "", one["metadata"]["name"]) for one in shared),
    ]


@asynccontextmanager
async def found(
    kubernetes: Kubernetes, scope: Scope, where: Sequence[Place], namespace: str | None
) -> AsyncIterator[tuple[list[Orphan], list[str]]]:
    """The orphans, within the context of their clients, and what kept a connection from being looked through."""
    clusters = await identities(kubernetes, scope, namespace)
    seen: dict[tuple[str, str], Orphan] = {}
    troubles: list[str] = []
    async with AsyncExitStack() as stack:
        for place in where:
            try:
                key = await access(kubernetes, scope, place)
                client = await stack.enter_async_context(connected(key, scope))
                with said(key):
                    async for page in client.iterate_sessions():
                        for item in page.value.items:
                            wire = Session.model_validate(item)
                            if owner := orphaned(wire, clusters, namespace):
                                keep(seen, Orphan(wire, *owner, client, key))
            except Failed as error:
                troubles.append(f"{place}: {error}")
        uids, ids = owned(await kubernetes.sessions(namespace))
        yield [one for one in seen.values() if one.uid not in uids and one.id not in ids], troubles


def keep(seen: dict[tuple[str, str], Orphan], one: Orphan) -> None:
    """Take in an orphan: once for each address, since a server may list what sessions it likes under any id."""
    at = (one.access.spec.base_url.rstrip("/"), one.id)
    seen[at] = max(seen.get(at, one), one, key=_fitness)


def _fitness(one: Orphan) -> int:
    """Of several connections that show a session, the one that its resource could name counts."""
    place = one.access.place
    if place.kind == "Connection":
        return 3 if place.namespace == one.namespace else 0
    return 2 if place.kind == "ClusterConnection" else 1
