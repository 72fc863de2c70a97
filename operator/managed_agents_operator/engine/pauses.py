"""How long to wait: between tries that may go on for weeks, and until a pass comes again."""

from __future__ import annotations

UNANSWERED = 5.0
"""Seconds until a look that one pass could not get to is tried again."""
UNRECORDED = 60.0
"""Seconds until a session that status has no place for is looked at again: each time it happens it is a bug."""
NOW = 0.0
"""Come again at once."""
_MOST = 64
"""Doubled a thousand times, a number is none any more, and whoever waits for months would fail by it."""


def doubled(first: float, times: int, longest: float) -> float:
    """`first`, doubled so many times (negative is none), and never more than `longest`."""
    return min(first * 2.0 ** min(max(times, 0), _MOST), longest)
