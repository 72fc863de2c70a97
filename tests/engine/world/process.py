"""One process of the operator: the real reconciler with all it remembers, its passes begun, parked and killed by hand.

Plays the part of the keeper: newest body wins, one pass at a time for each resource, and bells.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.engine.world.api import FakeApi
from tests.engine.world.bridge import Kind
from tests.engine.world.clock import FakeClock
from tests.engine.world.cluster import Cluster, ClusterWriter, Quiet, copied
from tests.engine.world.gates import Fault, Gate, Running
from tests.engine.world.inventory import CLUSTER_ID, refers_to

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.telling import Pace, Scribe
from managed_agents_operator.engine.terms import Process, Terms


class Operator:
    """Starts with nothing but what is in the cluster. `trouble` is asked at each gate, and may end the process."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        api: FakeApi,
        clock: FakeClock,
        terms: Terms,
        trouble: Callable[[Operator, Gate], Fault | None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._trouble = trouble
        self.passes = 0
        self.overlapped = False
        """Whether another process was ever there at the same time."""
        self.cells: dict[str, Cell] = {}
        self._cluster, self._clock = cluster, clock
        self._ready: dict[str, None] = {}
        self._due: dict[str, float] = {}
        self.running: dict[str, Running] = {}
        self._history = api.history
        self._rivals: dict[str, object] = {}
        self.kind = Kind(api, cluster, clock, self.ring)
        writer = ClusterWriter(cluster)
        self._reconciler = Reconciler(
            self.kind,
            writer,
            Scribe(self.kind, writer, Quiet(), Pace(10.0, 1000.0)),
            clock,
            Process(name, CLUSTER_ID, clock.wall()),
            terms,
            self.ring,
            jitter,
        )

    def __repr__(self) -> str:
        return self.name

    def ring(self, uid: str) -> None:
        if uid in self.cells:
            self._ready[uid] = None

    def watch(self) -> None:
        """All events up to now arrive."""
        there = {body["metadata"]["uid"]: body for body in self._cluster.objects.values()}
        for uid, body in there.items():
            cell = self.cells.get(uid)
            if cell is None:
                self.cells[uid] = Cell(uid, copied(body))
                self.ring(uid)
            elif int(body["metadata"]["resourceVersion"]) > int(cell.resource_version) and uid not in self.running:
                cell.body = copied(body)
                self.ring(uid)
        for uid in self.cells.keys() - there.keys():
            self.cells[uid].gone = True
            self.ring(uid)
        self._watch_beside()

    def _watch_beside(self) -> None:
        """Sources changed, or others want what we want: who is concerned is rung."""
        changed = self.kind.inventory.told(self._cluster.sources.versions())
        self.kind.inventory.met(cell.body for cell in self.cells.values() if not cell.gone)
        for uid, cell in self.cells.items():
            spec = cell.body["spec"]
            if not (spec.get("resources") or spec.get("sessionId")):
                continue
            resource = Session.parse(cell.body)
            if changed.intersection(refers_to(resource)):
                cell.retry()
                self.ring(uid)
            rivals = self.kind.inventory.rivals(resource)
            if rivals != self._rivals.get(uid, ()):
                self._rivals[uid] = rivals
                self.ring(uid)

    def sweep(self) -> None:
        """What the observatory does now and then."""
        tracked: dict[str, list[str]] = {}
        for uid, cell in self.cells.items():
            status = cell.status
            if (id := status.get("id")) and not status.get("archivedAt") and status.get("state") != "terminated":
                tracked.setdefault(id, []).append(uid)
        for uid in self.cells if self.kind.sweep(tracked) else ():
            self.ring(uid)

    # passes

    @property
    def wanting(self) -> list[str]:
        """Who wants a pass now and is in none."""
        now = self._clock.monotonic()
        for uid in [uid for uid, at in self._due.items() if at <= now]:
            del self._due[uid]
            self.ring(uid)
        return [uid for uid in self._ready if uid in self.cells and uid not in self.running]

    @property
    def next_due(self) -> float | None:
        """When the next resource wants to come again."""
        return min(self._due.values(), default=None)

    def begin(self, uid: str) -> Gate | None:
        """Begin a pass and go up to its first gate; None if it is over already."""
        self._ready.pop(uid, None)
        self._due.pop(uid, None)
        self.passes += 1
        self.running[uid] = Running(self._pass(self.cells[uid]))
        return self.go_on(uid)

    def go_on(self, uid: str, fault: Fault | None = None) -> Gate | None:
        """Up to the next gate, unless there is trouble at this one; None when the pass is over."""
        running = self.running[uid]
        if running.at is not None:
            fault = fault or self._trouble(self, running.at)
        if uid not in self.running:
            return None
        before = self.kind.asked
        try:
            with self._history.acting(self.cells[uid].body if uid in self.cells else None):
                over = running.go_on(fault)
        except BaseException:
            self.running.pop(uid, None)
            raise
        running.asked += self.kind.asked - before
        assert running.asked <= 1, f"{uid}: more than one change at the API in one pass"
        if not over:
            return running.at
        del self.running[uid]
        again = running.result
        if uid in self.cells and again is not None:
            if again <= self._clock.monotonic():
                self.ring(uid)
            else:
                self._due[uid] = again
        return None

    async def _pass(self, cell: Cell) -> float | None:
        if not cell.gone:
            try:
                return await self._reconciler.reconcile(cell)
            except ObjectGone:
                cell.gone = True
                # The keeper goes on at once: what this very pass made for it may have to end.
                self.running[cell.uid].asked = 0
        again = await self._reconciler.disown(cell)
        if again is None:
            self.cells.pop(cell.uid, None)
        return again

    def finish(self, uid: str) -> None:
        """The pass under way to its end, without trouble."""
        while uid in self.running:
            self.go_on(uid)

    def crash(self) -> None:
        """`kill -9`."""
        for running in self.running.values():
            running.crash()
        self.running.clear()
