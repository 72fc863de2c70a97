"""Whom to wake, and when: one time for each resource, and the one that was set last counts.

Used by the keeper alone, whose clock goes through them.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator


class Alarms:
    """Times by uid, monotonic. One that was replaced or cleared stays in the heap until its time, and wakes nobody."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._later: list[tuple[float, int, str]] = []
        self._order = itertools.count()

    def set(self, uid: str, at: float) -> None:
        """Wake this one then, and not when it was to be woken before."""
        self._due[uid] = at
        heapq.heappush(self._later, (at, next(self._order), uid))

    def clear(self, uid: str) -> None:
        """Wake this one no more."""
        self._due.pop(uid, None)

    def due(self, now: float) -> Iterator[str]:
        """Those whose time has come; each is told once."""
        while self._later and self._later[0][0] <= now:
            at, _, uid = heapq.heappop(self._later)
            if self._due.get(uid) == at:
                del self._due[uid]
                yield uid

    def next(self) -> float:
        """When to look again; infinity while there is nobody to wake."""
        return self._later[0][0] if self._later else float("inf")
