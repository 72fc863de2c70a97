"""Whole lives in a world in memory: how many writes and calls each takes."""

from __future__ import annotations

import pytest
from tests.engine.world.play import EVENTS, SPEC, begun, until


def test_from_apply_to_ready(world):
    begun(world)
    world.run()
    assert world.condition("a")["reason"] == "Idle"
    assert (world.cluster.writes, world.api.creations) == (2, 1)


def test_with_first_events(world):
    begun(world, EVENTS)
    world.run()
    assert world.condition("a")["reason"] == "Running"
    assert world.condition("a", "Finished")["reason"] == "Running"
    assert (world.cluster.writes, world.api.creations, world.api.changes) == (3, 1, 1)


def test_ready_is_false_until_the_first_events_are_out(world, operator):
    uid = begun(world, EVENTS)
    until(operator, uid, "send", done=False)
    assert world.condition("a")["reason"] == "KickoffPending"
    assert world.condition("a")["status"] == "False"


def test_nothing_changes_nothing_is_written(world):
    begun(world)
    world.settle()
    writes, passes = world.cluster.writes, world.operators[0].passes
    world.settle()
    assert world.cluster.writes == writes
    assert world.operators[0].passes - passes < 40, "sweeps ring, and that is all"


def test_a_deletion(world):
    begun(world)
    world.settle()
    writes = world.cluster.writes
    world.cluster.delete("a")
    world.settle()
    assert "a" not in world.cluster.objects
    assert not world.api.living()
    assert (world.cluster.writes - writes, world.api.changes) == (1, 1)


def test_a_running_session_is_interrupted_once(world):
    begun(world, EVENTS)
    world.run()
    world.cluster.delete("a")
    world.settle()
    [session] = world.api.sessions.values()
    assert session.interrupts == 1
    assert session.archived_at


def test_a_title_is_one_call_and_one_write(world):
    begun(world)
    world.settle()
    writes = world.cluster.writes
    world.cluster.edit("a", title="new")
    world.settle()
    assert (world.api.changes, world.cluster.writes - writes) == (1, 1)
    assert world.status("a")["title"] == "new"


@pytest.mark.parametrize(
    ("what", "wish"),
    [("settled", SPEC), ("with first events", EVENTS), ("suspended", {**SPEC, "suspend": True}), ("refused", None)],
)
def test_a_restart_writes_and_sends_nothing(world, what, wish):
    world.api.bad_agents = {"agent_bad"}
    begun(world, wish or {**SPEC, "agent": {"id": "agent_bad"}})
    for _ in range(4):
        world.run()
        world.operators[0].sweep()
        world.advance(30)
    world.run()
    before = (world.cluster.writes, world.api.creations, world.api.changes)
    world.crash(world.operators[0])
    operator = world.start()
    operator.sweep()
    world.run()
    assert (world.cluster.writes, world.api.creations, world.api.changes) == before, what


@pytest.mark.parametrize("how", ["archive", "terminate", "delete"])
def test_what_ended_outside_is_told_and_stays_so_over_a_restart(world, how):
    begun(world)
    world.settle()
    getattr(world.api, f"{how}_outside")(world.status("a")["id"])
    world.settle()
    told = {"archive": "ArchivedOutside", "terminate": "Terminated", "delete": "Lost"}[how]
    assert world.condition("a")["reason"] == told
    before = world.cluster.writes
    world.crash(world.operators[0])
    world.start()
    world.settle()
    assert (world.cluster.writes, world.api.creations) == (before, 1)


def test_one_that_cant_be_created_is_tried_once_in_minutes(world):
    world.api.bad_agents = {"agent_1"}
    posts = []
    create = world.api.create
    world.api.create = lambda *args: posts.append(world.clock.monotonic()) or create(*args)
    begun(world)
    for _ in range(20):
        world.run()
        world.advance(30)
    assert len(posts) == 1
    assert world.condition("a")["reason"] == "InvalidSpec"
    world.cluster.edit("a", agent={"id": "agent_2"})
    world.run()
    assert len(posts) == 2
    assert world.condition("a")["reason"] == "Idle"
