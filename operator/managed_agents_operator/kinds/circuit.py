"""One connection's circuit: after 401, 402 or 403 no more calls are made but a trial now and then.

Used by the session kind, which asks it before each pass and reports each call, and by searches and sweeps, which
report theirs. Without it one bad key would be one storm of calls for each resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from managed_agents_operator.engine.errors import Consequence, Failure

Call = Literal["sweep", "read", "write"]
"""What was called: a listing of the sweeps, which go on whatever is open; anything else that reads; what changes."""

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 600.0
LONGEST_REOPENED = 120.0
"""Seconds that the first pause may be when it opens again soon after it closed: each time all resources are told."""
TRIAL_LIFE = 30.0
"""Seconds after which a resource that was let through and made no call gives its turn to the next."""
UNCLAIMED = 60.0
"""Seconds that a trial may lie open before it is clear that nobody wants to make one."""


class Circuit:
    """Closed, or open with the `Failure` that opened it.

    An open circuit lets one resource through at a time, after growing pauses. It closes when a call goes through of a
    sort that was refused: that reads are answered says nothing of writes. A write that goes through proves all of it.
    """

    def __init__(self, monotonic: Callable[[], float], on_change: Callable[[], None]) -> None:
        self._monotonic = monotonic
        self._on_change = on_change
        self._failure: Failure | None = None
        self._refused: set[Call] = set()
        self._pause = 0.0
        self._retry_at = 0.0
        self._closed_at = float("-inf")
        self._trial: tuple[str, float] | None = None

    @property
    def failure(self) -> Failure | None:
        """What opened it; None while it is closed."""
        return self._failure

    @property
    def retry_at(self) -> float | None:
        """When the next resource is let through (monotonic)."""
        return self._retry_at if self._failure else None

    def blocks(self, uid: str) -> Failure | None:
        """What keeps this resource from calling; None if it may, as when a turn is to be had or is its own."""
        if self._failure is None or self._holder == uid:
            return None
        return self._failure if self._holder is not None or self._monotonic() < self._retry_at else None

    def enter(self, uid: str) -> None:
        """This resource, which nothing blocks, is about to call: while the circuit is open the turn is its own."""
        if self._failure is not None and self._holder is None:
            self._retry_at = self._monotonic() + TRIAL_LIFE
            self._trial = (uid, self._retry_at)

    def hurry(self) -> None:
        """What it was opened for may be mended: the next trial need not wait."""
        if self._failure is not None:
            self._trial, self._retry_at = None, self._monotonic()
            self._on_change()

    def failed(self, failure: Failure, call: Call) -> None:
        """A call ended in a failure; only those that a person must mend count."""
        if failure.consequence is not Consequence.BLOCKED:
            return
        now, before = self._monotonic(), self._failure
        self._refused.add(call)
        if before is None:
            soon = now - self._closed_at < LONGEST_PAUSE
            self._pause = min(max(self._pause, FIRST_PAUSE / 2) * 2, LONGEST_REOPENED) if soon else FIRST_PAUSE
        elif self._was_trial(call):
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            return
        self._failure, self._trial, self._retry_at = failure, None, now + self._pause
        if before is None or before.reason != failure.reason:
            self._on_change()

    def succeeded(self, call: Call) -> None:
        """A call was answered as it should be."""
        if self._failure is None or not (self._proves(call) or self._unclaimed):
            return
        self._failure, self._trial, self._closed_at = None, None, self._monotonic()
        self._refused.clear()
        self._on_change()

    @property
    def _holder(self) -> str | None:
        """Whose turn it is."""
        return self._trial[0] if self._trial is not None and self._monotonic() < self._trial[1] else None

    def _was_trial(self, call: Call) -> bool:
        # Of single calls only those of a trial count: others were under way already when it opened.
        return call != "sweep" if self._holder is not None else self._monotonic() >= self._retry_at

    def _proves(self, call: Call) -> bool:
        if call == "sweep":
            return "sweep" in self._refused
        return self._holder is not None and (call == "write" or "read" in self._refused)

    @property
    def _unclaimed(self) -> bool:
        return self._holder is None and self._monotonic() >= self._retry_at + UNCLAIMED
