"""Who waits for a pass, and who has one: each resource once at a time, in the order of asking.

Used by the keeper, whose workers take the next one from here. What is begun goes on before what only waits: a permit is
good for a while, and with thousands in the queue it would be over, and be asked for anew, before anything was done.

A pass that finds nothing to do takes 0.3 ms, half of it for reading the object and for the status to compare with.
It is what a start of 10,000 mostly takes, so the keeper passes nobody twice there (`make profile`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from managed_agents_operator.telemetry import PASS_SECONDS

IN_A_ROW = 8
"""Passes of one resource before it waits for the others again: more than any life needs to get on its way."""


class Passes:
    """Uids in the queue and under way. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        self._since: dict[str, float] = {}
        self._under_way: dict[str, float] = {}
        self._again: set[str] = set()
        self._going_on: set[str] = set()
        self._row: dict[str, int] = {}
        self._bell = asyncio.Event()
        self._ended = asyncio.Event()
        self._draining = False
        self.begun = 0
        """How many there were so far."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._since)

    def ask(self, uid: str, now: float) -> None:
        """Ask for a pass; during a pass of the same, for another one after it."""
        if uid in self._under_way:
            self._again.add(uid)
        elif uid not in self._since:
            self._since[uid] = now
            self._ready.append(uid)
            self._bell.set()

    def go_on(self, uid: str, now: float) -> None:
        """Ask for the next pass of one whose last has just ended: before all others, unless it had many in a row."""
        self._row[uid] = row = self._row.get(uid, 1) + 1
        if row > IN_A_ROW:
            self.ask(uid, now)
            return
        self._since.setdefault(uid, now)
        self._going_on.add(uid)
        self._ready.appendleft(uid)
        self._bell.set()

    def forget(self, uid: str) -> None:
        """It needs none any more."""
        self._since.pop(uid, None)
        self._going_on.discard(uid)
        self._row.pop(uid, None)

    def waits(self, uid: str) -> bool:
        """Whether it is in the queue."""
        return uid in self._since

    def under_way(self, uid: str) -> bool:
        """Whether it has a pass right now."""
        return uid in self._under_way

    def age(self, now: float) -> float:
        """How long the first of the queue has waited."""
        return max((now - since for since in self._since.values()), default=0.0)

    def longest(self, now: float) -> float:
        """How long the oldest pass under way has taken."""
        return max((now - begun for begun in self._under_way.values()), default=0.0)

    async def begin(self, monotonic: Callable[[], float]) -> str:
        """The next one, whose pass begins now."""
        while True:
            while not self._ready or self._draining:
                self._bell.clear()
                await self._bell.wait()
            uid = self._ready.popleft()
            if self._since.pop(uid, None) is not None:
                self._under_way[uid] = monotonic()
                self.begun += 1
                if uid in self._going_on:
                    self._going_on.discard(uid)
                else:
                    self._row.pop(uid, None)
                return uid

    def end(self, uid: str, now: float) -> bool:
        """Its pass is over; whether another one was asked for meanwhile."""
        if (began := self._under_way.pop(uid, None)) is not None:
            PASS_SECONDS.observe(max(0.0, now - began))
        self._ended.set()
        again = uid in self._again
        self._again.discard(uid)
        return again

    async def drain(self) -> None:
        """Begin no more, and wait until those under way have ended."""
        self._draining = True
        while self._under_way:
            self._ended.clear()
            await self._ended.wait()
