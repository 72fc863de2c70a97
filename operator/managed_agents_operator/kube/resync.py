"""A listing of our own from time to time, against what the watch brought.

Made by `app`, which lets every event pass through `Brought` on its way to the keeper. The framework lists once and then
trusts its watch, so what is lost on that way would stay lost. Compared is what the watch brought, not what the keeper
knows, because answers to our own writes would hide a watch that is dead. What was lost is handed on; when that happens
again and again, nothing but a fresh start mends it. The same where the cluster was put back to an older state: the
newest wins everywhere in this process, and what is stored now would be taken for old.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.pulse import Pulse
from managed_agents_operator.kube.writer import Snapshot
from managed_agents_operator.telemetry import DIVERGENCES

_IN_A_ROW = 3
WENT_BACK = "the cluster was put back to an older state, as a restored backup does: all is read anew"

log = logging.getLogger(__name__)

See = Callable[[str | None, Mapping[str, Any]], None]


class Diverged(Exception):
    """What this process has seen and what is stored can't be brought together any more."""


class Objects(Protocol):
    """What is asked of the API server; `kube.writer.Writer` is one."""

    async def snapshot(self) -> Snapshot:
        """Where and at which version every object is."""
        ...

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        """One object now, None when it is not there."""
        ...


class Brought:
    """Hands events on to `to` and notes which version of each object they brought, by uid."""

    def __init__(self, to: See) -> None:
        self._to = to
        self.versions: dict[str, int] = {}
        self.went_back = asyncio.Event()
        """A listing of the framework showed an object older than its watch had brought it."""

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """One event; `event_type` is None for what a listing showed."""
        metadata = body["metadata"]
        if event_type == "DELETED":
            self.versions.pop(metadata["uid"], None)
        else:
            version = int(metadata["resourceVersion"])
            if event_type is None and version < self.versions.get(metadata["uid"], 0):
                self.went_back.set()
            self.versions[metadata["uid"]] = version
        self._to(event_type, body)


class Resync:
    """Compares every `every` seconds, each time with a listing that is `settle` seconds old.

    What the watch has not brought in that time, it has lost.
    """

    def __init__(
        self,
        objects: Objects,
        brought: Brought,
        every: float,
        *,
        settle: float = 5.0,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._brought = brought
        self._every = every
        self._settle = settle
        self._jitter = jitter
        self._sleep = sleep
        self._pulse = Pulse(monotonic)

    def age(self) -> float:
        """Seconds that a step has been due."""
        return self._pulse.age

    async def run(self) -> None:
        """Runs until cancelled.

        Raises `Diverged` when three listings in a row showed what was lost, or the cluster was put back.
        """
        compares = asyncio.create_task(self._compare(), name="comparison")
        goes_back = asyncio.create_task(self._brought.went_back.wait(), name="going back")
        try:
            await asyncio.wait((compares, goes_back), return_when=asyncio.FIRST_COMPLETED)
            if compares.done():
                await compares
            raise Diverged(WENT_BACK)
        finally:
            compares.cancel()
            goes_back.cancel()
            await asyncio.gather(compares, goes_back, return_exceptions=True)

    async def _compare(self) -> None:
        in_a_row = 0
        while True:
            pause = self._every * (0.9 + 0.2 * self._jitter())
            self._pulse.beat(pause)
            await self._sleep(pause)
            self._pulse.beat(self._settle)
            newest = max(self._brought.versions.values(), default=0)
            try:
                snapshot = await self._objects.snapshot()
                if snapshot.version < newest:
                    raise Diverged(WENT_BACK)
                await self._sleep(self._settle)
                lost = await self._mend(snapshot)
            except ClusterError as e:
                log.debug("The listing did not come about (%s); the next one is due later", e)
                continue
            in_a_row = in_a_row + 1 if lost else 0
            if lost:
                DIVERGENCES.inc(lost)
                log.warning("A listing showed %d objects otherwise than the watch had", lost)
            if in_a_row >= _IN_A_ROW:
                raise Diverged(f"{_IN_A_ROW} listings in a row showed what the watch had not brought")

    async def _mend(self, snapshot: Snapshot) -> int:
        versions = self._brought.versions
        lost = 0
        for uid, (namespace, name, version) in snapshot.objects.items():
            if versions.get(uid, 0) >= version:
                continue
            self._pulse.beat()
            body = await self._objects.read(namespace, name)
            # Deleted since, and the watch may be about to say so.
            if body is not None and body["metadata"]["uid"] == uid:
                lost += 1
                self._brought.see(None, body)
        # A younger one came after the listing.
        ghosts = [uid for uid, at in versions.items() if uid not in snapshot.objects and at <= snapshot.version]
        for uid in ghosts:
            self._brought.see("DELETED", {"metadata": {"uid": uid}})
        return lost + len(ghosts)
