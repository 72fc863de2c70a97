"""What is the matter with a Session, by its resource alone: a verdict, why, and what to do.

Pure; used by `status`. The words are those of the conditions and of `api.remedies`; nothing is asked of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from managed_agents_operator.api.remedies import condition as remedies_of
from managed_agents_operator.api.session import FINALIZER, FORCE_DELETE_ANNOTATION, KIND
from managed_agents_operator.engine.terms import instant

Verdict = Literal["Well", "Working", "Waiting", "Failed", "Stalled", "Suspended", "Unseen"]
WAITS = {"ActionRequired": "Waiting", "BudgetReached": "Waiting", "RetriesExhausted": "Failed", "Refused": "Failed"}
"""Reasons of a True Ready that want a person all the same."""
UNSEEN_SECONDS = 60
"""After so long without a look at the newest spec something is wrong with the operator rather than busy."""
NOTHING = "Nothing."
"""What is to be done about most reasons, and not worth a line."""
BAD = ("Failed", "Stalled")

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`reason` is the condition's word, `problem` one sentence, `remedies` what to do, one of them or in order."""

    verdict: Verdict
    reason: str
    problem: str
    remedies: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether `status` ends with another code than 0."""
        return self.verdict in BAD


def condition(body: Body, type_: str) -> Mapping[str, Any] | None:
    """One of its conditions."""
    found = (body.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == type_), None)


def diagnose(body: Body, now: datetime) -> Diagnosis:
    """The first thing that is to be said of a Session."""
    ready, synced = condition(body, "Ready"), condition(body, "Synced")
    if condition(body, "Stalled") is not None and ready is not None:
        return _of("Stalled", ready)
    if pending := _deleting(body, ready):
        return pending
    if unseen := _unseen(body, now):
        return unseen
    if ready is None:
        return Diagnosis("Working", "Pending", "the operator has not looked at it yet")
    if ready["reason"] == "Suspended":
        return _of("Suspended", ready)
    if ready["status"] != "True":
        return _held(ready, synced) or _of("Working", ready)
    if (verdict := WAITS.get(ready["reason"])) is not None:
        return _waiting(body, ready, verdict)
    return _held(ready, synced) or _of("Well", ready)


def generations(body: Body) -> tuple[int, int]:
    """That of the spec, and that which the status speaks of."""
    return body["metadata"].get("generation", 0), (body.get("status") or {}).get("observedGeneration", -1)


def _of(verdict: Verdict, one: Mapping[str, Any], *remedies: str) -> Diagnosis:
    """What a condition says; what to do is what is known of its reason, unless there is a command for it."""
    known = remedies_of(KIND, one["type"], one["reason"]) if verdict != "Well" and not remedies else None
    told = remedies or ((known.remedy,) if known is not None and known.remedy != NOTHING else ())
    return Diagnosis(verdict, one["reason"], one.get("message") or one["reason"], told)


def _held(ready: Mapping[str, Any], synced: Mapping[str, Any] | None) -> Diagnosis | None:
    """The session is there or coming, and something of the spec is held up."""
    passing = ("Synced", "Observing", "Progressing", "Stalled", "NotIdle", "Suspended")
    if synced is None or synced["status"] == "True" or synced["reason"] in passing:
        return None
    return _of("Waiting", synced)


def _waiting(body: Body, ready: Mapping[str, Any], verdict: str) -> Diagnosis:
    meta = body["metadata"]
    name = f"{meta['name']} -n {meta['namespace']}"
    remedies = {
        "ActionRequired": (
            f"kubectl managedagents logs {name} --tail 20 shows what it wants to do",
            f"kubectl managedagents approve {name}, or deny, answers it",
        ),
        "RetriesExhausted": (f'kubectl managedagents send {name} "..." lets it try again',),
        "Refused": (f'kubectl managedagents send {name} "..." asks it for something else',),
        "BudgetReached": ("raise spec.budget.maxListCost.amount, or set spec.budget to removed: true",),
    }
    known: Verdict = "Failed" if verdict == "Failed" else "Waiting"
    return _of(known, ready, *remedies.get(ready["reason"], ()))


def _deleting(body: Body, ready: Mapping[str, Any] | None) -> Diagnosis | None:
    meta = body["metadata"]
    if not meta.get("deletionTimestamp"):
        return None
    others = [one for one in meta.get("finalizers") or () if one != FINALIZER]
    if FINALIZER not in (meta.get("finalizers") or ()):
        return Diagnosis("Working", "Deleting", f"deletion waits for finalizers of others: {', '.join(others)}")
    why = (ready or {}).get("message") or "its session is being ended"
    name = f"{meta['name']} -n {meta['namespace']}"
    way_out = (
        f"kubectl annotate session {name} {FORCE_DELETE_ANNOTATION}=true lets it go, whatever becomes of the session"
    )
    return Diagnosis("Working", "Deleting", f"being deleted: {why}", (way_out,))


def _unseen(body: Body, now: datetime) -> Diagnosis | None:
    wanted, seen = generations(body)
    if seen >= wanted:
        return None
    made = instant(body["metadata"].get("creationTimestamp"))
    young = seen < 0 and made is not None and (now - made).total_seconds() < UNSEEN_SECONDS
    if young:
        return Diagnosis("Working", "Pending", "the operator has not looked at it yet")
    look = "kubectl get pods -A -l app.kubernetes.io/name=managed-agents-operator shows whether the operator runs"
    said = "the operator has not looked at it" if seen < 0 else "the operator has not looked at the newest spec"
    return Diagnosis("Unseen", "Unseen", said, (look,))
