"""How long something that should go on has stood still: what the probes are told of a task that hangs.

Used by whatever waits for others without an end of its own. A step that failed is a step: a restart mends no outage.
"""

from __future__ import annotations

from collections.abc import Callable


class Pulse:
    """Seconds of standing still; none while there is nothing to do, nor during a rest that was meant."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due: float | None = None

    @property
    def age(self) -> float:
        """Seconds since the next step was due."""
        return 0.0 if self._due is None else max(0.0, self._monotonic() - self._due)

    def wanted(self) -> None:
        """There is something to do; counts from the first time on until the next step."""
        if self._due is None:
            self._due = self._monotonic()

    def beat(self, rest: float = 0.0) -> None:
        """A step was made; the next one is due after so many seconds."""
        self._due = self._monotonic() + rest

    def idle(self) -> None:
        """There is nothing to do."""
        self._due = None
