"""A Session resource as it was seen at one moment.

Made by `witness.py` from what kubectl gives, read by the acts and by `table.py`. What it means is theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; all empty when the resource has none of this type."""

    status: str = ""
    reason: str = ""
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether it says True."""
        return self.status == "True"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What people look at in one Session resource."""

    name: str
    born: datetime
    going: bool
    """Whether it is being deleted."""
    id: str = ""
    state: str = ""
    cost: str = ""
    tokens: int | None = None
    first_events: int = 0
    """How many initial events its spec asks for."""
    updated_at: str = ""
    archived_at: str = ""
    previous_ids: tuple[str, ...] = ()
    mounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name, as they stand in status."""
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Mapping[str, Any]) -> Self:
        """The sighting in one item of `kubectl get sessions -o json`."""
        meta, spec, status = session["metadata"], session["spec"], session.get("status", {})
        return cls(
            name=meta["name"],
            born=datetime.fromisoformat(meta["creationTimestamp"]),
            going="deletionTimestamp" in meta,
            id=status.get("id", ""),
            state=status.get("state", ""),
            cost=status.get("cost", ""),
            tokens=status.get("usage", {}).get("outputTokens"),
            first_events=len(spec.get("initialEvents", [])),
            updated_at=status.get("updatedAt", ""),
            archived_at=status.get("archivedAt", ""),
            previous_ids=tuple(status.get("previousIds", [])),
            mounts={each["name"]: each for each in status.get("resources", [])},
            conditions={
                each["type"]: Condition(each["status"], each["reason"], each["message"])
                for each in status.get("conditions", [])
            },
        )

    def condition(self, type_: str) -> Condition:
        """The condition of this type."""
        return self.conditions.get(type_, Condition())

    @property
    def readiness(self) -> str:
        """Ready and its reason, for people."""
        ready = self.condition("Ready")
        return f"{ready.status} ({ready.reason})" if ready.status else ""
