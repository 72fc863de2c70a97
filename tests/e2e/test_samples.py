"""Every sample that users are given does what it says when it is applied as it stands."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"


@pytest.fixture
def applied(scene):
    """Applies a sample file with kubectl and gives the names of its Sessions."""

    def apply(file):
        scene.kubectl("apply", "-f", SAMPLES / file)
        return [d["metadata"]["name"] for d in scene.sample(SAMPLES / file) if d["kind"] == "Session"]

    scene.start()
    yield apply
    scene.kubectl("delete", "secrets,configmaps", "--all", "--namespace=default")


def test_each_sample_has_a_test():
    tested = set(re.findall(r'(?:applied\(|SAMPLES / )"(.*?)"', Path(__file__).read_text()))
    assert {f.name for f in SAMPLES.glob("*.yaml")} == tested


def test_a_bare_session(scene, applied):
    [name] = applied("01-bare.yaml")
    scene.wait_ready(name)
    assert scene.reason(name) == "Idle"


def test_mounts(scene, applied):
    [name] = applied("02-mounts.yaml")
    scene.wait_ready(name)
    types = {r["type"] for r in scene.status(name)["resources"]}
    assert types == {"file", "github_repository", "memory_store"}
    assert scene.reason(name, "Synced") == "Synced"
    [remote] = scene.control.sessions()
    assert remote["tokens"]


def test_kickoff_and_budget(scene, applied):
    [name] = applied("03-kickoff-and-budget.yaml")
    scene.kubectl("wait", f"session/{name}", "--for=condition=Finished", "--timeout=60s")
    [remote] = scene.control.sessions()
    spec = scene.object(name)["spec"]
    assert len(remote["events"]) == len(spec["initialEvents"])
    assert str(remote["budget"]) == str(spec["budget"]["maxListCost"]["amount"])
    assert scene.status(name)["cost"].startswith("$")


def test_the_wrong_one(scene, applied):
    [name] = applied("04-unknown-agent.yaml")
    message = scene.wait(name, "InvalidSpec")
    assert scene.object(name)["spec"]["agent"]["id"] in message
    assert "spec.agent.id" in message
    assert scene.control.sessions() == []


def test_files(scene, applied):
    """Each file is uploaded and mounted, anew when it changes, and may come and go."""
    [name] = applied("05-files.yaml")
    scene.wait_ready(name)
    documents = scene.sample(SAMPLES / "05-files.yaml")
    contents = {
        d["metadata"]["name"]: d.get("data") or d.get("stringData") for d in documents if d["kind"] != "Session"
    }
    assert _uploads(scene) == {mount: {_sha256(*data.values())} for mount, data in contents.items()}

    scene.kubectl("patch", "configmap", "guidelines", "-p", json.dumps({"data": {"guidelines.md": "Be brief."}}))
    scene.until(
        "the new content takes the place of the old", lambda: _uploads(scene)["guidelines"] == {_sha256("Be brief.")}
    )
    [session] = scene.control.sessions()
    assert {r["mount_path"] for r in session["resources"]} == {
        "/mnt/session/uploads/guidelines.md",
        "/mnt/session/uploads/data/customers.csv",
    }

    scene.kubectl("patch", f"session/{name}", "--type=json", "-p", '[{"op": "remove", "path": "/spec/resources/1"}]')
    scene.until("the upload of what was taken out goes", lambda: _uploads(scene).keys() == {"guidelines"})
    scene.kubectl("delete", f"session/{name}", "--timeout=60s")
    assert _uploads(scene) == {}


def test_replacing(scene, applied):
    """Another session takes the place of the old one, which is archived, and is told the same first."""
    [name] = applied("06-replace.yaml")
    scene.kubectl("wait", f"session/{name}", "--for=condition=Finished", "--timeout=60s")
    old = scene.status(name)["id"]
    edited = (SAMPLES / "06-replace.yaml").read_text().replace("Be brief.", "Be thorough.")
    scene.kubectl("apply", "-f", "-", input=edited)
    scene.until("another session takes its place", lambda: scene.status(name)["id"] != old)
    scene.kubectl("wait", f"session/{name}", "--for=condition=Finished", "--timeout=60s")
    was, new = scene.control.sessions()
    assert (was["id"], bool(was["archived_at"])) == (old, True)
    assert (new["id"], new["archived_at"]) == (scene.status(name)["id"], None)
    assert scene.status(name)["previousIds"] == [old]
    assert [len(each["events"]) for each in (was, new)] == [1, 1]


def _uploads(scene):
    """What the operator uploaded and is there now: by mount, the sha256 of each content."""
    found = {}
    for file in scene.control.files():
        if mount := re.search("-(guidelines|customers)-", file["filename"]):
            found.setdefault(mount[1], set()).add(file["sha256"])
    return found


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
