"""Every sample that users are given does what it says when it is applied as it stands."""

from __future__ import annotations

import hashlib
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
    return apply


def test_each_sample_has_a_test():
    tested = {
        "01-bare.yaml",
        "02-mounts.yaml",
        "03-kickoff-and-budget.yaml",
        "04-unknown-agent.yaml",
        "05-files.yaml",
        "06-replace.yaml",
    }
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


def test_files_of_the_cluster(scene, applied):
    [name] = applied("05-files.yaml")
    scene.settled(name)
    guidelines, customers, _ = scene.sample(SAMPLES / "05-files.yaml")
    texts = [*guidelines["data"].values(), *customers["stringData"].values()]
    wanted = {hashlib.sha256(text.encode()).hexdigest() for text in texts}
    [remote] = scene.control.sessions()
    content = {f["id"]: f["sha256"] for f in scene.control.files(scoped=True)}
    assert {content[r["file_id"]] for r in remote["resources"]} == wanted
    guidelines["data"]["guidelines.md"] += "- Be kind.\n"
    guidelines["metadata"]["namespace"] = "default"
    scene.apply(guidelines)
    scene.until("it is mounted anew", lambda: "discard" in scene.steps())
    scene.settled(name)
    scene.delete(name)
    assert scene.uploads() == []


def test_a_session_that_is_replaced(scene, applied):
    [name] = applied("06-replace.yaml")
    scene.kubectl("wait", f"session/{name}", "--for=condition=Finished", "--timeout=60s")
    old = scene.status(name)["id"]
    edited = (SAMPLES / "06-replace.yaml").read_text().replace("Be brief.", "Be thorough.")
    scene.apply(edited)
    scene.until("the new session", lambda: scene.status(name).get("previousIds") == [old])
    scene.settled(name)
    assert "Be thorough." in scene.status(name)["agent"]["system"]
    assert [s["id"] for s in scene.control.sessions(alive=True)] == [scene.status(name)["id"]]
    scene.kubectl("wait", f"session/{name}", "--for=condition=Finished", "--timeout=60s")
    assert len(scene.control.session(scene.status(name)["id"])["events"]) == 1
