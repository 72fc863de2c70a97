"""What stands in a ConfigMap or Secret lies in the session byte for byte, and what was uploaded for it goes again."""

from __future__ import annotations

import base64
import hashlib

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
TEXT = "\N{SNOWMAN}, Zürich\r\n\n"
BYTES = bytes(range(256)) + b"\xff\xfe\x00\r\n"


def digest(content):
    return hashlib.sha256(content).hexdigest()


def from_config_map(key="text", path="/text", name="text", of="content"):
    return {"name": name, "file": {"configMapKeyRef": {"name": of, "key": key}, "mountPath": path}}


def from_secret(key="text", path="/secret", name="secret", of="content"):
    return {"name": name, "file": {"secretKeyRef": {"name": of, "key": key}, "mountPath": path}}


def version(scene, kind, name="content"):
    return scene.kubectl("get", kind, name, "-o", "jsonpath={.metadata.resourceVersion}")


def source(scene, name="text"):
    return next(r["source"] for r in scene.status("contents")["resources"] if r["name"] == name)


@pytest.mark.parametrize("modes", MODES)
def test_content_lies_there_byte_for_byte_and_follows_its_source(scene, modes):
    scene.control.modes(**modes)
    binary = {"bytes": base64.b64encode(BYTES).decode()}
    scene.apply(scene.config_map("content", {"text": TEXT, "empty": ""}, binaryData=binary))
    scene.apply(scene.secret("content", text=TEXT) | {"data": binary})
    scene.start()
    mounts = [
        from_config_map(),
        from_config_map("bytes", "/bytes", "bytes"),
        from_secret(),
        from_secret("bytes", "/key", "key"),
    ]
    scene.apply(scene.session("contents", resources=mounts))
    scene.settled("contents")
    assert scene.there("contents") == {
        "/text": digest(TEXT.encode()),
        "/bytes": digest(BYTES),
        "/secret": digest(TEXT.encode()),
        "/key": digest(BYTES),
    }
    assert scene.steps() == ["upload"] * 4 + ["create"]
    assert source(scene)["resourceVersion"] == version(scene, "configmap")
    assert source(scene, "secret")["resourceVersion"] == version(scene, "secret")
    first = {f["id"] for f in scene.uploads()}
    assert {r["source"]["fileId"] for r in scene.status("contents")["resources"]} == first

    edited(scene, "text", "configmap", scene.config_map("content", {"text": "two", "empty": ""}, binaryData=binary))
    edited(scene, "secret", "secret", scene.secret("content", text="two") | {"data": binary})
    assert scene.there("contents") == {
        "/text": digest(b"two"),
        "/bytes": digest(BYTES),
        "/secret": digest(b"two"),
        "/key": digest(BYTES),
    }
    assert len({f["id"] for f in scene.uploads()} & first) == 2


def edited(scene, name, kind, manifest):
    """After an edit of its source the one mount lies anew, and its old upload is gone."""
    mark, old = scene.mark(), source(scene, name)["fileId"]
    scene.apply(manifest)
    scene.until("the new content", lambda: scene.there("contents").get(f"/{name}") == digest(b"two"))
    scene.until("its old upload is gone", lambda: old not in [f["id"] for f in scene.uploads()])
    scene.settled("contents")
    assert scene.steps(since=mark) == ["upload", "unmount", "mount", "discard"]
    now = source(scene, name)
    assert now["resourceVersion"] == version(scene, kind)
    assert [f["sha256"] for f in scene.uploads() if f["id"] == now["fileId"]] == [digest(b"two")]
    assert len(scene.uploads()) == 4


def test_a_new_version_with_the_same_bytes_changes_nothing(scene):
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.settled("contents")
    mark = scene.mark()
    scene.apply(scene.config_map("content", {"text": "one", "other": "key"}, labels={"team": "platform"}))
    now = version(scene, "configmap")
    scene.until("status names the new version", lambda: source(scene)["resourceVersion"] == now)
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    writes = len(scene.writes())
    scene.sweeps(2)
    assert len(scene.writes()) == writes


def test_a_name_and_a_place_may_change_and_the_upload_stays_one(scene):
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.settled("contents")
    mark = scene.mark()
    scene.apply(scene.session("contents", resources=[from_config_map(name="renamed")]))
    scene.settled("contents")
    assert scene.mutations(since=mark) == []
    scene.apply(scene.session("contents", resources=[from_config_map(name="renamed", path="/moved")]))
    scene.settled("contents")
    assert scene.there("contents") == {"/moved": digest(b"one")}
    assert len(scene.uploads()) == 1
    scene.apply(scene.session("contents", resources=[]))
    scene.settled("contents")
    assert scene.there("contents") == {}
    assert scene.uploads() == []


def test_what_is_missing_is_told_and_creating_it_is_enough(scene):
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]), scene.session("later"))
    assert "ConfigMap default/content" in scene.wait("contents", "SecretMissing", "Synced")
    scene.wait_ready("later")
    mark = scene.mark()
    scene.apply(scene.session("later", resources=[from_secret()]))
    assert "Secret default/content" in scene.wait("later", "SecretMissing", "Synced")
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    assert scene.condition("later", "Ready")["status"] == "True"
    scene.apply(scene.config_map("content", {"text": "one"}), scene.secret("content", text="two"))
    scene.settled("contents")
    scene.settled("later")
    assert scene.there("contents") == {"/text": digest(b"one")}
    assert scene.there("later") == {"/secret": digest(b"two")}
    assert len(scene.creations()) == 2


def test_a_missing_key_is_told_by_its_name(scene):
    scene.apply(scene.config_map("content", {"other": "one"}))
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    assert "text" in scene.wait("contents", "SecretMissing", "Synced")
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.settled("contents")
    assert scene.there("contents") == {"/text": digest(b"one")}


def test_what_was_taken_away_leaves_the_mount_as_it_is(scene):
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.settled("contents")
    mark = scene.mark()
    scene.kubectl("delete", "configmap", "content")
    scene.wait("contents", "SecretMissing", "Synced")
    scene.sweeps(2)
    assert scene.mutations(since=mark) == []
    assert scene.there("contents") == {"/text": digest(b"one")}


def test_no_upload_outlives_its_resource(scene):
    """Also where ConfigMap and Secret went first."""
    scene.apply(scene.config_map("content", {"text": "one"}), scene.secret("content", text="two"))
    scene.start()
    policies = ("Archive", "Delete", "Retain")
    mounts = [from_config_map(), from_secret()]
    scene.apply(*(scene.session(each.lower(), deletionPolicy=each, resources=mounts) for each in policies))
    scene.settled(*(each.lower() for each in policies))
    assert len(scene.uploads()) == 6
    scene.kubectl("delete", "configmap,secret", "content")
    for left, each in zip((4, 2, 0), policies, strict=True):
        scene.delete(each.lower())
        assert len(scene.uploads()) == left


def test_content_edited_while_no_operator_ran_is_mounted_anew(scene):
    scene.apply(scene.config_map("content", {"text": "one"}))
    scene.start()
    scene.apply(scene.session("contents", resources=[from_config_map()]))
    scene.settled("contents")
    scene.stop()
    mark = scene.mark()
    scene.apply(scene.config_map("content", {"text": "two"}))
    scene.start()
    scene.until("the new content", lambda: scene.there("contents") == {"/text": digest(b"two")})
    scene.settled("contents")
    assert scene.steps(since=mark) == ["upload", "unmount", "mount", "discard"]
    assert len(scene.uploads()) == 1
