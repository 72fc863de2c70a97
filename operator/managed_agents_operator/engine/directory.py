"""What is known of the cluster's connections and namespaces: the newest objects, and which of them can be called with.

Filled by the doors and by `connections`, asked by the choice of each resource. Nothing in here is asked of anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.api.connection import ClusterConnection, Connection
from managed_agents_operator.engine.cell import version
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place

log = logging.getLogger(__name__)

LOST = "the operator's environment holds no key any more: set ANTHROPIC_API_KEY again"
AGAIN_ELSEWHERE = (
    "it was made again with another spec.baseURL while Sessions of the one before are left, and serves none but these: "
    "delete them, or put spec.baseURL back"
)
MODELS: Mapping[str, type[Connection | ClusterConnection]] = {
    "Connection": Connection,
    "ClusterConnection": ClusterConnection,
}


class Directory:
    """Implements `Known`. `namespace` is where the Secrets of ClusterConnections are.

    `changed` is called with a connection that came, went, or has another spec, `ring` with one whose object is another
    for whatever reason, and `turned` when what is known may change a choice.
    """

    def __init__(
        self,
        namespace: str,
        changed: Callable[[Place], None],
        ring: Callable[[Place], None],
        turned: Callable[[], None],
    ) -> None:
        self._namespace = namespace
        self._changed = changed
        self._ring = ring
        self._turned = turned
        self.bodies: dict[Place, dict[str, Any]] = {}
        self.specs: dict[Place, Connection | ClusterConnection] = {}
        self.open: set[Place] = set()
        """Those with a line."""
        self.why: dict[Place, str] = {}
        """Why the key of one can't be had, in words."""
        self._last: dict[Place, Connection | ClusterConnection] = {}
        """What those said last that are gone, while there are lines of them: rights that were withdrawn stay so."""
        self._refs: dict[Place, Mapping[str, str]] = {}
        self._labels: dict[str, tuple[int, Mapping[str, str]]] = {}
        """Of each namespace the version that was seen, and its labels."""

    # Known

    @property
    def environment(self) -> bool:
        """Whether the operator's environment holds a key."""
        return ENVIRONMENT in self.open

    def exists(self, place: Place) -> bool:
        """Whether this connection is there, if only to be deleted."""
        return place in self.specs

    def withheld(self, place: Place) -> str | None:
        """Why one that is there makes no new sessions; a key that was taken away only ends those that are there."""
        if self.specs[place].metadata.deletion_timestamp is not None:
            return (
                f"{place} is being deleted: wait until it is gone and make another, or name one in spec.connectionRef"
            )
        return self.why.get(place) or self.keyless(place)

    def barred(self, place: Place, namespace: str) -> bool:
        """Whether a namespace may not use a connection."""
        found = self.specs.get(place) or self._last.get(place)
        if not isinstance(found, ClusterConnection):
            return False
        if namespace not in self._labels:
            # Its labels may be any, and a selector may ask for one that is not there.
            return found.spec.allowed_namespaces is None or namespace not in found.spec.allowed_namespaces.names
        return not found.spec.allows(namespace, self._labels[namespace][1])

    def unseen(self, namespace: str) -> bool:
        """Whether nothing is known of a namespace, so that its labels may be any."""
        return namespace not in self._labels

    def unread(self, place: Place) -> bool:
        """Whether the key of a connection that is there was never looked for."""
        return place in self.specs and place not in self.open and place not in self.why

    def keyless(self, place: Place) -> str | None:
        """Why no call can be made with it; None where there is a line."""
        if place in self.open:
            return None
        if place == ENVIRONMENT:
            return LOST
        return self.why.get(place, f"{place} is not there, and with it the key: make it again")

    # what else is asked

    def ref(self, place: Place) -> Mapping[str, str] | None:
        """As status names it, also when it is gone by now; None for the key of the environment."""
        return self._refs.get(place)

    def home(self, place: Place) -> str:
        """The namespace of its Secret."""
        return place.namespace or self._namespace

    def naming(self, namespace: str, name: str) -> list[Place]:
        """Those whose key is in this Secret."""
        return [p for p, found in self.specs.items() if (self.home(p), found.spec.secret_ref.name) == (namespace, name)]

    def say(self, place: Place, why: str | None) -> None:
        """Why it makes no new sessions, None where it does."""
        if self.why.get(place) != why:
            if why is None:
                del self.why[place]
            else:
                self.why[place] = why
            self._turned()

    # doors

    def see(self, kind: str, event_type: str | None, body: Mapping[str, Any]) -> None:
        """One event of a kind, or an object of a listing or of a write of ours (type None)."""
        meta = body["metadata"]
        if kind == "Namespace":
            self._see_namespace(event_type, meta)
            return
        place = Place(kind, meta.get("namespace", ""), meta["name"])
        known = self.bodies.get(place)
        if event_type == "DELETED":
            if known is None or version(body) >= version(known):
                self.forget(place)
        elif known is None or version(body) > version(known):
            self._take(place, dict(body))

    def forget(self, place: Place) -> None:
        """It is not there."""
        self.bodies.pop(place, None)
        if (gone := self.specs.pop(place, None)) is not None:
            if place in self.open:
                self._last[place] = gone
            self.why.pop(place, None)
            self._changed(place)
            self._turned()

    def closed(self, place: Place) -> None:
        """It has no line any more."""
        self.open.discard(place)
        self._last.pop(place, None)

    def missing(self, kind: str, listed: Collection[str]) -> list[Place]:
        """Those of a kind that are known, and whose uid a listing did not show."""
        known = ((place, body["metadata"]["uid"]) for place, body in self.bodies.items() if place.kind == kind)
        return [place for place, uid in known if uid not in listed]

    def _take(self, place: Place, body: dict[str, Any]) -> None:
        body["metadata"].pop("managedFields", None)
        try:
            found = MODELS[place.kind].parse(body)
        except ValidationError as error:
            fields = {".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}
            log.warning("%s does not fit the schema: mend %s", place, ", ".join(sorted(fields)))
            return
        before, self.bodies[place], self.specs[place] = self.specs.get(place), body, found
        self._last.pop(place, None)
        self._refs[place] = {"kind": place.kind, "name": place.name, "uid": found.metadata.uid}
        same = before is not None and (before.metadata.uid, before.spec) == (found.metadata.uid, found.spec)
        (self._ring if same else self._changed)(place)
        if before is None or _matters(before) != _matters(found):
            self._turned()

    def _see_namespace(self, event_type: str | None, meta: Mapping[str, Any]) -> None:
        name, labels, version = meta["name"], meta.get("labels") or {}, int(meta["resourceVersion"])
        known = self._labels.get(name)
        if known is not None and version < known[0]:
            return
        if event_type == "DELETED":
            self._labels.pop(name, None)
            return
        self._labels[name] = (version, dict(labels))
        if known is None or known[1] != labels:
            self._turned()


def _matters(found: Connection | ClusterConnection) -> tuple[Any, ...]:
    """What of it a choice is made by."""
    allowed = found.spec.allowed_namespaces if isinstance(found, ClusterConnection) else None
    return found.metadata.uid, found.metadata.deletion_timestamp, allowed
