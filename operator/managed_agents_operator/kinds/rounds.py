"""When each of the two sweeps of a connection last came to its end, as metrics tell it.

Kept by the sweeps; what an old one means for anybody is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable

from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.telemetry import SWEEP_FAILURES, SWEEP_SECONDS

NAMES = {Priority.HOT_SWEEP: "hot", Priority.FULL_SWEEP: "full"}
"""As metrics call them."""


class Rounds:
    """Times are monotonic seconds; one that was never done is as old as this."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._done_at = dict.fromkeys(NAMES, monotonic())

    def done(self, which: Priority, began: float) -> None:
        """A sweep came to its end; it had seen everything by then."""
        now = self._done_at[which] = self._monotonic()
        SWEEP_SECONDS.labels(NAMES[which]).observe(max(0.0, now - began))

    def failed(self, which: Priority) -> None:
        """A sweep did not."""
        SWEEP_FAILURES.labels(NAMES[which]).inc()

    def age(self, which: Priority) -> float:
        """Seconds since the last one came to its end."""
        return self._monotonic() - self._done_at[which]
