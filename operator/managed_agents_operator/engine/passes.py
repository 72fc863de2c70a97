"""Who waits for a pass, and who has one: each resource once at a time, in the order of asking.

Used by the keeper, whose workers take the next one from here.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Passes:
    """Uids in the queue and under way. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        self._since: dict[str, float] = {}
        self._under_way: set[str] = set()
        self._again: set[str] = set()
        self._bell = asyncio.Event()
        self._ended = asyncio.Event()
        self._draining = False

    def ask(self, uid: str, now: float) -> None:
        """Ask for a pass; during a pass of the same, for another one after it."""
        if uid in self._under_way:
            self._again.add(uid)
        elif uid not in self._since:
            self._since[uid] = now
            self._ready.append(uid)
            self._bell.set()

    def forget(self, uid: str) -> None:
        """It needs none any more."""
        self._since.pop(uid, None)

    def waits(self, uid: str) -> bool:
        """Whether it is in the queue."""
        return uid in self._since

    def under_way(self, uid: str) -> bool:
        """Whether it has a pass right now."""
        return uid in self._under_way

    def age(self, now: float) -> float:
        """How long the first of the queue has waited."""
        return max((now - since for since in self._since.values()), default=0.0)

    async def begin(self) -> str:
        """The next one, whose pass begins now."""
        while True:
            while not self._ready or self._draining:
                self._bell.clear()
                await self._bell.wait()
            uid = self._ready.popleft()
            if self._since.pop(uid, None) is not None:
                self._under_way.add(uid)
                return uid

    def end(self, uid: str) -> bool:
        """Its pass is over; whether another one was asked for meanwhile."""
        self._under_way.discard(uid)
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
