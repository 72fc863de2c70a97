"""What one process keeps of one resource. All of it may be lost: the ladder then looks instead of remembering.

Values alone; how they change is in `learning.py`, and what they mean for a decision in the rungs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from managed_agents_operator.api.reasons.names import SyncedReason
from managed_agents_operator.api.session import Session
from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.external import Created
from managed_agents_operator.engine.looks import Stop

PERMIT_EXPIRED: Literal["PermitExpired"] = "PermitExpired"
"""Reason of the failure of a call that was not sent because its permit was over."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one POST, for this very claim and object, until `deadline` (seconds of the boot clock)."""

    claim: Claim
    resource: Session
    deadline: float
    files: Mapping[str, Source] = field(default_factory=dict)
    """What was uploaded for its mounts of content, by name."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Nothing is tried before `until` (monotonic), because of what failed at `since`."""

    tries: int
    since: float
    until: float
    failure: Failure
    looking: bool = False
    """Whether a read failed: then a read that succeeds ends it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that was refused for this generation; tried again after `until` (monotonic), or when `idle` comes.

    `reason` is what Synced says meanwhile.
    """

    generation: int
    until: float
    reason: SyncedReason
    message: str
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Times are monotonic seconds unless they say otherwise."""

    last_id: str | None = None
    """The session that stood in status when it was last looked at."""
    claim_text: str | None = None
    claim_seen_at: float = 0.0
    searches: int = 0
    settled: str | None = None
    """The claim (whole annotation) of which this process knows that it made nothing."""
    unanswered: Claim | None = None
    """The claim of a POST whose outcome is unknown: of ours, or of another process if somebody took the claim away."""
    permit: Permit | None = None
    created: Created | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Status fields that are known and not written yet."""
    allows: bool = False
    """Whether writing the facts permits a send."""
    kick_permit: tuple[str, float] | None = None
    """The state of the kick-off (`kick_key`) in which it may be sent once, until then (seconds of the boot clock)."""
    kick_settled: str | None = None
    """The state of the kick-off in which this process knows that no first event is on its way."""
    kick_seen_at: float | None = None
    kick_key: str = ""
    kick_listings: int = 0
    kick_listed_at: float = float("-inf")
    """When the last listing of the events began."""
    interrupted: tuple[str, float] | None = None
    """The session that was interrupted in its present spell of running, and when."""
    ended: str | None = None
    """The session whose end was accepted."""
    polls: int = 0
    fresh_after: float = float("-inf")
    """What was seen before this is too old for a mutation to hang on it."""
    backoff: Backoff | None = None
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    repeats: Mapping[str, tuple[str, int, float]] = field(default_factory=dict)
    """Per step the digest of the last accepted change, how often it was accepted, and not before when again."""
    stop: Stop | None = None
    stop_read: str | None = None
    """What the session looked like when its stop reason was last read."""
    stop_reads: int = 0
    stop_due: float = 0.0
    gone_since: tuple[str, float] | None = None
    """The session in status, and when this process first found it missing."""
    last_stop: str | None = None
    """The ended session whose last idle event was read."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Mounts whose content is not there, and what is missing, in words."""
    no_files: Mapping[str, float] = field(default_factory=dict)
    """Files that the API does not have, and when it was last asked for them."""
    upload_doubt: tuple[float, int] | None = None
    """When an upload was sent whose outcome is not known, and how often it was looked for."""
    mounts_in_doubt: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Session and place (see `mounts.where`) of files whose mounting was sent, and may have been done unheard, and when
    it ended without an answer; infinity while it is on its way."""
    asked: tuple[str, float] | None = None
    """The last wish to look anew, and when this process first saw it."""
    generation: int = 0
    retry: bool = False
    """Somebody asked, or a Secret changed: what was refused is tried again."""
    kick_look_at: float = 0.0
    poll_at: float = 0.0
    written_at: float = float("-inf")
    """When status was last written."""
    burst: tuple[float, int] = (float("-inf"), 0)
    """Since when it was written how often without a longer pause."""

    @property
    def alone(self) -> bool:
        """Whether something is known or in doubt that stands nowhere else."""
        doubts = self.created, self.unanswered, self.upload_doubt
        return any(x is not None for x in doubts) or bool(self.facts)


def kick_key(id: str | None, tries: int | None, at: str | None) -> str:
    """What stands in status of the kick-off of a session: whoever permits a send changes it."""
    return f"{id}/{tries or 0}/{at or ''}"
