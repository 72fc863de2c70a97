"""A turn: the stretch of work between taking in input and coming to rest, on its own time axis.

Own time runs while the session runs and stands still while it is paused (at its budget, or rescheduling), so a turn
can be resumed where it stopped. `script` plans the steps, `life` carries them out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.sessions.usage import Usage


@dataclass(slots=True)
class Step:
    """Something that happens at a moment of the turn's own time; `act` names a function of `acts`."""

    at: Instant
    act: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Turn:
    """One turn and how far it has come."""

    length: Instant
    gain: Usage
    steps: list[Step]
    stop: str
    started: Instant | None
    """When the present stretch of running began; None while paused."""
    spent: Instant = 0
    """Own time before the present stretch."""
    resumes: Instant | None = None
    """When a pause ends by itself."""
    cap: Instant | None = None
    """The own time at which the budget is used up; None when it isn't within this turn."""
    marks: dict[str, str] = field(default_factory=dict)
    """Ids that later steps refer to."""

    def own(self, now: Instant) -> Instant:
        """Own time at this instant."""
        return self.spent if self.started is None else self.spent + max(0, now - self.started)

    def used(self, now: Instant) -> Usage:
        """What the turn has used so far."""
        return self.gain.part(min(1.0, self.own(now) / self.length))

    def due(self) -> Instant | None:
        """When something happens next, or None when nothing does by itself."""
        if self.started is None:
            return self.resumes
        moments = [step.at for step in self.steps[:1]]
        if self.cap is not None:
            moments.append(self.cap)
        return self.started + max(0, min(moments) - self.spent) if moments else None

    def pause(self, now: Instant, resumes: Instant | None = None) -> None:
        """Let own time stand still."""
        self.spent, self.started, self.resumes = self.own(now), None, resumes

    def resume(self, now: Instant) -> None:
        """Let own time run again."""
        self.started, self.resumes = now, None

    def to_json(self) -> dict[str, Any]:
        """All of it, for the ledger."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Turn:
        """What the ledger kept."""
        return cls(**{**body, "gain": Usage(**body["gain"]), "steps": [Step(**step) for step in body["steps"]]})
