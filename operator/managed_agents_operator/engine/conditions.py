"""The conditions of a resource and every reason they may carry: the one table, and how it is written down.

`status.conclude` calls `conditions`; the field reference and the README are generated from `READY`, `SYNCED` and
`FINISHED`. Ready is what people wait for, Synced whether the last pass succeeded, Finished what scripts wait for.
Reconciling and Stalled are what kstatus reads, each present only while True: for it a resource is done when its spec
is carried out, so a spec that a ready session can't be brought to has one of them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from managed_agents_operator.api.base import Condition
from managed_agents_operator.engine.verdict import Report

MESSAGE_LIMIT = 1024

Effect = Literal["", "Reconciling", "Stalled"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of Ready: the status it comes with, what it does to Reconciling and Stalled, and what it means."""

    status: Literal["True", "False"]
    effect: Effect
    meaning: str


def _ready(meaning: str) -> Reason:
    return Reason("True", "", meaning)


def _working(meaning: str) -> Reason:
    return Reason("False", "Reconciling", meaning)


def _stalled(meaning: str) -> Reason:
    return Reason("False", "Stalled", meaning)


READY: Mapping[str, Reason] = {
    "Idle": _ready("The session waits for its next event."),
    "Running": _ready("The session works."),
    "Rescheduling": _ready("The session goes on by itself after a passing error."),
    "ActionRequired": _ready("The session waits for an answer to a tool it wants to use."),
    "BudgetReached": _ready("The session paused at its budget: raise spec.budget, or set removed: true, to go on."),
    "RetriesExhausted": _ready("The session gave up after repeated errors: send it an event to try again."),
    "Refused": _ready("The model declined to go on: send the session another event."),
    "Archived": _ready("The session was archived as spec.archived or a time to live of the spec asks."),
    "Unknown": _ready("The API reports a state that this version of the operator does not know."),
    "Pending": _working("Nothing was done yet."),
    "Creating": _working("The session is being made."),
    "Searching": _working("A creation had an unknown outcome: its session is searched before anything is sent again."),
    "KickoffPending": _working("The session exists; its initial events are on their way."),
    "Replacing": _working("The session ends, and a new one takes its place."),
    "Deleting": _working("The resource is being deleted and its session ended as spec.deletionPolicy says."),
    "ArchivedOutside": _stalled("The session was archived by somebody else. It is never replaced by itself."),
    "Terminated": _stalled("The session ended by an error it can't recover from. It is never replaced by itself."),
    "Lost": _stalled("The session was deleted by somebody else. It is replaced only where spec.onLost says so."),
    "MassLoss": _stalled(
        "Many sessions of the connection are gone at once, which is more likely a mistake than a wish."
    ),
    "CreationUnknown": _stalled("A creation had an unknown outcome, and this server gives no means to search for it."),
    "KickoffUnknown": _stalled("Nobody can tell whether the initial events arrived; they are not sent again."),
    "KickoffRefused": _stalled("The API refused the initial events: mend spec.initialEvents."),
    "OwnedElsewhere": _stalled("The session belongs to another resource or another cluster."),
    "MetadataFull": _stalled("The session to adopt takes no two more pairs of metadata, by which it would be known."),
    "DuplicateSession": _stalled("More than one session carries the marker of this resource."),
    "WrongWorkspace": _stalled("The key belongs to another workspace than the session, or than its connection names."),
    "ImmutableChanged": _stalled("The session is another one than the spec describes, in what a session can't change."),
    "InvalidSpec": _stalled("The API refused the session: mend the spec."),
    "KeyRefused": _stalled("The API does not accept the key (401). Clears by itself once it does."),
    "Forbidden": _stalled("The key has no right to do this (403). Clears by itself once it has."),
    "BillingRefused": _stalled("The API asks for payment (402). Clears by itself once it was made."),
    "KeyMissing": _stalled("There is no connection to call with, or no key for it. Clears by itself once there is."),
    "ConnectionNotAllowed": _stalled(
        "The namespace may not use the connection. Clears by itself once it may; deletion works all the same."
    ),
    "Suspended": Reason("False", "", "spec.suspend is true: nothing is done to the session."),
}
"""Every reason of Ready."""

SYNCED: Mapping[str, str] = {
    "Synced": "The session is as the spec says.",
    "Observing": "spec.managementPolicy is Observe: status follows the session, and nothing is done to it.",
    "Progressing": "The session is being brought to the spec.",
    "SecretMissing": "A Secret or ConfigMap, or a key in it, is not there; creating it is enough.",
    "Unreachable": "The API can't be reached, or fails. It is tried again with growing pauses.",
    "RateLimited": "The API asks to wait. It is tried again when it says.",
    "CallRefused": "The API refused a call that it may take later. It is tried again with growing pauses.",
    "PermitExpired": "A call was not ready in time and was not sent. It is tried again with growing pauses.",
    "NotIdle": "A change waits until the session is idle.",
    "UpdateRefused": "The API refused a change of the session: mend the field that the message names.",
    "NotKept": "The API accepted a change of the session and did not keep it.",
    "MetadataNotKept": "This server keeps no metadata of sessions: spec.metadata can't be brought there.",
    "BudgetGone": "The session has no budget any more, and the API does not take a second one.",
    "MountsDiffer": "A mount of the spec can't be made: the message names it and says why.",
    "InitialEventsChanged": "spec.initialEvents is another than what was sent. It is not sent again.",
    "RemoteDeleted": "The session ended and was then deleted.",
    "KeyRefused": READY["KeyRefused"].meaning,
    "Forbidden": READY["Forbidden"].meaning,
    "BillingRefused": READY["BillingRefused"].meaning,
    "KeyMissing": READY["KeyMissing"].meaning,
    "ConnectionNotAllowed": READY["ConnectionNotAllowed"].meaning,
    "WrongWorkspace": READY["WrongWorkspace"].meaning,
    "Stalled": "Ready says why nothing more is done.",
    "Suspended": READY["Suspended"].meaning,
}
"""Every reason of Synced; the status is True for the first two alone."""
IN_SYNC = ("Synced", "Observing")

UNDER_WAY = (
    *("Progressing", "SecretMissing", "Unreachable", "RateLimited", "CallRefused", "PermitExpired"),
    "NotIdle",
)
"""Reasons of a False Synced that pass by themselves, or as soon as what is missing is there."""
NO_MATTER = ("RemoteDeleted", "Suspended")
"""Those that hold nothing up. All others wait until a person does something."""

FINISHED: Mapping[str, str] = {
    "EndTurn": "The turn that the initial events started is over.",
    "RetriesExhausted": "It ended because errors used up all retries.",
    "BudgetReached": "It paused at the budget; a raised budget goes on with it.",
    "Refused": "It ended because the model declined.",
    "Terminated": "It ended with its session.",
    "Running": "It is not over.",
}
"""Every reason of Finished; the status is False for the last alone."""

STOPS: Mapping[str, tuple[str, str | None]] = {
    "end_turn": ("Idle", "EndTurn"),
    "requires_action": ("ActionRequired", None),
    "retries_exhausted": ("RetriesExhausted", "RetriesExhausted"),
    "budget_reached": ("BudgetReached", "BudgetReached"),
    "refusal": ("Refused", "Refused"),
}
"""The API's stop reasons: the reason of Ready, and of Finished where the turn is over."""


Row = tuple[str, Literal["True", "False", "Unknown"], str, str]


def said(meaning: str) -> str:
    """A meaning as a message, which begins like all others with a small letter and has no full stop."""
    return meaning[:1].lower() + meaning[1:].rstrip(".")


def on_one_line(text: str) -> str:
    """Without line breaks and what moves a terminal: ids, paths and words of others are in it."""
    if text.isprintable():
        return text
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type."""
    return next((c for c in conditions if c.type == type_), None)


def conditions(
    before: tuple[Condition, ...], report: Report, finished: str | None, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions after a pass, in a fixed order.

    `finished` is a reason of FINISHED, None where no initial events were sent. What the report leaves open stays as it
    was. lastTransitionTime moves only when the status of a condition does.
    """
    ready = find(before, "Ready")
    synced = find(before, "Synced")
    out: list[Row] = []
    if report.ready is not None:
        out.append(("Ready", READY[report.ready].status, report.ready, report.message))
    elif ready is not None:
        out.append(("Ready", ready.status, ready.reason, ready.message))
    if report.synced is not None:
        status: Literal["True", "False"] = "True" if report.synced in IN_SYNC else "False"
        out.append(("Synced", status, report.synced, report.synced_message))
    elif synced is not None:
        out.append(("Synced", synced.status, synced.reason, synced.message))
    if finished is not None:
        out.append(("Finished", "False" if finished == "Running" else "True", finished, said(FINISHED[finished])))
    told = {row[0]: row for row in out}
    if (row := _behind(told.get("Ready"), told.get("Synced"))) is not None:
        out.append(row)
    return tuple(_stamped(find(before, row[0]), row, generation, now) for row in out)


def _behind(ready: Row | None, synced: Row | None) -> Row | None:
    """Reconciling or Stalled: under the reason of what it follows from, and in words that say what holds it up."""
    reason = READY.get(ready[2]) if ready is not None else None
    if ready is None or reason is None:
        return None
    if reason.status == "True" and synced is not None:
        effect = lagging(synced[2])
        return (effect, "True", *synced[2:]) if effect else None
    if not reason.effect:
        return None
    message = ready[3]
    if reason.effect == "Reconciling" and synced is not None and synced[2] not in (*IN_SYNC, "Progressing", "Stalled"):
        message = synced[3]
    return reason.effect, "True", ready[2], message


def lagging(synced: str) -> Effect:
    """What a reason of Synced does to Reconciling and Stalled while Ready is True; a False Ready decides itself."""
    if synced in IN_SYNC or synced in NO_MATTER:
        return ""
    return "Reconciling" if synced in UNDER_WAY else "Stalled"


def _stamped(before: Condition | None, row: Row, generation: int, now: datetime) -> Condition:
    type_, status, reason, message = row
    moved = before is None or before.status != status
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=on_one_line(message)[:MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=now if moved or before is None else before.last_transition_time,
    )


def markdown() -> str:
    """The section of the field reference: every condition and every reason it may carry."""
    ready = [f"| `{name}` | {r.status} | {r.effect} | {r.meaning} |" for name, r in READY.items()]
    synced = [f"| `{name}` | {name in IN_SYNC} | {lagging(name)} | {meaning} |" for name, meaning in SYNCED.items()]
    finished = [f"| `{name}` | {name != 'Running'} | {meaning} |" for name, meaning in FINISHED.items()]
    return "\n".join(
        [
            "## Conditions",
            "",
            "**Ready**: whether the session is as the spec asks. With it come `Reconciling` (work is under way) or",
            "`Stalled` (nothing more happens until a person acts), each present only while True.",
            "",
            "| Reason | Ready | With | Meaning |",
            "|---|---|---|---|",
            *ready,
            "",
            "**Synced**: whether the last pass succeeded and the session equals the spec. While Ready is True, what",
            "comes with a False Synced is `Reconciling` or `Stalled`; while Ready is False, what comes with Ready.",
            "",
            "| Reason | Synced | With | Meaning |",
            "|---|---|---|---|",
            *synced,
            "",
            "**Finished**: whether the turn that spec.initialEvents started is over; present once they were sent.",
            "",
            "| Reason | Finished | Meaning |",
            "|---|---|---|",
            *finished,
        ]
    )
