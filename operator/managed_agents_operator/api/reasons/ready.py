"""Condition Ready of a Session: whether it is as the spec asks. Every reason, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import ReadyReason
from managed_agents_operator.api.reasons.reason import Heals, Reason

RECREATE = "Delete the resource and make another Session to go on; the ended one is never made again by itself."
KEY = "It is tried by one call now and then, and goes on by itself."


def _ready(meaning: str, remedy: str = "Nothing.", heals: Heals = "") -> Reason:
    return Reason("True", "", meaning, remedy, heals)


def _working(meaning: str, remedy: str = "Nothing.") -> Reason:
    return Reason("False", "Reconciling", meaning, remedy, "itself")


def _stalled(meaning: str, remedy: str) -> Reason:
    return Reason("False", "Stalled", meaning, remedy, "person")


READY: Mapping[ReadyReason, Reason] = {
    "Idle": _ready(
        "The session waits for its next event.",
        "Nothing. spec.ttlSecondsAfterIdle archives sessions that stay so.",
    ),
    "Running": _ready("The session works.", "Nothing. spec.archived: true stops and archives it."),
    "Rescheduling": _ready("The session goes on by itself after a passing error.", heals="itself"),
    "ActionRequired": _ready(
        "The session waits for an answer to a tool it wants to use.",
        "Send the session an event user.tool_confirmation, or user.custom_tool_result for a tool of your own, with "
        "the id that the message names.",
        "person",
    ),
    "BudgetReached": _ready(
        "The session paused at its budget: raise spec.budget, or set removed: true, to go on.",
        "Raise spec.budget.maxListCost.amount to at least a cent more than status.usage.listCost.amount, or put "
        "removed: true in its place; or end it with spec.archived: true.",
        "person",
    ),
    "RetriesExhausted": _ready(
        "The session gave up after repeated errors: send it an event to try again.",
        "Look at its last events for what failed (a tool, an MCP server, the model), then send it an event.",
        "person",
    ),
    "Refused": _ready(
        "The model declined to go on: send the session another event.",
        "Send it another event, put differently, or end it with spec.archived: true.",
        "person",
    ),
    "Archived": _ready(
        "The session was archived as spec.archived or a time to live of the spec asks.",
        "Nothing. Delete the resource once its status is of no use any more.",
    ),
    "Unknown": _ready(
        "The API reports a state that this version of the operator does not know.",
        "Look for a newer version of the operator. Status follows the session all the same.",
        "person",
    ),
    "Pending": _working(
        "Nothing was done yet.",
        "Nothing, unless Synced names something that is missing. Where the operator is stopped or cut off from the "
        "API server, this stays: look at its Deployment.",
    ),
    "Creating": _working(
        "The session is being made.",
        "Nothing. In a burst it waits for its turn: createsPerMinute of the connection.",
    ),
    "Searching": _working(
        "A creation had an unknown outcome: its session is searched before anything is sent again.",
        "Nothing. Without a match it is made anew after MANAGED_AGENTS_SEARCH_GRACE_SECONDS and "
        "MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS together, 90 s unless set otherwise.",
    ),
    "KickoffPending": _working("The session exists; its initial events are on their way."),
    "Replacing": _working("The session ends, and a new one takes its place."),
    "Deleting": _working(
        "The resource is being deleted and its session ended as spec.deletionPolicy says.",
        "Nothing. Where it stays because key or API are gone for good: kubectl annotate session NAME "
        "managedagents.dev/force-delete=true; the session is then left as it is, and may go on costing.",
    ),
    "ArchivedOutside": _stalled(
        "The session was archived by somebody else. It is never replaced by itself.",
        RECREATE,
    ),
    "Terminated": _stalled(
        "The session ended by an error it can't recover from. It is never replaced by itself.",
        RECREATE,
    ),
    "Lost": _stalled(
        "The session was deleted by somebody else. It is replaced only where spec.onLost says so.",
        "Delete the resource and make another Session, or set spec.onLost: Replace.",
    ),
    "MassLoss": _stalled(
        "Many sessions of the connection are gone at once, which is more likely a mistake than a wish.",
        "Look whether key, workspace and baseURL are the right ones. Where the sessions are gone for good: kubectl "
        "annotate --overwrite session NAME managedagents.dev/reconcile-requested-at=NEW; it turns Lost, or is "
        "replaced as spec.onLost says.",
    ),
    "CreationUnknown": _stalled(
        "A creation had an unknown outcome, and this server gives no means to search for it.",
        "Look at the API for the session by hand and archive it if it is there; then delete this resource and make "
        "another Session.",
    ),
    "KickoffUnknown": _stalled(
        "Nobody can tell whether the initial events arrived; they are not sent again.",
        "Look at the events of the session and send by hand what is missing, or make another Session.",
    ),
    "KickoffRefused": _stalled(
        "The API refused the initial events: mend spec.initialEvents.",
        "Mend spec.initialEvents as the message says: until they are sent they may be edited.",
    ),
    "OwnedElsewhere": _stalled(
        "The session belongs to another resource or another cluster.",
        "Name another one in spec.sessionId, or delete the other resource with spec.deletionPolicy: Retain. Of a "
        "restored or copied resource: remove the annotation managedagents.dev/claim for a new session.",
    ),
    "MetadataFull": _stalled(
        "The session to adopt takes no two more pairs of metadata, by which it would be known.",
        "Remove pairs of the session's metadata at the API (16 is the most), or name another one in spec.sessionId.",
    ),
    "DuplicateSession": _stalled(
        "More than one session carries the marker of this resource.",
        "Archive at the API those that the message names and that shall not live on. One that nobody spoke to is "
        "archived by the operator.",
    ),
    "WrongWorkspace": _stalled(
        "The key belongs to another workspace than the session, or than its connection names.",
        "Put a key of the session's workspace (status.workspaceId) into the Secret of the connection. Until then "
        "nothing is made, ended or called lost.",
    ),
    "ImmutableChanged": _stalled(
        "The session is another one than the spec describes, in what a session can't change.",
        "Put the spec back, make another Session, or set spec.onImmutableChange: Replace for a new session.",
    ),
    "InvalidSpec": _stalled(
        "The API refused the session: mend the spec.",
        "Mend the field that the message names. It is tried again at once when the spec changes, else after "
        "MANAGED_AGENTS_REFUSED_RETRY_SECONDS, 10 minutes unless set otherwise.",
    ),
    "KeyRefused": _stalled(
        "The API does not accept the key (401). Clears by itself once it does.",
        f"Put a valid key into the Secret of the connection, or where the operator's own key is. {KEY}",
    ),
    "Forbidden": _stalled(
        "The key has no right to do this (403). Clears by itself once it has.",
        f"Give the key the right, or put another one into the Secret of the connection. {KEY}",
    ),
    "BillingRefused": _stalled(
        "The API asks for payment (402). Clears by itself once it was made.",
        f"Settle the billing of the account. {KEY}",
    ),
    "KeyMissing": _stalled(
        "There is no connection to call with, or no key for it. Clears by itself once there is.",
        "Make the Connection, Secret or key that the message names. It goes on by itself at once.",
    ),
    "ConnectionNotAllowed": _stalled(
        "The namespace may not use the connection. Clears by itself once it may; deletion works all the same.",
        "Whoever manages the ClusterConnection adds the namespace to spec.allowedNamespaces, or another connection is "
        "named in a new Session.",
    ),
    "Suspended": Reason(
        "False",
        "",
        "spec.suspend is true: nothing is done to the session.",
        "Set spec.suspend to false to go on. The session itself may go on working and costing meanwhile.",
        "person",
    ),
}
"""Every reason of Ready. With an effect, that condition is True beside it."""
