"""Which connection a resource belongs to: the one it has once, else what its spec says, else a default.

Pure; the switchboard asks it at each body that it takes in. What is known of the cluster's connections is its argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from managed_agents_operator.api.session import CLAIM_ANNOTATION
from managed_agents_operator.engine.claim import ENVIRONMENT_CLAIM, Claim
from managed_agents_operator.engine.errors import Consequence, Failure

DEFAULT = "default"
KINDS = ("Connection", "ClusterConnection")
LONGEST_NAME = 253
NO_KEY = (
    "there is no connection for this namespace: make a Connection called default in it, let it use a ClusterConnection "
    "called default, or name one in spec.connectionRef"
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One connection by its name; `namespace` is empty for ClusterConnections and for the key of the environment."""

    kind: str
    namespace: str = ""
    name: str = ""

    @property
    def claim(self) -> str:
        """As a claim names it: the namespace is that of the resource."""
        return f"{self.kind}/{self.name}" if self.name else ENVIRONMENT_CLAIM

    def __str__(self) -> str:
        """As people are told of it."""
        if not self.name:
            return "the key of the operator's environment"
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


ENVIRONMENT = Place("Environment")


class Known(Protocol):
    """What is known of the cluster's connections and namespaces."""

    @property
    def environment(self) -> bool:
        """Whether the operator's environment holds a key."""
        ...

    def exists(self, place: Place) -> bool:
        """Whether this connection is there, if only to be deleted."""
        ...

    def withheld(self, place: Place) -> str | None:
        """Why one that is there makes no new sessions, in words; None where it does."""
        ...

    def barred(self, place: Place, namespace: str) -> bool:
        """Whether a namespace may not use a connection that is there."""
        ...

    def unseen(self, namespace: str) -> bool:
        """Whether nothing is known of a namespace, so that its labels may be any."""
        ...

    def unread(self, place: Place) -> bool:
        """Whether the key of a connection that is there was never looked for."""
        ...

    def keyless(self, place: Place) -> str | None:
        """Why no call can be made with it, in words; None where there is a key."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a resource belongs, and why nothing can be called for it; one of the two at least."""

    place: Place | None
    trouble: Failure | None = None
    unsure: tuple[Place, ...] = ()
    """Connections, and namespaces, that were not there when this was chosen and would have made a difference."""


def chosen(body: Mapping[str, Any], known: Known) -> Choice:
    """The connection of a Session as the API server has it."""
    had = bound(body)
    if had is None:
        return wished(body, known)
    namespace = body["metadata"].get("namespace", "")
    if known.barred(had, namespace):
        if not (body.get("status") or {}).get("id"):
            # A claim is an annotation, which anybody may write who may write the resource.
            return Choice(None, not_allowed(had, namespace))
        return Choice(had, None if "deletionTimestamp" in body["metadata"] else not_allowed(had, namespace))
    missing = known.keyless(had)
    return Choice(had, None if missing is None else _keyless(missing))


def bound(body: Mapping[str, Any]) -> Place | None:
    """The connection that a resource can't leave: that of its session, or of a claim that may have made one."""
    status, meta = body.get("status") or {}, body["metadata"]
    namespace = meta.get("namespace", "")
    if status.get("id"):
        # Written together with the id. What an annotation says does not count: anybody may write that.
        ref = status.get("connectionRef")
        return _place(ref["kind"], ref["name"], namespace) if ref else ENVIRONMENT
    claim = Claim.parse((meta.get("annotations") or {}).get(CLAIM_ANNOTATION))
    if claim is None:
        return None
    refused = status.get("creation") or {}
    if refused.get("outcome") == "Refused" and (refused.get("by"), refused.get("at")) == (claim.by, claim.at):
        return None
    return _claimed(claim, namespace)


def wished(body: Mapping[str, Any], known: Known) -> Choice:
    """The connection by spec, or the default one; what it may have been bound to does not count."""
    namespace = body["metadata"].get("namespace", "")
    ref = (body.get("spec") or {}).get("connectionRef")
    if ref:
        place = _place(ref.get("kind", "Connection"), ref["name"], namespace)
        return _usable(place, namespace, known)
    own, shared = Place("Connection", namespace, DEFAULT), Place("ClusterConnection", "", DEFAULT)
    if known.exists(own):
        return _usable(own, namespace, known)
    if known.exists(shared) and not known.barred(shared, namespace):
        return _usable(shared, namespace, known, unsure=(own,))
    doubts = (own, shared, *_unseen(namespace, known))
    if known.environment:
        return Choice(ENVIRONMENT, unsure=doubts)
    return Choice(None, Failure(Consequence.BLOCKED, "KeyMissing", NO_KEY), unsure=doubts)


def _usable(place: Place, namespace: str, known: Known, unsure: tuple[Place, ...] = ()) -> Choice:
    if not known.exists(place):
        said = f"{place} is not there: make it, or name another one in spec.connectionRef"
        return Choice(None, Failure(Consequence.BLOCKED, "KeyMissing", said), unsure=(place,))
    if known.barred(place, namespace):
        return Choice(None, not_allowed(place, namespace), unsure=(place, *_unseen(namespace, known)))
    missing = known.withheld(place)
    doubts = (*unsure, place) if known.unread(place) else unsure
    return Choice(place, None, doubts) if missing is None else Choice(None, _keyless(missing), doubts)


def _unseen(namespace: str, known: Known) -> tuple[Place, ...]:
    return (Place("Namespace", "", namespace),) if known.unseen(namespace) else ()


def not_allowed(place: Place, namespace: str) -> Failure:
    """What a resource is told that may not use its connection."""
    said = (
        f"namespace {namespace} may not use {place}: whoever manages it can allow that in spec.allowedNamespaces, "
        "else name another connection in the spec of a new Session"
    )
    return Failure(Consequence.BLOCKED, "ConnectionNotAllowed", said)


def _keyless(why: str) -> Failure:
    return Failure(Consequence.BLOCKED, "KeyMissing", why)


def _claimed(claim: Claim, namespace: str) -> Place | None:
    """None for what can't be the name of a connection: nobody of us wrote that."""
    if claim.connection == ENVIRONMENT_CLAIM:
        return ENVIRONMENT
    kind, _, name = claim.connection.partition("/")
    return _place(kind, name, namespace) if kind in KINDS and 0 < len(name) <= LONGEST_NAME else None


def _place(kind: str, name: str, namespace: str) -> Place:
    return Place(kind, "" if kind == "ClusterConnection" else namespace, name)
