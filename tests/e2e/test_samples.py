"""Every sample that users are given does what it says when it is applied as it stands."""

from __future__ import annotations

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
    scene.kubectl("delete", "secrets", "--all", "--namespace=default")


def test_each_sample_has_a_test():
    tested = {"01-bare.yaml", "02-mounts.yaml", "03-kickoff-and-budget.yaml", "04-unknown-agent.yaml"}
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
