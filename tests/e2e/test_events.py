"""What a person reads in `kubectl describe`: one Event for each thing that happened, and nothing that is secret."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e

PROMPT, TOKEN, CONTENT = "prompt_canary_1a", "ghp_canary_2b", "content_canary_3c"
EVENTS = [{"type": "user.message", "text": PROMPT}]
FILE = {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}}


@pytest.fixture
def told():
    """Type and reason of each Event of a resource, sorted, once all that is expected is there, and no more."""

    def events(scene, name):
        items = json.loads(scene.kubectl("get", "events.v1.events.k8s.io", "-n", "default", "-o", "json"))["items"]
        uid = scene.object(name)["metadata"]["uid"]
        return [e for e in items if e["regarding"]["uid"] == uid]

    def check(scene, name, *expected):
        wanted = sorted(expected)
        scene.until(f"{len(wanted)} events", lambda: len(events(scene, name)) >= len(wanted))
        scene.sweeps(2)
        found = events(scene, name)
        assert sorted((e["type"], e["reason"]) for e in found) == wanted
        text = json.dumps(found)
        assert [c for c in (PROMPT, TOKEN, CONTENT) if c in text] == []
        assert all(e["note"] and e["action"] and e["reportingController"] for e in found)

    return check


@pytest.fixture
def behaviour(running):
    """Sets how sessions behave during one test."""
    before = running.control.behaviour()
    yield running.control.behaviour
    running.control.behaviour(**before)


def normal(*reasons):
    return [("Normal", r) for r in reasons]


def warning(*reasons):
    return [("Warning", r) for r in reasons]


def test_made_told_and_edited(running, told):
    running.apply(running.session("life", title="One", initialEvents=EVENTS))
    running.wait("life", "EndTurn", "Finished")
    told(running, "life", *normal("Created", "InitialEventsSent"))
    running.apply(running.session("life", title="Two", metadata={"team": "a"}, initialEvents=EVENTS))
    running.settled("life")
    told(running, "life", *normal("Created", "InitialEventsSent", "Updated"))


def test_files_come_change_and_go(running, told):
    running.apply(running.config_map("content", {"text": CONTENT}))
    text = {"name": "text", "file": {"configMapKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    running.apply(running.session("files"))
    running.settled("files")
    running.apply(running.session("files", resources=[FILE]))
    running.settled("files")
    told(running, "files", *normal("Created", "Mounted"))
    running.apply(running.session("files"))
    running.settled("files")
    told(running, "files", *normal("Created", "Mounted", "Unmounted"))
    running.apply(running.session("files", resources=[text]))
    running.settled("files")
    told(running, "files", *normal("Created", "Mounted", "Unmounted", "Mounted"))


def test_a_token_is_renewed(running, told):
    ref = {"name": "gh", "key": "token"}
    mount = {"name": "repo", "githubRepository": {"url": "https://github.com/o/r", "authorizationTokenSecretRef": ref}}
    running.apply(running.secret("gh", token=TOKEN))
    running.apply(running.session("repo", resources=[mount]))
    running.settled("repo")
    running.apply(running.secret("gh", token=f"{TOKEN}_again"))
    running.until("the renewal", lambda: "rotate" in running.steps())
    running.settled("repo")
    told(running, "repo", *normal("Created", "TokenRotated"))


def test_archived_by_the_spec(running, told, behaviour):
    behaviour(turn_seconds=4000.0)
    running.apply(running.session("busy", initialEvents=EVENTS))
    running.wait("busy", "Running")
    running.apply(running.session("busy", archived=True, initialEvents=EVENTS))
    running.wait("busy", "Archived")
    told(running, "busy", *normal("Created", "InitialEventsSent", "Interrupted", "Archived"))


def test_replaced_by_an_edit(running, told):
    def spec(system):
        agent = {"id": "agent_sample", "overrides": {"system": system}}
        return running.session("other", agent=agent, onImmutableChange="Replace")

    running.apply(spec("One."))
    running.settled("other")
    old = running.status("other")["id"]
    running.apply(spec("Two."))
    running.until("another id", lambda: running.status("other")["id"] != old)
    running.settled("other")
    told(running, "other", *normal("Created", "Archived", "Replaced"))


def test_adopted_and_observed(running, told):
    with running.client() as client:
        made = [
            client.post("/v1/sessions", json={"agent": "agent_sample", "environment_id": "env_sample"}).json()["id"]
            for _ in range(2)
        ]
    for name, ident, policy in zip(("child", "watch"), made, ("Full", "Observe"), strict=True):
        manifest = running.session(name)
        running.apply(manifest | {"spec": {"sessionId": ident, "managementPolicy": policy}})
    running.wait_ready("child", "watch")
    told(running, "child", *normal("Adopted"))
    told(running, "watch", *normal("Observing"))


def test_lost(running, told):
    running.apply(running.session("gone"))
    running.settled("gone")
    running.control.delete(running.status("gone")["id"])
    running.wait("gone", "Lost")
    told(running, "gone", *normal("Created"), *warning("Lost"))


def test_archived_outside(running, told):
    running.apply(running.session("away"))
    running.settled("away")
    running.control.archive(running.status("away")["id"])
    running.wait("away", "ArchivedOutside")
    told(running, "away", *normal("Created"), *warning("ArchivedOutside"))


def test_a_stall_and_its_end(running, told):
    running.apply(running.session("held"))
    running.settled("held")
    key = running.world.simulator.key
    running.control.revoke_key(key)
    running.wait("held", "KeyRefused")
    running.control.add_key(key)
    running.wait("held", "Idle", timeout=90)
    told(running, "held", *normal("Created", "Recovered"), *warning("KeyRefused"))


def test_a_missing_secret_and_its_coming(running, told):
    text = {"name": "text", "file": {"secretKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    running.apply(running.session("waits"))
    running.settled("waits")
    running.apply(running.session("waits", resources=[text]))
    running.wait("waits", "SecretMissing", "Synced")
    running.apply(running.secret("content", text=CONTENT))
    running.settled("waits")
    told(running, "waits", *normal("Created", "Mounted", "Recovered"), *warning("SecretMissing"))


def test_a_wrong_spec_and_its_mending(running, told):
    running.apply(running.session("typo", agent={"id": "agent_typo"}, initialEvents=EVENTS))
    running.wait("typo", "InvalidSpec")
    told(running, "typo", *warning("InvalidSpec"))
    running.apply(running.session("typo", initialEvents=EVENTS))
    running.wait("typo", "EndTurn", "Finished")
    told(running, "typo", *normal("Created", "InitialEventsSent", "Recovered"), *warning("InvalidSpec"))


def test_a_restart_tells_nothing_again(running, told):
    running.apply(running.session("calm", initialEvents=EVENTS))
    running.wait("calm", "EndTurn", "Finished")
    running.settled("calm")
    expected = normal("Created", "InitialEventsSent")
    told(running, "calm", *expected)
    for end in (running.stop, running.kill):
        end()
        running.start()
        running.sweeps(2)
    told(running, "calm", *expected)


def test_a_question_is_a_warning(running, told, behaviour):
    behaviour(stop_reason="requires_action")
    running.apply(running.session("asks", initialEvents=EVENTS))
    running.wait("asks", "ActionRequired")
    told(running, "asks", *normal("Created", "InitialEventsSent"), *warning("ActionRequired"))
