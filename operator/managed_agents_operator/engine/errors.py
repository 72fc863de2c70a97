"""Failures by what follows from them.

The kinds translate what an API answered into a `Failure`; the ladder and the conditions read nothing but its
consequence. The Kubernetes side raises the exceptions at the end: they are about our own writes and never about the
outside. Nothing here knows HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from managed_agents_operator.api.reasons.names import FailureReason


class Consequence(Enum):
    """What a failed call means for the next step."""

    REFUSED = "refused"
    """Surely not carried out, and it will be refused again: stop until the spec changes."""
    BLOCKED = "blocked"
    """Surely not carried out, and neither will any other call be: stop until a person acts."""
    LATER = "later"
    """Surely not carried out, and it may well be later: wait."""
    ABSENT = "absent"
    """The thing it was about is not there for this key, which proves nothing by itself."""
    UNCLEAR = "unclear"
    """Nobody knows whether it was carried out: look before anything is sent again."""


@dataclass(frozen=True)
class Failure:
    """One failed call.

    `reason` is what Synced says of it, `message` a stable sentence without request ids, times or counts.
    `retry_at` is a monotonic time in seconds where the other side named one.
    """

    consequence: Consequence
    reason: FailureReason
    message: str
    retry_at: float | None = None
    workspace: str | None = None

    @property
    def certain(self) -> bool:
        """Whether it is sure that nothing was carried out."""
        return self.consequence is not Consequence.UNCLEAR


class ClusterError(Exception):
    """A read or write of ours in the cluster failed."""


class WriteConflict(ClusterError):
    """409: somebody else wrote since we read. Read again and decide again."""


class ObjectGone(ClusterError):
    """404: the object (or its namespace) is not there any more."""


class WriteRefused(ClusterError):
    """The API server will never take this write: 400, 413, 422, or a 500 that says the request is too large.

    `code` is the HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClusterUnreachable(ClusterError):
    """No answer, a time-out, 403, 429 or 5xx: the write may or may not have happened, and may be tried again."""
