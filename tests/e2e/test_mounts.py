"""Files of a live session follow spec.resources: each edit with the calls it needs and no other."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


MODES = [
    pytest.param({}, id="plain"),
    pytest.param({"root_mount_paths": False, "new_file_ids": False}, id="paths and ids as given"),
    pytest.param({"mounts_while_running_refused": True}, id="idle only"),
    pytest.param({"empty_resource_answers": True}, id="empty answers"),
]


@pytest.fixture
def edit(scene):
    """The resources of the session become these: the steps that took."""

    def edit(resources):
        mark = scene.mark()
        scene.apply(scene.session("mounts", resources=resources))
        scene.settled("mounts")
        return scene.steps(since=mark)

    return edit


@pytest.fixture
def edited(scene, edit):
    """A settled session whose resources become others: the steps that took."""
    scene.start()

    def edited(before, after):
        edit(before)
        return edit(after)

    return edited


@pytest.fixture
def another(scene):
    """The id of a second file of the API."""
    with scene.client() as client:
        answer = client.post("/v1/files", files={"file": ("more.csv", b"a,b\n", "text/csv")})
        return answer.raise_for_status().json()["id"]


def file(name="data", file_id="file_sample", path="/data.csv"):
    return {"name": name, "file": {"fileId": file_id, "mountPath": path}}


def digests(scene):
    return {f["id"]: f["sha256"] for f in scene.control.files()}


def told(scene):
    """By name where each mount lies, and which file of the spec went in."""
    resources = scene.status("mounts").get("resources", [])
    paths = {r["name"]: r["mountPath"].removeprefix("/mnt/session/uploads") for r in resources}
    return {r["name"]: (paths[r["name"]], r.get("source", {}).get("fileId")) for r in resources}


@pytest.mark.parametrize("modes", MODES)
def test_a_file_is_added_renamed_moved_changed_and_removed(scene, edited, edit, another, modes):
    scene.control.modes(**modes)
    assert edited([], [file()]) == ["mount"]
    assert scene.there("mounts") == {"/data.csv": digests(scene)["file_sample"]}
    assert told(scene) == {"data": ("/data.csv", "file_sample")}
    assert edit([file("numbers")]) == [], "a new name needs no call"
    assert told(scene) == {"numbers": ("/data.csv", "file_sample")}
    assert sorted(edit([file("numbers", path="/moved/data.csv")])) == ["mount", "unmount"]
    assert scene.there("mounts") == {"/moved/data.csv": digests(scene)["file_sample"]}
    assert told(scene) == {"numbers": ("/moved/data.csv", "file_sample")}
    assert edit([file("numbers", another, "/moved/data.csv")]) == ["unmount", "mount"]
    assert scene.there("mounts") == {"/moved/data.csv": digests(scene)[another]}
    assert told(scene) == {"numbers": ("/moved/data.csv", another)}
    assert edit([]) == ["unmount"]
    assert scene.there("mounts") == told(scene) == {}
    assert {"file_sample", another} <= digests(scene).keys()


def test_files_that_swap_their_places(scene, edited, another):
    before = [file("one", "file_sample", "/one"), file("two", another, "/two")]
    after = [file("one", "file_sample", "/two"), file("two", another, "/one")]
    assert sorted(edited(before, after)) == ["mount", "mount", "unmount", "unmount"]
    assert scene.there("mounts") == {"/one": digests(scene)[another], "/two": digests(scene)["file_sample"]}
    assert told(scene) == {"one": ("/two", "file_sample"), "two": ("/one", another)}


def test_a_file_that_is_not_there_is_told_and_takes_nothing_out(scene, edited):
    scene.apply(scene.session("mounts", resources=[file()]))
    scene.settled("mounts", sweeps=1)
    mark = scene.mark()
    scene.apply(scene.session("mounts", resources=[file(file_id="file_unknown")]))
    scene.wait("mounts", "UpdateRefused", "Synced")
    assert "file_unknown" in scene.condition("mounts", "Synced")["message"]
    scene.sweeps(2)
    assert scene.steps(since=mark) == []
    assert scene.condition("mounts", "Ready")["status"] == "True"


def test_a_mount_that_somebody_takes_out_comes_back(scene):
    scene.start()
    scene.apply(scene.session("mounts", resources=[file()]))
    scene.settled("mounts")
    mark = scene.mark()
    scene.control.edit(scene.status("mounts")["id"], resources=[])
    scene.until("it is back", lambda: scene.there("mounts") == {"/data.csv": digests(scene)["file_sample"]})
    scene.settled("mounts")
    assert scene.steps(since=mark) == ["mount"]
    assert told(scene) == {"data": ("/data.csv", "file_sample")}


def test_a_mount_of_somebody_else_stays_and_is_shown(scene):
    scene.start()
    scene.apply(scene.session("mounts", resources=[file()]))
    scene.settled("mounts")
    with scene.client() as client:
        body = {"type": "file", "file_id": "file_sample", "mount_path": "/theirs.csv"}
        answer = client.post(f"/v1/sessions/{scene.status('mounts')['id']}/resources", json=body).raise_for_status()
    theirs = answer.json()["id"]
    scene.until("it is shown", lambda: told(scene).get(theirs) == ("/theirs.csv", None))
    mark = scene.mark()
    scene.apply(scene.session("mounts", resources=[]))
    scene.settled("mounts")
    assert scene.steps(since=mark) == ["unmount"]
    assert list(scene.there("mounts")) == ["/theirs.csv"]
    assert told(scene) == {theirs: ("/theirs.csv", None)}


def test_where_mounts_need_an_idle_session_they_wait_for_it(scene):
    scene.control.modes(mounts_while_running_refused=True)
    scene.control.behaviour(turn_seconds=4000.0)
    events = [{"type": "user.message", "text": "Go."}]
    scene.start()
    scene.apply(scene.session("mounts", initialEvents=events))
    scene.wait("mounts", "Running")
    mark = scene.mark()
    scene.apply(scene.session("mounts", initialEvents=events, resources=[file()]))
    scene.wait("mounts", "NotIdle", "Synced")
    scene.sweeps(3)
    assert scene.steps(since=mark) == ["mount"]
    scene.control.finish(scene.status("mounts")["id"])
    scene.settled("mounts")
    assert scene.steps(since=mark) == ["mount", "mount"]
    assert told(scene) == {"data": ("/data.csv", "file_sample")}


REPOSITORY = {"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}}
STORE = {"name": "memory", "memoryStore": {"id": "memstore_sample"}}


@pytest.mark.parametrize("fixed", [REPOSITORY, STORE], ids=["repository", "memory store"])
def test_what_can_only_be_mounted_with_the_session_is_refused_with_the_remedy(scene, fixed):
    scene.start()
    scene.apply(scene.session("with", resources=[fixed]), scene.session("without"))
    scene.wait_ready("with", "without")
    mark = scene.mark()
    for name, resources in {"with": [], "without": [fixed]}.items():
        text = scene.refused(scene.session(name, resources=resources))
        assert "spec.resources: Forbidden" in text
        assert "make another Session, or set spec.onImmutableChange: Replace" in text
    scene.sweeps(1)
    assert scene.steps(since=mark) == []
