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
def behaviour(shared):
    """Sets how sessions behave during one test."""
    before = shared.control.behaviour()
    yield shared.control.behaviour
    shared.control.behaviour(**before)


def normal(*reasons):
    return [("Normal", r) for r in reasons]


def warning(*reasons):
    return [("Warning", r) for r in reasons]


def test_made_told_and_edited(shared, told):
    shared.apply(shared.session("life", title="One", initialEvents=EVENTS))
    shared.wait("life", "EndTurn", "Finished")
    told(shared, "life", *normal("Created", "InitialEventsSent"))
    shared.apply(shared.session("life", title="Two", metadata={"team": "a"}, initialEvents=EVENTS))
    shared.settled("life")
    told(shared, "life", *normal("Created", "InitialEventsSent", "Updated"))


def test_files_come_change_and_go(shared, told):
    shared.apply(shared.config_map("content", {"text": CONTENT}))
    text = {"name": "text", "file": {"configMapKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    shared.apply(shared.session("files"))
    shared.settled("files")
    shared.apply(shared.session("files", resources=[FILE]))
    shared.settled("files")
    told(shared, "files", *normal("Created", "Mounted"))
    shared.apply(shared.session("files"))
    shared.settled("files")
    told(shared, "files", *normal("Created", "Mounted", "Unmounted"))
    shared.apply(shared.session("files", resources=[text]))
    shared.settled("files")
    told(shared, "files", *normal("Created", "Mounted", "Unmounted", "Mounted"))


def test_a_token_is_renewed(shared, told):
    shared.apply(shared.secret("gh", token=TOKEN))
    shared.apply(shared.session("repo", resources=[shared.repository()]))
    shared.settled("repo")
    shared.apply(shared.secret("gh", token=f"{TOKEN}_again"))
    shared.until("the renewal", lambda: "rotate" in shared.steps())
    shared.settled("repo")
    told(shared, "repo", *normal("Created", "TokenRotated"))


def test_archived_by_the_spec(shared, told, behaviour):
    behaviour(turn_seconds=4000.0)
    shared.apply(shared.session("busy", initialEvents=EVENTS))
    shared.wait("busy", "Running")
    shared.apply(shared.session("busy", archived=True, initialEvents=EVENTS))
    shared.wait("busy", "Archived")
    told(shared, "busy", *normal("Created", "InitialEventsSent", "Interrupted", "Archived"))


def test_replaced_by_an_edit(shared, told):
    def spec(system):
        agent = {"id": "agent_sample", "overrides": {"system": system}}
        return shared.session("other", agent=agent, onImmutableChange="Replace")

    shared.apply(spec("One."))
    shared.settled("other")
    old = shared.status("other")["id"]
    shared.apply(spec("Two."))
    shared.until("another id", lambda: shared.status("other")["id"] != old)
    shared.settled("other")
    told(shared, "other", *normal("Created", "Archived", "Replaced"))


def test_adopted_and_observed(shared, told):
    with shared.client() as client:
        made = [
            client.post("/v1/sessions", json={"agent": "agent_sample", "environment_id": "env_sample"}).json()["id"]
            for _ in range(2)
        ]
    for name, ident, policy in zip(("child", "watch"), made, ("Full", "Observe"), strict=True):
        manifest = shared.session(name)
        shared.apply(manifest | {"spec": {"sessionId": ident, "managementPolicy": policy}})
    shared.wait_ready("child", "watch")
    told(shared, "child", *normal("Adopted"))
    told(shared, "watch", *normal("Observing"))


def test_lost(shared, told):
    shared.apply(shared.session("gone"))
    shared.settled("gone")
    shared.control.delete(shared.status("gone")["id"])
    shared.wait("gone", "Lost")
    told(shared, "gone", *normal("Created"), *warning("Lost"))


def test_archived_outside(shared, told):
    shared.apply(shared.session("away"))
    shared.settled("away")
    shared.control.archive(shared.status("away")["id"])
    shared.wait("away", "ArchivedOutside")
    told(shared, "away", *normal("Created"), *warning("ArchivedOutside"))


def test_a_stall_and_its_end(shared, told):
    shared.apply(shared.session("held"))
    shared.settled("held")
    key = shared.world.simulator.key
    shared.control.revoke_key(key)
    shared.wait("held", "KeyRefused")
    shared.control.add_key(key)
    shared.wait("held", "Idle", timeout=90)
    told(shared, "held", *normal("Created", "Recovered"), *warning("KeyRefused"))


def test_a_missing_secret_and_its_coming(shared, told):
    text = {"name": "text", "file": {"secretKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    shared.apply(shared.session("waits"))
    shared.settled("waits")
    shared.apply(shared.session("waits", resources=[text]))
    shared.wait("waits", "SecretMissing", "Synced")
    shared.apply(shared.secret("content", text=CONTENT))
    shared.settled("waits")
    told(shared, "waits", *normal("Created", "Mounted", "Recovered"), *warning("SecretMissing"))


def test_a_wrong_spec_and_its_mending(shared, told):
    shared.apply(shared.session("typo", agent={"id": "agent_typo"}, initialEvents=EVENTS))
    shared.wait("typo", "InvalidSpec")
    told(shared, "typo", *warning("InvalidSpec"))
    shared.apply(shared.session("typo", initialEvents=EVENTS))
    shared.wait("typo", "EndTurn", "Finished")
    told(shared, "typo", *normal("Created", "InitialEventsSent", "Recovered"), *warning("InvalidSpec"))


def test_a_restart_tells_nothing_again(shared, told):
    shared.apply(shared.session("calm", initialEvents=EVENTS))
    shared.wait("calm", "EndTurn", "Finished")
    shared.settled("calm")
    expected = normal("Created", "InitialEventsSent")
    told(shared, "calm", *expected)
    for end in (shared.stop, shared.kill):
        end()
        shared.start()
        shared.sweeps(2)
    told(shared, "calm", *expected)


def test_a_question_is_a_warning(shared, told, behaviour):
    behaviour(stop_reason="requires_action")
    shared.apply(shared.session("asks", initialEvents=EVENTS))
    shared.wait("asks", "ActionRequired")
    told(shared, "asks", *normal("Created", "InitialEventsSent"), *warning("ActionRequired"))
