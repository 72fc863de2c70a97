"""Engine and kinds together against the simulator, over minutes of simulated time: what a refusal costs in calls."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine.world.cluster import Cluster
from tests.kinds.stage import CLUSTER, Connection

from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.telling import Pace, Scribe
from managed_agents_operator.engine.view import Process, Terms
from managed_agents_operator.kinds.errors import failure

FIFTY = 50
SPEC = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}}


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


class Quiet:
    def publish(self, *_: Any) -> None:
        pass


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

    async def live(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            if self.clock.now - self._swept_at >= 5:
                self._swept_at = self.clock.now
                await self._sweep()
            while (now := [uid for uid, at in self.due.items() if at <= self.clock.now]) or self.connection.told:
                for uid in now:
                    await self._pass(uid)
                self._hear()
            self.clock.now = min([until, self._swept_at + 5, *self.due.values()]) + 0.001

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


@pytest.fixture
def cluster(clock) -> Cluster:
    cluster = Cluster(clock)
    for n in range(FIFTY):
        cluster.apply(f"session-{n}", SPEC)
    return cluster


@pytest.fixture
def operator(connection, cluster) -> Operator:
    return Operator(connection, cluster)


def posts(control) -> int:
    return len(control.requests(method="POST"))


@pytest.mark.parametrize(("status", "reason"), [(401, "KeyRefused"), (402, "BillingRefused"), (403, "Forbidden")])
async def test_creations_refused_while_listings_go_well(operator, control, cluster, status, reason):
    control.fault("answer", method="POST", status=status, times=None)
    operator.watch()
    await operator.live(600)
    assert posts(control) <= 8, "one at first, then one after each of 15, 30, 60, 120 and 240 seconds"
    assert operator.reasons() == {reason}
    writes = cluster.writes
    await operator.live(300)
    assert cluster.writes - writes <= 2, "what stands there already is not written again"
    control.clear_faults()
    await operator.live(900)
    assert operator.reasons() == {"Idle"}
    assert len(control.sessions()) == FIFTY


async def test_a_key_that_is_refused_altogether(operator, control, simulator):
    control.revoke_key(simulator.key)
    operator.watch()
    await operator.live(600)
    assert posts(control) <= 8
    assert operator.reasons() == {"KeyRefused"}
    control.add_key(simulator.key)
    await operator.live(10)
    assert operator.reasons() == {"Idle"}, "the first listing that goes well is proof enough"
    assert len(control.sessions()) == FIFTY


async def test_settled_ones_are_told_once_and_take_nobodys_turn(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    assert operator.reasons() == {"Idle"}
    control.fault("answer", method="POST", status=403, times=None)
    cluster.apply("late", SPEC)
    operator.watch()
    await operator.live(5)
    assert operator.reasons() == {"Forbidden"}
    control.clear_requests()
    writes = cluster.writes
    for number, session in enumerate(control.sessions()):
        control.edit(session["id"], title=f"edited-{number}")
    await operator.live(300)
    assert operator.reasons() == {"Forbidden"}
    assert 3 <= posts(control) <= 6, "the one that waits gets its turns, although fifty others are passed"
    assert cluster.writes - writes <= FIFTY + 6, "the edits, and a claim for each try"
    control.clear_faults()
    await operator.live(700)
    assert operator.reasons() == {"Idle"}


async def test_the_only_one_that_wrote_is_gone(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    control.fault("answer", method="POST", status=403, times=None)
    cluster.apply("late", SPEC)
    operator.watch()
    await operator.live(5)
    late = cluster.vanish("late")
    operator.cells.pop(late["metadata"]["uid"])
    await operator.live(300)
    assert operator.reasons() == {"Idle"}, "the others are not held for good by one that is not there any more"


# Each is a trouble of searches: what is answered to them for a while.
@pytest.mark.parametrize(
    ("kind", "effect"),
    [("rate_limit", {"retry_after": 3}), ("answer", {"status": 500}), ("garbage", {}), ("answer", {"status": 409})],
)
async def test_a_search_that_fails_is_made_again(operator, control, cluster, kind, effect):
    """Its outcome was lost, and what would tell it is in trouble for a while."""
    control.fault("answer", method="POST", path="^/v1/sessions$", when="after", status=500, times=FIFTY)
    rule = control.fault(kind, method="GET", path="^/v1/sessions$", times=None, **effect)
    operator.watch()
    await operator.live(60)
    asked = len(control.requests(method="GET", path="/v1/sessions"))
    assert asked <= 12 + 60, "twelve sweeps, and no more than a search a second"
    control.remove_fault(rule)
    await operator.live(400)
    assert operator.reasons() == {"Idle"}
    assert len(control.sessions()) == FIFTY
