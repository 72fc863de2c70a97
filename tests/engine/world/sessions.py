"""One session of the fake API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engine.world.mounts import FakeMount


@dataclass(repr=False)
class FakeSession:
    """One session. `runs_until` is when its turn ends; `events` are (id, type, text), by whom they were sent first."""

    id: str
    made_at: float
    created_at: str
    agent: str
    title: str | None
    metadata: dict[str, str]
    made_for: str
    """Uid of the resource that asked for it; the API does not know it, the judge does."""
    archived_at: str | None = None
    terminated: bool = False
    runs_until: float = float("-inf")
    events: list[tuple[str, str, str]] = field(default_factory=list)
    turns: int = 0
    interrupts: int = 0
    environment: str | None = None
    mounts: list[FakeMount] = field(default_factory=list)
    theirs: dict[str, str] = field(default_factory=dict)
    """Pairs of metadata that other people set and that must stay."""
    archived_by_us: bool = False
    budget: str | None = None
    """Cents."""
    tools: tuple[Mapping[str, Any], ...] = ()
    stop: str = "end_turn"
    """How its last turn ended, or the present one will."""

    def __repr__(self) -> str:
        return self.id

    @property
    def ended(self) -> bool:
        return bool(self.archived_at) or self.terminated

    @property
    def idle_since(self) -> float:
        """When its last turn ended; when it was made if there was none."""
        return max(self.made_at, self.runs_until)

    def mount(self, rid: str) -> FakeMount | None:
        """The mount of that id."""
        return next((m for m in self.mounts if m.id == rid), None)
