"""What is known of all sessions of one connection: the newest sight of each, and one bell for each change.

The session kind reads snapshots and puts in what single calls answered; the sweeps hand in what listings show. What a
change means is for the ladder: nothing is concluded here, least of all from a session that a listing does not show.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.models import Session, fingerprint
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.external import Rival
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds.losses import Losses
from managed_agents_operator.kinds.projection import remote
from managed_agents_operator.kinds.roster import Roster

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


class Observatory:
    """Snapshots of sessions. Times are monotonic.

    `cluster` is the uid that the markers of this cluster begin with, `namespaces` are those served here, or all.
    """

    def __init__(self, roster: Roster, bells: Bells, cluster: str, namespaces: Collection[str] = ()) -> None:
        self._roster = roster
        self._bells = bells
        self._entries: dict[str, Entry] = {}
        self._absent: dict[str, Absent] = {}
        self._missing: dict[str, float] = {}
        self._losses = Losses()
        self._by_uid: dict[str, set[str]] = {}
        self.busy: set[str] = set()
        """Sessions that were last seen at work."""
        self._cluster = cluster
        self._namespaces = namespaces
        self.keeps_metadata = False
        self.swept_at: float | None = None
        """Begin of the last whole sweep; None before the first."""
        self.unlisted: str | None = None
        """Why the API refuses the full sweep, in words, where that is for no lack of rights."""

    # single sights

    def put(self, wire: Session, seen_at: float, workspace: str | None = None) -> Remote:
        """Take the answer of a single call in, unless a newer sight is known; answers the newest."""
        return self.take(remote(wire, seen_at, workspace))

    def take(self, one: Remote, raw: bytes | None = None) -> Remote:
        """Like `put`, for one that was read already; `raw` is its fingerprint in a listing."""
        entry = self._entries.get(one.id)
        if entry is not None and entry.remote.seen_at > one.seen_at:
            return entry.remote
        self._unindex(one.id)
        self._entries[one.id] = Entry(one, raw)
        (self.busy.add if one.busy else self.busy.discard)(one.id)
        if (absent := self._absent.get(one.id)) and absent.seen_at <= one.seen_at:
            del self._absent[one.id]
        self._shown(one.id, one.seen_at)
        if one.metadata:
            self.keeps_metadata = True
        if marker := one.marker:
            self._by_uid.setdefault(marker.uid, set()).add(one.id)
        return one

    def keeps(self, kept: bool) -> None:
        """Metadata was seen to be kept on this connection; the contrary is never proved."""
        self.keeps_metadata = self.keeps_metadata or kept

    def gone(self, id: str, workspace: str | None, seen_at: float, *, ours: bool = False) -> Remote | Absent:
        """A 404 came for a session, or `ours`: we deleted it. Answers the newest, as `put` does."""
        entry, known = self._entries.get(id), self._absent.get(id)
        if entry is not None and entry.remote.seen_at > seen_at and known is None:
            return entry.remote
        if known is None or known.seen_at <= seen_at:
            known = self._absent[id] = Absent(workspace, seen_at)
        self._missing.pop(id, None)
        self.busy.discard(id)
        if ours:
            self._losses.ended(id)
        else:
            self._losses.gone(id)
        return known

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

    def mass_loss(self, id: str) -> bool:
        """Whether it went missing together with so many others that nothing is concluded from it."""
        return self._losses.holds(id)

    def rivals(self, id: str, uid: str) -> tuple[Rival, ...]:
        """Who else of this cluster wants a session."""
        return self._roster.rivals(id, uid)

    def strays(self, uid: str, id: str | None) -> tuple[Remote, ...]:
        """Sessions with this uid in their marker, whether they have ended or not, but the one with that id."""
        found = (self.snapshot(other) for other in self._by_uid.get(uid, ()) if other != id)
        return tuple(r for r in found if r is not None)

    # listings

    def listed(
        self, item: dict[str, Any], seen_at: float, workspace: str | None = None, *, whole: bool = False
    ) -> None:
        """Take an item of a listing in, or the `whole` answer of a single call of a sweep; one that changed rings."""
        id = item["id"]
        entry = self._entries.get(id)
        if entry is None and not self._concerns(id, item):
            return
        raw = fingerprint(item)
        if entry is not None and entry.raw == raw and id not in self._absent:
            entry.remote = replace(entry.remote, seen_at=max(entry.remote.seen_at, seen_at))
            self._shown(id, seen_at)
            return
        try:
            wire = _whole(item, entry)
        except ValidationError:
            log.warning("session %s can't be read", id)
            return
        known = entry is not None and id not in self._absent and _told(entry.remote.wire) == _told(wire)
        newest = self.take(remote(wire, seen_at, workspace, listed=not whole), raw)
        if known:
            return
        if newest.seen_at > seen_at:
            return
        self._bells.session(id)
        if marker := newest.marker:
            self._bells.resource(marker.uid)

    def _concerns(self, id: str, item: dict[str, Any]) -> bool:
        """Whether it is one of ours or may have been; of a workspace's other sessions nothing is kept."""
        metadata = item.get("metadata")
        if not isinstance(metadata, dict) or not metadata:
            return self._roster.tracks(id)
        self.keeps_metadata = True
        if self._roster.tracks(id):
            return True
        marker = Marker.parse({k: str(v) for k, v in metadata.items()})
        return marker is not None and (self._roster.knows(marker.uid) or self._namespace(marker) is not None)

    def missed(self, expected: Iterable[str], listed: Mapping[str, float], began: float) -> None:
        """A whole listing is over: those that it should have shown and did not are to be looked at."""
        for id in expected:
            if id in listed or id in self._absent or self._explained(id, began):
                continue
            self._missing[id] = began
            self._bells.session(id)

    def weigh(self, living: Collection[str], listed: Mapping[str, float], began: float) -> None:
        """A full listing is over: whether more of those that live went missing than can be true."""
        missing = {id for id in living if id not in listed and not self._explained(id, began)}
        for id in self._losses.swept(living, missing):
            self._bells.session(id)

    def _explained(self, id: str, began: float) -> bool:
        """Whether it need not be in a listing that began then: it ended, or was seen later."""
        entry = self._entries.get(id)
        if entry is None or id in self._absent:
            return False
        return entry.remote.seen_at >= began or entry.remote.terminal

    def forget(self, listed: Mapping[str, float], began: float) -> None:
        """Sessions of nobody here that are not listed any more are not kept; one just made is younger than the list."""
        sights: Mapping[str, float] = {id: entry.remote.seen_at for id, entry in self._entries.items()}
        absences = {id: absent.seen_at for id, absent in self._absent.items()}
        for id, seen_at in (*sights.items(), *absences.items(), *self._missing.items()):
            newest = max(seen_at, sights.get(id, seen_at), absences.get(id, seen_at))
            if id in listed or newest >= began or self._roster.tracks(id):
                continue
            self._unindex(id)
            self._entries.pop(id, None)
            self._absent.pop(id, None)
            self._missing.pop(id, None)
            self.busy.discard(id)

    def of_nobody(self, listed: Mapping[str, float]) -> dict[str, str]:
        """Living sessions with a marker of this cluster whose resource is not there: id to owner."""
        found = {}
        for id in listed:
            one = self.snapshot(id)
            marker = one.marker if one is not None and not one.terminal else None
            namespace = self._namespace(marker) if marker is not None else None
            if marker is None or namespace is None or self._roster.knows(marker.uid):
                continue
            if not self._namespaces or namespace in self._namespaces:
                found[id] = marker.owner or ""
        return found

    def _namespace(self, marker: Marker) -> str | None:
        """That of a session of this cluster."""
        return marker.place[1] if marker.place is not None and marker.place[0] == self._cluster else None

    # what is kept of them

    def _shown(self, id: str, seen_at: float) -> None:
        if self._missing.get(id, float("inf")) <= seen_at:
            del self._missing[id]
        self._losses.shown(id)

    def _unindex(self, id: str) -> None:
        """Its marker may be another one by now, or it is not kept any more."""
        entry = self._entries.get(id)
        marker = entry.remote.marker if entry is not None else None
        if marker is not None and (ids := self._by_uid.get(marker.uid)):
            ids.discard(id)
            if not ids:
                del self._by_uid[marker.uid]


def _told(wire: Session) -> bytes:
    """All that it says, in whichever of its answers the server said it."""
    return fingerprint(wire.model_dump(mode="json"))


def _whole(item: dict[str, Any], entry: Entry | None) -> Session:
    """An item of a listing, with what was known before of fields that the listing leaves out."""
    wire = Session.model_validate(item)
    if entry is None or not entry.remote.wire.model_fields_set - wire.model_fields_set:
        return wire
    return Session.model_validate({**entry.remote.wire.model_dump(exclude_unset=True), **item})
