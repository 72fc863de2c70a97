"""An end that the spec asks for: archived, and the two times to live."""

from __future__ import annotations

from datetime import datetime

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


GO = {"initialEvents": [{"type": "user.message", "text": "Go."}]}


def archived(scene, name):
    """Ready, its message, once the session is archived and nothing else is done."""
    message = scene.wait(name, "Archived")
    assert scene.condition(name, "Ready")["status"] == "True"
    assert scene.reason(name, "Synced") == "Synced"
    assert scene.condition(name, "Stalled") is None
    assert scene.control.session(scene.status(name)["id"])["archived_at"]
    assert scene.status(name)["archivedAt"]
    return message


def remains(scene, name):
    """Also what another process says of it."""
    steps, writes = scene.steps(), len(scene.writes())
    scene.stop()
    scene.start()
    scene.sweeps(3)
    assert scene.reason(name) == "Archived"
    assert scene.steps() == steps
    assert len(scene.writes()) == writes


def seconds(scene, name, since):
    """How long before the archive something was."""
    end = scene.control.session(scene.status(name)["id"])["archived_at"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(since)).total_seconds()


def events(scene, name):
    """The whole history of its session."""
    with scene.client() as client:
        answer = client.get(f"/v1/sessions/{scene.status(name)['id']}/events", params={"beta": "true", "limit": 1000})
    return answer.raise_for_status().json()["data"]


@pytest.mark.parametrize("modes", [{}, {"archived_keeps_status": True, "touch_on_every_post": True}])
def test_an_idle_session_is_archived_by_one_call(scene, modes):
    scene.control.modes(**modes)
    scene.start()
    scene.apply(scene.session("done"))
    scene.wait_ready("done")
    mark = scene.mark()
    scene.apply(scene.session("done", archived=True))
    assert "spec.archived" in archived(scene, "done")
    assert scene.steps(since=mark) == ["archive"]
    remains(scene, "done")


def test_a_running_session_is_interrupted_first(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(scene.session("busy", **GO))
    scene.wait("busy", "Running")
    mark = scene.mark()
    scene.apply(scene.session("busy", archived=True, **GO))
    archived(scene, "busy")
    assert scene.steps(since=mark) == ["interrupt", "archive"]
    remains(scene, "busy")


def test_there_is_no_way_back(scene):
    scene.start()
    scene.apply(scene.session("final", archived=True))
    scene.wait("final", "Archived")
    assert "archived can't be taken back" in scene.refused(scene.session("final", archived=False))
    assert "archived can't be taken back" in scene.refused(scene.session("final"))


def test_archived_from_the_start_makes_nothing(scene):
    scene.start()
    scene.apply(scene.session("never", archived=True, **GO))
    scene.wait("never", "Archived")
    assert scene.condition("never", "Ready")["status"] == "True"
    scene.sweeps(2)
    assert scene.mutations() == []
    assert "id" not in scene.status("never")
    scene.delete("never")
    assert scene.mutations() == []


def test_an_archived_session_goes_with_its_resource_without_a_call(scene):
    scene.start()
    scene.apply(scene.session("done"))
    scene.wait_ready("done")
    scene.apply(scene.session("done", archived=True))
    archived(scene, "done")
    mark = scene.mark()
    scene.delete("done")
    assert scene.mutations(since=mark) == []


def test_a_time_of_being_idle_begins_with_creation_where_nothing_is_to_be_done(scene):
    scene.start()
    scene.apply(scene.session("idle", ttlSecondsAfterIdle=3))
    assert "spec.ttlSecondsAfterIdle" in archived(scene, "idle")
    assert scene.steps() == ["create", "archive"]
    assert seconds(scene, "idle", scene.status("idle")["createdAt"]) >= 3
    remains(scene, "idle")


def test_work_is_no_time_of_being_idle(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(scene.session("idle", ttlSecondsAfterIdle=1, **GO))
    scene.wait("idle", "Running")
    scene.sweeps(5)
    assert scene.steps() == ["create", "send"]
    scene.control.finish(scene.status("idle")["id"])
    archived(scene, "idle")
    assert scene.steps() == ["create", "send", "archive"]
    assert scene.reason("idle", "Finished") == "EndTurn"


def test_a_session_that_waits_for_an_answer_is_not_idle(scene):
    scene.control.behaviour(stop_reason="requires_action")
    scene.start()
    scene.apply(scene.session("asks", ttlSecondsAfterIdle=1, **GO))
    scene.wait("asks", "ActionRequired")
    scene.sweeps(5)
    assert scene.steps() == ["create", "send"]
    scene.control.behaviour(stop_reason="end_turn")
    [asked] = scene.control.sessions()[0]["pending"]
    scene.send("asks", type="user.tool_confirmation", tool_use_id=asked, result="allow")
    archived(scene, "asks")
    assert scene.steps() == ["create", "send", "send", "archive"]


def test_the_time_counts_from_the_last_time_it_became_idle(scene):
    scene.start()
    scene.apply(scene.session("idle", ttlSecondsAfterIdle=6, **GO))
    scene.wait("idle", "EndTurn", "Finished")
    first = scene.status("idle")["idleSince"]
    scene.send("idle", type="user.message", content=[{"type": "text", "text": "Go on."}])
    scene.until("the second turn is over", lambda: scene.status("idle").get("idleSince", first) != first)
    archived(scene, "idle")
    idles = [e["processed_at"] for e in events(scene, "idle") if e["type"] == "session.status_idle"]
    assert len(idles) == 2
    assert seconds(scene, "idle", max(idles)) >= 6
    assert scene.steps() == ["create", "send", "send", "archive"]
    remains(scene, "idle")


def test_a_time_since_creation_interrupts(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(scene.session("old", ttlSecondsAfterCreation=4, **GO))
    assert "spec.ttlSecondsAfterCreation" in archived(scene, "old")
    assert scene.steps() == ["create", "send", "interrupt", "archive"]
    assert seconds(scene, "old", scene.status("old")["createdAt"]) >= 4
    remains(scene, "old")


def test_a_time_that_ended_while_no_operator_ran_is_made_good(scene):
    scene.start()
    scene.apply(scene.session("old", ttlSecondsAfterCreation=3600))
    scene.wait_ready("old")
    scene.stop()
    scene.apply(scene.session("old", ttlSecondsAfterCreation=1))
    scene.start()
    archived(scene, "old")
    assert scene.steps() == ["create", "archive"]


@pytest.mark.parametrize("field", ["ttlSecondsAfterIdle", "ttlSecondsAfterCreation"])
def test_an_archive_by_somebody_else_before_its_time_is_told_as_one(scene, field):
    scene.start()
    scene.apply(scene.session("early", **{field: 3600}))
    scene.wait_ready("early")
    scene.control.archive(scene.status("early")["id"])
    scene.wait("early", "ArchivedOutside")
    assert scene.steps() == ["create"]
