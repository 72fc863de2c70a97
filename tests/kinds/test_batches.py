"""A listing for many that ends as none should: those who wait for the next one are served all the same."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.kube.conftest import eventually

from managed_agents_operator.kinds import batches
from managed_agents_operator.kinds.batches import Batches
from managed_agents_operator.kinds.circuit import Circuit


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Listings:
    """Does what it is told, one word for each listing, and remembers for whom it was."""

    def __init__(self, *words):
        self.words, self.batches, self.rung = list(words), [], []
        self.task = None

    async def whole(self, batch, began):
        self.batches.append(set(batch))
        if "first" in batch:
            # While it is under way, for the next one.
            self.orders.order("second", 2)
        word = self.words.pop(0) if self.words else None
        if word == "hang":
            await asyncio.Event().wait()
        if word is not None:
            raise word


@pytest.fixture
def ordered(monkeypatch):
    monkeypatch.setattr(batches, "CRASHED_SECONDS", 0.01)
    monkeypatch.setattr(batches, "GATHER_SECONDS", 0.001)

    def make(clock, *words):
        listings = Listings(*words)
        listings.orders = Batches("searches", listings.whole, Circuit(clock, lambda: None), clock, listings.rung.append)
        return listings

    return make


TROUBLES = [
    (LookupError("a bug"), "searches: a listing failed", "what no server should answer"),
    (asyncio.CancelledError(), "searches: the listing was cancelled", "what waits for it was cancelled beneath"),
]


@pytest.mark.parametrize(("trouble", "told", "reason"), TROUBLES, ids=[reason for *_, reason in TROUBLES])
async def test_the_next_one_comes_all_the_same(ordered, caplog, trouble, told, reason):
    caplog.set_level(logging.ERROR)
    listings = ordered(Clock(), trouble)
    listings.orders.order("first", 1)
    await eventually(lambda: listings.rung == ["first", "second"])
    assert listings.batches == [{"first"}, {"second"}], reason
    assert told in caplog.messages, reason


async def test_one_that_is_closed_begins_no_other(ordered):
    listings = ordered(Clock(), "hang")
    listings.orders.order("first", 1)
    await eventually(lambda: listings.batches)
    await listings.orders.close()
    await asyncio.sleep(0)
    assert (listings.batches, listings.rung) == ([{"first"}], ["first"])


class Unlimited:
    budget = None


async def test_one_that_hangs_grows_old_and_one_that_nobody_wants_does_not(ordered):
    clock = Clock()
    listings = ordered(clock, None, "hang")
    listings.orders.order("alone", 1)
    await eventually(listings.orders._task.done)
    clock.now += 1000
    assert listings.orders.age(Unlimited) == 0
    listings.orders.order("second", 2)
    await eventually(lambda: len(listings.batches) == 2)
    clock.now += 1000
    assert listings.orders.age(Unlimited) == 1000
    await listings.orders.close()
