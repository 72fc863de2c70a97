"""The Lease: who may take it when, and what ends the holding of it. The API server is a Lease in memory, time is fake.

With the real API server and two processes' worth of it: test_cluster.py.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.kube.conftest import eventually

from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone, WriteConflict
from managed_agents_operator.kube.lease import Lease
from managed_agents_operator.telemetry import REGISTRY


def leading():
    return REGISTRY.get_sample_value("managed_agents_leading")


class Memory:
    """One Lease as the API server keeps it. `fails` is raised by the next calls, one each."""

    def __init__(self):
        self.lease = None
        self.version = 0
        self.fails = []
        self.lost_answers = 0
        self.writes = []

    async def call(self, method, path, *, params=None, body=None):
        await asyncio.sleep(0)
        if self.fails and (failure := self.fails.pop(0)):
            raise failure
        if method == "GET":
            if self.lease is None:
                raise ObjectGone("not found")
            return self.lease
        return self._write(method, body)

    def _write(self, method, body):
        if method == "PUT" and self.lease is None:
            raise ObjectGone("not found")
        stale = (
            self.lease is not None
            and body["metadata"].get("resourceVersion") != self.lease["metadata"]["resourceVersion"]
        )
        if (method == "POST" and self.lease is not None) or (method == "PUT" and stale):
            raise WriteConflict("conflict")
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.writes.append((method, body["spec"]["holderIdentity"]))
        if self.lost_answers:
            self.lost_answers -= 1
            raise ClusterUnreachable("cut")
        return self.lease

    def edit(self, **spec):
        """Somebody writes by hand, or another process does."""
        self.version += 1
        self.lease = {
            "metadata": {"name": "managed-agents-operator", "resourceVersion": str(self.version)},
            "spec": {**(self.lease or {}).get("spec", {}), **spec},
        }


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lease(memory, clock):
    def make():
        return Lease(memory, "ns", every=0.001, clock=clock, jitter=lambda: 0.5)

    return make


async def test_the_first_one_gets_it(memory, lease):
    one = lease()
    await one.acquire()
    assert one.held
    spec = memory.lease["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == (one.identity, 15, 0)
    assert spec["acquireTime"] == spec["renewTime"]
    assert len(spec["renewTime"]) == len("2026-11-23T00:00:00.000000Z")
    assert leading() == 1


TAKING = [
    ({"holderIdentity": "other", "leaseDurationSeconds": 15}, 0, False, "it is another's"),
    ({"holderIdentity": "other", "leaseDurationSeconds": 15}, 14.9, False, "and stays so while its time lasts"),
    ({"holderIdentity": "other", "leaseDurationSeconds": 15}, 15, True, "which is over by our clock, not by renewTime"),
    ({"holderIdentity": "other", "leaseDurationSeconds": 60}, 30, False, "the holder says how long it holds"),
    ({"holderIdentity": "other"}, 15, True, "or nobody does"),
    ({"holderIdentity": "", "leaseDurationSeconds": 1}, 0, True, "it was given up"),
    ({"holderIdentity": None}, 0, True, "nobody ever had it"),
    ({}, 0, True, "the same"),
]


@pytest.mark.parametrize(("spec", "after", "taken", "reason"), TAKING)
async def test_when_it_may_be_taken(memory, lease, clock, spec, after, taken, reason):
    memory.edit(**spec)
    one = lease()
    assert await one._try() is (taken and after == 0), reason
    clock.now += after
    assert await one._try() is taken, reason
    if taken:
        assert memory.lease["spec"]["leaseTransitions"] == 1, reason


async def test_a_holder_that_renews_is_never_out_of_time(memory, lease, clock):
    memory.edit(holderIdentity="other", leaseDurationSeconds=15, renewTime="0")
    one = lease()
    for second in range(1, 60):
        assert not await one._try()
        clock.now += 10
        memory.edit(renewTime=str(second))


async def test_of_two_that_are_as_fast_one_gets_it(memory, lease):
    one, two = lease(), lease()
    first = asyncio.create_task(one.acquire())
    second = asyncio.create_task(two.acquire())
    done, pending = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(pending)) == (1, 1)
    assert one.held != two.held
    await (one if one.held else two).release()
    await asyncio.gather(first, second)
    assert memory.lease["spec"]["leaseTransitions"] == 1


async def test_renewing_is_one_write_each_time(memory, lease):
    one = lease()
    await one.acquire()
    for _ in range(3):
        assert await one._try()
    assert [method for method, _ in memory.writes] == ["POST", "PUT", "PUT", "PUT"]
    assert memory.lease["spec"]["leaseTransitions"] == 0


SURVIVED = [
    (lambda memory: memory.fails.append(ClusterUnreachable("away")), "the API server is away for a moment"),
    (lambda memory: setattr(memory, "lost_answers", 1), "the write arrived, its answer did not"),
    (lambda memory: memory.edit(), "somebody annotated it"),
    (lambda memory: setattr(memory, "lease", None), "somebody deleted it"),
]


@pytest.mark.parametrize(("trouble", "reason"), SURVIVED)
async def test_what_does_not_end_it(memory, lease, trouble, reason, caplog):
    one = lease()
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    trouble(memory)
    writes = len(memory.writes)
    while len(memory.writes) < writes + 3:
        assert not renewing.done(), reason
        await asyncio.sleep(0)
    assert one.held, reason
    assert memory.lease["spec"]["holderIdentity"] == one.identity, reason
    unanswered = {"away", "cut"} & {word for message in caplog.messages for word in message.split()}
    assert len(unanswered) == ("API server is away" in reason or "answer did not" in reason), "what failed is told"
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)


LOST = [
    (lambda memory, _: memory.edit(holderIdentity="other"), "another holds it"),
    (lambda _, clock: setattr(clock, "now", clock.now + 10), "this process stood still for too long"),
    (lambda memory, _: setattr(memory, "fails", [ClusterUnreachable("away")] * 10**6), "the API server stays away"),
]


@pytest.mark.parametrize(("trouble", "reason"), LOST)
async def test_what_ends_it(memory, lease, clock, trouble, reason):
    one = lease()
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    trouble(memory, clock)
    while not renewing.done():
        clock.now += 0.001
        await asyncio.sleep(0)
    assert renewing.result() is None, reason
    assert leading() == 0, reason


async def test_released_it_is_free_at_once_and_only_once(memory, lease):
    one, two = lease(), lease()
    await one.acquire()
    await one.release()
    assert not one.held
    assert memory.lease["spec"]["holderIdentity"] == ""
    await two.acquire()
    await one.release()
    assert two.held
    assert memory.lease["spec"]["holderIdentity"] == two.identity


async def test_releasing_what_another_took_leaves_it_alone(memory, lease):
    one = lease()
    await one.acquire()
    memory.edit(holderIdentity="other")
    await one.release()
    assert memory.lease["spec"]["holderIdentity"] == "other"


async def test_waiting_is_told_once_for_each_reason(memory, lease, caplog):
    caplog.set_level("INFO")
    memory.fails = [ClusterUnreachable("forbidden")] * 3 + [None, None]
    memory.edit(holderIdentity="other", leaseDurationSeconds=60)
    waiting = asyncio.create_task(lease().acquire())
    await eventually(lambda: not memory.fails)
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [record.message.rpartition("(")[2] for record in caplog.records] == ["forbidden)", "other)"]
