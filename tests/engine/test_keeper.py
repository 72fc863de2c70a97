"""Who passes when: one pass at a time for each resource, newest body wins, every bell is heard, none rings for nothing.

The reconciler here only notes what it was given, and waits where a test wants a pass to last.
"""

from __future__ import annotations

import asyncio

from tests.engine.keeping import obj

from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.keeper import CRASHED_PAUSE
from managed_agents_operator.engine.passes import IN_A_ROW


async def test_an_event_is_a_pass(stage):
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_many_bells_are_one_pass(stage):
    stage.keeper.see("ADDED", obj())
    for _ in range(5):
        stage.keeper.ring("u1")
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_an_echo_of_our_own_write_rings_nothing(stage):
    def written(cell):
        cell.body = obj(version=2)

    stage.notes.answers["u1"] = [written, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    stage.keeper.see("MODIFIED", obj(version=1))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_a_pass_keeps_the_body_it_decides_on(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=3))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 3)]


async def test_the_newest_of_several_that_came_during_a_pass(stage):
    """As when a listing, which is always late, comes after an event."""
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=6))
    stage.keeper.see(None, obj(version=5))
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 6)]


async def test_a_bell_during_a_pass_is_heard_after_it(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.ring("u1")
    await stage.calm()
    assert len(stage.notes.passed) == 1
    stage.notes.gate.set()
    await stage.calm()
    assert len(stage.notes.passed) == 2


async def test_workers_are_bounded_and_nobody_is_forgotten(stage):
    stage.notes.gate.clear()
    for number in range(5):
        stage.keeper.see("ADDED", obj(f"u{number}"))
    await stage.calm()
    assert len(stage.notes.under_way) == 2
    stage.clock.advance(7)
    assert stage.keeper.queue_age() == 7
    stage.notes.gate.set()
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u0", "u1", "u2", "u3", "u4"]
    assert stage.keeper.queue_age() == 0


async def test_now_is_now(stage):
    stage.notes.answers["u1"] = [0.0, 0.0, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert len(stage.notes.passed) == 3


async def test_what_is_begun_goes_on_before_what_only_waits(stage):
    """A permit is over after a while: with thousands in the queue, none of them would ever be used."""
    for number in range(20):
        stage.notes.answers[f"u{number}"] = [0.0, 0.0, None]
        stage.keeper.see("ADDED", obj(f"u{number}"))
    await stage.calm()
    begun = [uid for uid, _ in stage.notes.passed]
    assert len(begun) == 60
    for number in range(20):
        places = [place for place, uid in enumerate(begun) if uid == f"u{number}"]
        assert places[-1] - places[0] <= 4, "two workers take turns, and nobody else comes between"


async def test_one_that_never_comes_to_an_end_leaves_the_others_their_turn(stage):
    for endless in ("u0", "u1"):
        stage.notes.answers[endless] = [0.0]
        stage.keeper.see("ADDED", obj(endless))
    for number in range(2, 6):
        stage.keeper.see("ADDED", obj(f"u{number}"))
    await stage.calm()
    begun = [uid for uid, _ in stage.notes.passed]
    assert {f"u{number}" for number in range(2, 6)} <= set(begun)
    assert begun.count("u0") > IN_A_ROW, "it goes on all the same"


async def test_who_wants_to_come_again_does(stage):
    stage.notes.answers["u1"] = [stage.clock.monotonic() + 10, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    await stage.later(9)
    assert len(stage.notes.passed) == 1
    await stage.later(1)
    assert len(stage.notes.passed) == 2


async def test_a_newer_wish_replaces_an_older_one(stage):
    stage.notes.answers["u1"] = [stage.clock.monotonic() + 10, stage.clock.monotonic() + 50, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.ring("u1")
    await stage.calm()
    await stage.later(20)
    assert len(stage.notes.passed) == 2
    await stage.later(30)
    assert len(stage.notes.passed) == 3


async def test_a_pass_that_raises_is_tried_again_and_harms_nobody(stage):
    stage.notes.answers["u1"] = [RuntimeError("a bug"), None]
    stage.keeper.see("ADDED", obj())
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2"]
    await stage.later(CRASHED_PAUSE)
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2", "u1"]


async def test_what_was_deleted_is_let_go_once_nothing_is_left_to_do(stage):
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj(id="sesn_1", secret="gh"))
    await stage.calm()
    stage.keeper.see("DELETED", obj(version=2))
    await stage.calm()
    assert stage.notes.disowned == ["u1"]
    assert stage.keeper.cells.knows("u1")
    await stage.later(5)
    assert stage.notes.disowned == ["u1", "u1"]
    assert not stage.keeper.cells.knows("u1")
    assert stage.keeper.cells.tracked() == {}
    stage.keeper.source_changed("Secret", "team", "gh")
    stage.keeper.ring_session("sesn_1")
    await stage.calm()
    assert len(stage.notes.passed) == 1


async def test_a_deletion_during_a_pass_is_heard_after_it(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    stage.keeper.see("DELETED", obj(version=3))
    await stage.calm()
    assert stage.notes.disowned == []
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]
    assert stage.notes.disowned == ["u1"]
    assert not stage.keeper.cells.knows("u1")


async def test_a_pass_that_finds_the_object_gone_lets_it_go(stage):
    def written(cell):
        cell.body = obj(version=2, id="sesn_1", secret="gh")
        raise ObjectGone("gone")

    stage.notes.answers["u1"] = [written]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.notes.disowned == ["u1"]
    assert not stage.keeper.cells.knows("u1")
    assert stage.keeper.cells.tracked() == {}
    stage.keeper.source_changed("Secret", "team", "gh")


async def test_a_pass_that_was_wrong_about_that_does_not_lose_it(stage):
    """An API server may answer 404 for a moment; the watch knows better."""
    stage.notes.answers["u1"] = [ObjectGone("for now"), None]
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 2)]
    await stage.later(5)
    assert stage.keeper.cells.knows("u1")


async def test_letting_go_that_fails_is_tried_again(stage):
    stage.notes.answers["u1"] = [ObjectGone("gone")]
    stage.notes.disowns["u1"] = [RuntimeError("a bug"), None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.keeper.cells.knows("u1")
    await stage.later(CRASHED_PAUSE)
    assert not stage.keeper.cells.knows("u1")


async def test_all_bells(stage):
    stage.keeper.see("ADDED", obj())
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    stage.keeper.ring_all()
    await stage.calm()
    assert len(stage.notes.passed) == 4


async def test_a_bell_for_all_passes_over_those_that_had_their_pass_since(stage):
    stage.keeper.see("ADDED", obj("u1"))
    await stage.calm()
    stage.clock.advance(5)
    at = stage.clock.monotonic()
    stage.clock.advance(5)
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    stage.keeper.ring_all(at)
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2", "u1"]


async def test_the_watch_is_as_old_as_its_last_event(stage):
    stage.keeper.see("ADDED", obj())
    stage.clock.advance(40)
    assert stage.keeper.last_event_age() == 40


async def test_draining_begins_nothing_and_waits_for_what_is_under_way(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    draining = asyncio.create_task(stage.keeper.drain(60))
    await stage.calm()
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    assert not draining.done()
    stage.notes.gate.set()
    await stage.calm()
    assert draining.done()
    assert [uid for uid, _ in stage.notes.passed] == ["u1"]


async def test_agents_that_many_have_in_common_are_kept_once(stage):
    for uid in ("u1", "u2"):
        body = obj(uid)
        body["status"] = {"agent": {"id": "agent_1", "tools": [{"type": "bash"}]}}
        stage.keeper.see("ADDED", body)
    await stage.calm()
    first, second = (stage.keeper.body(uid)["status"]["agent"] for uid in ("u1", "u2"))
    assert first is second
    assert first == {"id": "agent_1", "tools": [{"type": "bash"}]}
    assert "managedFields" not in stage.keeper.body("u1")["metadata"]
