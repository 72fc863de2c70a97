"""One connection's circuit: after 401, 402 or 403 no more calls are made but a trial now and then.

Used by the session kind, which asks it before each pass and reports each call. Without it one bad key would be one
storm of calls for each resource.
"""

from __future__ import annotations

from collections.abc import Callable

from managed_agents_operator.engine.errors import Consequence, Failure

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 600.0
TRIAL_LIFE = 30.0
"""Seconds after which a resource that was let through and made no call gives its turn to the next."""


class Circuit:
    """Closed, or open with the `Failure` that opened it.

    An open circuit lets one resource through at a time, after growing pauses; a read that succeeds closes it where a
    read had opened it or the key itself was refused, a write that succeeds closes it always.
    """

    def __init__(self, monotonic: Callable[[], float], on_change: Callable[[], None]) -> None:
        self._monotonic = monotonic
        self._on_change = on_change
        self._failure: Failure | None = None
        self._by_read = False
        self._pause = FIRST_PAUSE
        self._retry_at = 0.0
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
        """What keeps this resource from calling; None if it may, as when its turn has come."""
        if self._failure is None:
            return None
        now = self._monotonic()
        if self._trial is not None and now < self._trial[1]:
            return None if self._trial[0] == uid else self._failure
        if now < self._retry_at:
            return self._failure
        self._trial = (uid, now + TRIAL_LIFE)
        self._retry_at = now + TRIAL_LIFE
        return None

    def failed(self, failure: Failure, *, read: bool) -> None:
        """A call ended in a failure; only those that a person must mend count."""
        if failure.consequence is not Consequence.BLOCKED:
            return
        now = self._monotonic()
        opened = self._failure is None
        if opened:
            self._pause, self._by_read = FIRST_PAUSE, read
        elif self._trial is not None or now >= self._retry_at:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            return
        changed = self._failure is None or self._failure.reason != failure.reason
        self._failure, self._trial, self._retry_at = failure, None, now + self._pause
        if changed:
            self._on_change()

    def succeeded(self, *, read: bool) -> None:
        """A call was answered as it should be."""
        if self._failure is None or (read and not self._by_read and self._failure.reason != "KeyRefused"):
            return
        self._failure, self._trial = None, None
        self._on_change()
