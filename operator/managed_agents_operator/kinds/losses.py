"""The brake for losses of many at once: a wrong key, another workspace, a script that deletes in the wrong place.

Pure bookkeeping of one connection, kept by the observatory: what each full sweep misses goes in, and which sessions are
held comes out. Of one that is held nothing is concluded, until so many are back that the rest may be true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

FEW = 5
"""So many may go missing within one sweep, however few there are."""
SHARE = 0.1
"""Of the living: so many may go missing within one sweep, however many there are."""


class Losses:
    """Which sessions are held. `living` are those tracked, not ended, and not known to be lost."""

    def __init__(self) -> None:
        self._living: frozenset[str] = frozenset()
        self._missing: set[str] = set()
        """Missing when the last sweep was over: they are no news in the next."""
        self._new: set[str] = set()
        """Gone missing since."""
        self._held: set[str] = set()
        self._ended: set[str] = set()
        """Deleted by ourselves: no loss."""

    def holds(self, id: str) -> bool:
        """Whether nothing may be concluded from its absence."""
        return id in self._held

    def swept(self, living: Collection[str], missing: Iterable[str]) -> set[str]:
        """A full sweep is over, and should have shown all `living` but did not those `missing`.

        Answers those that are not held any more although they are still missing.
        """
        self._ended.intersection_update(living)
        self._living = frozenset(living) - self._ended
        gone = set(missing) & self._living
        before, self._held = self._held, self._held & gone
        self._hold(gone - self._missing)
        self._missing, self._new = gone, set()
        if not self._too_many(len(self._held)):
            self._held = set()
        return (before - self._held) & gone

    def ended(self, id: str) -> None:
        """We deleted it."""
        self._ended.add(id)
        self.shown(id)

    def gone(self, id: str) -> None:
        """A 404 came: one more since the last sweep, which need not be over before it is too many."""
        if id in self._living and id not in self._missing and id not in self._ended:
            self._new.add(id)
            self._hold(self._new)

    def shown(self, id: str) -> None:
        """It is there. The others wait for the end of a sweep: they may be on the next page."""
        for ids in (self._new, self._missing, self._held):
            ids.discard(id)

    def _hold(self, new: set[str]) -> None:
        if self._too_many(len(new)):
            self._held |= new

    def _too_many(self, count: int) -> bool:
        return count > FEW and count > SHARE * len(self._living)


def told(status: Mapping[str, Any]) -> bool:
    """Whether a status says that its session is lost."""
    conditions = status.get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("reason") == "Lost" for one in conditions)
