"""One resource in this process, and the clocks that it is timed by.

Made and queued by the keeper, worked on by the reconciler, written by the scribe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.external import Ticket
from managed_agents_operator.engine.memory import Memory

Source = tuple[SourceKind, str, str]
"""Kind, namespace and name of a ConfigMap or Secret."""

_REFS: tuple[tuple[str, str, SourceKind], ...] = (
    ("githubRepository", "authorizationTokenSecretRef", "Secret"),
    ("file", "secretKeyRef", "Secret"),
    ("file", "configMapKeyRef", "ConfigMap"),
)


class Clock(Protocol):
    """The three clocks: seconds that never jump, seconds that also count sleep, and UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def boottime(self) -> float:
        """Seconds that also count the time that the machine slept."""
        ...

    def wall(self) -> datetime:
        """Now, in UTC."""
        ...


@dataclass
class Cell:
    """One resource in the cache of this process: its newest body, what is remembered of it, its place in the queue."""

    uid: str
    body: dict[str, Any]
    memory: Memory = field(default_factory=Memory)
    tickets: dict[bool, Ticket] = field(default_factory=dict)
    """Places in the two budgets (True: creations) that this resource waits for or was given."""
    paid: bool = False
    """Whether this pass had its turn in the budget of calls: what more it needs is taken on credit."""
    cluster_tries: int = 0
    gone: bool = False
    newer: dict[str, Any] | None = None
    """A body that came in during a pass."""

    def retry(self) -> None:
        """What was refused, or waits for its next try, is tried again at once."""
        self.memory = replace(self.memory, retry=True, backoff=None)

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.body["metadata"]["name"])

    @property
    def created(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.body["metadata"]["creationTimestamp"])

    @property
    def resource_version(self) -> str:
        """The version that the next write names."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def status(self) -> Mapping[str, Any]:
        """As the API server has it."""
        return self.body.get("status") or {}


def version(body: Mapping[str, Any]) -> int:
    """Resource versions are compared as numbers, as Kubernetes 1.35 and later promise for all API servers."""
    try:
        return int(body["metadata"]["resourceVersion"])
    except ValueError:
        return 0


def sources(body: Mapping[str, Any]) -> set[Source]:
    """Every ConfigMap and Secret that the spec names."""
    namespace = body["metadata"].get("namespace", "")
    found: set[Source] = set()
    for resource in (body.get("spec") or {}).get("resources") or ():
        for mount, name, kind in _REFS:
            ref = (resource.get(mount) or {}).get(name)
            if ref and ref.get("name"):
                found.add((kind, namespace, ref["name"]))
    return found
