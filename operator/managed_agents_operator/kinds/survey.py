"""How a sweep asks: by whole listings, by those of what lives, or session by session, whichever costs fewest calls.

Pure; used by the sweeps, which hand in what each listing measured. In a workspace that is crowded with other people's
sessions, or with those that have ended, most pages of a whole listing tell nothing that anybody here wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

LIVING = ("idle", "running", "rescheduling")
"""The words for sessions that have not ended."""
ENDED = "terminated"
WHOLE_SECONDS = 900.0
"""How old a whole listing may be: only those tell of orphans, and of sessions that nobody here knows."""
SHORTEST_REST = 0.2
"""Seconds: also where a sweep takes longer than its interval, others get their turn."""
LARGEST_SHARE = 2 / 3
"""Of what sweeps may use: what one of the two takes at the most, so that the other one comes round."""


class Way(Enum):
    """What the next sweep asks for."""

    WHOLE = "whole"
    FILTERED = "filtered"
    SINGLY = "singly"


@dataclass(frozen=True, slots=True)
class Survey:
    """What one listing showed: its pages, its items, those that had ended, and whether all told a state that we know.

    `at` is when it began, monotonic. `filters` tells whether the server takes the filter of states.
    """

    at: float
    pages: int = 0
    items: int = 0
    ended: int = 0
    known: bool = True
    filters: bool = True

    def page(self, items: list[dict[str, Any]]) -> Survey:
        """With one more page."""
        states = [item.get("status") for item in items]
        return replace(
            self,
            pages=self.pages + 1,
            items=self.items + len(items),
            ended=self.ended + states.count(ENDED),
            known=self.known and all(state in (*LIVING, ENDED) for state in states),
        )

    @property
    def filtered_pages(self) -> int:
        """How many there would be with those alone that live; all, where a state is unknown and would be left out."""
        if not self.filters or not self.known or not self.items:
            return self.pages
        return max(1, -(-self.pages * (self.items - self.ended) // self.items))


def way(last: Survey | None, singles: int, now: float) -> Way:
    """How to ask next, given the last whole listing and for how many sessions one would ask singly."""
    if last is None or now - last.at >= WHOLE_SECONDS:
        return Way.WHOLE
    # A single page is never dearer: without any session it tells at least that the key is good.
    if max(singles, 1) < last.filtered_pages:
        return Way.SINGLY
    return Way.FILTERED if last.filtered_pages < last.pages else Way.WHOLE


def rest(seconds: float, calls: int, took: float, per_second: float | None) -> float:
    """How long a sweep of so many calls rests, so that it begins every so many seconds.

    More seldom where it would take more than its part of what sweeps may use in all (None: no bound).
    """
    apart = seconds if per_second is None else max(seconds, calls / (per_second * LARGEST_SHARE))
    return max(apart - took, SHORTEST_REST)
