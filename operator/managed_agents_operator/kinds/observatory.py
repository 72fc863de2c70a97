"""What is known of all sessions of one connection: the newest sight of each, and one bell for each change.

The session kind reads snapshots and puts in what single calls answered; the sweeps hand in what listings show. What a
change means is for the ladder: nothing is concluded here, least of all from a session that a listing does not show.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import ValidationError

from managed_agents_operator.claude.models import Session, fingerprint
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.external import Absent, Remote
from managed_agents_operator.kinds.projection import remote

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """The newest sight of one session, and what it looked like raw if it came from a listing."""

    remote: Remote
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bells:
    """Whom to wake: the resource with this session, or the resource of this uid."""

    session: Callable[[str], None]
    resource: Callable[[str], None]


class Roster(Protocol):
    """Whom there are resources for; what of the keeper is asked here."""

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        """Session id to status, of every resource that has one."""
        ...

    def tracks(self, session_id: str) -> bool:
        """Whether a resource has this session in its status."""
        ...

    def knows(self, uid: str) -> bool:
        """Whether a resource of this uid is there."""
        ...


class Observatory:
    """Snapshots of sessions. Times are monotonic.

    `cluster` is the uid that the markers of this cluster begin with, `namespaces` are those served here, all where empty.
    """

    def __init__(self, roster: Roster, bells: Bells, cluster: str, namespaces: Collection[str] = ()) -> None:
        self._roster = roster
        self._bells = bells
        self._entries: dict[str, Entry] = {}
        self._absent: dict[str, Absent] = {}
        self._missing: dict[str, float] = {}
        self._by_uid: dict[str, set[str]] = {}
        self._cluster = cluster
        self._namespaces = namespaces
        self.keeps_metadata = False
        self.swept_at: float | None = None
        """Begin of the last whole sweep; None before the first."""

    # single sights

    def put(self, wire: Session, seen_at: float) -> Remote:
        """Take the answer of a single call in, unless a newer sight is known; answers the newest."""
        return self.take(remote(wire, seen_at))

    def take(self, one: Remote, raw: bytes | None = None) -> Remote:
        """Like `put`, for one that was read already; `raw` is its fingerprint in a listing."""
        entry = self._entries.get(one.id)
        if entry is not None and entry.remote.seen_at > one.seen_at:
            return entry.remote
        self._entries[one.id] = Entry(one, raw)
        if (absent := self._absent.get(one.id)) and absent.seen_at <= one.seen_at:
            del self._absent[one.id]
        if self._missing.get(one.id, float("inf")) <= one.seen_at:
            del self._missing[one.id]
        if one.metadata:
            self.keeps_metadata = True
        if marker := one.marker:
            self._by_uid.setdefault(marker.uid, set()).add(one.id)
        return one

    def keeps(self, kept: bool) -> None:
        """Metadata was seen to be kept on this connection; the contrary is never proved."""
        self.keeps_metadata = self.keeps_metadata or kept

    def gone(self, id: str, workspace: str | None, seen_at: float) -> Absent:
        """A 404 came for a session."""
        absent = Absent(workspace, seen_at)
        self._absent[id] = absent
        self._missing.pop(id, None)
        return absent

    def snapshot(self, id: str) -> Remote | None:
        """The newest sight of a session; None while it was never seen, or was gone when last looked for."""
        entry = self._entries.get(id)
        return entry.remote if entry is not None and id not in self._absent else None

    def absence(self, id: str) -> Absent | None:
        """The 404 that came last for it."""
        return self._absent.get(id)

    def missing_at(self, id: str) -> float | None:
        """When a listing began that should have shown it and did not."""
        return self._missing.get(id)

    def strays(self, uid: str, id: str | None) -> tuple[Remote, ...]:
        """Living sessions with this uid in their marker, but the one with that id."""
        found = (self.snapshot(other) for other in self._by_uid.get(uid, ()) if other != id)
        return tuple(r for r in found if r is not None and not r.terminal)

    # listings

    def listed(self, item: dict[str, Any], seen_at: float) -> None:
        """Take an item of a listing in; one that changed rings."""
        id = item["id"]
        entry = self._entries.get(id)
        raw = fingerprint(item)
        if entry is not None and entry.raw == raw and id not in self._absent:
            entry.remote = replace(entry.remote, seen_at=max(entry.remote.seen_at, seen_at))
            self._missing.pop(id, None)
            return
        metadata = item.get("metadata")
        if metadata:
            self.keeps_metadata = True
        marker = Marker.parse({k: str(v) for k, v in metadata.items()}) if isinstance(metadata, dict) else None
        if not self._roster.tracks(id) and marker is None and entry is None:
            return
        try:
            self.take(remote(_whole(item, entry), seen_at, listed=True), raw)
        except ValidationError:
            log.warning("session %s can't be read", id)
            return
        self._bells.session(id)
        if marker is not None:
            self._bells.resource(marker.uid)

    def missed(self, expected: Iterable[str], listed: Mapping[str, float], began: float) -> None:
        """A whole listing is over: those that it should have shown and did not are to be looked at."""
        for id in list(expected):
            seen = self._entries.get(id)
            newest = max(seen.remote.seen_at if seen else 0.0, self._absent[id].seen_at if id in self._absent else 0.0)
            if id in listed or newest >= began or id in self._absent:
                continue
            if seen is not None and seen.remote.terminal:
                continue
            self._missing[id] = began
            self._bells.session(id)

    def forget(self, listed: Mapping[str, float], began: float) -> None:
        """Sessions of nobody here that are not listed any more are not kept; one just made is younger than the list."""
        old = [id for id in self._entries if id not in listed and not self._roster.tracks(id)]
        for id in [id for id in old if self._entries[id].remote.seen_at < began]:
            marker = self._entries.pop(id).remote.marker
            self._missing.pop(id, None)
            self._absent.pop(id, None)
            if marker and (ids := self._by_uid.get(marker.uid)):
                ids.discard(id)
                if not ids:
                    del self._by_uid[marker.uid]

    def of_nobody(self, listed: Mapping[str, float]) -> dict[str, str]:
        """Living sessions with a marker of this cluster whose resource is not there: id to owner."""
        found = {}
        for id in listed:
            one = self.snapshot(id)
            marker = one.marker if one is not None and not one.terminal else None
            if marker is not None and self._served(marker.owner) and not self._roster.knows(marker.uid):
                found[id] = marker.owner or ""
        return found

    def _served(self, owner: str | None) -> bool:
        parts = (owner or "").split("/")
        return parts[0] == self._cluster and len(parts) == 3 and (not self._namespaces or parts[1] in self._namespaces)


def _whole(item: dict[str, Any], entry: Entry | None) -> Session:
    """An item of a listing, with what was known before of fields that the listing leaves out."""
    wire = Session.model_validate(item)
    if entry is None or not entry.remote.wire.model_fields_set - wire.model_fields_set:
        return wire
    return Session.model_validate({**entry.remote.wire.model_dump(exclude_unset=True), **item})
