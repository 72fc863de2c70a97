"""Backups that come back, manifests that are copied, and traces that people wipe."""

from __future__ import annotations

import pytest
from tests.engine.world.play import EVENTS, SPEC, begun, claim_of, one_session, until


@pytest.mark.parametrize("status", [True, False])
def test_a_restored_backup_takes_its_session_over(world, status):
    begun(world, EVENTS)
    world.settle()
    backup = world.cluster.vanish("a")
    world.settle()
    world.cluster.restore("a", backup, status=status)
    session = one_session(world)
    assert session.metadata["k8s_uid"].startswith("uid-2/")
    assert claim_of(world)["uid"] == "uid-2"
    assert [text for _, _, text in session.events] == ["go"]


def test_a_restored_backup_whose_session_can_be_changed_only_when_idle(world):
    """One refused call, not a stream of them, and no other step before the keys are set."""
    begun(world, EVENTS)
    world.run()
    backup = world.cluster.vanish("a")
    world.run()
    world.api.refuses_while_running = True
    calls = []
    update = world.api.update
    world.api.update = lambda *args: calls.append(1) or update(*args)
    world.cluster.restore("a", backup, status=True)
    world.run()
    assert len(calls) == 1
    one_session(world)
    assert len(calls) == 2


def test_a_copied_manifest_begins_anew(world):
    begun(world)
    world.settle()
    original = world.cluster.objects["a"]
    world.cluster.apply("b", SPEC, original["metadata"]["annotations"])
    world.settle()
    assert world.status("b")["id"] != world.status("a")["id"]
    assert claim_of(world, "b")["uid"] == "uid-2"


def test_all_traces_wiped_while_the_process_lives(world):
    """It remembers the session that stood there."""
    begun(world)
    world.settle()
    world.cluster.replace("a")
    world.cluster.wipe_status("a")
    one_session(world)
    assert world.api.creations == 1


def test_status_wiped_long_after_a_repair(world):
    """The claim that was put back is as old as its session, so that a search looks far enough back."""
    begun(world)
    world.settle()
    world.advance(7200)
    world.cluster.replace("a")
    world.settle()
    world.crash(world.operators[0])
    world.start()
    world.cluster.wipe_status("a")
    one_session(world)
    assert world.api.creations == 1


def test_terminal_and_wiped_is_still_terminal(world):
    begun(world)
    world.settle()
    world.api.archive_outside(world.status("a")["id"])
    world.cluster.wipe_status("a")
    world.settle()
    assert world.condition("a")["reason"] == "ArchivedOutside"
    assert world.api.creations == 1


def test_replaced_by_its_manifest_while_another_process_searches(world, operator):
    """The claim of the one that died is known to this process alone, and its POST may still arrive."""
    world.api.list_lag, world.api.flight = 20.0, 55.0
    uid = begun(world)
    until(operator, uid, "create sent", done=False)
    world.crash(operator)
    searching = world.start()
    world.run()
    searching.sweep()
    assert world.condition("a")["reason"] == "Searching"
    world.advance(56)
    world.cluster.replace("a")
    one_session(world)
    assert world.api.creations == 1


def test_a_claim_that_is_taken_away_alone_does_not_come_back(world, operator):
    """That is what a message tells people to do: the search goes on by the uid."""
    uid = begun(world)
    until(operator, uid, "create sent", done=False)
    world.crash(operator)
    world.start()
    world.run()
    first = claim_of(world)
    world.cluster.annotate("a", claim=None)
    world.run()
    assert "managedagents.dev/claim" not in world.cluster.objects["a"]["metadata"]["annotations"]
    one_session(world)
    assert claim_of(world) != first
