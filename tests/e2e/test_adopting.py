"""Sessions that were there before their resource: adopted by one, and only one, or merely observed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


@pytest.fixture
def found(scene):
    """Makes a session as somebody else would; its id."""

    def make(**fields):
        with scene.client() as client:
            body = {"agent": "agent_sample", "environment_id": "env_sample", **fields}
            return client.post("/v1/sessions", json=body).raise_for_status().json()["id"]

    return make


def adopting(scene, name, ident, **spec):
    """The manifest of a Session that names nothing but the one to adopt."""
    manifest = scene.session(name, sessionId=ident)
    return manifest | {"spec": {"sessionId": ident} | spec}


def marker(scene, ident):
    return {k: v for k, v in scene.control.session(ident)["metadata"].items() if k.startswith("k8s_")}


def finalizers(scene, name):
    return scene.object(name)["metadata"].get("finalizers", [])


@pytest.mark.parametrize("modes", [{}, {"empty_title": True, "touch_on_every_post": True, "workspace_header": False}])
def test_a_session_is_adopted_and_marked(scene, found, modes):
    scene.control.modes(**modes)
    ident = found(title="Theirs", metadata={"team": "a"})
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "child", ident))
    scene.wait_ready("child")
    scene.settled("child")
    assert scene.steps(since=mark) == ["update"]
    uid = scene.object("child")["metadata"]["uid"]
    assert marker(scene, ident)["k8s_uid"].startswith(f"{uid}/")
    assert marker(scene, ident)["k8s_owner"].endswith("/default/child")
    status = scene.status("child")
    assert (status["id"], status["title"], status["metadata"]["team"]) == (ident, "Theirs", "a")
    assert status["agent"]["id"] == "agent_sample"
    assert "managedagents.dev/session" in finalizers(scene, "child")


def test_an_adopted_session_is_kept_as_the_spec_says_and_ends_with_its_resource(scene, found):
    ident = found(title="Theirs")
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "child", ident, title="Ours", metadata={"team": "b"}))
    scene.until("the title of the spec", lambda: scene.control.session(ident)["title"] == "Ours")
    scene.settled("child")
    assert set(scene.steps(since=mark)) == {"update"}
    assert scene.control.session(ident)["metadata"]["team"] == "b"
    scene.stop()
    scene.start()
    scene.sweeps(2)
    mark = scene.mark()
    scene.delete("child")
    assert scene.steps(since=mark) == ["archive"]
    assert scene.control.session(ident)["archived_at"]


def test_a_running_session_is_adopted_and_told_nothing(scene, found):
    scene.control.behaviour(turn_seconds=4000.0)
    ident = found(initial_events=[{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}])
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "child", ident))
    scene.wait("child", "Running")
    scene.settled("child")
    assert scene.steps(since=mark) == ["update"]
    assert scene.condition("child", "Finished") is None


def test_a_crash_between_marker_and_status_adopts_it_once(scene, found):
    ident = found()
    mark = scene.mark()
    scene.control.fault("delay", method="POST", path=f"/v1/sessions/{ident}$", when="after")
    scene.start()
    scene.apply(adopting(scene, "child", ident))
    scene.until("the marker", lambda: marker(scene, ident))
    scene.kill()
    scene.start()
    scene.wait_ready("child")
    scene.settled("child")
    assert scene.steps(since=mark) == ["update"]
    assert scene.status("child")["id"] == ident


def test_the_second_names_the_first_and_takes_over_when_it_lets_go(scene, found):
    ident = found()
    mark = scene.mark()
    scene.start(MANAGED_AGENTS_REFUSED_RETRY_SECONDS="2")
    scene.apply(adopting(scene, "first", ident, deletionPolicy="Retain"))
    scene.wait_ready("first")
    scene.apply(adopting(scene, "second", ident))
    assert "Session default/first" in scene.wait("second", "OwnedElsewhere")
    assert scene.condition("second", "Stalled")["status"] == "True"
    scene.sweeps(2)
    assert scene.steps(since=mark) == ["update"]
    assert "id" not in scene.status("second")
    scene.delete("first")
    scene.wait_ready("second")
    assert scene.status("second")["id"] == ident
    assert marker(scene, ident)["k8s_owner"].endswith("/default/second")
    assert scene.steps(since=mark) == ["update", "update"]


def test_of_two_at_once_one_wins_and_the_other_names_it(scene, found):
    ident = found()
    mark = scene.mark()
    scene.apply(adopting(scene, "one", ident), adopting(scene, "two", ident))
    scene.start()
    ready = scene.until("one is ready", lambda: [n for n in ("one", "two") if scene.reason(n) == "Idle"], timeout=60)
    [other] = {"one", "two"} - set(ready)
    assert f"Session default/{ready[0]}" in scene.wait(other, "OwnedElsewhere")
    scene.sweeps(2)
    assert scene.steps(since=mark) == ["update"]
    scene.delete(other)
    assert scene.steps(since=mark) == ["update"]
    assert not scene.control.session(ident)["archived_at"]


def test_a_session_that_was_made_for_another_resource_stays_with_it(scene):
    scene.start()
    scene.apply(scene.session("maker"))
    scene.wait_ready("maker")
    ident = scene.status("maker")["id"]
    mark = scene.mark()
    scene.apply(adopting(scene, "thief", ident))
    assert "Session default/maker" in scene.wait("thief", "OwnedElsewhere")
    scene.delete("thief")
    assert scene.mutations(since=mark) == []


def test_a_session_without_room_for_the_marker_is_told(scene, found):
    ident = found(metadata={f"key{n}": "value" for n in range(15)})
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "full", ident))
    assert "remove some of its pairs" in scene.wait("full", "MetadataFull")
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    scene.delete("full")
    assert scene.mutations(since=mark) == []


def test_an_id_that_is_not_there_is_told(scene):
    scene.start()
    scene.apply(adopting(scene, "nobody", "sesn_unknown"))
    message = scene.wait("nobody", "InvalidSpec")
    assert "sesn_unknown" in message
    assert "spec.sessionId" in message
    scene.sweeps(2)
    assert scene.mutations() == []
    scene.delete("nobody")
    assert scene.mutations() == []


WRONG = [
    pytest.param({"agent": {"id": "agent_other"}}, "spec.agent.id", id="agent"),
    pytest.param({"environment": {"id": "env_other"}}, "spec.environment.id", id="environment"),
]


@pytest.mark.parametrize(("spec", "field"), WRONG)
def test_a_session_that_is_not_as_the_spec_says_is_not_adopted(scene, found, spec, field):
    ident = found()
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "other", ident, **spec))
    assert field in scene.wait("other", "ImmutableChanged")
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    scene.apply(adopting(scene, "other", ident))
    scene.wait_ready("other")
    assert scene.steps(since=mark) == ["update"]


def test_an_observed_session_is_followed_and_never_changed(scene, found):
    scene.control.behaviour(turn_seconds=4000.0)
    ident = found(title="One", metadata={f"key{n}": "value" for n in range(16)})
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "watch", ident, managementPolicy="Observe", title="Never"))
    scene.wait_ready("watch")
    assert scene.reason("watch", "Synced") == "Observing"
    assert scene.condition("watch", "Synced")["status"] == "True"
    assert finalizers(scene, "watch") == []
    scene.control.edit(ident, title="Two")
    scene.until("status follows the title", lambda: scene.status("watch")["title"] == "Two")
    scene.control.edit(ident, status="running")
    scene.wait("watch", "Running")
    scene.control.edit(ident, status="idle")
    scene.wait("watch", "Idle")
    scene.control.archive(ident)
    scene.wait("watch", "ArchivedOutside")
    assert scene.status("watch")["archivedAt"]
    scene.stop()
    scene.start()
    scene.sweeps(2)
    scene.delete("watch")
    scene.sweeps(1)
    assert scene.mutations(since=mark) == []


def test_an_observed_session_is_not_ended_by_deletion(scene, found):
    ident = found()
    mark = scene.mark()
    scene.start()
    scene.apply(adopting(scene, "watch", ident, managementPolicy="Observe", deletionPolicy="Delete"))
    scene.wait_ready("watch")
    scene.delete("watch")
    scene.sweeps(1)
    assert scene.mutations(since=mark) == []
    assert not scene.control.session(ident)["deleted_at"]


def test_from_full_to_observing_and_back(scene):
    scene.start()
    scene.apply(scene.session("both", title="One"))
    scene.settled("both")
    assert finalizers(scene, "both") == ["managedagents.dev/session"]
    mark = scene.mark()
    scene.apply(scene.session("both", title="Two", managementPolicy="Observe"))
    scene.wait("both", "Observing", "Synced")
    scene.until("the finalizer goes", lambda: finalizers(scene, "both") == [])
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    assert scene.status("both")["title"] == "One"
    scene.apply(scene.session("both", title="Two"))
    scene.settled("both")
    assert finalizers(scene, "both") == ["managedagents.dev/session"]
    assert scene.steps(since=mark) == ["update"]
    assert scene.status("both")["title"] == "Two"
    scene.delete("both")
    assert scene.steps(since=mark) == ["update", "archive"]
