"""The conditions of a resource, as they are written down.

`status.conclude` calls `conditions`; the reasons and what they mean are in `api/reasons`, from which the field
reference is generated. Ready is what people wait for, Synced whether the last pass succeeded, Finished what scripts
wait for. Reconciling and Stalled are what kstatus reads, each present only while True: for it a resource is done when
its spec is carried out, so a spec that a ready session can't be brought to has one of them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from managed_agents_operator.api.base import Condition
from managed_agents_operator.api.reasons.names import FinishedReason, ReadyReason, given
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, IN_SYNC, SYNCED
from managed_agents_operator.engine.verdict import Report

MESSAGE_LIMIT = 1024

STOPS: Mapping[str, tuple[ReadyReason, FinishedReason | None]] = {
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
    before: tuple[Condition, ...], report: Report, finished: FinishedReason | None, generation: int, now: datetime
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
        out.append(("Synced", SYNCED[report.synced].status, report.synced, report.synced_message))
    elif synced is not None:
        out.append(("Synced", synced.status, synced.reason, synced.message))
    if finished is not None:
        out.append(("Finished", FINISHED[finished].status, finished, said(FINISHED[finished].meaning)))
    told = {row[0]: row for row in out}
    if (row := _behind(told.get("Ready"), told.get("Synced"))) is not None:
        out.append(row)
    return tuple(_stamped(find(before, row[0]), row, generation, now) for row in out)


def _behind(ready: Row | None, synced: Row | None) -> Row | None:
    """Reconciling or Stalled: under the reason of what it follows from, and in words that say what holds it up."""
    if ready is None or (name := given(ready[2], READY)) is None:
        return None
    reason, lag = READY[name], given(synced[2], SYNCED) if synced is not None else None
    if reason.status == "True" and synced is not None and lag is not None:
        effect = SYNCED[lag].effect
        return (effect, "True", *synced[2:]) if effect else None
    if not reason.effect:
        return None
    message = ready[3]
    if reason.effect == "Reconciling" and synced is not None and lag not in (*IN_SYNC, None, "Progressing", "Stalled"):
        message = synced[3]
    return reason.effect, "True", ready[2], message


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
    synced = [f"| `{name}` | {r.status} | {r.effect} | {r.meaning} |" for name, r in SYNCED.items()]
    finished = [f"| `{name}` | {r.status} | {r.meaning} |" for name, r in FINISHED.items()]
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
