"""Passes in a world in memory: how many writes and calls a life takes, and what any interruption of it leaves."""

from __future__ import annotations

import json

import pytest
from tests.engine.world.cluster import Cluster
from tests.engine.world.world import TERMS, World

from managed_agents_operator.engine.errors import WriteRefused

SPEC = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}
EVENTS = {**SPEC, "initialEvents": [{"type": "user.message", "text": "go"}]}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def operator(world):
    return world.operators[0]


def _claim(world, name="a"):
    text = world.cluster.objects[name]["metadata"]["annotations"].get("managedagents.dev/claim")
    return json.loads(text) if text else None


def _until(operator, uid, call, *, done):
    """Passes of a resource up to a gate; leaves it standing there."""
    for _ in range(50):
        at = operator.running[uid].at if uid in operator.running else operator.begin(uid)
        while at is not None and (at.call, at.done) != (call, done):
            at = operator.go_on(uid)
        if at is not None:
            return
    raise AssertionError(f"it never came to {call}")


def _begun(world, spec=SPEC):
    """A resource that this process has just heard of."""
    world.advance(1)
    uid = world.cluster.apply("a", spec)
    world.operators[0].watch()
    return uid


def _one_session(world, name="a"):
    """Quiet, one session, and it stands in status."""
    world.settle()
    [session] = world.api.living()
    assert world.status(name)["id"] == session.id
    return session


# a life, in counts


def test_from_apply_to_ready(world):
    _begun(world)
    world.run()
    assert world.condition("a")["reason"] == "Idle"
    assert (world.cluster.writes, world.api.creations) == (2, 1)


def test_with_first_events(world):
    _begun(world, EVENTS)
    world.run()
    assert world.condition("a")["reason"] == "Running"
    assert world.condition("a", "Finished")["reason"] == "Running"
    assert (world.cluster.writes, world.api.creations, world.api.changes) == (3, 1, 1)


def test_ready_is_false_until_the_first_events_are_out(world, operator):
    uid = _begun(world, EVENTS)
    _until(operator, uid, "send", done=False)
    assert world.condition("a")["reason"] == "KickoffPending"
    assert world.condition("a")["status"] == "False"


def test_nothing_changes_nothing_is_written(world):
    _begun(world)
    world.settle()
    writes, passes = world.cluster.writes, world.operators[0].passes
    world.settle()
    assert world.cluster.writes == writes
    assert world.operators[0].passes - passes < 40, "sweeps ring, and that is all"


def test_a_deletion(world):
    _begun(world)
    world.settle()
    writes = world.cluster.writes
    world.cluster.delete("a")
    world.settle()
    assert "a" not in world.cluster.objects
    assert not world.api.living()
    assert (world.cluster.writes - writes, world.api.changes) == (1, 1)


def test_a_running_session_is_interrupted_once(world):
    _begun(world, EVENTS)
    world.run()
    world.cluster.delete("a")
    world.settle()
    [session] = world.api.sessions.values()
    assert session.interrupts == 1
    assert session.archived_at


def test_a_title_is_one_call_and_one_write(world):
    _begun(world)
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
    _begun(world, wish or {**SPEC, "agent": {"id": "agent_bad"}})
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
    _begun(world)
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
    _begun(world)
    for _ in range(20):
        world.run()
        world.advance(30)
    assert len(posts) == 1
    assert world.condition("a")["reason"] == "InvalidSpec"
    world.cluster.edit("a", agent={"id": "agent_2"})
    world.run()
    assert len(posts) == 2
    assert world.condition("a")["reason"] == "Idle"


# interrupted at each point of a creation

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
    uid = _begun(world, EVENTS)
    _until(operator, uid, call, done=done)
    world.crash(operator)
    world.start()
    session = _one_session(world)
    assert world.api.creations == 1
    assert [text for _, _, text in session.events] == ["go"]


@pytest.mark.parametrize(("call", "done"), [("send", False), ("send sent", False), ("send", True)])
@pytest.mark.parametrize("flight", [0.0, 55.0])
def test_killed_on_the_way_to_the_first_events(world, operator, call, done, flight):
    world.api.flight = flight
    uid = _begun(world, EVENTS)
    _until(operator, uid, call, done=done)
    world.crash(operator)
    world.start()
    session = _one_session(world)
    assert [text for _, _, text in session.events] == ["go"]
    assert world.status("a")["kickoff"]["state"] == "Sent"


@pytest.mark.parametrize("lag", [0.0, 20.0])
def test_a_creation_that_was_stored_and_not_answered(world, operator, lag):
    """However often: it is not sent again before it was looked for, and then it is there."""
    world.api.list_lag = lag
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    assert world.condition("a")["reason"] == "Searching"
    _one_session(world)
    assert world.api.creations == 1


def test_a_creation_that_was_not_stored_and_not_answered_is_made_once_nobody_can_doubt_it(world, operator):
    uid = _begun(world)
    _until(operator, uid, "create sent", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    begun = world.clock.monotonic()
    while not world.api.creations:
        world.run()
        world.advance(1)
    assert world.clock.monotonic() - begun >= TERMS.doubt
    _one_session(world)


@pytest.mark.parametrize("fault", ["later", "unreachable", "refused"])
def test_a_creation_that_was_surely_not_made_needs_no_search(world, operator, fault):
    uid = _begun(world)
    _until(operator, uid, "create", done=False)
    operator.go_on(uid, fault)
    operator.finish(uid)
    world.cluster.edit("a", title="another wish")
    world.advance(5)
    world.run()
    assert world.api.creations == 1
    _one_session(world)


def test_a_process_that_froze_does_not_send_what_it_may_not_send_any_more(world, operator):
    """Another one has taken over meanwhile."""
    uid = _begun(world)
    _until(operator, uid, "create", done=False)
    world.operators.remove(operator)
    world.start()
    world.advance(1)
    _one_session(world)
    operator.finish(uid)
    world.operators.append(operator)
    assert world.api.creations == 1
    _one_session(world)


def test_two_processes_at_once(world):
    world.start()
    _begun(world, EVENTS)
    session = _one_session(world)
    assert world.api.creations == 1
    assert [text for _, _, text in session.events] == ["go"]


def test_an_edit_between_claim_and_post_is_a_new_claim(world, operator):
    """Else the session would be made from a spec that nobody wants any more."""
    uid = _begun(world)
    _until(operator, uid, "patch_object", done=True)
    first = _claim(world)
    operator.go_on(uid)
    world.cluster.edit("a", agent={"id": "agent_2"})
    operator.watch()
    world.run()
    assert _one_session(world).agent == "agent_2"
    assert _claim(world)["at"] != first["at"] or _claim(world)["digest"] != first["digest"]
    assert world.api.creations == 1


def test_an_edit_while_the_post_is_under_way_is_told(world, operator):
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    world.cluster.edit("a", agent={"id": "agent_2"})
    operator.finish(uid)
    _one_session(world)
    assert world.condition("a")["reason"] == "ImmutableChanged"


def test_a_replace_while_the_post_is_under_way(world, operator):
    """`kubectl replace` takes finalizer and claim away."""
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    world.cluster.replace("a")
    operator.finish(uid)
    _one_session(world)
    assert _claim(world)["uid"] == uid
    assert world.cluster.objects["a"]["metadata"]["finalizers"]


def test_a_replace_while_an_unanswered_post_is_searched_for(world, operator):
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    world.api.list_lag = 20
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    world.cluster.replace("a")
    _one_session(world)
    assert world.api.creations == 1


def test_a_resource_that_vanished_while_its_session_was_made(world, operator):
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    world.cluster.vanish("a")
    operator.finish(uid)
    world.settle()
    assert not world.api.living()
    assert world.api.creations == 1


def test_one_that_came_back_from_a_backup_meanwhile_keeps_it(world, operator):
    """It has another uid, and its claim still names the old one."""
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    backup = world.cluster.vanish("a")
    world.cluster.restore("a", backup, status=False)
    operator.finish(uid)
    session = _one_session(world)
    assert world.api.creations == 1
    assert session.metadata["k8s_uid"].startswith("uid-2/")


@pytest.mark.parametrize("status", [True, False])
def test_a_restored_backup_takes_its_session_over(world, status):
    _begun(world, EVENTS)
    world.settle()
    backup = world.cluster.vanish("a")
    world.settle()
    world.cluster.restore("a", backup, status=status)
    session = _one_session(world)
    assert session.metadata["k8s_uid"].startswith("uid-2/")
    assert _claim(world)["uid"] == "uid-2"
    assert [text for _, _, text in session.events] == ["go"]


def test_a_restored_backup_whose_session_can_be_changed_only_when_idle(world):
    """One refused call, not a stream of them, and no other step before the keys are set."""
    _begun(world, EVENTS)
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
    _one_session(world)
    assert len(calls) == 2


def test_a_copied_manifest_begins_anew(world):
    _begun(world)
    world.settle()
    original = world.cluster.objects["a"]
    world.cluster.apply("b", SPEC, original["metadata"]["annotations"])
    world.settle()
    assert world.status("b")["id"] != world.status("a")["id"]
    assert _claim(world, "b")["uid"] == "uid-2"


def test_all_traces_wiped_while_the_process_lives(world):
    """It remembers the session that stood there."""
    _begun(world)
    world.settle()
    world.cluster.replace("a")
    world.cluster.wipe_status("a")
    _one_session(world)
    assert world.api.creations == 1


def test_status_wiped_long_after_a_repair(world):
    """The claim that was put back is as old as its session, so that a search looks far enough back."""
    _begun(world)
    world.settle()
    world.advance(7200)
    world.cluster.replace("a")
    world.settle()
    world.crash(world.operators[0])
    world.start()
    world.cluster.wipe_status("a")
    _one_session(world)
    assert world.api.creations == 1


def test_terminal_and_wiped_is_still_terminal(world):
    _begun(world)
    world.settle()
    world.api.archive_outside(world.status("a")["id"])
    world.cluster.wipe_status("a")
    world.settle()
    assert world.condition("a")["reason"] == "ArchivedOutside"
    assert world.api.creations == 1


# trouble


def test_a_search_that_fails_is_tried_again(world, operator):
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    _until(operator, uid, "LookSearch", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    assert world.condition("a")["reason"] == "Searching"
    assert world.condition("a", "Synced")["reason"] == "Unreachable"
    _one_session(world)


def test_the_write_of_an_id_that_was_lost(world, operator):
    """It stands there all the same; the first events need one more write, and go out once."""
    uid = _begun(world, EVENTS)
    _until(operator, uid, "patch_status", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    session = _one_session(world)
    assert [text for _, _, text in session.events] == ["go"]


def test_a_cluster_that_does_not_answer_a_second_look(world, operator):
    """A conflict, and then the read that should tell why fails too."""
    uid = _begun(world)
    _until(operator, uid, "patch_object", done=False)
    world.cluster.edit("a", title="new")
    _until(operator, uid, "read", done=False)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    _one_session(world)


def test_a_status_that_is_too_large_is_written_in_part(world):
    """Whose session it is must stand there."""
    world.cluster.largest = 1200
    _begun(world, {**SPEC, "metadata": {f"key{n}": "x" * 500 for n in range(5)}})
    world.settle()
    session = _one_session(world)
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
    _begun(world)
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
    _begun(world)
    for _ in range(20):
        world.run()
        world.advance(1)
    assert len(tries) <= 6


def test_an_archive_that_is_taken_and_not_carried_out(world):
    """Asked for with growing pauses, not as fast as the server answers."""
    _begun(world)
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
    uid = _begun(world)
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
    _begun(world)
    world.settle()
    world.api.create("agent_1", None, world.api.sessions[world.status("a")["id"]].metadata)
    _one_session(world)
    assert world.condition("a")["reason"] == "Idle"


def test_a_second_session_that_was_used_is_for_a_person(world):
    _begun(world)
    world.settle()
    second = world.api.create("agent_1", None, world.api.sessions[world.status("a")["id"]].metadata)
    world.api.speak_outside(second.id)
    world.settle()
    assert world.condition("a")["reason"] == "DuplicateSession"
    assert len(world.api.living()) == 2


def test_a_slow_api_is_no_reason_to_ask_again_and_again(world, operator):
    """Each answer takes longer than an observation counts as fresh; what this pass read counts all the same."""
    uid = _begun(world)
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
    _begun(world)
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
    _begun(world)
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
    _begun(world, {**EVENTS, "metadata": {"team": "a"}})
    session = _one_session(world)
    assert [text for _, _, text in session.events] == ["go"]
    assert world.condition("a", "Synced")["reason"] == "MetadataNotKept"


def test_on_such_a_server_an_unanswered_creation_is_for_a_person(world, operator):
    world.api.keeps_metadata = False
    uid = _begun(world)
    _until(operator, uid, "create", done=True)
    operator.go_on(uid, "unclear")
    operator.finish(uid)
    world.settle()
    assert world.condition("a")["reason"] == "CreationUnknown"
    assert world.api.creations == 1
