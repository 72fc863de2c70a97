"""Engine and kinds joined over a cluster in memory, one pass after the other, over minutes of simulated time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tests.engine.world.cluster import Cluster, Quiet
from tests.kinds.stage import CLUSTER, Connection, over

from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.telling import Pace, Scribe
from managed_agents_operator.engine.terms import Process, Terms
from managed_agents_operator.kinds.errors import failure


class Writes:
    """Reads and writes of one process, all of which succeed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def patch_object(self, namespace, name, patch: Mapping[str, Any], *, resource_version: str):
        return self._cluster.patch(name, patch, resource_version, status=False)

    async def patch_status(self, namespace, name, patch: Mapping[str, Any], *, resource_version: str):
        return self._cluster.patch(name, patch, resource_version, status=True)

    async def read(self, namespace, name):
        return copy.deepcopy(self._cluster.objects.get(name))


class Operator:
    """Passes one after the other, when each wants to; sweeps every five seconds."""

    def __init__(self, connection: Connection, cluster: Cluster) -> None:
        self.connection, self.cluster, self.clock = connection, cluster, connection.clock
        writer = Writes(cluster)
        kind, clock = connection.kind, connection.clock
        scribe = Scribe(kind, writer, Quiet(), Pace(10.0, 1000.0))
        process = Process("process-1", CLUSTER, clock.wall())
        self._reconciler = Reconciler(kind, writer, scribe, clock, process, Terms(), self.ring)
        self.cells: dict[str, Cell] = {}
        self.due: dict[str, float] = {}
        self._swept_at = float("-inf")

    def ring(self, uid: str) -> None:
        if uid in self.cells:
            self.due[uid] = 0.0

    def watch(self) -> None:
        for body in self.cluster.objects.values():
            uid = body["metadata"]["uid"]
            self.cells[uid] = Cell(uid, copy.deepcopy(body))
            self.ring(uid)

    def hear(self) -> None:
        """The watch tells what people did; what this process remembers stays."""
        for uid in [*self.cells]:
            if not any(body["metadata"]["uid"] == uid for body in self.cluster.objects.values()):
                del self.cells[uid]
        for body in self.cluster.objects.values():
            uid = body["metadata"]["uid"]
            self.cells.setdefault(uid, Cell(uid, {})).body = copy.deepcopy(body)
            self.ring(uid)

    def sweep_now(self) -> None:
        """The next sweep is due at once."""
        self._swept_at = float("-inf")

    async def live(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            if self.clock.now - self._swept_at >= 5:
                self._swept_at = self.clock.now
                await self._sweep()
                self._hear()
            while (now := [uid for uid, at in self.due.items() if at <= self.clock.now]) or self.connection.told:
                for uid in now:
                    await self._pass(uid)
                await self._listings()
                self._hear()
            self.clock.now = min([until, self._swept_at + 5, *self.due.values()]) + 0.001

    async def _listings(self) -> None:
        """Simulated time stands still while one is on its way."""
        await over(self.connection.searches, self.connection.uploads)

    async def _sweep(self) -> None:
        roll = self.connection.roll
        roll.statuses = {cell.status["id"]: cell.status for cell in self.cells.values() if cell.status.get("id")}
        roll.uids = set(self.cells)
        try:
            await self.connection.sweeps.full()
        except ClaudeError as error:
            self.connection.circuit.failed(failure(error, self.clock.now), "sweep")

    async def _pass(self, uid: str) -> None:
        del self.due[uid]
        if uid not in self.cells:
            return
        again = await self._reconciler.reconcile(self.cells[uid])
        if again is not None:
            self.due[uid] = again

    def _hear(self) -> None:
        told, self.connection.told[:] = list(self.connection.told), []
        rang = self.connection.board
        ids = {cell.status.get("id"): uid for uid, cell in self.cells.items()}
        for word in told:
            for uid in [word] if word in self.cells else list(self.cells):
                self.ring(uid)
        for uid in [*rang.resources, *(ids.get(id, "") for id in rang.sessions)]:
            self.ring(uid)
        rang.clear()

    def reasons(self, type_: str = "Ready") -> set[str]:
        conditions = [c for cell in self.cells.values() for c in cell.status.get("conditions", [])]
        return {c["reason"] for c in conditions if c["type"] == type_}
