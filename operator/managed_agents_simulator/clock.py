"""Time as the simulator sees it: instants, how they look on the wire, and a clock that can be moved.

Everything that happens in the simulator is dated by one `Clock`. Tests give it a source that stands still and move it
by hand; the command line leaves it on the wall clock. Whoever moves it must let the world catch up (see `world.World`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Instant = int
"""Microseconds since 1970-01-01 UTC: what the API's timestamps can tell apart, exact and cheap to sort by."""

SECOND: Instant = 1_000_000


def wire_time(instant: Instant) -> str:
    """The instant as RFC 3339 in UTC with microseconds, for example `2026-11-22T09:30:00.000001Z`."""
    whole, fraction = divmod(instant, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{fraction:06d}Z"


def optional_wire_time(instant: Instant | None) -> str | None:
    """`wire_time`, or None for an instant that has not come."""
    return None if instant is None else wire_time(instant)


def read_time(text: str) -> Instant:
    """The instant of an RFC 3339 timestamp; one without an offset is UTC.

    Raises ValueError when the text is no timestamp.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


class Clock:
    """A source of instants plus an offset that only grows."""

    def __init__(self, source: Callable[[], Instant] = lambda: time.time_ns() // 1000, *, moves: bool = True) -> None:
        """`moves` is False for a source that stands still: nobody then waits for time to pass by itself."""
        self._source = source
        self._offset: Instant = 0
        self.moves = moves

    @classmethod
    def standing(cls, at: Instant | None = None) -> Clock:
        """A clock that only `advance` moves, starting now or at the given instant."""
        start = time.time_ns() // 1000 if at is None else at
        return cls(lambda: start, moves=False)

    def now(self) -> Instant:
        """The present instant."""
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Raises ValueError for a negative number of seconds."""
        if seconds < 0:
            raise ValueError("a clock moves forward only")
        self._offset += round(seconds * SECOND)
