"""Killed, or left without an answer, at each step by which content is mounted anew: one mount, and one upload."""

from __future__ import annotations

import pytest
from tests.e2e.test_contents import digest, from_config_map, there

pytestmark = pytest.mark.e2e

STEPS = [
    pytest.param("POST", "^/v1/files$", id="upload"),
    pytest.param("DELETE", "/resources/sesrsc_", id="unmount"),
    pytest.param("POST", "/resources$", id="mount"),
    pytest.param("DELETE", "^/v1/files/", id="discard"),
]
WHEN = ["before", "after"]


def content(scene, text):
    scene.apply(scene.config_map("content", {"text": text}))


@pytest.fixture
def mounted(scene):
    """A settled session with the content `one`."""
    content(scene, "one")
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.settled("contents")
    return scene.mark()


def right(scene):
    """One mount with the new content, and the one upload that it needs."""
    scene.until("the new content", lambda: there(scene) == {"/text": digest(b"two")}, timeout=60)
    scene.until("one upload", lambda: [f["sha256"] for f in scene.uploads()] == [digest(b"two")], timeout=60)
    scene.settled("contents")
    assert there(scene) == {"/text": digest(b"two")}
    assert [f["sha256"] for f in scene.uploads()] == [digest(b"two")]
    [entry] = scene.status("contents")["resources"]
    assert (entry["name"], entry["source"]["fileId"]) == ("text", scene.uploads()[0]["id"])
    mark = scene.mark()
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_killed_at_each_call(scene, mounted, method, path, when):
    scene.control.fault("delay", method=method, path=path, when=when)
    content(scene, "two")
    scene.until("the held call", lambda: scene.control.faults()[0]["hits"])
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    right(scene)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_no_answer_to_each_call(scene, mounted, method, path, when):
    scene.control.fault("cut", method=method, path=path, when=when)
    content(scene, "two")
    right(scene)
    assert len([s for s in scene.steps(since=mounted) if s == "upload"]) <= 2


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_deleted_at_each_call_leaves_no_upload(scene, mounted, method, path, when):
    rule = scene.control.fault("delay", method=method, path=path, when=when)
    content(scene, "two")
    scene.until("the held call", lambda: scene.control.faults()[0]["hits"])
    scene.delete("contents", wait=False)
    scene.control.remove_fault(rule)
    scene.until("the resource is gone", lambda: not scene.world.sessions("default"), timeout=60)
    assert scene.uploads() == []
    assert scene.control.sessions(alive=True) == []


@pytest.mark.parametrize("when", WHEN)
def test_killed_at_the_upload_before_the_session(scene, when):
    scene.control.fault("delay", method="POST", path="^/v1/files$", when=when)
    content(scene, "two")
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.until("the held upload", lambda: scene.control.faults()[0]["hits"])
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    scene.wait_ready("contents", timeout=60)
    right(scene)
    assert len(scene.creations()) == 1
    scene.delete("contents")
    assert scene.uploads() == []


def test_edited_again_while_it_is_mounted(scene, mounted):
    rule = scene.control.fault("delay", method="POST", path="/resources$")
    content(scene, "three")
    scene.until("the held call", lambda: scene.control.faults()[0]["hits"])
    content(scene, "two")
    scene.control.remove_fault(rule)
    right(scene)
