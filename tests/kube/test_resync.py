"""A listing of our own: what becomes of it, and when it ends the process."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.kube.backoffs import Backoffs
from managed_agents_operator.kube.resync import Diverged, Resync
from managed_agents_operator.telemetry import DIVERGENCES

AWAY = ClusterUnreachable("away")

ROUNDS = [
    ([0, 0, 0, 0], False, "all is well"),
    ([1, 2, 3], True, "three in a row"),
    ([1, 1, 0, 1, 1, 0], False, "never three in a row"),
    ([1, 1, AWAY, 0, 0], False, "no listing, no word"),
    ([1, 1, AWAY, 5], True, "and what came before it counts"),
]


@pytest.mark.parametrize(("rounds", "ends", "reason"), ROUNDS)
async def test_when_it_ends_the_process(rounds, ends, reason):
    left = list(rounds)
    listings = []
    before = DIVERGENCES.value()

    async def pages():
        yield [{"n": 1}, {"n": 2}]
        if left and left[0] is AWAY:
            left.pop(0)
            raise AWAY
        yield [{"n": 3}]

    def compare(objects):
        listings.append(len(objects))
        if not left:
            raise asyncio.CancelledError
        return left.pop(0)

    with pytest.raises(Diverged if ends else asyncio.CancelledError):
        await Resync(pages, compare, 0.001, settle=0).run()
    assert set(listings) == {3}, "always a whole one"
    assert DIVERGENCES.value() - before == sum(count for count in rounds if isinstance(count, int)), reason


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_back_offs_grow_and_never_end(jitter):
    delays = list(itertools.islice(Backoffs(jitter=lambda: jitter), 100))
    assert delays == sorted(delays)
    assert delays[0] >= 0.5
    assert delays[-1] <= 30
    assert not hasattr(Backoffs(), "__len__"), "the framework gives up after as many as there are"
