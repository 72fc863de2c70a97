"""Who passes when: the cache of all resources, one pass at a time for each, and the bells that ask for the next.

The doors ring (`see`), the observatory rings (a session changed), the budget rings (a ticket was granted), and each
pass says when it wants to come again. Which pass does what is the reconciler's.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from managed_agents_operator.engine.cell import Cell, Clock, secrets, version
from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.reconcile import Reconciler

log = logging.getLogger(__name__)

CRASHED_PAUSE = 30.0
"""Seconds before a resource whose pass raised is tried again."""


class Keeper:
    """Holds every resource and runs its passes with a bounded number of workers.

    All methods but `run` and `drain` return at once and are called from the event loop's own thread.
    """

    def __init__(
        self, clock: Clock, *, workers: int = 16, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._workers = workers
        self._cells: dict[str, Cell] = {}
        self._by_id: dict[str, str] = {}
        self._by_secret: dict[tuple[str, str], set[str]] = {}
        self._ready: deque[str] = deque()
        self._queued: dict[str, float] = {}
        self._passing: set[str] = set()
        self._again: set[str] = set()
        self._due: dict[str, float] = {}
        self._later: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._bell = asyncio.Event()
        self._ended = asyncio.Event()
        self._draining = False
        self._last_event = clock.monotonic()
        self._reconciler: Reconciler | None = None

    def serve(self, reconciler: Reconciler) -> None:
        """Give the keeper what carries out its passes."""
        self._reconciler = reconciler

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """A watch event, or an object of a listing (type None): the newest wins, an echo of our own rings nothing."""
        self._last_event = self._clock.monotonic()
        uid = body["metadata"]["uid"]
        cell = self._cells.get(uid)
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
        if cell is not None and uid in self._passing:
            cell.newer = body
            return
        if cell is not None:
            cell.gone = False
        self._take(body)
        self.ring(uid)

    def _take(self, body: dict[str, Any]) -> None:
        uid = body["metadata"]["uid"]
        body["metadata"].pop("managedFields", None)
        cell = self._cells.get(uid)
        if cell is None:
            cell = self._cells[uid] = Cell(uid, body)
        else:
            self._unmap(cell)
            cell.body = body
        self._map(cell)

    def _map(self, cell: Cell) -> None:
        if id_ := cell.status.get("id"):
            self._by_id[id_] = cell.uid
        for secret in secrets(cell.body):
            self._by_secret.setdefault(secret, set()).add(cell.uid)

    def _unmap(self, cell: Cell) -> None:
        if (id_ := cell.status.get("id")) and self._by_id.get(id_) == cell.uid:
            del self._by_id[id_]
        for secret in secrets(cell.body):
            if uids := self._by_secret.get(secret):
                uids.discard(cell.uid)
                if not uids:
                    del self._by_secret[secret]

    # bells

    def ring(self, uid: str) -> None:
        """Ask for a pass, as soon as a worker is free."""
        if uid not in self._cells or uid in self._queued:
            return
        if uid in self._passing:
            self._again.add(uid)
            return
        self._queued[uid] = self._clock.monotonic()
        self._ready.append(uid)
        self._bell.set()

    def ring_all(self) -> None:
        """Ask for a pass of every resource."""
        for uid in list(self._cells):
            self.ring(uid)

    def ring_session(self, session_id: str) -> None:
        """Ask for a pass of the resource that has this session in its status."""
        if uid := self._by_id.get(session_id):
            self.ring(uid)

    def secret_changed(self, namespace: str, name: str) -> None:
        """A Secret changed: those that name it are passed, and what was refused is tried again."""
        for uid in list(self._by_secret.get((namespace, name), ())):
            cell = self._cells[uid]
            cell.retry()
            self.ring(uid)

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        """Session id to status, of every resource that has one."""
        return {id_: self._cells[uid].status for id_, uid in self._by_id.items()}

    def tracks(self, session_id: str) -> bool:
        """Whether a resource has this session in its status."""
        return session_id in self._by_id

    def knows(self, uid: str) -> bool:
        """Whether a resource of this uid is there."""
        return uid in self._cells

    def last_event_age(self) -> float:
        """Seconds since the watch last told anything."""
        return self._clock.monotonic() - self._last_event

    def queue_age(self) -> float:
        """Seconds that the oldest resource has waited for a worker."""
        now = self._clock.monotonic()
        return max((now - since for since in self._queued.values()), default=0.0)

    # passes

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake(), name="keeper clock")
            for number in range(self._workers):
                group.create_task(self._work(), name=f"keeper worker {number}")

    async def drain(self, seconds: float) -> None:
        """Begin no more passes, and give those under way so many seconds to end."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._passing:
                    self._ended.clear()
                    await self._ended.wait()

    async def _wake(self) -> None:
        while True:
            now = self._clock.monotonic()
            while self._later and self._later[0][0] <= now:
                due, _, uid = heapq.heappop(self._later)
                if self._due.get(uid) == due:
                    del self._due[uid]
                    self.ring(uid)
            await self._sleep(min(max(self._later[0][0] - now, 0.01), 0.2) if self._later else 0.2)

    async def _work(self) -> None:
        while True:
            while not self._ready or self._draining:
                self._bell.clear()
                await self._bell.wait()
            uid = self._ready.popleft()
            self._queued.pop(uid, None)
            cell = self._cells.get(uid)
            if cell is None:
                continue
            self._passing.add(uid)
            self._due.pop(uid, None)
            try:
                again = await self._pass(cell)
            finally:
                self._passing.discard(uid)
                self._ended.set()
            newer, cell.newer = cell.newer, None
            if newer is not None:
                self._newer(self._cells.get(uid), newer)
            self._schedule(uid, again)

    async def _pass(self, cell: Cell) -> float | None:
        if self._reconciler is None:
            raise AssertionError("a keeper without a reconciler")
        before = cell.body
        over = False
        try:
            again, over = await _work_on(cell, self._reconciler)
        except Exception:
            log.exception("%s/%s: a pass failed", cell.namespace, cell.name)
            again = self._clock.monotonic() + CRASHED_PAUSE
        finally:
            self._remap(cell, before)
        if over:
            self._unmap(cell)
            self._cells.pop(cell.uid, None)
        return again

    def _remap(self, cell: Cell, before: dict[str, Any]) -> None:
        """A pass took a newer body in: the answer to a write of ours, or a fresh read."""
        if cell.body is before:
            return
        newest, cell.body = cell.body, before
        self._unmap(cell)
        cell.body = newest
        newest["metadata"].pop("managedFields", None)
        self._map(cell)

    def _schedule(self, uid: str, again: float | None) -> None:
        if uid in self._again:
            self._again.discard(uid)
            self.ring(uid)
        elif again is not None and again <= self._clock.monotonic():
            self.ring(uid)
        if again is not None and uid in self._cells and uid not in self._queued:
            self._due[uid] = again
            heapq.heappush(self._later, (again, next(self._order), uid))


async def _work_on(cell: Cell, reconciler: Reconciler) -> tuple[float | None, bool]:
    """One pass: when to come again, and whether all is over with this resource."""
    if not cell.gone:
        try:
            return await reconciler.reconcile(cell), False
        except ObjectGone:
            cell.gone = True
    again = await reconciler.disown(cell)
    return again, again is None
