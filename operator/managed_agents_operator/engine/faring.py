"""What is said of a connection: the status of Connections and ClusterConnections, from how their calls fare.

Pure; `connections` writes it. The reasons of Ready stand in `FARES`, and the field reference shows them; Reconciling
and Stalled follow from it, for kstatus, and are there only while True.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from managed_agents_operator.api.base import Condition
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.news import News

FARES: Mapping[str, str] = {
    "Connected": "The API answers to the key.",
    "Pending": "No call was answered yet.",
    "KeyMissing": "The Secret, or the key in it, is not there, or can't be a key; creating it is enough.",
    "KeyRefused": "The API does not accept the key (401). Clears by itself once it does.",
    "Forbidden": "The key has no right to do this (403). Clears by itself once it has.",
    "BillingRefused": "The API asks for payment (402). Clears by itself once it was made.",
    "Unreachable": "The API can't be reached, or fails.",
    "ListingRefused": "The API refuses to list sessions: see spec.baseURL and spec.betaHeaders.",
    "WrongWorkspace": "The key belongs to another workspace than spec.workspaceId says.",
    "Deleting": "It is being deleted, and goes once no Session uses it.",
}
"""Every reason of Ready; it is True for the first alone."""
UNDER_WAY = frozenset({"Pending", "Unreachable", "Deleting"})
"""Those of a False Ready that come with Reconciling. The others come with Stalled: a person has to do something."""


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
    rows = {"Ready": "True" if reason == "Connected" else "False"}
    if effect := effect_of(reason):
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


def effect_of(reason: str) -> Literal["", "Reconciling", "Stalled"]:
    """The condition that is True with this reason of Ready; none where all is well."""
    if reason == "Connected":
        return ""
    return "Reconciling" if reason in UNDER_WAY else "Stalled"


def _since(was: tuple[Condition, ...], type_: str, status: str, now: datetime) -> datetime:
    """When a condition took this status."""
    same = (one for one in was if (one.type, one.status) == (type_, status))
    return next((one.last_transition_time for one in same), now.astimezone(UTC).replace(microsecond=0))


def _ready(facts: Facts) -> tuple[str, str]:
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
        return fare.failure.reason, fare.failure.message
    if fare.unreachable:
        return "Unreachable", "the API can't be reached, or fails; it is tried again with growing pauses"
    if fare.refused is not None:
        return "ListingRefused", f"the API refuses to list sessions: {fare.refused}; see spec.baseURL, spec.betaHeaders"
    if (elsewhere := another_workspace(fare.workspace, facts.wanted_workspace)) is not None:
        return elsewhere.reason, elsewhere.message
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
    was, now = _reason(before), _reason(after)
    if was[0] == now[0] or now[0] in ("", "Pending"):
        return
    yield News("Normal" if now[0] in ("Connected", "Deleting") else "Warning", now[0], "Reconcile", now[1])


def _reason(status: Mapping[str, Any]) -> tuple[str, str]:
    ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    return ready.get("reason", ""), ready.get("message", "")


def markdown() -> str:
    """The section of the field reference about these reasons."""
    rows = [f"| `{name}` | {name == 'Connected'} | {effect_of(name)} | {meaning} |" for name, meaning in FARES.items()]
    head = [
        "**Ready** of Connections and ClusterConnections: whether calls can be made with it. With a False one comes",
        "`Reconciling` or `Stalled`, each present only while True.",
    ]
    return "\n".join([*head, "", "| Reason | Ready | With | Meaning |", "|---|---|---|---|", *rows])
