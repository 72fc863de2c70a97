"""How long to wait between tries that may go on for weeks."""

from __future__ import annotations

_MOST = 64
"""Doubled a thousand times, a number is none any more, and whoever waits for months would fail by it."""


def doubled(first: float, times: int, longest: float) -> float:
    """`first`, doubled so many times (negative is none), and never more than `longest`."""
    return min(first * 2.0 ** min(max(times, 0), _MOST), longest)
