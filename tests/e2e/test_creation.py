"""From `kubectl apply` to a live session: what it takes, what status tells, and that nothing is done twice."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


SERVERS_DIFFER = {
    "archived_keeps_status": True,
    "drop_metadata": True,
    "update_while_running_refused": True,
    "root_mount_paths": False,
    "new_file_ids": False,
    "create_status": 201,
    "send_status": 202,
    "send_body": False,
    "string_errors": True,
    "workspace_header": False,
    "extra_fields": True,
    "touch_on_every_post": True,
    "empty_title": True,
    "require_beta_query": True,
    "client_events_once": True,
    "usage_event": False,
}
"""Every way in which independent servers were seen to differ, all at once."""
MODES = [pytest.param({}, id="as documented"), pytest.param(SERVERS_DIFFER, id="servers differ")]


@pytest.fixture(params=MODES)
def anywhere(request, scene, lodging):
    """The core runs against the documented API, and against one that differs wherever servers differ.

    What an operator learned of the one does not hold for the other.
    """
    lodging.park()
    scene.control.modes(**request.param)
    yield scene
    lodging.park()


def test_a_bare_session_costs_one_post_and_two_writes(anywhere):
    scene = anywhere
    scene.start()
    scene.apply(scene.session("bare", title="Bare"))
    scene.wait_ready("bare")
    scene.sweeps()
    assert len(scene.mutations()) == 1
    assert len(scene.creations()) == 1
    assert len(scene.writes("bare")) == 2
    status = scene.status("bare")
    assert (status["state"], status["observedGeneration"]) == ("idle", 1)
    assert scene.reason("bare") == "Idle"


def test_a_kickoff_costs_one_more_of_each_and_ready_waits_for_it(anywhere):
    scene = anywhere
    hold = scene.control.fault("delay", method="POST", path="/events$")
    # What a turn uses is written once an interval, and is not what is counted here.
    scene.start(MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS="60", MANAGED_AGENTS_STATUS_INTERVAL_SECONDS="60")
    scene.control.behaviour(turn_seconds=400.0)
    scene.apply(scene.session("kick", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.wait("kick", "KickoffPending")
    assert scene.condition("kick", "Ready")["status"] == "False"
    scene.control.remove_fault(hold)
    scene.wait_ready("kick")
    assert len(scene.creations()) == 1
    assert "initial_events" not in scene.creations()[0]["body"]
    assert len([c for c in scene.calls("POST") if c["path"].endswith("/events")]) == 1
    assert len(scene.writes("kick")) == 3
    assert scene.reason("kick") == "Running"
    assert scene.condition("kick", "Finished")["status"] == "False"


def test_finished_is_all_that_a_script_needs(scene):
    scene.start()
    scene.apply(scene.session("job", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.kubectl("wait", "session/job", "--for=condition=Finished", "--timeout=40s")
    assert scene.reason("job", "Finished") == "EndTurn"
    status = scene.status("job")
    assert status["stopReason"] == "end_turn"
    [remote] = scene.control.sessions()
    assert [e["type"] for e in remote["events"]] == ["user.message"]


def test_status_tells_every_field_of_the_session(scene):
    scene.start()
    scene.kubectl("create", "secret", "generic", "gh", "--from-literal=token=ghp_canary", check=False)
    mounts = [
        {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}},
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "checkout": {"branch": "main"},
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        },
        {"name": "memory", "memoryStore": {"id": "memstore_sample", "access": "read_only"}},
    ]
    outcome = {"type": "user.define_outcome", "description": "Tidy.", "rubric": {"type": "text", "content": "Is it?"}}
    scene.apply(
        scene.session(
            "whole",
            title="Whole",
            metadata={"team": "platform"},
            vaults=[{"id": "vlt_sample"}],
            budget={"maxListCost": {"amount": 2500}},
            resources=mounts,
            initialEvents=[outcome],
        )
    )
    scene.kubectl("wait", "session/whole", "--for=condition=Finished", "--timeout=40s")
    scene.sweeps()
    raw = _remote_object(scene, scene.status("whole")["id"])
    status = scene.status("whole")
    assert status["id"] == raw["id"]
    assert raw["type"] == "session"
    assert status["state"] == raw["status"]
    assert status["agent"] == _without_nulls(raw["agent"])
    assert status["environmentId"] == raw["environment_id"]
    assert status["vaultIds"] == raw["vault_ids"] == ["vlt_sample"]
    assert status["title"] == raw["title"]
    assert status["metadata"] == raw["metadata"]
    assert status["budget"]["maxListCost"] == raw["budget"]["max_list_cost"]
    assert _snake(status["usage"]) == _without_nulls(raw["usage"])
    assert status["cost"] == f"${int(raw['usage']['list_cost']['amount']) / 100:.2f}"
    assert status["stats"]["activeSeconds"] == raw["stats"]["active_seconds"]
    assert status["stats"]["durationSeconds"] <= raw["stats"]["duration_seconds"]
    assert [r["name"] for r in status["resources"]] == ["data", "repo", "memory"]
    for shown, told in zip(status["resources"], sorted(raw["resources"], key=_order), strict=True):
        assert shown.get("id") == told.get("id")
        assert shown["type"] == told["type"]
        assert shown.get("fileId") == told.get("file_id")
        assert shown.get("mountPath") == told.get("mount_path")
        assert shown.get("url") == told.get("url")
    assert status["outcomeEvaluations"] == _without_nulls(raw["outcome_evaluations"])
    assert (status["createdAt"], status["updatedAt"]) == (raw["created_at"], raw["updated_at"])
    assert "archivedAt" not in status
    scene.control.archive(status["id"])
    scene.wait("whole", "ArchivedOutside")
    assert scene.status("whole")["archivedAt"] == _remote_object(scene, status["id"])["archived_at"]
    assert "ghp_canary" not in json.dumps(scene.object("whole")) + scene.world.operator_log.read_text()


def _without_nulls(value):
    """What a CRD can hold: null is no value there."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _order(resource):
    return ["file", "github_repository", "memory_store"].index(resource["type"])


def _snake(usage):
    """Our spelling back into the API's, one level deep and in the nested counts."""

    def spell(name):
        out = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        return out.replace("ephemeral5m", "ephemeral_5m").replace("ephemeral1h", "ephemeral_1h")

    return {spell(k): _snake(v) if isinstance(v, dict) else v for k, v in usage.items()}


def _remote_object(scene, id):
    """What the API answers, asked as the operator asks."""
    import httpx

    headers = {
        "x-api-key": scene.world.simulator.key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "managed-agents-2026-04-01",
    }
    answer = httpx.get(f"{scene.world.simulator.url}/v1/sessions/{id}?beta=true", headers=headers, trust_env=False)
    return answer.raise_for_status().json()


def test_nothing_changes_and_nothing_is_written(anywhere):
    scene = anywhere
    scene.start()
    names = [f"calm-{n}" for n in range(4)]
    scene.apply(*(scene.session(n, title=n, metadata={"a": "b"}) for n in names))
    scene.wait_ready(*names)
    scene.sweeps(2)
    writes, mutations = len(scene.writes()), len(scene.mutations())
    scene.sweeps(4)
    assert len(scene.writes()) == writes
    assert len(scene.mutations()) == mutations == 4


def test_a_restart_writes_and_posts_nothing(anywhere):
    scene = anywhere
    scene.start()
    quiet = [f"old-{n}" for n in range(3)]
    scene.apply(*(scene.session(n, title=n, metadata={"a": "b"}) for n in quiet))
    scene.apply(scene.session("done", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.apply(scene.session("wrong", agent={"id": "agent_unknown"}))
    scene.apply(scene.session("asleep", suspend=True))
    scene.wait_ready(*quiet)
    scene.kubectl("wait", "session/done", "--for=condition=Finished", "--timeout=40s")
    scene.wait("wrong", "InvalidSpec")
    scene.wait("asleep", "Suspended")
    scene.control.archive(scene.status("old-0")["id"])
    scene.wait("old-0", "ArchivedOutside")
    scene.sweeps(2)
    assert scene.stop() == 0
    writes, mark = len(scene.writes()), scene.mark()
    scene.start()
    scene.sweeps(4)
    assert len(scene.writes()) == writes
    assert scene.mutations(since=mark) == []


def test_edits_reach_the_session_once(anywhere):
    scene = anywhere
    kept = not scene.control.modes()["drop_metadata"]
    scene.start()
    scene.apply(scene.session("edited", title="One", metadata={"a": "1", "b": "2"}))
    scene.wait_ready("edited")
    mark = scene.mark()
    scene.apply(scene.session("edited", title="Two", metadata={"a": "1", "c": "3"}))
    scene.until("the new title in status", lambda: scene.status("edited").get("title") == "Two")
    scene.sweeps(3)
    assert len(scene.mutations(since=mark)) == 1
    [remote] = scene.control.sessions()
    assert remote["title"] == "Two"
    if kept:
        assert {k: v for k, v in remote["metadata"].items() if not k.startswith("k8s_")} == {"a": "1", "c": "3"}
        assert scene.reason("edited", "Synced") == "Synced"
    else:
        assert scene.reason("edited", "Synced") == "MetadataNotKept"


def test_a_budget_is_raised_and_lifted(scene):
    scene.start()
    scene.apply(scene.session("paid", budget={"maxListCost": {"amount": "100"}}))
    scene.wait_ready("paid")
    scene.apply(scene.session("paid", budget={"maxListCost": {"amount": "200"}}))
    scene.until("the raised budget", lambda: scene.control.sessions()[0]["budget"] in (200, "200"))
    scene.apply(scene.session("paid", budget={"removed": True}))
    scene.until("no budget", lambda: scene.control.sessions()[0]["budget"] is None)
    scene.until("status without a budget", lambda: "budget" not in scene.status("paid"))
    scene.sweeps(2)
    assert scene.reason("paid", "Synced") == "Synced"
    assert len(scene.mutations()) == 3


def test_tools_change_when_the_session_is_idle(scene):
    scene.start()
    scene.control.behaviour(turn_seconds=40.0)
    scene.apply(scene.session("tools", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.wait("tools", "Running")
    tool = {"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
    spec = {"agent": {"id": "agent_sample", "overrides": {"tools": [tool]}}}
    edited = scene.session("tools", initialEvents=[{"type": "user.message", "text": "Go."}], **spec)
    scene.apply(edited)
    scene.wait("tools", "NotIdle", "Synced")
    scene.control.finish(scene.status("tools")["id"])
    scene.wait("tools", "Synced", "Synced")
    assert [t["name"] for t in scene.status("tools")["agent"]["tools"] if t["type"] == "custom"] == ["look"]
    scene.sweeps(2)
    assert len([c for c in scene.mutations() if "agent" in (c["body"] or {}) and "resources" not in c["path"]]) == 2
