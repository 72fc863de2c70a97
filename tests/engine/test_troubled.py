"""Servers and clusters that do not do what they should: told, paced, and nothing twice."""

from __future__ import annotations

from tests.engine.world.cluster import Cluster
from tests.engine.world.play import EVENTS, SPEC, begun, one_session, until

from managed_agents_operator.engine.errors import WriteRefused


def test_a_search_that_fails_is_tried_again(world, operator):
    uid = begun(world)
    until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    until(operator, uid, "LookSearch", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    assert world.condition("a")["reason"] == "Searching"
    assert world.condition("a", "Synced")["reason"] == "Unreachable"
    one_session(world)


def test_the_write_of_an_id_that_was_lost(world, operator):
    """It stands there all the same; the first events need one more write, and go out once."""
    uid = begun(world, EVENTS)
    until(operator, uid, "patch_status", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    session = one_session(world)
    assert [text for _, _, text in session.events] == ["go"]


def test_a_cluster_that_does_not_answer_a_second_look(world, operator):
    """A conflict, and then the read that should tell why fails too."""
    uid = begun(world)
    until(operator, uid, "patch_object", done=False)
    world.cluster.edit("a", title="new")
    until(operator, uid, "read", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    one_session(world)


def test_a_status_that_is_too_large_is_written_in_part(world):
    """Whose session it is must stand there."""
    world.cluster.largest = 1200
    begun(world, {**SPEC, "metadata": {f"key{n}": "x" * 500 for n in range(5)}})
    world.settle()
    session = one_session(world)
    assert world.status("a")["id"] == session.id
    assert "metadata" not in world.status("a")
    assert world.condition("a")["reason"] == "Idle"


def test_something_that_takes_finalizers_away_at_once(world, monkeypatch):
    """An admission hook may; then nothing is created, and nothing written without end."""
    patch = Cluster.patch

    def stripped(self, name, body, version, *, status):
        answer = patch(self, name, body, version, status=status)
        answer["metadata"]["annotations"] = {}
        return answer

    monkeypatch.setattr(Cluster, "patch", stripped)
    begun(world)
    for _ in range(10):
        world.run()
        world.advance(1)
    assert world.api.creations == 0
    assert world.cluster.writes <= 5


def test_a_write_that_is_refused_is_tried_with_pauses(world, monkeypatch):
    tries = []

    def refused(self, name, body, version, *, status):
        tries.append(1)
        raise WriteRefused(422, "no")

    monkeypatch.setattr(Cluster, "patch", refused)
    begun(world)
    for _ in range(20):
        world.run()
        world.advance(1)
    assert len(tries) <= 6


def test_an_archive_that_is_taken_and_not_carried_out(world):
    """Asked for with growing pauses, not as fast as the server answers."""
    begun(world)
    world.settle()
    calls = []
    world.api.archive = lambda one: calls.append(1) or world.api.get(one)
    world.cluster.delete("a")
    for _ in range(30):
        world.run()
        world.advance(1)
    assert 2 <= len(calls) <= 6
    del world.api.archive
    world.settle()
    assert "a" not in world.cluster.objects


def test_a_second_session_that_runs_is_interrupted_once_as_well(world):
    """Also when the first one has long ended."""
    uid = begun(world)
    world.settle()
    first = world.api.sessions[world.status("a")["id"]]
    second = world.api.create("agent_1", None, first.metadata)
    world.api.send(second.id, [("user.message", "from a person")], seconds=1000)
    world.operators[0].sweep()
    interrupts = []
    send = world.api.send
    world.api.send = lambda one, events, **more: interrupts.append(1) or []
    world.cluster.delete("a")
    for _ in range(30):
        world.run()
        world.advance(1)
    assert len(interrupts) == 1
    world.api.send = send
    world.settle()
    assert not world.api.living(uid)


def test_a_second_session_that_nobody_ever_used_is_put_away(world):
    begun(world)
    world.settle()
    world.api.create("agent_1", None, world.api.sessions[world.status("a")["id"]].metadata)
    one_session(world)
    assert world.condition("a")["reason"] == "Idle"


def test_a_second_session_that_was_used_is_for_a_person(world):
    begun(world)
    world.settle()
    second = world.api.create("agent_1", None, world.api.sessions[world.status("a")["id"]].metadata)
    world.api.speak_outside(second.id)
    world.settle()
    assert world.condition("a")["reason"] == "DuplicateSession"
    assert len(world.api.living()) == 2


def test_a_slow_api_is_no_reason_to_ask_again_and_again(world, operator):
    """Each answer takes longer than an observation counts as fresh; what this pass read counts all the same."""
    uid = begun(world)
    world.settle()
    world.cluster.delete("a")
    operator.watch()
    looks = 0
    for _ in range(20):
        if "a" not in world.cluster.objects:
            break
        at = operator.running[uid].at if uid in operator.running else operator.begin(uid)
        while at is not None:
            looks += at.call == "LookSession"
            world.advance(7)
            at = operator.go_on(uid)
        operator.ring(uid)
    assert "a" not in world.cluster.objects
    assert looks <= 2


def test_a_key_of_another_workspace(world):
    """Nothing is created there, nothing called lost, nothing released; and all goes on with the right key."""
    begun(world)
    world.settle()
    world.api.workspace = "wrkspc_2"
    world.settle()
    assert world.condition("a")["reason"] == "WrongWorkspace"
    world.cluster.delete("a")
    world.settle()
    assert "a" in world.cluster.objects
    world.api.workspace = "wrkspc_1"
    world.settle()
    assert "a" not in world.cluster.objects
    assert not world.api.living()
    assert world.api.creations == 1


def test_a_key_of_another_workspace_on_a_server_that_names_none(world):
    world.api.names_workspace = False
    begun(world)
    world.settle()
    world.api.workspace = "wrkspc_2"
    world.settle()
    assert world.condition("a")["reason"] == "WrongWorkspace"
    world.api.workspace = "wrkspc_1"
    world.settle()
    assert world.condition("a")["reason"] == "Idle"
    assert world.api.creations == 1


def test_a_server_that_keeps_no_metadata(world):
    """Whatever can be done without is done, and nothing is asked for again and again."""
    world.api.keeps_metadata = False
    begun(world, {**EVENTS, "metadata": {"team": "a"}})
    session = one_session(world)
    assert [text for _, _, text in session.events] == ["go"]
    assert world.condition("a", "Synced")["reason"] == "MetadataNotKept"


def test_on_such_a_server_an_unanswered_creation_is_for_a_person(world, operator):
    world.api.keeps_metadata = False
    uid = begun(world)
    until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    world.settle()
    assert world.condition("a")["reason"] == "CreationUnknown"
    assert world.api.creations == 1
