"""What is known of all sessions of one connection, from few calls: listings compared raw, and one bell for each change.

The session kind reads snapshots and puts in what single calls answered; the app runs the sweeps. What a change means is
for the ladder: nothing is concluded here, least of all from a session that a listing does not show.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.claude.models import Session, fingerprint
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.external import Absent, Remote
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.projection import remote

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
HOT = ("running", "rescheduling")


@dataclass(slots=True)
class Entry:
    """The newest sight of one session, and what it looked like raw if it came from a listing."""

    remote: Remote
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bells:
    """Whom to wake: the resource with this session, the resource of this uid, or all."""

    session: Callable[[str], None]
    resource: Callable[[str], None]
    all: Callable[[], None]


class Observatory:
    """Snapshots of sessions, kept fresh by two sweeps.

    `tracked` answers session id to status of every resource that has one, `knows` whether a resource of a uid is there,
    `cluster` is the uid that the markers of this cluster begin with.
    Times are monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        circuit: Circuit,
        monotonic: Callable[[], float],
        tracked: Callable[[], Mapping[str, Mapping[str, Any]]],
        knows: Callable[[str], bool],
        bells: Bells,
        cluster: str,
    ) -> None:
        self._client = client
        self._circuit = circuit
        self._monotonic = monotonic
        self._tracked = tracked
        self._knows = knows
        self._bells = bells
        self._entries: dict[str, Entry] = {}
        self._absent: dict[str, Absent] = {}
        self._missing: dict[str, float] = {}
        self._by_uid: dict[str, set[str]] = {}
        self._hot: set[str] = set()
        self.orphans: set[str] = set()
        self._cluster = cluster
        self.keeps_metadata = False
        self.swept_at: float | None = None
        self.last_sweep = monotonic()

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

    # sweeps

    async def run(self, hot_seconds: float, full_seconds: float) -> None:
        """Sweep until cancelled; failures slow it down and never end it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.full_sweep, full_seconds), name="full sweep")
            group.create_task(self._repeat(self.hot_sweep, hot_seconds), name="hot sweep")

    async def _repeat(self, sweep: Callable[[], Any], seconds: float) -> None:
        failures = 0
        while True:
            try:
                await sweep()
                failures = 0
                self.last_sweep = self._monotonic()
            except ClaudeError as error:
                failures += 1
                self._circuit.failed(failure(error, self._monotonic()), read=True)
                if failures == 1:
                    log.warning("a sweep failed: %s", error.message)
            # A short pause at first, so that a restart of the API costs no whole interval; never a storm.
            pause = min(0.5 * 2.0 ** (failures - 1), max(seconds, LONGEST_PAUSE)) if failures else seconds
            await asyncio.sleep(pause)

    async def full_sweep(self) -> None:
        """Every session that is not archived. Raises `ClaudeError`: then nothing is concluded from what was seen."""
        began = self._monotonic()
        listed = await self._listing((), Priority.FULL_SWEEP)
        first, self.swept_at = self.swept_at is None, began
        self._circuit.succeeded(read=True)
        self._note_missing(self._live(), listed, began)
        self._forget(listed, began)
        self._note_orphans(listed)
        if first:
            self._bells.all()

    async def hot_sweep(self) -> None:
        """The sessions at work; one that left since the last time is looked at by its own resource."""
        if not any(True for _ in self._live()):
            self._hot = set()
            return
        began = self._monotonic()
        listed = await self._listing(HOT, Priority.HOT_SWEEP)
        self._circuit.succeeded(read=True)
        was_hot = self._hot | {id for id in self._live() if (r := self.snapshot(id)) and r.busy and r.seen_at < began}
        self._note_missing((id for id in was_hot if id in self._tracked()), listed, began)
        self._hot = set(listed)

    def _live(self) -> list[str]:
        """Tracked sessions that have not ended: those that listings should show."""
        return [
            id
            for id, status in self._tracked().items()
            if not status.get("archivedAt") and status.get("state") != "terminated"
        ]

    async def _listing(self, statuses: tuple[str, ...], priority: Priority) -> dict[str, float]:
        """All pages; answers when the page was asked for that showed each id. Changes ring as they come."""
        listed: dict[str, float] = {}
        asked_at = self._monotonic()

        async def turn() -> None:
            nonlocal asked_at
            if self._client.budget is not None:
                ticket = await self._client.budget.requests.wait(priority.name, "", priority)
                ticket.spend()
            asked_at = self._monotonic()

        async for page in self._client.iterate_sessions(statuses=statuses, before_page=turn):
            for item in page.value.items:
                listed[item["id"]] = asked_at
                self._item(item, asked_at)
        return listed

    def _item(self, item: dict[str, Any], seen_at: float) -> None:
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
        if id not in self._tracked() and marker is None and entry is None:
            return
        try:
            self.take(remote(_whole(item, entry), seen_at, listed=True), raw)
        except ValidationError:
            log.warning("session %s can't be read", id)
            return
        self._bells.session(id)
        if marker is not None:
            self._bells.resource(marker.uid)

    def _note_missing(self, expected: Iterable[str], listed: Mapping[str, float], began: float) -> None:
        for id in list(expected):
            seen = self._entries.get(id)
            newest = max(seen.remote.seen_at if seen else 0.0, self._absent[id].seen_at if id in self._absent else 0.0)
            if id in listed or newest >= began or id in self._absent:
                continue
            if seen is not None and seen.remote.terminal:
                continue
            self._missing[id] = began
            self._bells.session(id)

    def _forget(self, listed: Mapping[str, float], began: float) -> None:
        """Sessions of nobody here that are not listed any more are not kept; one just made is younger than the list."""
        tracked = self._tracked()
        old = [id for id, e in self._entries.items() if id not in listed and id not in tracked]
        for id in [id for id in old if self._entries[id].remote.seen_at < began]:
            marker = self._entries.pop(id).remote.marker
            self._missing.pop(id, None)
            self._absent.pop(id, None)
            if marker and (ids := self._by_uid.get(marker.uid)):
                ids.discard(id)
                if not ids:
                    del self._by_uid[marker.uid]

    def _note_orphans(self, listed: Mapping[str, float]) -> None:
        """Sessions that carry our marker and have no resource: told, and never touched unasked."""
        orphans = {
            id
            for id in listed
            if (e := self._entries.get(id)) and (m := e.remote.marker) and self._is_orphan(e.remote, m)
        }
        for id in orphans - self.orphans:
            marker = self._entries[id].remote.marker
            log.warning("session %s has no resource; it was made for %s", id, marker.owner if marker else "")
        self.orphans = orphans

    def _is_orphan(self, one: Remote, marker: Marker) -> bool:
        here = (marker.owner or "").startswith(f"{self._cluster}/")
        return here and not one.terminal and not self._knows(marker.uid)


def _whole(item: dict[str, Any], entry: Entry | None) -> Session:
    """An item of a listing, with what was known before of fields that the listing leaves out."""
    wire = Session.model_validate(item)
    if entry is None or not entry.remote.wire.model_fields_set - wire.model_fields_set:
        return wire
    return Session.model_validate({**entry.remote.wire.model_dump(exclude_unset=True), **item})
