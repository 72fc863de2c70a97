"""A listing of our own: what becomes of it, and when it ends the process."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.kube.backoffs import Backoffs
from managed_agents_operator.kube.resync import Brought, Diverged, Resync
from managed_agents_operator.kube.writer import Snapshot
from managed_agents_operator.telemetry import REGISTRY

AWAY = ClusterUnreachable("away")


def divergences():
    return REGISTRY.get_sample_value("managed_agents_resync_divergences_total")


class Objects:
    """The API server's side: uid to version. `then` runs between a listing and the look at what the watch brought."""

    def __init__(self, **objects):
        self.objects = objects
        self.version = max(objects.values(), default=1)
        self.away = False

    async def snapshot(self):
        if self.away:
            raise AWAY
        where = {uid: ("ns", uid, version) for uid, version in self.objects.items()}
        return Snapshot(where, self.version)

    async def read(self, namespace, name):
        return body(name, self.objects[name]) if name in self.objects else None


def body(uid, version=0):
    return {"metadata": {"uid": uid, "namespace": "ns", "name": uid, "resourceVersion": str(version)}}


class Keeper:
    def __init__(self):
        self.seen = []

    def see(self, event_type, body):
        self.seen.append((event_type, body["metadata"]["uid"]))


async def one_round(objects, brought, between=lambda: None):
    """One comparison; `between` happens while it settles."""
    rounds = iter([None, between, asyncio.CancelledError])

    async def sleep(_):
        now = next(rounds)
        if now is asyncio.CancelledError:
            raise now
        if now:
            now()

    before = divergences()
    with pytest.raises(asyncio.CancelledError):
        await Resync(objects, brought, 1, sleep=sleep).run()
    return divergences() - before


COMPARISONS = [
    ({"a": 5, "b": 7}, {"a": 5, "b": 7}, [], "the same"),
    ({"a": 5, "b": 7}, {"a": 5}, [(None, "b")], "never brought"),
    ({"a": 7}, {"a": 5}, [(None, "a")], "a change never brought"),
    ({"b": 7}, {"a": 5, "b": 7}, [("DELETED", "a")], "an end never brought"),
    ({}, {}, [], "nothing there"),
]


@pytest.mark.parametrize(("there", "watched", "handed_on", "reason"), COMPARISONS)
async def test_what_was_lost_is_handed_on(there, watched, handed_on, reason):
    keeper = Keeper()
    brought = Brought(keeper.see)
    for uid, version in watched.items():
        brought.see("ADDED", body(uid, version))
    keeper.seen.clear()
    assert await one_round(Objects(**there), brought) == len(handed_on), reason
    assert keeper.seen == handed_on, reason
    assert await one_round(Objects(**there), brought) == 0, "once is enough"


async def test_what_the_watch_brings_meanwhile_is_not_lost():
    objects, keeper = Objects(a=5, b=7), Keeper()
    brought = Brought(keeper.see)
    assert (
        await one_round(
            objects, brought, lambda: [brought.see("ADDED", body(u, v)) for u, v in (("a", 5), ("b", 9), ("c", 8))]
        )
        == 0
    )


async def test_what_ends_meanwhile_is_not_lost():
    objects, keeper = Objects(a=5, b=7), Keeper()
    brought = Brought(keeper.see)
    brought.see(None, body("b", 7))
    assert await one_round(objects, brought, lambda: objects.objects.pop("a")) == 0
    assert keeper.seen == [(None, "b")]


async def test_another_of_the_same_name_is_another():
    objects, keeper = Objects(a=5), Keeper()

    async def read(namespace, name):
        return body("other", 9)

    objects.read = read
    assert await one_round(objects, Brought(keeper.see)) == 0


async def test_a_listing_from_before_what_was_brought_ends_the_process():
    """Nothing in it is older: what was made since is gone."""
    brought = Brought(Keeper().see)
    for uid, version in {"a": 5, "b": 9}.items():
        brought.see("ADDED", body(uid, version))
    with pytest.raises(Diverged, match="put back to an older state"):
        await Resync(Objects(a=5), brought, 0, settle=0).run()


async def test_an_object_older_than_the_watch_had_it_ends_the_process_at_once():
    keeper = Keeper()
    brought = Brought(keeper.see)
    brought.see("MODIFIED", body("a", 9))
    running = asyncio.create_task(Resync(Objects(a=5), brought, 1000).run())
    await asyncio.sleep(0)
    brought.see(None, body("a", 5))
    with pytest.raises(Diverged, match="put back to an older state"):
        await running


@pytest.mark.parametrize(("event_type", "version"), [(None, 9), (None, 10), ("MODIFIED", 8)])
async def test_the_same_or_newer_is_no_way_back(event_type, version):
    """The framework lists anew whenever its watch ends; what a watch brings is in order by itself."""
    brought = Brought(Keeper().see)
    brought.see("MODIFIED", body("a", 9))
    brought.see(event_type, body("a", version))
    assert not brought.went_back.is_set()


ROUNDS = [
    ("....", False, "all is well"),
    ("lll", True, "three in a row"),
    ("ll.ll.", False, "never three in a row"),
    ("llaa.", False, "no listing, no word"),
    ("llal", True, "and what came before it counts"),
]


@pytest.mark.parametrize(("rounds", "ends", "reason"), ROUNDS)
async def test_when_it_ends_the_process(rounds, ends, reason):
    objects, left = Objects(), list(rounds)
    snapshot = objects.snapshot

    async def next_snapshot():
        if not left:
            raise asyncio.CancelledError
        now = left.pop(0)
        objects.away = now == "a"
        if now == "l":
            objects.objects[f"new-{len(left)}"] = 1
        return await snapshot()

    objects.snapshot = next_snapshot
    with pytest.raises(Diverged if ends else asyncio.CancelledError):
        await Resync(objects, Brought(lambda *_: None), 0, settle=0).run()
    assert left == [], reason


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_back_offs_grow_and_never_end(jitter):
    delays = list(itertools.islice(Backoffs(jitter=lambda: jitter), 100))
    assert delays == sorted(delays)
    assert delays[0] >= 0.5
    assert delays[-1] <= 30
    assert not hasattr(Backoffs(), "__len__"), "the framework gives up after as many as there are"
