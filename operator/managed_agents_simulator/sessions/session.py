"""The state of one session, all of it and nothing else.

Made by `creation`, changed by the endpoints and by `life`, shown by `rendering`. Every change is followed by
`World.touch`, which keeps ledger and agenda right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from managed_agents_simulator.clock import SECOND, Instant
from managed_agents_simulator.sessions.behaviour import Behaviour
from managed_agents_simulator.sessions.history import History
from managed_agents_simulator.sessions.turn import Step, Turn
from managed_agents_simulator.sessions.usage import NANO_PER_CENT, Usage, cost
from managed_agents_simulator.wire.index import Key

WORKING = ("running", "rescheduling")
"""The status words of sessions that are at work."""


@dataclass(slots=True)
class Session:
    """One session, alive, archived or deleted."""

    id: str
    workspace: str
    thread: str
    created: Instant
    updated: Instant
    agent: dict[str, Any]
    environment: str
    vaults: list[str]
    title: str | None
    metadata: dict[str, str]
    resources: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    """Repository tokens by resource id; never shown by the API."""
    budget: int | None = None
    """The cap in cents; None when there is none."""
    deployment: str | None = None
    status: str = "idle"
    idle_since: Instant = 0
    archived: Instant | None = None
    deleted: Instant | None = None
    frozen: Instant | None = None
    """When the session came to its end: its duration is counted up to here."""
    usage: Usage = field(default_factory=Usage)
    active: Instant = 0
    """Microseconds of running before the present turn."""
    charged: int = 0
    """What it cost before the present turn, in billionths of a dollar."""
    turns: int = 0
    turn: Turn | None = None
    pending: list[str] = field(default_factory=list)
    """Ids of the events that wait for a client's answer."""
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    errands: list[Step] = field(default_factory=list)
    """What happens outside of turns, at absolute instants."""
    behaviour: Behaviour | None = None
    history: History = field(default_factory=History)

    kind = "session"

    @property
    def key(self) -> Key:
        """Its place in lists."""
        return self.created, self.id

    @property
    def model(self) -> str:
        """The model it runs."""
        return str(self.agent["model"]["id"])

    @property
    def current_turn(self) -> Turn:
        """The turn under way. Raises RuntimeError when there is none."""
        if self.turn is None:
            raise RuntimeError(f"session {self.id} has no turn under way")
        return self.turn

    def used(self, now: Instant) -> Usage:
        """Everything used up to this instant."""
        return self.usage.plus(self.turn.used(now)) if self.turn else self.usage

    def active_time(self, now: Instant) -> Instant:
        """Microseconds of running up to this instant."""
        return self.active + (self.turn.own(now) if self.turn else 0)

    def spent(self, now: Instant) -> int:
        """What it cost up to this instant, in billionths of a dollar. A turn's cost grows evenly."""
        if self.turn is None:
            return self.charged
        return self.charged + self.turn_cost() * min(self.turn.own(now), self.turn.length) // self.turn.length

    def turn_cost(self) -> int:
        """What the whole of the present turn costs, in billionths of a dollar."""
        return cost(self.current_turn.gain, self.current_turn.length, self.model)

    def over(self, cap: int, now: Instant) -> bool:
        """Whether a cap of so many cents would be used up already."""
        return self.spent(now) >= cap * NANO_PER_CENT

    def due(self) -> Instant | None:
        """When something happens to it next by itself."""
        moments = [step.at for step in self.errands]
        if self.turn and (moment := self.turn.due()) is not None:
            moments.append(moment)
        return min(moments, default=None)

    def duration(self, now: Instant) -> float:
        """Its age in seconds, or the age at which it ended."""
        end = now if self.frozen is None else self.frozen
        return round(max(0, end - self.created) / SECOND, 3)

    def seems_running(self, now: Instant, lag: Instant) -> bool:
        """Whether GET still says running: it does for a while after the stream said idle, when there is a lag."""
        return self.status == "running" or (self.status == "idle" and self.turns > 0 and now < self.idle_since + lag)

    def to_json(self) -> dict[str, Any]:
        """All of it but the events, for the ledger."""
        body = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("history", "behaviour")}
        body["usage"] = self.usage.to_json()
        body["turn"] = self.turn.to_json() if self.turn else None
        body["errands"] = [{"at": step.at, "act": step.act, "detail": step.detail} for step in self.errands]
        body["behaviour"] = (
            {f.name: getattr(self.behaviour, f.name) for f in fields(self.behaviour)} if self.behaviour else None
        )
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Session:
        """What the ledger kept, still without events."""
        return cls(
            **{
                **body,
                "usage": Usage(**body["usage"]),
                "turn": Turn.from_json(body["turn"]) if body["turn"] else None,
                "errands": [Step(**step) for step in body["errands"]],
                "behaviour": Behaviour(**body["behaviour"]) if body["behaviour"] else None,
            }
        )
