"""Who passes when: the cache of all resources, one pass at a time for each, and the bells that ask for the next.

The doors ring (`see`), the observatory rings (a session changed), the budget rings (a ticket was granted), and each
pass says when it wants to come again. Which pass does what is the reconciler's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.alarms import Alarms
from managed_agents_operator.engine.cell import Cell, Clock, settled, slim, version
from managed_agents_operator.engine.cells import Cells
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.passes import Passes
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.telemetry import PASS_FAILURES

log = logging.getLogger(__name__)

UNSWEPT_SECONDS = 60.0
"""How long the first pass of a resource at rest waits for the first sweep, without which it could say nothing new."""
CRASHED_PAUSE = 30.0
"""Seconds before a resource whose pass raised is tried again."""


class Keeper:
    """Holds every resource and runs its passes with a bounded number of workers.

    All methods but `run` and `drain` return at once and are called from the event loop's own thread.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        workers: int = 16,
        swept: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`swept` is whether no first sweep need be waited for; else `first_sweep_over` tells when."""
        self._clock = clock
        self._sleep = sleep
        self._workers = workers
        self._swept = swept
        self.cells = Cells()
        """Who is there."""
        self.passes = Passes()
        """Who waits for one, or has one."""
        self._alarms = Alarms()
        self._last_event = clock.monotonic()
        self._reconciler: Reconciler | None = None
        self._after: Callable[[str], None] = lambda _: None

    def serve(self, reconciler: Reconciler, after: Callable[[str], None] = lambda _: None) -> None:
        """Give the keeper what carries out its passes, and whom to tell of each pass that ended (by uid)."""
        self._reconciler = reconciler
        self._after = after

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """A watch event, or an object of a listing (type None): the newest wins, an echo of our own rings nothing."""
        self._last_event = self._clock.monotonic()
        cell = self.cells.get(uid := body["metadata"]["uid"])
        if event_type == "DELETED":
            if cell is not None:
                cell.gone, cell.newer = True, None
                self.ring(uid)
            return
        self._newer(cell, dict(body))

    def _newer(self, cell: Cell | None, body: dict[str, Any]) -> None:
        """Take a body in if it is newer. A pass under way keeps the one it decides on; it is taken in when it ends."""
        if cell is not None and version(body) <= max(version(cell.body), version(cell.newer) if cell.newer else 0):
            return
        uid = body["metadata"]["uid"]
        if cell is not None and self.passes.under_way(uid):
            cell.newer = body
            return
        if cell is not None:
            cell.gone = False
        self._take(body)
        if cell is None and not self._swept and settled(body):
            self._alarms.set(uid, self._clock.monotonic() + UNSWEPT_SECONDS)
        else:
            self.ring(uid)

    def _take(self, body: dict[str, Any]) -> None:
        uid = body["metadata"]["uid"]
        slim(body)
        self._file(self.cells.take(uid, body))

    def _file(self, cell: Cell) -> None:
        self._released(self.cells.index.file(cell.body), cell.uid)

    def _released(self, session_ids: Collection[str], uid: str) -> None:
        """Those that wait for a session which another one had or wanted may have it now."""
        for session_id in session_ids:
            for other in self.cells.index.wanting(session_id):
                if other != uid:
                    self.ring(other)

    def count(self) -> int:
        """How many resources there are."""
        return len(self.cells)

    def body(self, uid: str) -> Mapping[str, Any] | None:
        """The newest body of a resource; None for one that is not here."""
        cell = self.cells.get(uid)
        return None if cell is None else cell.newer or cell.body

    def let_go(self, uid: str) -> bool:
        """Forget a resource that belongs to another keeper by now, unless there is something that only this one knows.

        Whoever is told no asks again after the next pass.
        """
        cell = self.cells.get(uid)
        if cell is None:
            return True
        if self.passes.under_way(uid) or cell.gone or cell.memory.alone:
            return False
        for ticket in cell.tickets.values():
            ticket.give_back()
        self.passes.forget(uid)
        self._alarms.clear(uid)
        self._released(self.cells.drop(uid), uid)
        return True

    # bells

    def ring(self, uid: str) -> None:
        """Ask for a pass, as soon as a worker is free."""
        if self.cells.knows(uid):
            self.passes.ask(uid, self._clock.monotonic())

    def ring_all(self, before: float = float("inf")) -> None:
        """Ask for a pass of every resource, but for those that had one since, or still wait for the first sweep."""
        for cell in self.cells:
            if cell.passed_at < before and (self._swept or cell.passed or not settled(cell.body)):
                self.ring(cell.uid)

    def first_sweep_over(self) -> None:
        """Nobody waits for it any more, however it ended; those at rest that it changed nothing for need no pass."""
        self._swept = True
        for cell in self.cells:
            if not cell.passed or not settled(cell.body):
                self.ring(cell.uid)

    def ring_session(self, session_id: str) -> None:
        """Ask for a pass of every resource that has this session in its status."""
        for uid in self.cells.index.having(session_id):
            self.ring(uid)

    def source_changed(self, kind: SourceKind, namespace: str, name: str) -> None:
        """A ConfigMap or Secret changed: those that name it are passed, and what was refused is tried again."""
        for uid in self.cells.index.naming((kind, namespace, name)):
            if cell := self.cells.get(uid):
                cell.retry()
                self.ring(uid)

    def sources_listed(self) -> None:
        """Versions of ConfigMaps or Secrets are known that were not: those that name any get a look at them."""
        for uid in self.cells.index.naming_any():
            self.ring(uid)

    def last_event_age(self) -> float:
        """Seconds since the watch last told anything."""
        return self._clock.monotonic() - self._last_event

    def queue_age(self) -> float:
        """Seconds that the oldest resource has waited for a worker, or for being woken."""
        return max(self.passes.age(now := self._clock.monotonic()), now - self._alarms.next())

    def pass_age(self) -> float:
        """Seconds that the oldest pass under way has taken."""
        return self.passes.longest(self._clock.monotonic())

    # passes

    async def run(self) -> None:
        """Work until cancelled."""
        async with Crew() as crew:
            crew.add("keeper clock", self._wake())
            for number in range(self._workers):
                crew.add(f"keeper worker {number}", self._work())
            await crew.watch()

    async def drain(self, seconds: float) -> None:
        """Begin no more passes, and give those under way so many seconds to end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.passes.drain(), seconds)

    async def _wake(self) -> None:
        while True:
            now = self._clock.monotonic()
            for uid in self._alarms.due(now):
                self.ring(uid)
            await self._sleep(min(max(self._alarms.next() - now, 0.01), 0.2))

    async def _work(self) -> None:
        while True:
            uid = await self.passes.begin(self._clock.monotonic)
            cell, again, asked = self.cells.get(uid), None, False
            self._alarms.clear(uid)
            try:
                again = await self._pass(cell) if cell is not None else None
            finally:
                asked = self.passes.end(uid, self._clock.monotonic())
            if cell is None:
                continue
            if newer := cell.newer:
                cell.newer = None
                self._newer(self.cells.get(uid), newer)
            if self.cells.knows(uid):
                self._schedule(uid, again, asked=asked)
            self._after(uid)

    async def _pass(self, cell: Cell) -> float | None:
        if self._reconciler is None:
            raise AssertionError("a keeper without a reconciler")
        before, cell.passed_at, over = cell.body, self._clock.monotonic(), False
        try:
            again, over = await _work_on(cell, self._reconciler)
        except Exception:
            PASS_FAILURES.inc()
            log.exception("%s/%s: a pass failed", cell.namespace, cell.name)
            again = self._clock.monotonic() + CRASHED_PAUSE
        finally:
            if cell.body is not before:
                # A newer one: the answer to a write of ours, or a fresh read.
                slim(cell.body)
                self._file(cell)
        if over:
            self.passes.forget(cell.uid)
            self._released(self.cells.drop(cell.uid), cell.uid)
        return again

    def _schedule(self, uid: str, again: float | None, *, asked: bool) -> None:
        if again is not None and again <= (now := self._clock.monotonic()):
            self.passes.go_on(uid, now)
        elif asked:
            self.ring(uid)
        elif again is not None and not self.passes.waits(uid):
            self._alarms.set(uid, again)


async def _work_on(cell: Cell, reconciler: Reconciler) -> tuple[float | None, bool]:
    """One pass: when to come again, and whether all is over with this resource."""
    if not cell.gone:
        try:
            return await reconciler.reconcile(cell), False
        except ObjectGone:
            cell.gone = True
    again = await reconciler.disown(cell)
    return again, again is None
