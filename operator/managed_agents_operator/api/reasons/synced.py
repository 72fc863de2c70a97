"""Conditions Synced and Finished of a Session: whether it equals the spec, and whether its first turn is over."""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import FinishedReason, SyncedReason
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.reason import Effect, Heals, Reason


def _in_sync(meaning: str) -> Reason:
    return Reason("True", "", meaning, "Nothing.", "")


def _not(meaning: str, remedy: str, heals: Heals = "person", effect: Effect | None = None) -> Reason:
    """What it does to Reconciling and Stalled counts while Ready is True; a False Ready decides itself."""
    if effect is None:
        effect = "Stalled" if heals == "person" else "Reconciling"
    return Reason("False", effect, meaning, remedy, heals)


def _as_ready(of: Reason) -> Reason:
    return _not(of.meaning, of.remedy, of.heals, of.effect)


SYNCED: Mapping[SyncedReason, Reason] = {
    "Synced": _in_sync("The session is as the spec says."),
    "Observing": _in_sync("spec.managementPolicy is Observe: status follows the session, and nothing is done to it."),
    "Progressing": _not("The session is being brought to the spec.", "Nothing.", "itself"),
    "SecretMissing": _not(
        "A Secret or ConfigMap, or a key in it, is not there; creating it is enough.",
        "Create what the message names. What is mounted already stays mounted meanwhile.",
        # As soon as it is there all goes on: for a pipeline it is on its way.
        effect="Reconciling",
    ),
    "Unreachable": _not(
        "The API can't be reached, or fails. It is tried again with growing pauses.",
        "Look whether the API is up, and whether the operator may reach it (baseURL, NetworkPolicy, proxy). Once it "
        "answers, all goes on by itself.",
        "itself",
    ),
    "RateLimited": _not(
        "The API asks to wait. It is tried again when it says.",
        "Nothing. Where it stays: lower createsPerMinute and requestsPerMinute of the connection to what the account "
        "may do, since others use the same key.",
        "itself",
    ),
    "CallRefused": _not(
        "The API refused a call that it may take later. It is tried again with growing pauses.",
        "Nothing at first. Where it stays, read the message: it is what the API says.",
        "itself",
    ),
    "PermitExpired": _not(
        "A call was not ready in time and was not sent. It is tried again with growing pauses.",
        "Nothing at first. Where it stays, the operator is short of CPU, or the API server is slow.",
        "itself",
    ),
    "NotIdle": _not("A change waits until the session is idle.", "Nothing. It follows after this turn.", "itself"),
    "UpdateRefused": _not(
        "The API refused a change of the session: mend the field that the message names.",
        "Mend the field that the message names.",
    ),
    "NotKept": _not(
        "The API accepted a change of the session and did not keep it.",
        "Put the field back to what the session has; it is tried again after MANAGED_AGENTS_REFUSED_RETRY_SECONDS.",
    ),
    "MetadataNotKept": _not(
        "This server keeps no metadata of sessions: spec.metadata can't be brought there.",
        "Remove spec.metadata, or leave it until the server keeps it.",
    ),
    "BudgetGone": _not(
        "The session has no budget any more, and the API does not take a second one.",
        "Put removed: true in the place of spec.budget.maxListCost. Until then the session has no limit, whatever "
        "the spec says.",
    ),
    "MountsDiffer": _not(
        "A mount of the spec can't be made: the message names it and says why.",
        "Set another mountPath, take out at the API what lies there, or make another Session, as the message says.",
    ),
    "InitialEventsChanged": _not(
        "spec.initialEvents is another than what was sent. It is not sent again.",
        "Put spec.initialEvents back; to say more, send the session an event, or make another Session.",
    ),
    "RemoteDeleted": _not(
        "The session ended and was then deleted.", "Nothing. Delete the resource when done with it.", effect=""
    ),
    "KeyRefused": _as_ready(READY["KeyRefused"]),
    "Forbidden": _as_ready(READY["Forbidden"]),
    "BillingRefused": _as_ready(READY["BillingRefused"]),
    "KeyMissing": _as_ready(READY["KeyMissing"]),
    "ConnectionNotAllowed": _as_ready(READY["ConnectionNotAllowed"]),
    "WrongWorkspace": _as_ready(READY["WrongWorkspace"]),
    "Stalled": _not("Ready says why nothing more is done.", "Do what the reason of Ready asks."),
    "Suspended": _as_ready(READY["Suspended"]),
}
"""Every reason of Synced; the status is True for the first two alone."""
IN_SYNC: tuple[SyncedReason, ...] = ("Synced", "Observing")


def _over(meaning: str, remedy: str = "Nothing.", heals: Heals = "") -> Reason:
    return Reason("True", "", meaning, remedy, heals)


FINISHED: Mapping[FinishedReason, Reason] = {
    "EndTurn": _over("The turn that the initial events started is over."),
    "RetriesExhausted": _over(
        "It ended because errors used up all retries.", READY["RetriesExhausted"].remedy, "person"
    ),
    "BudgetReached": _over(
        "It paused at the budget; a raised budget goes on with it.", READY["BudgetReached"].remedy, "person"
    ),
    "Refused": _over("It ended because the model declined.", READY["Refused"].remedy, "person"),
    "Terminated": _over("It ended with its session.", "Do what the reason of Ready asks.", "person"),
    "Running": Reason("False", "", "It is not over.", "Nothing.", "itself"),
}
"""Every reason of Finished; the status is False for the last alone."""
