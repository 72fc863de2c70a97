"""One resource in this process, and the clocks that it is timed by.

Made and queued by the keeper, worked on by the reconciler, written by the scribe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import orjson

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.api.session import RECONCILE_ANNOTATION
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
    passed_at: float = float("-inf")
    """When its last pass in this process began, monotonic."""
    newer: dict[str, Any] | None = None
    """A body that came in during a pass."""

    @property
    def passed(self) -> bool:
        """Whether it had a pass in this process."""
        return self.passed_at > float("-inf")

    def retry(self) -> None:
        """What was refused, or waits for its next try, is tried again at once."""
        self.memory = replace(self.memory, retry=True, backoff=None, refusals={}, missing={})

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
    def only_looks(self) -> bool:
        """Whether it only observes."""
        return (self.body.get("spec") or {}).get("managementPolicy") == "Observe"

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return "deletionTimestamp" in self.body["metadata"]

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


def slim(body: dict[str, Any]) -> None:
    """What nobody needs of a body goes, and what many have in common is kept once: the agent, of many kilobytes."""
    body["metadata"].pop("managedFields", None)
    if agent := (body.get("status") or {}).get("agent"):
        body["status"]["agent"] = _shared(orjson.dumps(agent, option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=512)
def _shared(text: bytes) -> Any:
    return orjson.loads(text)


def settled(body: Mapping[str, Any]) -> bool:
    """Whether, by what stands in it, everything that was asked for is done, and there is a session."""
    meta, status = body["metadata"], body.get("status") or {}
    asked = (meta.get("annotations") or {}).get(RECONCILE_ANNOTATION)
    return (
        bool(status.get("id"))
        and "deletionTimestamp" not in meta
        and status.get("observedGeneration") == meta.get("generation")
        and (asked is None or asked == status.get("lastHandledReconcileAt"))
        and any(c["type"] == "Synced" and c["status"] == "True" for c in status.get("conditions") or ())
    )


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
