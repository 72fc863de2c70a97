"""Many sessions that go at once: nothing is concluded from it before a person says so."""

from __future__ import annotations

import pytest
from tests.engine.world.features import ON
from tests.engine.world.play import SPEC

MANY = [f"s{n}" for n in range(7)]
pytestmark = pytest.mark.skipif("lost" not in ON, reason="the engine replaces no lost sessions yet")


def made(world):
    """As many resources, each with its session."""
    for name in MANY:
        world.cluster.apply(name, {**SPEC, "onLost": "Replace"})
    world.settle(limit=5000)
    return [world.status(name)["id"] for name in MANY]


def test_many_at_once_are_not_replaced(world):
    for id in made(world):
        world.api.delete_outside(id)
    world.settle(limit=5000)
    assert {world.condition(name)["reason"] for name in MANY} == {"MassLoss"}
    assert world.api.creations == len(MANY)


def test_one_of_them_is_replaced_on_wish(world):
    for id in made(world):
        world.api.delete_outside(id)
    world.settle(limit=5000)
    world.cluster.annotate(MANY[0], reconcile_requested_at="1")
    world.settle(limit=5000)
    assert world.condition(MANY[0])["reason"] == "Idle"
    assert world.api.creations == len(MANY) + 1


def test_one_at_a_time_is(world):
    ids = made(world)
    world.api.delete_outside(ids[0])
    world.settle(limit=5000)
    assert world.condition(MANY[0])["reason"] == "Idle"
    assert world.status(MANY[0])["previousIds"] == ids[:1]
    assert world.api.creations == len(MANY) + 1
