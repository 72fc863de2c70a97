"""What others do behind our back: told, put right where the spec says so, never made good by a new session."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


ENDS = [
    pytest.param("delete", "Lost", id="deleted"),
    pytest.param("archive", "ArchivedOutside", id="archived"),
    pytest.param("terminate", "Terminated", id="terminated"),
]


@pytest.mark.parametrize(
    "modes", [{}, {"archived_keeps_status": True, "workspace_header": False}], ids=["plain", "differs"]
)
@pytest.mark.parametrize(("act", "reason"), ENDS)
def test_an_ended_session_is_reported_and_not_replaced(scene, act, reason, modes):
    scene.control.modes(**modes)
    scene.start()
    scene.apply(scene.session("ended", title="One"))
    scene.wait_ready("ended")
    ident = scene.status("ended")["id"]
    getattr(scene.control, act)(ident)
    message = scene.wait("ended", reason)
    assert "make another Session" in message
    assert scene.condition("ended", "Stalled")["status"] == "True"
    scene.apply(scene.session("ended", title="Two"))
    scene.sweeps(3)
    assert len(scene.mutations()) == 1
    scene.stop()
    writes = len(scene.writes())
    scene.start()
    scene.sweeps(3)
    assert len(scene.creations()) == 1
    assert len(scene.writes()) <= writes + 1
    assert scene.status("ended")["id"] == ident
    assert scene.reason("ended") == reason
    scene.delete("ended")


def test_title_and_metadata_changed_outside_go_back(scene):
    scene.start()
    scene.apply(scene.session("drift", title="Ours", metadata={"team": "a"}))
    scene.wait_ready("drift")
    ident = scene.status("drift")["id"]
    marker = {k: v for k, v in scene.control.session(ident)["metadata"].items() if k.startswith("k8s_")}
    scene.control.edit(ident, title="Theirs", metadata={**marker, "team": "b", "theirs": "stays"})

    def put_right():
        remote = scene.control.session(ident)
        return remote["title"] == "Ours" and remote["metadata"] == {**marker, "team": "a", "theirs": "stays"}

    scene.until("title and metadata as in the spec", put_right)
    scene.sweeps(2)
    assert len(scene.mutations()) == 2
    assert scene.status("drift")["metadata"]["theirs"] == "stays"


def test_suspend_only_looks(scene):
    scene.start()
    scene.apply(scene.session("awake", title="Ours"), scene.session("never", suspend=True))
    scene.wait_ready("awake")
    scene.wait("never", "Suspended")
    scene.apply(scene.session("awake", title="Ours", suspend=True))
    scene.wait("awake", "Suspended")
    ident = scene.status("awake")["id"]
    scene.control.edit(ident, title="Theirs")
    scene.until("status follows", lambda: scene.status("awake")["title"] == "Theirs")
    assert len(scene.mutations()) == 1
    scene.apply(scene.session("awake", title="Ours"), scene.session("never"))
    scene.wait_ready("awake", "never")
    scene.until("the title goes back", lambda: scene.control.session(ident)["title"] == "Ours")


def test_keys_that_left_the_spec_while_no_operator_ran_leave_the_session(scene):
    scene.start()
    scene.apply(scene.session("keys", metadata={"team": "a", "old": "x"}))
    scene.settled("keys")
    ident = scene.status("keys")["id"]
    scene.control.edit(ident, metadata={**scene.control.session(ident)["metadata"], "theirs": "stays"})
    scene.until("status follows", lambda: "theirs" in scene.status("keys")["metadata"])
    scene.stop()
    mark = scene.mark()
    scene.apply(scene.session("keys", metadata={"team": "b"}))
    scene.start()
    scene.settled("keys")
    remote = scene.control.session(ident)["metadata"]
    assert {k: v for k, v in remote.items() if not k.startswith("k8s_")} == {"team": "b", "theirs": "stays"}
    assert scene.steps(since=mark) == ["update"]
    assert scene.status("keys")["managedMetadataKeys"] == ["team"]


def test_suspend_leaves_mounts_alone_too(scene):
    mount = {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}}
    content = {"name": "text", "file": {"configMapKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.start()
    scene.apply(scene.session("asleep", resources=[mount, content]))
    scene.settled("asleep")
    mark = scene.mark()
    scene.apply(scene.session("asleep", suspend=True, resources=[content]))
    scene.wait("asleep", "Suspended")
    scene.apply(scene.config_map("content", {"text": "two"}))
    scene.control.edit(scene.status("asleep")["id"], resources=[])
    scene.until("status follows", lambda: not scene.status("asleep").get("resources"))
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    scene.apply(scene.session("asleep", resources=[mount, content]))
    scene.settled("asleep")
    assert sorted(scene.steps(since=mark)) == ["discard", "mount", "mount", "upload"]
    assert [r["name"] for r in scene.status("asleep")["resources"]] == ["data", "text"]


def test_a_key_of_another_workspace_concludes_nothing(scene):
    scene.start()
    scene.apply(scene.session("here"))
    scene.wait_ready("here")
    ident = scene.status("here")["id"]
    scene.stop()
    mark = scene.mark()
    scene.start(ANTHROPIC_API_KEY=scene.control.other_key())
    message = scene.wait("here", "WrongWorkspace")
    assert "workspace" in message
    scene.delete("here", wait=False)
    scene.until("deletion waits", lambda: scene.reason("here") == "WrongWorkspace" and scene.object("here"))
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    assert not scene.control.session(ident)["archived_at"]
    scene.stop()
    scene.start()
    scene.until("the session is archived", lambda: scene.control.session(ident)["archived_at"])
    scene.until("the resource is gone", lambda: not list(scene.world.sessions("default")))


def test_without_a_workspace_header_the_agent_tells(scene):
    scene.control.modes(workspace_header=False)
    scene.start()
    scene.apply(scene.session("mute"))
    scene.wait_ready("mute")
    ident = scene.status("mute")["id"]
    scene.stop()
    scene.start(ANTHROPIC_API_KEY=scene.control.other_key())
    scene.wait("mute", "WrongWorkspace")
    assert len(scene.creations()) == 1
    scene.stop()
    scene.start()
    scene.wait_ready("mute")
    assert scene.status("mute")["id"] == ident


def test_somebody_elses_marker_is_never_touched(scene):
    scene.start()
    scene.apply(scene.session("taken", title="Ours"))
    scene.wait_ready("taken")
    ident = scene.status("taken")["id"]
    scene.control.edit(
        ident, title="Theirs", metadata={"k8s_uid": "another-uid/1/0123456789abcdef", "k8s_owner": "x/y/z"}
    )
    scene.wait("taken", "OwnedElsewhere")
    scene.delete("taken")
    assert len(scene.mutations()) == 1
    assert not scene.control.session(ident)["archived_at"]


def test_states_that_nobody_knew(scene):
    scene.start()
    scene.apply(scene.session("novel"))
    scene.wait_ready("novel")
    scene.control.edit(scene.status("novel")["id"], status="hibernating")
    message = scene.wait("novel", "Unknown")
    assert "hibernating" in message
    assert scene.condition("novel", "Ready")["status"] == "True"
    assert scene.status("novel")["state"] == "hibernating"
