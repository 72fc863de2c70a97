"""The looks of the Session kind: one read each, or an order of a listing that is shared with others.

Used by the session kind; what each look is answered with is told in `engine/looks.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, assert_never

from managed_agents_operator.api.session import Session
from managed_agents_operator.claude.errors import NotFound
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import (
    Absent,
    Look,
    LookAgent,
    LookContents,
    LookFile,
    LookKickoff,
    LookOwner,
    LookSearch,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    LookUploads,
    Stray,
)
from managed_agents_operator.engine.ports import Sources, Writer
from managed_agents_operator.kinds import request, sources
from managed_agents_operator.kinds.connection import Connection
from managed_agents_operator.kinds.history import delivery, spoken_to, stop
from managed_agents_operator.kinds.mounting import Mounting
from managed_agents_operator.kinds.searches import Searches
from managed_agents_operator.kinds.uploads import Uploads


class Looking:
    """The looks of one connection. `namespaces` are those that this process may look into, all where empty."""

    def __init__(
        self,
        connection: Connection,
        searches: Searches,
        uploads: Uploads,
        mounting: Mounting,
        sources: Sources,
        writer: Writer,
        namespaces: Collection[str],
    ) -> None:
        self._connection = connection
        self._searches = searches
        self._uploads = uploads
        self._mounting = mounting
        self._sources = sources
        self._writer = writer
        self._namespaces = namespaces

    async def look(self, resource: Session, look: Look) -> Any | Failure:
        """Read one thing. Raises `ClusterUnreachable` where the cluster was to be read and did not answer."""
        match look:
            case LookSearch():
                self._connection.circuit.enter(resource.metadata.uid)
                return self._searches.want(resource.metadata.uid, look)
            case LookUploads():
                self._connection.circuit.enter(resource.metadata.uid)
                return self._uploads.want(resource.metadata.uid, look)
            case LookTokens():
                return await sources.missing_tokens(self._sources, resource)
            case LookContents():
                return await sources.contents(self._sources, resource, look.mounts)
            case LookOwner():
                return await self._owner(look)
            case _:
                return await self._connection.read(self._called(resource, look))

    async def _called(
        self, resource: Session, look: LookSession | LookAgent | LookFile | LookKickoff | LookStop | LookStray
    ) -> Any:
        line = self._connection
        match look:
            case LookSession():
                return await line.get(look.id)
            case LookAgent():
                return await self._sees_agent(look.id)
            case LookFile():
                return await self._mounting.sees(look.id)
            case LookKickoff():
                events = [request.event(e) for e in resource.spec.initial_events]
                return await delivery(line.client, lambda: line.get(look.id), look.id, events)
            case LookStop():
                over = any(c.type == "Finished" and c.status == "True" for c in resource.status.conditions or ())
                return await stop(line.client, look.id, resource.status.kickoff, over=over)
            case LookStray():
                return await self._stray(look.id)
            case _:
                assert_never(look)

    async def _owner(self, look: LookOwner) -> str:
        if self._namespaces and look.namespace not in self._namespaces:
            return ""
        there = await self._writer.read(look.namespace, look.name)
        return str(there["metadata"]["uid"]) if there is not None else ""

    async def _sees_agent(self, id: str) -> bool:
        try:
            await self._connection.client.get_agent(id)
        except NotFound:
            return False
        return True

    async def _stray(self, id: str) -> Stray | Absent:
        one = await self._connection.get(id)
        if isinstance(one, Absent):
            return one
        return Stray(one, await spoken_to(self._connection.client, id))
