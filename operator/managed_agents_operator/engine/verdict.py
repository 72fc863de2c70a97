"""What a pass may come to: one of these values, and with it what there is to say.

The rungs of the ladder return them, the reconciler carries them out, `status.conclude` writes down their `Report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from managed_agents_operator.api.reasons.names import ReadyReason, SyncedReason
from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.external import Changes, Created
from managed_agents_operator.engine.looks import Look


@dataclass(frozen=True, slots=True)
class Report:
    """What the conditions say if nothing more happens in this pass.

    `ready` and `synced` are reasons of api/reasons; None keeps what stands there. Messages are whole sentences
    without times, counts or request ids, since a changing text would wake the watch again.
    """

    ready: ReadyReason | None = None
    message: str = ""
    synced: SyncedReason | None = None
    synced_message: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do. `until` is the monotonic time to look again, None for the next bell."""

    report: Report | None
    until: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Status fields that were found out and belong into status."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Something must be seen before anything can be decided. `report` stands while it is looked for."""

    look: Look
    report: Report | None = None
    poll: bool = False
    """Whether it is one of many that back off, until the session has ended."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Finalizer and claim in one metadata patch. With `token` it gives a permit, without it only repairs."""

    claim: Claim
    token: bool
    report: Report | None
    fresh: bool = False
    """Whether the claim is known to have made nothing although it gives no permit."""
    files: Mapping[str, Source] = field(default_factory=dict)
    """What was uploaded for the mounts of content, by name."""


@dataclass(frozen=True, slots=True)
class Record:
    """A session was found: its id goes into status before anything else is done."""

    created: Created


@dataclass(frozen=True, slots=True)
class Create:
    """One POST from the object that GUARD answered."""

    report: Report


@dataclass(frozen=True, slots=True)
class Allow:
    """Write the next try of the kick-off into status, which permits one send."""

    kickoff: Mapping[str, Any]
    report: Report


@dataclass(frozen=True, slots=True)
class Send:
    """One send of all first events."""

    id: str
    report: Report


@dataclass(frozen=True, slots=True)
class Update:
    """One update; `step` is what a refusal of it is remembered under."""

    id: str
    changes: Changes
    step: Literal["update", "title", "metadata", "budget", "retool", "adopt"]
    report: Report


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Ask a running session to stop."""

    id: str
    report: Report


@dataclass(frozen=True, slots=True)
class End:
    """Archive or delete a session: the one in status, or one that should not be (`stray`)."""

    id: str
    how: Literal["Archive", "Delete"]
    report: Report | None
    stray: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Take our finalizer away: nothing of this resource is left outside, or it shall be left there."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """Upload what stands in the ConfigMap or Secret of a mount, while it is what `digest` says."""

    mount: str
    digest: str
    report: Report


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount a file into a live session. `source` is what status will say went into it."""

    id: str
    name: str
    path: str | None
    source: Source
    report: Report


@dataclass(frozen=True, slots=True)
class Unmount:
    """Take a file out of a live session. `name` is the mount's in status."""

    id: str
    mount_id: str
    name: str
    report: Report


@dataclass(frozen=True, slots=True)
class Rotate:
    """Hand a live session the token that stands in the Secret of a mounted repository now."""

    id: str
    mount_id: str
    name: str
    report: Report


@dataclass(frozen=True, slots=True)
class Discard:
    """Delete a file that was uploaded for a mount that has no use for it any more."""

    file_id: str
    report: Report | None


Mutation = Create | Send | Update | Interrupt | End | Upload | Mount | Unmount | Rotate | Discard
Verdict = Rest | Ask | Guard | Record | Allow | Release | Mutation
Deed = Guard | Record | Allow | Release | Mutation
"""All that is carried out."""
