"""What is written of connections: the finalizer of one in use, and its status.

Used by `connections`. What the status says is `faring`'s; here is when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.connection import CONNECTION_FINALIZER
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.choosing import Place
from managed_agents_operator.engine.directory import Directory
from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.faring import Facts, Fare, status, told
from managed_agents_operator.engine.ports import Events, Writer
from managed_agents_operator.engine.status import patch

COUNT_SECONDS = 60.0
"""The least between two writes of a mere count."""


class Register:
    """Writes them by `kinds`, and takes what is stored then into the directory."""

    def __init__(self, kinds: Mapping[str, Writer], directory: Directory, clock: Clock, events: Events) -> None:
        self._kinds = kinds
        self._events = events
        self._directory = directory
        self._clock = clock
        self._written_at: dict[Place, float] = {}

    def forget(self, place: Place) -> None:
        """It is gone."""
        self._written_at.pop(place, None)

    async def note(self, place: Place, used: int, fare: Fare | None) -> float | None:
        """Finalizer and status, as they should be by now. Raises `ClusterError`.

        Answers in how many seconds the rest may be written, None where nothing is left.
        """
        if place not in self._directory.bodies:
            return None
        try:
            return await self._write(place, used, fare) if await self._hold(place, used=used > 0) else None
        except ObjectGone:
            self._directory.forget(place)
            return None

    async def _hold(self, place: Place, *, used: bool) -> bool:
        """Whether it is there all the same afterwards."""
        meta = self._directory.bodies[place]["metadata"]
        held, going = meta.get("finalizers") or [], "deletionTimestamp" in meta
        if (CONNECTION_FINALIZER in held) == used or (used and going):
            # One that is going takes no finalizer any more.
            return True
        others = [one for one in held if one != CONNECTION_FINALIZER]
        wanted = [*others, *([CONNECTION_FINALIZER] if used else [])]
        after = await self._kinds[place.kind].patch_object(
            place.namespace,
            place.name,
            {"metadata": {"finalizers": wanted or None}},
            resource_version=meta["resourceVersion"],
        )
        if going and not wanted:
            self._directory.forget(place)
        else:
            self._directory.see(place.kind, None, after)
        return place in self._directory.bodies

    async def _write(self, place: Place, used: int, fare: Fare | None) -> float | None:
        found, body = self._directory.specs[place], self._directory.bodies[place]
        before = body.get("status") or {}
        facts = Facts(
            generation=found.metadata.generation,
            deleting=found.metadata.deletion_timestamp is not None,
            sessions=used,
            keyless=self._directory.why.get(place),
            wanted_workspace=found.spec.workspace_id,
            fare=fare,
        )
        change = patch(before, status(before, facts, self._clock.wall()))
        now = self._clock.monotonic()
        left = self._written_at.get(place, float("-inf")) + COUNT_SECONDS - now
        if not change:
            return None
        if set(change) == {"sessions"} and left > 0:
            return left
        self._written_at[place] = now
        stored = await self._kinds[place.kind].patch_status(
            place.namespace, place.name, {"status": change}, resource_version=body["metadata"]["resourceVersion"]
        )
        self._directory.see(place.kind, None, stored)
        for news in told(before, stored.get("status") or {}):
            self._events.publish(found.metadata, news.type, news.reason, news.action, news.note, kind=place.kind)
        return None
