"""The names of all reasons, as types: a name that stands nowhere here does not pass the type check.

Used wherever a reason is given. What each means, and what to do, stands beside in one table for each of these types,
and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

ReadyReason = Literal[
    "Idle",
    "Running",
    "Rescheduling",
    "ActionRequired",
    "BudgetReached",
    "RetriesExhausted",
    "Refused",
    "Archived",
    "Unknown",
    "Pending",
    "Creating",
    "Searching",
    "KickoffPending",
    "Replacing",
    "Deleting",
    "ArchivedOutside",
    "Terminated",
    "Lost",
    "MassLoss",
    "CreationUnknown",
    "KickoffUnknown",
    "KickoffRefused",
    "OwnedElsewhere",
    "MetadataFull",
    "DuplicateSession",
    "WrongWorkspace",
    "ImmutableChanged",
    "InvalidSpec",
    "KeyRefused",
    "Forbidden",
    "BillingRefused",
    "KeyMissing",
    "ConnectionNotAllowed",
    "Suspended",
]
"""Of condition Ready of a Session, and of Reconciling and Stalled, which repeat it."""

SyncedReason = Literal[
    "Synced",
    "Observing",
    "Progressing",
    "SecretMissing",
    "Unreachable",
    "RateLimited",
    "CallRefused",
    "PermitExpired",
    "NotIdle",
    "UpdateRefused",
    "NotKept",
    "MetadataNotKept",
    "BudgetGone",
    "MountsDiffer",
    "InitialEventsChanged",
    "RemoteDeleted",
    "KeyRefused",
    "Forbidden",
    "BillingRefused",
    "KeyMissing",
    "ConnectionNotAllowed",
    "WrongWorkspace",
    "Stalled",
    "Suspended",
]
"""Of condition Synced of a Session."""

FinishedReason = Literal["EndTurn", "RetriesExhausted", "BudgetReached", "Refused", "Terminated", "Running"]
"""Of condition Finished of a Session."""

FareReason = Literal[
    "Connected",
    "Pending",
    "KeyMissing",
    "KeyRefused",
    "Forbidden",
    "BillingRefused",
    "Unreachable",
    "ListingRefused",
    "WrongWorkspace",
    "Deleting",
]
"""Of condition Ready of a Connection or ClusterConnection."""

DeedReason = Literal[
    "Created",
    "Found",
    "Adopted",
    "Observing",
    "Replaced",
    "InitialEventsSent",
    "Updated",
    "Mounted",
    "Unmounted",
    "TokenRotated",
    "Interrupted",
    "Archived",
    "Deleted",
    "Recovered",
    "Released",
    "PossibleOrphan",
    "Disowned",
    "DuplicateSession",
]
"""Of Events that tell of something done. All other Events carry the reason of the condition they tell of."""

BlockedReason = Literal[
    "KeyRefused", "Forbidden", "BillingRefused", "KeyMissing", "ConnectionNotAllowed", "WrongWorkspace"
]
"""What holds up every call of a connection; of Ready and Synced alike."""

OwnFailure = Literal["Unreachable", "RateLimited", "CallRefused", "PermitExpired", "SecretMissing", "Progressing"]
"""Of one failed call that holds up one resource alone: what Synced says of it."""

FailureReason = BlockedReason | OwnFailure | Literal["NotFound", "InvalidSpec"]
"""Of any failed call. What the last two come to depends on what was called."""

EventReason = DeedReason | ReadyReason | SyncedReason | FareReason
"""Of an Event."""

Name = TypeVar("Name", bound=str)


def given(reason: str, table: Mapping[Name, Any]) -> Name | None:
    """A reason that was read somewhere, if this version of the operator gives it; `table` says where it is given."""
    return cast("Name", reason) if reason in table else None
