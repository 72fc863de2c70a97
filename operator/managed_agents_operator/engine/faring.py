"""What is said of a connection: the status of Connections and ClusterConnections, from how their calls fare.

Pure; `connections` writes it. The reasons of Ready and what they mean are in `api/reasons/fares.py`; Reconciling and
Stalled follow from it, for kstatus, and are there only while True.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from managed_agents_operator.api.base import Condition
from managed_agents_operator.api.reasons.fares import FARES
from managed_agents_operator.api.reasons.names import FareReason, given
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.news import News


@dataclass(frozen=True, slots=True)
class Fare:
    """How a connection fares: the workspace that last answered, what opened its circuit, whether it answers at all."""

    workspace: str | None = None
    failure: Failure | None = None
    unreachable: bool = False
    called: bool = False
    refused: str | None = None
    """Why the API lists no sessions, in words, where no person's key is the reason."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that its status is made from. `keyless` is why there is no key, in words; `fare` is None without a line."""

    generation: int
    deleting: bool
    sessions: int
    keyless: str | None
    wanted_workspace: str | None
    fare: Fare | None


def status(before: Mapping[str, Any], facts: Facts, now: datetime) -> dict[str, Any]:
    """The next status; equal to `before` where nothing changed."""
    reason, message = _ready(facts)
    was = tuple(Condition.model_validate(c) for c in before.get("conditions") or ())
    rows = {"Ready": FARES[reason].status}
    if effect := FARES[reason].effect:
        rows[effect] = "True"
    workspace = (facts.fare.workspace if facts.fare else None) or before.get("workspaceId")
    return {
        **{k: v for k, v in before.items() if k not in ("workspaceId", "circuit")},
        "observedGeneration": facts.generation,
        **({"workspaceId": workspace} if workspace else {}),
        "sessions": facts.sessions,
        **({"circuit": "Open" if facts.fare.failure else "Closed"} if facts.fare else {}),
        "conditions": [
            Condition(
                type=type_,
                status=holds,
                reason=reason,
                message=message,
                observed_generation=facts.generation,
                last_transition_time=_since(was, type_, holds, now),
            ).model_dump(mode="json", by_alias=True, exclude_none=True)
            for type_, holds in rows.items()
        ],
    }


def _since(was: tuple[Condition, ...], type_: str, status: str, now: datetime) -> datetime:
    """When a condition took this status."""
    same = (one for one in was if (one.type, one.status) == (type_, status))
    return next((one.last_transition_time for one in same), now.astimezone(UTC).replace(microsecond=0))


def _ready(facts: Facts) -> tuple[FareReason, str]:
    fare = facts.fare
    if facts.deleting:
        # No count: a message that changes each minute would wake whoever watches. It stands in status.sessions.
        return "Deleting", "Sessions use this connection (see status.sessions): it goes once the last of them is gone"
    if facts.keyless is not None:
        kept = "; the key of before is used meanwhile" if fare is not None else ""
        return "KeyMissing", facts.keyless + kept
    if fare is None:
        return "Pending", "nothing was called yet"
    if fare.failure is not None:
        return given(fare.failure.reason, FARES) or "Unreachable", fare.failure.message
    if fare.unreachable:
        return "Unreachable", "the API can't be reached, or fails; it is tried again with growing pauses"
    if fare.refused is not None:
        return "ListingRefused", f"the API refuses to list sessions: {fare.refused}; see spec.baseURL, spec.betaHeaders"
    if (elsewhere := another_workspace(fare.workspace, facts.wanted_workspace)) is not None:
        return "WrongWorkspace", elsewhere.message
    return ("Connected", "the API answers to the key") if fare.called else ("Pending", "no call was answered yet")


def another_workspace(seen: str | None, wanted: str | None) -> Failure | None:
    """What follows when answers name another workspace than the connection does."""
    if wanted is None or seen in (None, wanted):
        return None
    said = (
        f"the key belongs to workspace {seen}, and workspaceId is {wanted}: put the right key in, or mend workspaceId"
    )
    return Failure(Consequence.BLOCKED, "WrongWorkspace", said)


def told(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[News]:
    """What a written status says that it did not say before."""
    (was, _), (now, message) = _reason(before), _reason(after)
    reason = given(now, FARES)
    if reason in (was, None, "Pending"):
        return
    yield News("Normal" if reason in ("Connected", "Deleting") else "Warning", reason, "Reconcile", message)


def _reason(status: Mapping[str, Any]) -> tuple[str, str]:
    ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    return ready.get("reason", ""), ready.get("message", "")


def markdown() -> str:
    """The section of the field reference about these reasons."""
    rows = [f"| `{name}` | {r.status} | {r.effect} | {r.meaning} |" for name, r in FARES.items()]
    head = [
        "**Ready** of Connections and ClusterConnections: whether calls can be made with it. With a False one comes",
        "`Reconciling` or `Stalled`, each present only while True.",
    ]
    return "\n".join([*head, "", "| Reason | Ready | With | Meaning |", "|---|---|---|---|", *rows])
