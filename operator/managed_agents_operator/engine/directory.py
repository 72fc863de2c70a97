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
        self._labels: dict[str, dict[str, str]] = {}

    # Known

    @property
    def environment(self) -> bool:
        """Whether the operator's environment holds a key."""
        return ENVIRONMENT in self.open

    def there(self, place: Place) -> bool:
        """Whether this connection is there for new sessions."""
        found = self.specs.get(place)
        return found is not None and found.metadata.deletion_timestamp is None

    def barred(self, place: Place, namespace: str) -> bool:
        """Whether a namespace may not use a connection that is there."""
        found = self.specs.get(place)
        if not isinstance(found, ClusterConnection):
            return False
        return not found.spec.allows(namespace, self._labels.get(namespace, {}))

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
        """As status names it; None for the key of the environment, and for one that is not there."""
        found = self.specs.get(place)
        return {"kind": place.kind, "name": place.name, "uid": found.metadata.uid} if found is not None else None

    def home(self, place: Place) -> str:
        """The namespace of its Secret."""
        return place.namespace or self._namespace

    def naming(self, namespace: str, name: str) -> list[Place]:
        """Those whose key is in this Secret."""
        return [p for p, found in self.specs.items() if (self.home(p), found.spec.secret_ref.name) == (namespace, name)]

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
        if self.specs.pop(place, None) is not None:
            self.why.pop(place, None)
            self._changed(place)
            self._turned()

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
        same = before is not None and (before.metadata.uid, before.spec) == (found.metadata.uid, found.spec)
        (self._ring if same else self._changed)(place)
        if before is None or _matters(before) != _matters(found):
            self._turned()

    def _see_namespace(self, event_type: str | None, meta: Mapping[str, Any]) -> None:
        name, labels = meta["name"], dict(meta.get("labels") or {})
        if event_type == "DELETED":
            self._labels.pop(name, None)
        elif self._labels.get(name) != labels:
            self._labels[name] = labels
            self._turned()


def _matters(found: Connection | ClusterConnection) -> tuple[Any, ...]:
    """What of it a choice is made by."""
    return found.metadata.uid, found.metadata.deletion_timestamp, found.spec
