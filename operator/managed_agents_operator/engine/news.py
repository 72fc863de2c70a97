"""What a person wants to read in `kubectl describe`: one Event for each thing that happened.

Made from what was done, and from what changed in status. Pure; used by the scribe, which publishes it. The reason of
an Event is that of the condition where there is one. Nothing of a prompt or a secret is ever in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from managed_agents_operator.api.reasons.names import EventReason, given
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import IN_SYNC, SYNCED
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.external import Created
from managed_agents_operator.engine.outcomes import kept
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import End, Interrupt, Mount, Mutation, Rotate, Send, Unmount, Update
from managed_agents_operator.engine.view import View

QUIET = frozenset({*IN_SYNC, "Progressing", "Stalled", "Suspended", "Unreachable", "RateLimited", "NotIdle"})
"""Reasons of Synced that are no news for a person: they pass by themselves, or Ready tells more."""
WAITING = frozenset({"ActionRequired", "BudgetReached", "RetriesExhausted", "Refused"})
"""Reasons of a True Ready with which the session goes on only when somebody does something."""

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """One Event."""

    type: Literal["Normal", "Warning"]
    reason: EventReason
    action: str
    note: str


def of_call(view: View, verdict: Mutation, outcome: object) -> News | None:
    """What a call came to; None where it failed or was not kept, where it is no news, or where status tells it."""
    if isinstance(outcome, Failure) or (isinstance(outcome, Remote) and not kept(view, verdict, outcome)):
        return None
    match verdict:
        case Update() if verdict.step != "adopt":
            return News(
                "Normal", "Updated", "Update", f"{', '.join(verdict.changes.fields)} of {verdict.id} is as spec says"
            )
        case Interrupt():
            return News("Normal", "Interrupted", "Interrupt", f"session {verdict.id} works and was asked to stop")
        case Send():
            return News("Normal", "InitialEventsSent", "Kickoff", f"session {verdict.id} was sent the initial events")
        case Mount() if isinstance(outcome, Remote):
            return News("Normal", "Mounted", "Mount", f"the file of spec.resources[{verdict.name}] was mounted")
        case Unmount() if isinstance(outcome, Remote) and _left(view, verdict.name):
            return News(
                "Normal", "Unmounted", "Unmount", f"the file of {verdict.name} is not in the spec and was taken out"
            )
        case Rotate():
            return News("Normal", "TokenRotated", "Rotate", f"the token of spec.resources[{verdict.name}] was renewed")
        case End():
            return _end(verdict, outcome)
    return None


def _left(view: View, name: str) -> bool:
    """One that the spec still names is mounted anew, and that is told."""
    return all(resource.name != name for resource in view.resource.spec.resources)


def _end(verdict: End, outcome: object) -> News | None:
    if isinstance(outcome, Remote) and not outcome.terminal:
        return None
    if verdict.stray:
        note = f"session {verdict.id} was one too many for this resource and unused: it was archived"
        return News("Warning", "DuplicateSession", "End", note)
    if verdict.how == "Delete":
        return News("Normal", "Deleted", "End", f"session {verdict.id} was deleted")
    return News("Normal", "Archived", "End", f"session {verdict.id} was archived")


def of_change(view: View, before: Status, after: Status) -> Iterator[News]:
    """What a written status says that it did not say before."""
    if (id := after.get("id")) and id != before.get("id"):
        yield _recorded(view, before, id, view.memory.created)
    was, now = _reasons(before), _reasons(after)
    told = False
    ready, synced = now.get("Ready", ("", "")), now.get("Synced", ("", ""))
    found = ("Ready", given(ready[0], READY), ready[1]), ("Synced", given(synced[0], SYNCED), synced[1])
    for type_, reason, message in found:
        if reason and reason != was.get(type_, ("", ""))[0] and _is_news(type_, reason, now):
            told = True
            yield News("Warning", reason, "Reconcile", message)
    if not told and _bad(was) and not _bad(now) and now.get("Ready", ("", ""))[0] not in ("", "Deleting"):
        yield News("Normal", "Recovered", "Reconcile", now["Ready"][1])


def _recorded(view: View, before: Status, id: str, created: Created | None) -> News:
    old = before.get("id")
    if view.resource.spec.session_id == id:
        observed = view.resource.spec.management_policy == "Observe"
        return News("Normal", "Observing" if observed else "Adopted", "Adopt", f"session {id} is that of this resource")
    if old:
        return News("Normal", "Replaced", "Replace", f"session {old} was replaced by {id}")
    if created is not None and created.by_post:
        return News("Normal", "Created", "Create", f"session {id} was created")
    return News("Normal", "Found", "Search", f"session {id}, made for this resource before, was found")


def _is_news(type_: str, reason: str, now: Mapping[str, tuple[str, str]]) -> bool:
    if type_ == "Ready":
        return _stalled(reason) or reason in WAITING
    return reason not in QUIET and now.get("Ready", ("", ""))[0] != reason


def _bad(reasons: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a Warning stands: the session is stalled, or something of the spec can't be brought there."""
    ready, synced = (reasons.get(type_, ("", ""))[0] for type_ in ("Ready", "Synced"))
    return _stalled(ready) or (bool(synced) and synced not in QUIET)


def _stalled(reason: str) -> bool:
    ready = given(reason, READY)
    return ready is not None and READY[ready].effect == "Stalled"


def _reasons(status: Status) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["reason"], c.get("message", "")) for c in status.get("conditions") or ()}
