"""A creation interrupted at each of its points, by whatever: one session in the end, and never a second."""

from __future__ import annotations

import pytest
from tests.engine.world.play import EVENTS, begun, claim_of, one_session, until
from tests.engine.world.world import TERMS

POINTS = [
    ("patch_object", False),
    ("patch_object", True),
    ("create", False),
    ("create sent", False),
    ("create", True),
    ("patch_status", False),
    ("patch_status", True),
]


@pytest.mark.parametrize(("call", "done"), POINTS)
@pytest.mark.parametrize("flight", [0.0, 55.0])
def test_killed_on_the_way_to_a_session(world, operator, call, done, flight):
    world.api.flight = flight
    uid = begun(world, EVENTS)
    until(operator, uid, call, done=done)
    world.crash(operator)
    world.start()
    session = one_session(world)
    assert world.api.creations == 1
    assert [text for _, _, text in session.events] == ["go"]


@pytest.mark.parametrize(("call", "done"), [("send", False), ("send sent", False), ("send", True)])
@pytest.mark.parametrize("flight", [0.0, 55.0])
def test_killed_on_the_way_to_the_first_events(world, operator, call, done, flight):
    world.api.flight = flight
    uid = begun(world, EVENTS)
    until(operator, uid, call, done=done)
    world.crash(operator)
    world.start()
    session = one_session(world)
    assert [text for _, _, text in session.events] == ["go"]
    assert world.status("a")["kickoff"]["state"] == "Sent"


@pytest.mark.parametrize("lag", [0.0, 20.0])
def test_a_creation_that_was_stored_and_not_answered(world, operator, lag):
    """However often: it is not sent again before it was looked for, and then it is there."""
    world.api.list_lag = lag
    uid = begun(world)
    until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    assert world.condition("a")["reason"] == "Searching"
    one_session(world)
    assert world.api.creations == 1


def test_a_creation_that_was_not_stored_and_not_answered_is_made_once_nobody_can_doubt_it(world, operator):
    uid = begun(world)
    until(operator, uid, "create sent", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    sent_at = world.clock.monotonic()
    while not world.api.creations:
        world.run()
        world.advance(1)
    assert world.clock.monotonic() - sent_at >= TERMS.doubt
    one_session(world)


@pytest.mark.parametrize("fault", ["later", "unreachable", "refused"])
def test_a_creation_that_was_surely_not_made_needs_no_search(world, operator, fault):
    uid = begun(world)
    until(operator, uid, "create", done=False)
    operator.go_on(uid, fault)
    operator.finish(uid)
    world.cluster.edit("a", title="another wish")
    world.advance(5)
    world.run()
    assert world.api.creations == 1
    one_session(world)


def test_a_process_that_froze_does_not_send_what_it_may_not_send_any_more(world, operator):
    """Another one has taken over meanwhile."""
    uid = begun(world)
    until(operator, uid, "create", done=False)
    world.operators.remove(operator)
    world.start()
    world.advance(1)
    one_session(world)
    operator.finish(uid)
    world.operators.append(operator)
    assert world.api.creations == 1
    one_session(world)


def test_two_processes_at_once(world):
    world.start()
    begun(world, EVENTS)
    session = one_session(world)
    assert world.api.creations == 1
    assert [text for _, _, text in session.events] == ["go"]


def test_an_edit_between_claim_and_post_is_a_newclaim_of(world, operator):
    """Else the session would be made from a spec that nobody wants any more."""
    uid = begun(world)
    until(operator, uid, "patch_object", done=True)
    first = claim_of(world)
    operator.go_on(uid)
    world.cluster.edit("a", agent={"id": "agent_2"})
    operator.watch()
    world.run()
    assert one_session(world).agent == "agent_2"
    assert claim_of(world)["at"] != first["at"] or claim_of(world)["digest"] != first["digest"]
    assert world.api.creations == 1


def test_an_edit_while_the_post_is_under_way_is_told(world, operator):
    uid = begun(world)
    until(operator, uid, "create", done=True)
    world.cluster.edit("a", agent={"id": "agent_2"})
    operator.finish(uid)
    one_session(world)
    assert world.condition("a")["reason"] == "ImmutableChanged"


def test_a_replace_while_the_post_is_under_way(world, operator):
    """`kubectl replace` takes finalizer and claim away."""
    uid = begun(world)
    until(operator, uid, "create", done=True)
    world.cluster.replace("a")
    operator.finish(uid)
    one_session(world)
    assert claim_of(world)["uid"] == uid
    assert world.cluster.objects["a"]["metadata"]["finalizers"]


def test_a_replace_while_an_unanswered_post_is_searched_for(world, operator):
    uid = begun(world)
    until(operator, uid, "create", done=True)
    world.api.list_lag = 20
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    world.cluster.replace("a")
    one_session(world)
    assert world.api.creations == 1


def test_a_resource_that_vanished_while_its_session_was_made(world, operator):
    uid = begun(world)
    until(operator, uid, "create", done=True)
    world.cluster.vanish("a")
    operator.finish(uid)
    world.settle()
    assert not world.api.living()
    assert world.api.creations == 1


def test_one_that_came_back_from_a_backup_meanwhile_keeps_it(world, operator):
    """It has another uid, and its claim still names the old one."""
    uid = begun(world)
    until(operator, uid, "create", done=True)
    backup = world.cluster.vanish("a")
    world.cluster.restore("a", backup, status=False)
    operator.finish(uid)
    session = one_session(world)
    assert world.api.creations == 1
    assert session.metadata["k8s_uid"].startswith("uid-2/")
