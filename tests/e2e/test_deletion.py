"""The end of a resource: its session ends as spec.deletionPolicy says, with a handful of calls."""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


ENDED = {
    "Archive": lambda s: s["archived_at"] and not s["deleted_at"],
    "Delete": lambda s: s["deleted_at"],
    "Retain": lambda s: not s["archived_at"] and not s["deleted_at"],
}
"""By deletion policy, whether a session ended as it says."""


@pytest.mark.parametrize(
    "modes", [{}, {"archived_keeps_status": True, "drop_metadata": True}], ids=["plain", "differs"]
)
def test_the_session_ends_as_the_policy_says(scene, modes):
    scene.control.modes(**modes)
    scene.start()
    scene.apply(*(scene.session(policy.lower(), deletionPolicy=policy) for policy in ENDED))
    scene.wait_ready(*(policy.lower() for policy in ENDED))
    for policy, ended in ENDED.items():
        ident, mark = scene.status(policy.lower())["id"], scene.mark()
        scene.delete(policy.lower())
        assert ended(scene.control.session(ident)), policy
        assert len(scene.mutations(since=mark)) == (0 if policy == "Retain" else 1), policy


def test_a_running_session_is_interrupted_once(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    message = {"type": "user.message", "text": "Go."}
    for policy in ("Archive", "Delete"):
        scene.apply(scene.session("busy", deletionPolicy=policy, initialEvents=[message]))
        scene.wait("busy", "Running")
        ident, mark = scene.status("busy")["id"], scene.mark()
        scene.delete("busy")
        assert ENDED[policy](scene.control.session(ident)), policy
        assert scene.steps(since=mark) == ["interrupt", policy.lower()]
        assert len([c for c in scene.calls("GET", since=mark) if c["path"].endswith(ident)]) <= 6, policy


def test_a_session_that_will_not_stop_is_told_and_can_be_let_go(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.control.modes(stuck_after_interrupt=True)
    scene.start()
    scene.apply(scene.session("stuck", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.wait("stuck", "Running")
    mark = scene.mark()
    ident = scene.status("stuck")["id"]
    scene.delete("stuck", wait=False)
    scene.until("it says so", lambda: "has not stopped" in (scene.condition("stuck", "Ready") or {})["message"])
    scene.sweeps(6)
    assert "managedagents.dev/force-delete" in scene.condition("stuck", "Ready")["message"]
    assert len(scene.mutations(since=mark)) == 1
    assert len([c for c in scene.calls("GET", since=mark) if c["path"].endswith(ident)]) <= 8
    scene.kubectl("annotate", "session", "stuck", "managedagents.dev/force-delete=true")
    scene.until("it is gone", lambda: not list(scene.world.sessions("default")))
    assert not scene.control.session(ident)["archived_at"]


def test_what_never_was_made_needs_no_call(scene):
    scene.start()
    scene.apply(scene.session("never", agent={"id": "agent_unknown"}), scene.session("asleep", suspend=True))
    scene.wait("never", "InvalidSpec")
    scene.wait("asleep", "Suspended")
    mark = scene.mark()
    scene.delete("never")
    scene.delete("asleep")
    shared = ("/v1/sessions", "/v1/files")
    assert [c for c in scene.calls(since=mark) if c["method"] != "GET" or c["path"] not in shared] == []
    assert scene.control.sessions() == []


def test_a_creation_of_unknown_outcome_is_found_and_ended(scene):
    """Deleted while the answer to the POST is on its way, which then never comes."""
    scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after")
    scene.start()
    scene.apply(scene.session("doubt"))
    scene.until("a stored session", scene.control.sessions)
    scene.delete("doubt")
    [remote] = scene.control.sessions()
    assert remote["archived_at"]
    assert len(scene.creations()) == 1


def test_a_resource_that_goes_while_its_session_is_made_leaves_nothing(scene):
    hold = scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after")
    scene.start(MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS="60")
    scene.apply(scene.session("fleeting"))
    scene.until("a stored session", scene.control.sessions)
    scene.kubectl("patch", "session", "fleeting", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    scene.delete("fleeting")
    scene.control.remove_fault(hold)
    scene.until("it was archived", lambda: scene.control.sessions()[0]["archived_at"])
    assert len(scene.creations()) == 1


def test_sigterm_drains_a_creation_under_way(scene):
    hold = scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after")
    scene.start(MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS="60")
    scene.apply(scene.session("drained"))
    scene.until("a stored session", scene.control.sessions)
    scene.world.operator.process.signal(signal.SIGTERM)
    scene.control.remove_fault(hold)
    assert scene.world.operator.process.wait() == 0
    assert scene.status("drained")["id"] == scene.control.sessions()[0]["id"]


def test_without_a_key_that_works_deletion_waits_and_names_the_way_out(scene):
    scene.start()
    scene.apply(scene.session("keyless"))
    scene.wait_ready("keyless")
    ident = scene.status("keyless")["id"]
    scene.stop()
    mark = scene.mark()
    scene.start(ANTHROPIC_API_KEY="sk-ant-wrong")
    scene.delete("keyless", wait=False)
    way_out = "managedagents.dev/force-delete"
    scene.until("it names the way out", lambda: way_out in scene.condition("keyless", "Ready")["message"])
    assert scene.reason("keyless", "Synced") == "KeyRefused"
    assert scene.mutations(since=mark) == []
    scene.stop()
    scene.start()
    scene.until("it is gone", lambda: not list(scene.world.sessions("default")))
    assert scene.control.session(ident)["archived_at"]


def test_reconcile_now_looks_and_says_so(scene):
    scene.start(MANAGED_AGENTS_FULL_SWEEP_SECONDS="600", MANAGED_AGENTS_HOT_SWEEP_SECONDS="600")
    scene.apply(scene.session("asked"))
    scene.wait_ready("asked")
    ident = scene.status("asked")["id"]
    scene.control.delete(ident)
    scene.kubectl("annotate", "session", "asked", "managedagents.dev/reconcile-requested-at=now")
    scene.wait("asked", "Lost")
    assert scene.status("asked")["lastHandledReconcileAt"] == "now"


def test_without_an_api_deletion_waits_and_names_the_way_out(scene):
    scene.start()
    scene.apply(scene.session("patient"), scene.session("forced"))
    scene.wait_ready("patient", "forced")
    ids = {name: scene.status(name)["id"] for name in ("patient", "forced")}
    scene.world.simulator.kill()
    for name in ids:
        scene.delete(name, wait=False)
        scene.wait(name, "Unreachable", "Synced")
        assert scene.reason(name) == "Deleting"
        assert "managedagents.dev/force-delete" in scene.condition(name, "Ready")["message"]
    scene.kubectl("annotate", "session", "forced", "managedagents.dev/force-delete=true")
    scene.until("one is gone", lambda: [s["metadata"]["name"] for s in scene.world.sessions("default")] == ["patient"])
    scene.world.simulator.start()
    scene.until("both are gone", lambda: not scene.world.sessions("default"), timeout=60)
    assert scene.control.session(ids["patient"])["archived_at"]
    assert not scene.control.session(ids["forced"])["archived_at"]


def test_secrets_of_mounts_may_go_first(scene):
    scene.apply(scene.secret("gh", token="ghp_canary"), scene.secret("content", text="canary"))
    scene.start()
    mounts = [
        scene.repository(),
        {"name": "text", "file": {"secretKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}},
    ]
    scene.apply(scene.session("mounts", resources=mounts))
    scene.settled("mounts")
    mark = scene.mark()
    scene.kubectl("delete", "secret", "gh", "content")
    scene.delete("mounts")
    assert scene.steps(since=mark) == ["archive", "discard"]
    assert scene.uploads() == []


def test_secrets_that_never_were_there_hold_nothing_up(scene):
    scene.start()
    scene.apply(scene.session("waits", resources=[scene.repository(secret="never")]))
    scene.wait("waits", "SecretMissing", "Synced")
    scene.delete("waits")
    assert scene.mutations() == []
