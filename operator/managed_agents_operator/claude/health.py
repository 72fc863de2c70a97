"""How one connection to the API fares, by the last answers it gave.

Kept by `Exchange` after every call; read by whoever tells people, and by those who wait for better times. Says nothing
about single sessions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from managed_agents_operator.claude.errors import ClaudeError, Conflict, Refused, Unclear, Unsent

log = logging.getLogger(__name__)

OUTAGE_SECONDS = 10.0
"""How long nothing must have been answered for the next answer to be the end of an outage: some calls always fail."""


class Health:
    """The state of one connection. Times are monotonic seconds.

    `last_success` is the last 2xx with the key as it is now. `unreachable_since` is the first of the failures (no
    connection, no answer, 5xx) since the last answer of any other kind, `recovered_at` the end of the last outage.
    `workspace` is the last anthropic-workspace-id that was seen with the key as it is now.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._listeners: list[Callable[[Health], None]] = []
        self.last_success: float | None = None
        self.unreachable_since: float | None = None
        self.recovered_at = float("-inf")
        self.workspace: str | None = None

    def on_change(self, listener: Callable[[Health], None]) -> None:
        """Call `listener` whenever reachability or workspace change, and for the first success with a key."""
        self._listeners.append(listener)

    def succeeded(self, workspace: str | None) -> None:
        """A 2xx came."""
        first, self.last_success = self.last_success is None, self._monotonic()
        self._reached(workspace, news=first)

    def answered(self) -> None:
        """A 2xx came for a key that is not used any more."""
        self._reached(None)

    def another_key(self) -> None:
        """The key is another one than before: whose workspace it is of is not known until it was answered."""
        if (self.workspace, self.last_success) != (None, None):
            self.workspace = self.last_success = None
            self._tell()

    def failed(self, error: ClaudeError, workspace: str | None) -> None:
        """A call ended in `error`, whose answer, if there was one, spoke for this workspace."""
        if isinstance(error, Unsent) and error.retry_at is not None:
            return
        if isinstance(error, Refused | Conflict):
            # An error without a status never left this process.
            if error.status is not None:
                self._reached(workspace)
        elif isinstance(error, Unsent | Unclear) and self.unreachable_since is None:
            self.unreachable_since = self._monotonic()
            self._tell()

    def _reached(self, workspace: str | None, *, news: bool = False) -> None:
        seen = workspace or self.workspace
        changed = news or seen != self.workspace or self.unreachable_since is not None
        now = self._monotonic()
        if self.unreachable_since is not None and now - self.unreachable_since >= OUTAGE_SECONDS:
            self.recovered_at = now
        self.workspace, self.unreachable_since = seen, None
        if changed:
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener(self)
            except Exception:
                log.exception("a listener to the health of a connection failed")
