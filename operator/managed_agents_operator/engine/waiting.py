"""Resources that are not handed on yet, since what they would be handed to hangs on what nobody knows for sure.

Used by the switchboard. A connection, or the labels of a namespace, may be there without having been told yet: each is
looked at by itself, so that one that can't be read, or hangs, holds up those alone that it is about.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from managed_agents_operator.engine.cell import version
from managed_agents_operator.engine.choosing import Place
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.errors import ClusterError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Pause before the API server is asked again."""


class Waiting:
    """Bodies by uid, and what is still to be looked at for each. `ready` is called when something was."""

    def __init__(
        self,
        look: Callable[[Place], Awaitable[None]],
        ready: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._ready = ready
        self.held: dict[str, dict[str, Any]] = {}
        self._looked: dict[str, set[Place]] = {}
        self._doubts: dict[str, set[Place]] = {}
        self._monotonic = monotonic
        self._looking: set[Place] = set()
        self._since: dict[Place, float] = {}
        self._bell = asyncio.Event()

    def hold(self, uid: str, body: Mapping[str, Any]) -> bool:
        """Keep a body if it is the newest; whether it is."""
        if uid in self.held and version(self.held[uid]) > version(body):
            return False
        self.held[uid] = dict(body)
        return True

    def drop(self, uid: str) -> None:
        """It does not wait any more."""
        for kept in (self.held, self._looked, self._doubts):
            kept.pop(uid, None)

    def doubts(self, uid: str, places: Iterable[Place]) -> bool:
        """Have these looked at for a resource, but for what was since it came; whether there is anything left."""
        left = set(places) - self._looked.get(uid, set())
        if left:
            self._doubts[uid] = left
            for place in left:
                self._since.setdefault(place, self._monotonic())
            self._bell.set()
        return bool(left)

    @property
    def age(self) -> float:
        """Seconds that the oldest look has been due, or has taken; each try of one counts by itself."""
        now = self._monotonic()
        return max((now - since for since in self._since.values()), default=0.0)

    async def run(self) -> None:
        """Look, until cancelled."""
        async with Crew() as crew:
            crew.add("looks", self._begin_looks(crew))
            await crew.watch()

    async def _begin_looks(self, crew: Crew) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            wanted = {place for doubts in self._doubts.values() for place in doubts}
            for place in wanted - self._looking:
                self._looking.add(place)
                crew.add(f"look for {place}", self._look_at(place), errand=True)

    async def _look_at(self, place: Place) -> None:
        # Who comes while it is under way is not answered by it.
        asking = [uid for uid, doubts in self._doubts.items() if place in doubts]
        self._since[place] = self._monotonic()
        try:
            await self._look(place)
        except ClusterError as error:
            log.warning("whether %s is there could not be read: %s", place, error)
            self._since[place] = self._monotonic() + AGAIN_SECONDS
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            for uid in asking:
                if uid in self.held:
                    self._looked.setdefault(uid, set()).add(place)
                    self._doubts.pop(uid, None)
                    self._ready(uid)
        finally:
            self._looking.discard(place)
            del self._since[place]
            if any(place in doubts for doubts in self._doubts.values()):
                self._since[place] = self._monotonic()
            self._bell.set()
