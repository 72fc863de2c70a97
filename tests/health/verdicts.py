"""What a person should see in Argo CD and Flux, by the reason of a condition.

Written by hand, with a row for each reason that the operator has: the scripts and conditions are held to it, and so is
the table in deploy/argocd/README.md.
"""

from __future__ import annotations

Verdict = tuple[str, str]
"""Health in Argo CD, and status by kstatus."""

WELL = ("Healthy", "Current")
WAITS = ("Suspended", "Current")
GAVE_UP = ("Degraded", "Current")
HELD = ("Suspended", "InProgress")
WORKS = ("Progressing", "InProgress")
GOES = ("Progressing", "Terminating")
STUCK = ("Degraded", "Failed")
DONE = ("Healthy", "Failed")

READY: dict[str, Verdict] = {
    "Idle": WELL,
    "Running": WELL,
    "Rescheduling": WELL,
    "Unknown": WELL,
    "Archived": WELL,
    "ActionRequired": WAITS,
    "BudgetReached": WAITS,
    "RetriesExhausted": GAVE_UP,
    "Refused": GAVE_UP,
    "Suspended": HELD,
    "Pending": WORKS,
    "Creating": WORKS,
    "Searching": WORKS,
    "KickoffPending": WORKS,
    "Replacing": WORKS,
    "Deleting": GOES,
    "ArchivedOutside": STUCK,
    "Terminated": STUCK,
    "Lost": STUCK,
    "MassLoss": STUCK,
    "CreationUnknown": STUCK,
    "KickoffUnknown": STUCK,
    "KickoffRefused": STUCK,
    "OwnedElsewhere": STUCK,
    "MetadataFull": STUCK,
    "DuplicateSession": STUCK,
    "WrongWorkspace": STUCK,
    "ImmutableChanged": STUCK,
    "InvalidSpec": STUCK,
    "KeyRefused": STUCK,
    "Forbidden": STUCK,
    "BillingRefused": STUCK,
    "KeyMissing": STUCK,
    "ConnectionNotAllowed": STUCK,
}
"""By reason of a Session's Ready, as long as Synced says nothing else."""

SYNCED: dict[str, Verdict] = {
    "Synced": WELL,
    "Observing": WELL,
    "RemoteDeleted": WELL,
    "Suspended": WELL,
    "Progressing": WORKS,
    "SecretMissing": WORKS,
    "Unreachable": WORKS,
    "RateLimited": WORKS,
    "CallRefused": WORKS,
    "PermitExpired": WORKS,
    "NotIdle": WORKS,
    "UpdateRefused": STUCK,
    "NotKept": STUCK,
    "MetadataNotKept": STUCK,
    "BudgetGone": STUCK,
    "MountsDiffer": STUCK,
    "InitialEventsChanged": STUCK,
    "KeyRefused": STUCK,
    "Forbidden": STUCK,
    "BillingRefused": STUCK,
    "KeyMissing": STUCK,
    "ConnectionNotAllowed": STUCK,
    "WrongWorkspace": STUCK,
    "Stalled": STUCK,
}
"""By reason of Synced, of a Session that is ready and in no trouble of its own."""

CONNECTIONS: dict[str, Verdict] = {
    "Connected": WELL,
    "Pending": WORKS,
    "Unreachable": WORKS,
    "Deleting": GOES,
    "KeyMissing": STUCK,
    "KeyRefused": STUCK,
    "Forbidden": STUCK,
    "BillingRefused": STUCK,
    "ListingRefused": STUCK,
    "WrongWorkspace": STUCK,
}
"""By reason of Ready of a Connection or ClusterConnection."""

DID_ITS_WORK = ("archived outside after its turn", "ended by an error after its turn")
"""Situations in which nothing was left to do: Argo CD says so, kstatus knows of Stalled alone."""
BOTH = {WAITS: {WORKS: ("Suspended", "InProgress")}, GAVE_UP: {WORKS: ("Degraded", "InProgress")}}
"""What becomes of two verdicts of a ready session that are not one: who waits for a person goes first in Argo CD."""


def session(ready: str, synced: str) -> Verdict:
    """That of a Session by both conditions."""
    own = READY[ready]
    if own[1] != "Current":
        return own
    other = SYNCED[synced]
    if own == WELL or other == STUCK:
        return other
    return BOTH[own].get(other, own)
