"""What a person reads in `kubectl describe`: one Event for each thing that happened, and nothing that is secret."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e

PROMPT, TOKEN, CONTENT = "prompt_canary_1a", "ghp_canary_2b", "content_canary_3c"
EVENTS = [{"type": "user.message", "text": PROMPT}]
FILE = {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}}


@pytest.fixture
def told(scene):
    """Type and reason of each Event of a resource, sorted, once all that is expected is there, and no more."""

    def events(name):
        items = json.loads(scene.kubectl("get", "events.v1.events.k8s.io", "-n", "default", "-o", "json"))["items"]
        uid = scene.object(name)["metadata"]["uid"]
        return [e for e in items if e["regarding"]["uid"] == uid]

    def check(name, *expected):
        wanted = sorted(expected)
        scene.until(f"{len(wanted)} events", lambda: len(events(name)) >= len(wanted))
        scene.sweeps(2)
        found = events(name)
        assert sorted((e["type"], e["reason"]) for e in found) == wanted
        text = json.dumps(found)
        assert [c for c in (PROMPT, TOKEN, CONTENT) if c in text] == []
        assert all(e["note"] and e["action"] and e["reportingController"] for e in found)

    return check


def normal(*reasons):
    return [("Normal", r) for r in reasons]


def warning(*reasons):
    return [("Warning", r) for r in reasons]


def test_made_told_and_edited(scene, told):
    scene.start()
    scene.apply(scene.session("life", title="One", initialEvents=EVENTS))
    scene.wait("life", "EndTurn", "Finished")
    told("life", *normal("Created", "InitialEventsSent"))
    scene.apply(scene.session("life", title="Two", metadata={"team": "a"}, initialEvents=EVENTS))
    scene.settled("life")
    told("life", *normal("Created", "InitialEventsSent", "Updated"))


def test_files_come_change_and_go(scene, told):
    scene.apply(scene.config_map("content", {"text": CONTENT}))
    text = {"name": "text", "file": {"configMapKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    scene.start()
    scene.apply(scene.session("files"))
    scene.settled("files")
    scene.apply(scene.session("files", resources=[FILE]))
    scene.settled("files")
    told("files", *normal("Created", "Mounted"))
    scene.apply(scene.session("files"))
    scene.settled("files")
    told("files", *normal("Created", "Mounted", "Unmounted"))
    scene.apply(scene.session("files", resources=[text]))
    scene.settled("files")
    told("files", *normal("Created", "Mounted", "Unmounted", "Mounted"))


def test_a_token_is_renewed(scene, told):
    ref = {"name": "gh", "key": "token"}
    mount = {"name": "repo", "githubRepository": {"url": "https://github.com/o/r", "authorizationTokenSecretRef": ref}}
    scene.apply(scene.secret("gh", token=TOKEN))
    scene.start()
    scene.apply(scene.session("repo", resources=[mount]))
    scene.settled("repo")
    scene.apply(scene.secret("gh", token=f"{TOKEN}_again"))
    scene.until("the renewal", lambda: "rotate" in scene.steps())
    scene.settled("repo")
    told("repo", *normal("Created", "TokenRotated"))


def test_archived_by_the_spec(scene, told):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(scene.session("busy", initialEvents=EVENTS))
    scene.wait("busy", "Running")
    scene.apply(scene.session("busy", archived=True, initialEvents=EVENTS))
    scene.wait("busy", "Archived")
    told("busy", *normal("Created", "InitialEventsSent", "Interrupted", "Archived"))


def test_replaced_by_an_edit(scene, told):
    def spec(system):
        agent = {"id": "agent_sample", "overrides": {"system": system}}
        return scene.session("other", agent=agent, onImmutableChange="Replace")

    scene.start()
    scene.apply(spec("One."))
    scene.settled("other")
    old = scene.status("other")["id"]
    scene.apply(spec("Two."))
    scene.until("another id", lambda: scene.status("other")["id"] != old)
    scene.settled("other")
    told("other", *normal("Created", "Archived", "Replaced"))


def test_adopted_and_observed(scene, told):
    with scene.client() as client:
        made = [
            client.post("/v1/sessions", json={"agent": "agent_sample", "environment_id": "env_sample"}).json()["id"]
            for _ in range(2)
        ]
    scene.start()
    for name, ident, policy in zip(("child", "watch"), made, ("Full", "Observe"), strict=True):
        manifest = scene.session(name)
        scene.apply(manifest | {"spec": {"sessionId": ident, "managementPolicy": policy}})
    scene.wait_ready("child", "watch")
    told("child", *normal("Adopted"))
    told("watch", *normal("Observing"))


def test_lost(scene, told):
    scene.start()
    scene.apply(scene.session("gone"))
    scene.settled("gone")
    scene.control.delete(scene.status("gone")["id"])
    scene.wait("gone", "Lost")
    told("gone", *normal("Created"), *warning("Lost"))


def test_archived_outside(scene, told):
    scene.start()
    scene.apply(scene.session("gone"))
    scene.settled("gone")
    scene.control.archive(scene.status("gone")["id"])
    scene.wait("gone", "ArchivedOutside")
    told("gone", *normal("Created"), *warning("ArchivedOutside"))


def test_a_stall_and_its_end(scene, told):
    scene.start()
    scene.apply(scene.session("held"))
    scene.settled("held")
    key = scene.world.simulator.key
    scene.control.revoke_key(key)
    scene.wait("held", "KeyRefused")
    scene.control.add_key(key)
    scene.wait("held", "Idle", timeout=90)
    told("held", *normal("Created", "Recovered"), *warning("KeyRefused"))


def test_a_missing_secret_and_its_coming(scene, told):
    text = {"name": "text", "file": {"secretKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    scene.start()
    scene.apply(scene.session("waits"))
    scene.settled("waits")
    scene.apply(scene.session("waits", resources=[text]))
    scene.wait("waits", "SecretMissing", "Synced")
    scene.apply(scene.secret("content", text=CONTENT))
    scene.settled("waits")
    told("waits", *normal("Created", "Mounted", "Recovered"), *warning("SecretMissing"))


def test_a_wrong_spec_and_its_mending(scene, told):
    scene.start()
    scene.apply(scene.session("typo", agent={"id": "agent_typo"}, initialEvents=EVENTS))
    scene.wait("typo", "InvalidSpec")
    told("typo", *warning("InvalidSpec"))
    scene.apply(scene.session("typo", initialEvents=EVENTS))
    scene.wait("typo", "EndTurn", "Finished")
    told("typo", *normal("Created", "InitialEventsSent", "Recovered"), *warning("InvalidSpec"))


def test_a_restart_tells_nothing_again(scene, told):
    scene.start()
    scene.apply(scene.session("calm", initialEvents=EVENTS))
    scene.wait("calm", "EndTurn", "Finished")
    scene.settled("calm")
    expected = normal("Created", "InitialEventsSent")
    told("calm", *expected)
    for end in (scene.stop, scene.kill):
        end()
        scene.start()
        scene.sweeps(2)
    told("calm", *expected)


def test_a_question_is_a_warning(scene, told):
    scene.control.behaviour(stop_reason="requires_action")
    scene.start()
    scene.apply(scene.session("asks", initialEvents=EVENTS))
    scene.wait("asks", "ActionRequired")
    told("asks", *normal("Created", "InitialEventsSent"), *warning("ActionRequired"))
