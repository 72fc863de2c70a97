"""Time that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class FakeClock:
    """All three clocks of a machine; they go on together."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def boottime(self) -> float:
        return 50_000.0 + self.seconds

    def wall(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def stamp(self) -> str:
        """Now, as the API and the API server write it."""
        return self.wall().isoformat(timespec="microseconds").replace("+00:00", "Z")

    def stamp_at(self, seconds: float) -> str:
        """A time of the monotonic clock, written like that."""
        at = BEGIN + timedelta(seconds=seconds)
        return at.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
