"""Killed, or left without an answer, at each step by which content is mounted anew: one mount, and one upload.

Each step has a session of its own, and all of them are hit at once.
"""

from __future__ import annotations

import pytest
from tests.e2e.test_contents import digest, from_config_map

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


STEPS = ["upload", "unmount", "mount", "discard"]
NAMES = [f"{step}-{when}" for step in STEPS for when in ("before", "after")]
"""A session for each step, named for it and for when its call is hit."""


def content(scene, text, *names):
    """Give each of them a content of its own."""
    scene.apply(*(scene.config_map(name, {"text": f"{name} {text}"}) for name in names))


def session(scene, name):
    return scene.session(name, resources=[from_config_map(of=name)])


@pytest.fixture
def mounted(scene):
    """Settled sessions with the content `one`."""
    content(scene, "one", *NAMES)
    scene.start()
    scene.apply(*(session(scene, name) for name in NAMES))
    scene.settled(*NAMES)
    return scene.mark()


def hit(scene, kind):
    """Each session's call goes wrong once the content is `two`."""
    for name in NAMES:
        status = scene.status(name)
        ident, old = status["id"], status["resources"][0]["source"]["fileId"]
        step, _, when = name.partition("-")
        call = {
            "upload": {"method": "POST", "path": "^/v1/files$", "containing": f"{name} two"},
            "unmount": {"method": "DELETE", "path": f"{ident}/resources/"},
            "mount": {"method": "POST", "path": f"{ident}/resources$"},
            "discard": {"method": "DELETE", "path": f"^/v1/files/{old}$"},
        }[step]
        scene.control.fault(kind, when=when, **call)
    content(scene, "two", *NAMES)
    scene.until("all were hit", lambda: all(rule["hits"] for rule in scene.control.faults()))


def right(scene, *names):
    """In each one mount with the new content, and of all only the uploads that they need."""
    wanted = {name: {"/text": digest(f"{name} two".encode())} for name in names}
    needed = sorted(each["/text"] for each in wanted.values())

    def kept():
        return sorted(f["sha256"] for f in scene.uploads())

    scene.until("the new content", lambda: {name: scene.there(name) for name in names} == wanted, timeout=60)
    scene.until("its uploads", lambda: kept() == needed, timeout=60)
    scene.settled(*names)
    assert {name: scene.there(name) for name in names} == wanted
    assert kept() == needed
    ids = {f["id"]: f["sha256"] for f in scene.uploads()}
    for name in names:
        [entry] = scene.status(name)["resources"]
        assert (entry["name"], ids[entry["source"]["fileId"]]) == ("text", wanted[name]["/text"])
    mark = scene.mark()
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []


def test_killed_at_each_call(scene, mounted):
    hit(scene, "delay")
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    right(scene, *NAMES)


def test_no_answer_to_each_call(scene, mounted):
    hit(scene, "cut")
    right(scene, *NAMES)
    # One more for each call that was hit, where it was a whole new try: none for nothing.
    assert scene.steps(since=mounted).count("upload") <= len(NAMES) + 2


def test_deleted_at_each_call_leaves_no_upload(scene, mounted):
    hit(scene, "delay")
    scene.kubectl("delete", "session", "--all", "--wait=false")
    scene.control.clear_faults()
    scene.until("the resources are gone", lambda: not scene.world.sessions("default"), timeout=60)
    assert scene.uploads() == []
    assert scene.control.sessions(alive=True) == []


def test_killed_at_the_upload_before_the_session(scene):
    names = NAMES[:2]
    for name in names:
        when = name.partition("-")[2]
        scene.control.fault("delay", method="POST", path="^/v1/files$", when=when, containing=f"{name} two")
    content(scene, "two", *names)
    scene.start()
    scene.apply(*(session(scene, name) for name in names))
    scene.until("the held uploads", lambda: all(rule["hits"] for rule in scene.control.faults()))
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    scene.wait_ready(*names, timeout=60)
    right(scene, *names)
    assert len(scene.creations()) == 2
    scene.delete(names[0])
    scene.delete(names[1])
    assert scene.uploads() == []


def test_edited_again_while_it_is_mounted(scene, mounted):
    name = NAMES[0]
    rule = scene.control.fault("delay", method="POST", path=f"{scene.status(name)['id']}/resources$")
    content(scene, "three", name)
    scene.until("the held call", lambda: scene.control.faults()[0]["hits"])
    content(scene, "two", *NAMES)
    scene.control.remove_fault(rule)
    right(scene, *NAMES)
