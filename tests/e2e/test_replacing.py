"""A session that another one takes the place of: the old one ends, and the new one is as the spec says."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


EVENTS = [{"type": "user.message", "text": "Go."}]
FILE = {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}}


def replaceable(scene, name="job", system="One.", **spec):
    agent = {"id": "agent_sample", "overrides": {"system": system}}
    return scene.session(name, **({"agent": agent, "onImmutableChange": "Replace"} | spec))


def replaced(scene, old, name="job", times=1):
    """The new session once it has taken the place of the old one, for good."""
    scene.until("another id", lambda: scene.status(name)["id"] not in (old, None), timeout=60)
    scene.settled(name)
    scene.wait_ready(name)
    status = scene.status(name)
    assert status["previousIds"][0] == old
    assert status["incarnation"] == 1 + times
    assert scene.control.session(old)["archived_at"]
    made = scene.remote(name)
    assert [s["id"] for s in made if not s["archived_at"]] == [status["id"]]
    assert len(made) == 1 + times
    return scene.control.session(status["id"])


def messages(session):
    return [e["type"] for e in session["events"] if e["type"] == "user.message"]


def test_an_idle_session_is_archived_and_a_new_one_made(scene):
    with scene.client() as client:
        body = {"name": "Other", "model": "claude-opus-5-5"}
        other = client.post("/v1/agents", json=body).raise_for_status().json()["id"]
    scene.start()
    rest = {"title": "Ours", "metadata": {"team": "a"}, "resources": [FILE], "initialEvents": EVENTS}
    scene.apply(replaceable(scene, **rest))
    scene.wait("job", "EndTurn", "Finished")
    scene.settled("job")
    old, mark = scene.status("job")["id"], scene.mark()
    hold = scene.control.fault("delay", method="POST", path="/archive$")
    scene.apply(replaceable(scene, agent={"id": other}, **rest))
    generation = scene.object("job")["metadata"]["generation"]
    scene.until("the edit is seen", lambda: scene.status("job")["observedGeneration"] == generation)
    assert (scene.status("job")["id"], scene.reason("job", "Finished")) == (old, "Running"), "of the new one's turn"
    scene.control.remove_fault(hold)
    new = replaced(scene, old)
    scene.wait("job", "EndTurn", "Finished")
    assert scene.steps(since=mark) == ["archive", "create", "send"]
    assert (new["agent_id"], new["title"], new["metadata"]["team"]) == (other, "Ours", "a")
    assert [r["mount_path"] for r in new["resources"]] == ["/mnt/session/uploads/data.csv"]
    assert messages(new) == messages(scene.control.session(old)) == ["user.message"]
    assert scene.status("job")["agent"]["id"] == other


def test_a_running_session_is_interrupted_first(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(replaceable(scene, initialEvents=EVENTS))
    scene.wait("job", "Running")
    old, mark = scene.status("job")["id"], scene.mark()
    scene.apply(replaceable(scene, system="Two.", initialEvents=EVENTS))
    new = replaced(scene, old)
    assert scene.steps(since=mark) == ["interrupt", "archive", "create", "send"]
    assert messages(new) == ["user.message"]
    assert scene.reason("job") == "Running"


def test_content_is_mounted_into_the_new_one_and_stays_one_upload(scene):
    scene.apply(scene.config_map("content", {"text": "one"}))
    mount = {"name": "text", "file": {"configMapKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    scene.start()
    scene.apply(replaceable(scene, resources=[mount]))
    scene.settled("job")
    old = scene.status("job")["id"]
    scene.apply(replaceable(scene, system="Two.", resources=[mount]))
    new = replaced(scene, old)
    assert [r["mount_path"] for r in new["resources"]] == ["/mnt/session/uploads/text"]
    assert len(scene.uploads()) == 1
    scene.delete("job")
    assert scene.uploads() == []


def test_replaced_again_and_again(scene):
    scene.start()
    scene.apply(replaceable(scene))
    scene.settled("job")
    old = scene.status("job")["id"]
    ids = [old]
    for times, system in enumerate(("Two.", "Three.", "One."), start=1):
        scene.apply(replaceable(scene, system=system))
        scene.until("another id", lambda: scene.status("job")["id"] not in ids)
        replaced(scene, old, times=times)
        ids.append(scene.status("job")["id"])
    assert scene.status("job")["previousIds"] == ids[:-1]


def test_what_may_change_in_a_live_session_replaces_nothing(scene):
    scene.start()
    scene.apply(replaceable(scene, title="One"))
    scene.settled("job")
    old = scene.status("job")["id"]
    scene.apply(replaceable(scene, title="Two", resources=[FILE]))
    scene.settled("job")
    assert scene.status("job")["id"] == old
    assert scene.steps() == ["create", "update", "mount"]


def test_without_leave_to_replace_the_edit_is_refused_with_the_remedy(scene):
    scene.start()
    scene.apply(replaceable(scene, onImmutableChange="Reject"))
    scene.settled("job")
    said = scene.refused(replaceable(scene, system="Two.", onImmutableChange="Reject"))
    assert "set spec.onImmutableChange: Replace to archive this session and start a new one" in said
    scene.sweeps(1)
    assert scene.steps() == ["create"]


def test_archived_wins_over_replacing(scene):
    scene.start()
    scene.apply(replaceable(scene))
    scene.settled("job")
    scene.apply(replaceable(scene, system="Two.", archived=True))
    scene.wait("job", "Archived")
    scene.sweeps(2)
    assert scene.steps() == ["create", "archive"]


def test_a_lost_session_is_replaced_once_where_the_spec_says_so(scene):
    scene.start()
    scene.apply(scene.session("gone", onLost="Replace", title="Ours", initialEvents=EVENTS))
    scene.wait("gone", "EndTurn", "Finished")
    old, mark = scene.status("gone")["id"], scene.mark()
    scene.control.delete(old)
    scene.until("another id", lambda: scene.status("gone")["id"] != old, timeout=90)
    scene.settled("gone")
    scene.wait("gone", "EndTurn", "Finished")
    assert scene.steps(since=mark) == ["create", "send"]
    new = scene.control.session(scene.status("gone")["id"])
    assert new["title"] == "Ours"
    assert messages(new) == ["user.message"]
    assert scene.status("gone")["previousIds"] == [old]


def test_many_lost_at_once_are_held_until_somebody_asks(scene):
    scene.start(MANAGED_AGENTS_FULL_SWEEP_SECONDS="4")
    names = [f"many-{n}" for n in range(7)]
    scene.apply(*(scene.session(n, onLost="Replace") for n in names))
    scene.wait_ready(*names)
    ids = {n: scene.status(n)["id"] for n in names}
    # Right after a sweep, so that the next one misses them all.
    scene.sweeps(1)
    mark = scene.mark()
    for ident in ids.values():
        scene.control.delete(ident)
    for name in names:
        assert "reconcile-requested-at" in scene.wait(name, "MassLoss")
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    assert {n: scene.status(n)["id"] for n in names} == ids
    annotation = "managedagents.dev/reconcile-requested-at=now"
    scene.kubectl("annotate", "--overwrite", "session", names[0], annotation)
    scene.until("the one goes on", lambda: scene.status(names[0])["id"] != ids[names[0]], timeout=90)
    scene.wait_ready(names[0])
    scene.sweeps(2)
    assert scene.steps(since=mark) == ["create"]
    assert [scene.reason(n) for n in names[1:]] == ["MassLoss"] * 6
