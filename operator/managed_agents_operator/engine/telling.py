"""What a pass says: status, written when it is due and in no more bytes than changed, Events, and the log.

Used by the reconciler alone. The wording is the ladder's; when usage may be written is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.errors import ClusterUnreachable, Failure, WriteRefused
from managed_agents_operator.engine.external import Discarded, External, Made, Uploaded
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.news import of_call, of_change
from managed_agents_operator.engine.ports import Events, Writer
from managed_agents_operator.engine.status import bare, conclude, patch, unwritten, usage_only
from managed_agents_operator.engine.verdict import Mutation, Release, Report
from managed_agents_operator.engine.view import View

log = logging.getLogger(__name__)

BURST = 20
"""Writes of one status that may follow each other at once: no life has more, only a quarrel with another writer."""


def concerned(verdict: Mutation, outcome: object) -> str:
    """The id of what a call made, removed or changed: of a file, or else of a session."""
    match outcome:
        case Made():
            return outcome.remote.id
        case Uploaded():
            return outcome.file.id
        case Discarded():
            return outcome.id
    return str(getattr(verdict, "id", ""))


class Pace:
    """When a write that may wait may be made: not too often for one resource, not too many a second in all."""

    def __init__(self, interval: float, per_second: float) -> None:
        self._interval = interval
        self._gap = 1.0 / per_second
        self._next = float("-inf")

    def due(self, written_at: float, now: float) -> float:
        """Monotonic time of its turn; `now` means at once, and uses the turn up."""
        turn = max(written_at + self._interval, self._next)
        if turn > now:
            return turn
        self._next = max(self._next, now) + self._gap
        return now

    def calm(self, burst: tuple[float, int], now: float) -> float:
        """When a resource may be written again; `burst` is since when it was written how often."""
        since, times = burst
        return since + self._interval if times >= BURST and now < since + self._interval else now

    def counted(self, burst: tuple[float, int], now: float) -> tuple[float, int]:
        """The burst with one more write."""
        since, times = burst
        return (since, times + 1) if now < since + self._interval else (now, 1)


class Scribe:
    """Writes status through the writer, and Events where a person should know.

    `wrote` hears of each status that was written: what was stored before, and the object as it is stored now.
    """

    def __init__(
        self,
        kind: External,
        writer: Writer,
        events: Events,
        pace: Pace,
        wrote: Callable[[Mapping[str, Any], Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._kind = kind
        self._writer = writer
        self._events = events
        self._pace = pace
        self._wrote = wrote

    async def write(self, cell: Cell, view: View, report: Report | None) -> float | None:
        """Write what changed, if anything did; answers when to come again if the write must wait its turn.

        Raises what the writer raises but `WriteRefused`: then the least that must stand is written instead.
        """
        before = cell.status
        seen = self._kind.project(view.resource, view.remote) if view.remote is not None else {}
        after = conclude(before, view, report, seen)
        change = patch(before, after)
        if not change:
            return None
        due = self._due(cell.memory, view.now, before, change)
        if due > view.now:
            return due
        log.debug("%s/%s: status changes in %s", cell.namespace, cell.name, ", ".join(change))
        await self._patch(cell, before, after, change)
        burst = self._pace.counted(cell.memory.burst, view.now)
        cell.memory = replace(cell.memory, written_at=view.now, burst=burst)
        self._tell(view, before, after)
        return None

    def _due(self, memory: Memory, now: float, before: Mapping[str, Any], change: Mapping[str, Any]) -> float:
        if usage_only(change):
            return self._pace.due(memory.written_at, now)
        return now if unwritten(before, memory) else self._pace.calm(memory.burst, now)

    async def _patch(self, cell: Cell, before: Mapping[str, Any], after: Mapping[str, Any], change: Any) -> None:
        where = (cell.namespace, cell.name)
        version = cell.resource_version
        try:
            body = await self._writer.patch_status(*where, {"status": change}, resource_version=version)
        except WriteRefused as error:
            log.warning("%s/%s: status was refused (%s), only id and conditions are written", *where, error.code)
            least = {"status": patch(bare(before), bare(after))}
            if not least["status"]:
                return
            try:
                body = await self._writer.patch_status(*where, least, resource_version=version)
            except WriteRefused as again:
                self.refused(cell, again)
                raise ClusterUnreachable(str(again)) from again
        cell.body = body
        if self._wrote is not None:
            self._wrote(before, body)

    def _tell(self, view: View, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        for news in of_change(view, before, after):
            self._events.publish(view.resource.metadata, news.type, news.reason, news.action, news.note)

    def done(self, view: View, verdict: Mutation, outcome: object) -> None:
        """For the log: every call that was to change something outside, and what came of it."""
        meta = view.resource.metadata
        what = type(verdict).__name__
        if isinstance(outcome, Failure):
            log.warning(
                "%s/%s: %s failed (%s, %s): %s",
                meta.namespace, meta.name, what, outcome.consequence.value, outcome.reason, outcome.message,
            )  # fmt: skip
        else:
            log.info("%s/%s: %s %s", meta.namespace, meta.name, what, concerned(verdict, outcome))
        if news := of_call(view, verdict, outcome):
            self._events.publish(meta, news.type, news.reason, news.action, news.note)

    def released(self, view: View, verdict: Release) -> None:
        """The resource may go although something may be left outside."""
        meta = view.resource.metadata
        if verdict.note == "PossibleOrphan":
            note = "a creation had an unknown outcome and can't be searched for: a session may be left outside"
            self._events.publish(meta, "Warning", "PossibleOrphan", "Release", note)
        else:
            self._events.publish(meta, "Warning", "Released", "Release", verdict.note)

    def disowned(self, resource: Session, id: str, outcome: object) -> None:
        """A session was made for a resource that is not there any more."""
        meta = resource.metadata
        if isinstance(outcome, Failure):
            log.warning(
                "%s/%s is gone, its session %s is not archived yet: %s", meta.namespace, meta.name, id, outcome.message
            )
            return
        log.warning("%s/%s is gone: its session %s, just made and unused, was archived", meta.namespace, meta.name, id)
        note = f"the resource went while its session {id} was being made: the session was archived"
        self._events.publish(meta, "Warning", "Disowned", "End", note)

    def refused(self, cell: Cell, error: WriteRefused) -> None:
        """The cluster will not take a write of ours: told in the log, tried again with growing pauses."""
        log.error("%s/%s: the API server refuses our write (%s): %s", cell.namespace, cell.name, error.code, error)
