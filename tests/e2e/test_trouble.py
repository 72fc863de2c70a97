"""Wrong keys, wrong ids, missing Secrets, an API that is down: said with its remedy, no storm, and gone by itself."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


def test_a_wrong_key_is_said_on_each_resource_without_a_storm(scene):
    scene.start(ANTHROPIC_API_KEY="sk-ant-wrong-canary")
    names = [f"locked-{n}" for n in range(5)]
    scene.apply(*(scene.session(n) for n in names))
    for name in names:
        assert "ANTHROPIC_API_KEY" in scene.wait(name, "KeyRefused")
    assert scene.creations() == []
    calls = len(scene.calls())
    assert calls <= 12, "one trial now and then, not one for each resource"
    assert "sk-ant-wrong-canary" not in scene.kubectl("get", "sessions,events", "-o", "json") + scene.told()
    scene.stop()
    scene.start()
    scene.wait_ready(*names)
    assert len(scene.control.sessions()) == 5


def test_a_revoked_key_turns_ready_false_and_back(scene):
    scene.start()
    scene.apply(scene.session("held"))
    scene.wait_ready("held")
    key = scene.world.simulator.key
    scene.control.revoke_key(key)
    scene.wait("held", "KeyRefused")
    scene.control.add_key(key)
    scene.wait("held", "Idle", timeout=90)
    assert len(scene.mutations()) == 1


def test_an_unknown_agent_is_one_post_until_the_spec_is_mended(scene):
    scene.start()
    scene.apply(scene.session("typo", agent={"id": "agent_typo"}))
    message = scene.wait("typo", "InvalidSpec")
    assert "agent_typo" in message
    assert "spec.agent.id" in message
    scene.apply(*(scene.session(f"other-{n}") for n in range(3)))
    scene.wait_ready("other-0", "other-1", "other-2")
    scene.sweeps(4)
    assert len([c for c in scene.creations() if "agent_typo" in json.dumps(c["body"])]) == 1
    ours = f"--field-selector=involvedObject.uid={scene.object('typo')['metadata']['uid']}"
    events = json.loads(scene.kubectl("get", "events", ours, "-o", "json"))
    assert [event["reason"] for event in events["items"]] == ["InvalidSpec"]
    scene.apply(scene.session("typo"))
    scene.wait_ready("typo")
    assert "creation" not in scene.status("typo")
    assert len(scene.control.sessions()) == 4


def test_an_unknown_environment_names_its_field(scene):
    scene.start()
    scene.apply(scene.session("nowhere", environment={"id": "env_typo"}))
    assert "spec.environment.id" in scene.wait("nowhere", "InvalidSpec")


def test_a_missing_secret_is_named_and_creating_it_is_enough(scene):
    scene.kubectl("delete", "secret", "later", "--ignore-not-found")
    scene.start()
    scene.apply(scene.session("waits", resources=[scene.repository(secret="later")]))
    message = scene.wait("waits", "SecretMissing", "Synced")
    assert "default/later" in message
    assert scene.creations() == []
    assert scene.object("waits")["metadata"].get("finalizers") is None
    scene.kubectl("create", "secret", "generic", "later", "--from-literal=wrong=x")
    scene.until(
        "the key is named", lambda: "token" in (scene.condition("waits", "Synced") or {})["message"].split("Secret")[0]
    )
    scene.kubectl("patch", "secret", "later", "-p", '{"stringData": {"token": "ghp_canary"}}')
    scene.wait_ready("waits")
    [remote] = scene.control.sessions()
    assert "ghp_canary" in json.dumps(remote["tokens"])
    shown = scene.kubectl("get", "sessions,events", "-o", "json") + scene.world.operator_log.read_text()
    assert "ghp_canary" not in shown


def test_an_api_that_is_down_loses_nothing(scene):
    scene.start()
    scene.apply(scene.session("before", title="One"))
    scene.wait_ready("before")
    scene.world.simulator.stop()
    scene.apply(scene.session("before", title="Two"), scene.session("meanwhile"))
    scene.wait("before", "Unreachable", "Synced")
    scene.wait("meanwhile", "Unreachable", "Synced")
    assert scene.condition("before", "Ready")["status"] == "True"
    assert scene.condition("meanwhile", "Ready")["status"] == "False"
    scene.world.simulator.start()
    scene.wait_ready("meanwhile", timeout=90)
    scene.until("the edit arrived", lambda: {s["title"] for s in scene.control.sessions()} == {"Two", None}, timeout=90)
    scene.wait("before", "Synced", "Synced")
    assert len(scene.control.sessions()) == 2


def test_ten_that_fail_never_slow_five_that_do_not(scene):
    """Counted in calls: beside ten that fail each good one takes what it takes alone."""
    scene.start()
    bad = [scene.session(f"bad-{n}", agent={"id": f"agent_bad{n}"}) for n in range(10)]
    good = [scene.session(f"good-{n}", title="x") for n in range(5)]
    scene.apply(*bad, *good)
    scene.wait_ready(*(f"good-{n}" for n in range(5)))
    scene.sweeps(3)
    assert len(scene.creations()) == 15
    assert len(scene.mutations()) == 15
    for n in range(5):
        assert len(scene.writes(f"good-{n}")) == 2
    for n in range(10):
        assert len(scene.writes(f"bad-{n}")) == 2


@pytest.mark.parametrize("retry_after", [0.5, None], ids=["with Retry-After", "without"])
def test_asked_to_wait(scene, retry_after):
    scene.control.fault("rate_limit", method="POST", path="^/v1/sessions$", times=2, retry_after=retry_after)
    scene.start()
    scene.apply(scene.session("patient"))
    scene.wait_ready("patient", timeout=60)
    assert len(scene.control.sessions()) == 1
    assert len(scene.creations()) == 3


def test_a_refused_kickoff_can_be_mended(scene):
    scene.control.fault("answer", method="POST", path="/events$", status=400, body={"error": "content is too odd"})
    scene.start()
    scene.apply(scene.session("odd", initialEvents=[{"type": "user.message", "text": "Odd."}]))
    assert "content is too odd" in scene.wait("odd", "KickoffRefused")
    scene.apply(scene.session("odd", initialEvents=[{"type": "user.message", "text": "Better."}]))
    scene.kubectl("wait", "session/odd", "--for=condition=Finished", "--timeout=40s")
    [remote] = scene.control.sessions()
    assert [e["content"][0]["text"] for e in remote["events"]] == ["Better."]


def test_a_prompt_is_nowhere_but_in_the_spec(scene):
    scene.start()
    scene.apply(scene.session("secretive", initialEvents=[{"type": "user.message", "text": "canary-prompt"}]))
    scene.kubectl("wait", "session/secretive", "--for=condition=Finished", "--timeout=40s")
    shown = json.loads(scene.kubectl("get", "session", "secretive", "-o", "json"))
    shown.pop("spec")
    shown["metadata"]["annotations"].pop("kubectl.kubernetes.io/last-applied-configuration")
    assert "canary-prompt" not in json.dumps(shown)
    assert "canary-prompt" not in scene.kubectl("get", "events", "-o", "json")
    assert "canary-prompt" not in scene.world.operator_log.read_text() + scene.world.operator.metrics()
