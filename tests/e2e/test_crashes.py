"""Killed, or left without an answer, at each point of a creation: one session in the end, and never a second."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.e2e


def _one_session(scene, name):
    """Quiet, and one living session that is the one in status."""
    scene.wait_ready(name, timeout=60)
    scene.sweeps(3)
    alive = scene.control.sessions(alive=True)
    assert [s["id"] for s in alive] == [scene.status(name)["id"]]


def test_killed_after_the_claim(scene):
    """The POST never arrived: the claim is searched for through the whole grace, then there is one POST."""
    scene.control.fault("delay", method="POST", path="^/v1/sessions$")
    scene.start()
    scene.apply(scene.session("claimed"))
    scene.until("the held POST", scene.creations)
    scene.kill()
    before = scene.object("claimed")["metadata"]["annotations"]["managedagents.dev/claim"]
    scene.start()
    scene.wait("claimed", "Searching")
    _one_session(scene, "claimed")
    after = scene.object("claimed")["metadata"]["annotations"]["managedagents.dev/claim"]
    assert json.loads(after)["by"] != json.loads(before)["by"]
    assert len(scene.control.sessions()) == 1


def test_a_claim_of_a_process_long_gone(scene):
    """As a crash between claim and POST leaves it: nobody knows whether a POST was sent."""
    scene.apply(scene.session("left"))
    uid = scene.object("left")["metadata"]["uid"]
    claim = {"uid": uid, "n": 1, "at": datetime.now(UTC).isoformat(), "by": "gone", "agent": "agent_sample"}
    claim |= {"connection": "environment", "workspace": None, "digest": "0", "replaces": None}
    patch = {"metadata": {"finalizers": ["managedagents.dev/session"]}}
    patch["metadata"]["annotations"] = {"managedagents.dev/claim": json.dumps(claim)}
    scene.kubectl("patch", "session", "left", "--type=merge", "-p", json.dumps(patch))
    scene.start()
    scene.wait("left", "Searching")
    assert scene.creations() == []
    _one_session(scene, "left")
    assert len(scene.creations()) == 1


def test_killed_while_the_answer_is_on_its_way(scene):
    scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after")
    scene.start()
    scene.apply(scene.session("made"))
    scene.until("a stored session", scene.control.sessions)
    scene.kill()
    scene.start()
    _one_session(scene, "made")
    assert len(scene.creations()) == 1


def test_killed_between_the_answer_and_the_status(scene):
    """No status can be written, as if the process had died just before: the session is found again."""
    ours = json.loads(scene.kubectl("get", "clusterrole", scene.world.account.split(":")[-1], "-o", "json"))
    without = [r for r in ours["rules"] if "sessions/status" not in r.get("resources", [])]
    scene.kubectl(
        "patch", "clusterrole", ours["metadata"]["name"], "--type=merge", "-p", json.dumps({"rules": without})
    )
    try:
        scene.start()
        scene.apply(scene.session("unwritten", initialEvents=[{"type": "user.message", "text": "Go."}]))
        scene.until("an answered POST", lambda: any(c["status"] == 200 for c in scene.creations()))
        scene.until("a refused write", lambda: any(w.code == 403 for w in scene.writes("unwritten")))
        scene.kill()
    finally:
        rules = json.dumps({"rules": ours["rules"]})
        scene.kubectl("patch", "clusterrole", ours["metadata"]["name"], "--type=merge", "-p", rules)
    scene.start()
    scene.kubectl("wait", "session/unwritten", "--for=condition=Finished", "--timeout=60s")
    _one_session(scene, "unwritten")
    assert len(scene.creations()) == 1
    [remote] = scene.control.sessions()
    assert len(remote["events"]) == 1


LOST = {
    "internal": {"kind": "answer", "status": 500},
    "gateway": {"kind": "answer", "status": 502},
    "cut": {"kind": "cut"},
    "garbage": {"kind": "garbage"},
    "truncated": {"kind": "truncate"},
    "late": {"kind": "delay", "seconds": 6},
}
"""By the name of a session, what becomes of the answer to its POST, which was carried out."""


def test_stored_but_not_answered(scene):
    """The nearest peer makes five sessions of each."""
    for name, effect in LOST.items():
        rule = {"method": "POST", "path": "^/v1/sessions$", "containing": f"/default/{name}", "when": "after"}
        scene.control.fault(times=4, **rule, **effect)
    scene.start()
    scene.apply(*(scene.session(name) for name in LOST))
    scene.wait_ready(*LOST, timeout=60)
    scene.sweeps(3)
    assert {name: [s["id"] for s in scene.remote(name)] for name in LOST} == {
        name: [scene.status(name)["id"]] for name in LOST
    }
    assert len(scene.control.sessions(alive=True)) == len(scene.creations()) == len(LOST)


def test_a_list_that_lags_does_not_hide_it(scene):
    scene.control.modes(list_lag_seconds=1.5)
    scene.control.fault("cut", method="POST", path="^/v1/sessions$", when="after")
    scene.start()
    scene.apply(scene.session("lagging"))
    _one_session(scene, "lagging")
    assert len(scene.creations()) == 1


def test_no_metadata_kept_means_no_second_post(scene):
    """Where the server drops the marker a search proves nothing: a person must look."""
    scene.control.modes(drop_metadata=True)
    scene.control.fault("cut", method="POST", path="^/v1/sessions$", when="after")
    scene.start()
    scene.apply(scene.session("blind"))
    message = scene.wait("blind", "CreationUnknown", timeout=60)
    assert "look for it by hand" in message
    scene.sweeps(3)
    assert len(scene.creations()) == 1
    scene.delete("blind")


def test_a_kickoff_without_an_answer_is_sent_once(scene):
    scene.control.fault("cut", method="POST", path="/events$", when="after")
    scene.start()
    scene.apply(scene.session("once", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.wait_ready("once", timeout=60)
    scene.sweeps(3)
    [remote] = scene.control.sessions()
    assert len(remote["events"]) == 1
    assert scene.status("once")["kickoff"]["state"] == "Sent"


def test_a_kickoff_that_never_arrived_is_sent_again(scene):
    scene.control.fault("cut", method="POST", path="/events$", when="before")
    scene.start()
    scene.apply(scene.session("again", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.kubectl("wait", "session/again", "--for=condition=Finished", "--timeout=60s")
    [remote] = scene.control.sessions()
    assert len(remote["events"]) == 1
    assert scene.status("again")["kickoff"]["tries"] == 2


def test_a_kickoff_of_unknown_outcome_survives_a_kill(scene):
    scene.control.fault("delay", method="POST", path="/events$", when="after")
    scene.start(MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS="60")
    scene.apply(scene.session("kicked", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.until("a sent event", lambda: any(s["events"] for s in scene.control.sessions()))
    scene.kill()
    scene.start()
    scene.wait_ready("kicked", timeout=60)
    scene.sweeps(3)
    [remote] = scene.control.sessions()
    assert len(remote["events"]) == 1


def test_wiped_claim_finalizer_and_status_are_found_again(scene):
    """kubectl replace takes finalizer and claim, somebody else the status: the session is found by its marker."""
    scene.start()
    scene.apply(scene.session("wiped", title="Wiped"))
    scene.wait_ready("wiped")
    ident = scene.status("wiped")["id"]
    scene.kill()
    scene.kubectl("replace", "-f", "-", input=json.dumps(scene.session("wiped", title="Wiped")))
    scene.kubectl("patch", "session", "wiped", "--subresource=status", "--type=merge", "-p", '{"status": null}')
    assert "finalizers" not in scene.object("wiped")["metadata"]
    scene.start()
    scene.wait_ready("wiped", timeout=60)
    assert scene.status("wiped")["id"] == ident
    assert len(scene.control.sessions()) == 1
    scene.until("the finalizer is back", lambda: scene.object("wiped")["metadata"].get("finalizers"))


def test_a_restored_backup_takes_its_session_over(scene):
    """Status is dropped and the uid is new; the claim of the old uid leads to the living session."""
    scene.start()
    scene.apply(scene.session("backup", title="Backup"))
    scene.wait_ready("backup")
    saved = scene.object("backup")
    ident = scene.status("backup")["id"]
    scene.kill()
    scene.kubectl("patch", "session", "backup", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    scene.delete("backup")
    meta = {k: saved["metadata"][k] for k in ("name", "namespace", "annotations", "finalizers")}
    scene.kubectl("create", "-f", "-", input=json.dumps({**saved, "metadata": meta}))
    scene.start()
    scene.wait_ready("backup", timeout=60)
    new = scene.object("backup")
    assert scene.status("backup")["id"] == ident
    assert len(scene.control.sessions()) == 1
    uid = new["metadata"]["uid"]
    scene.until("the marker is ours", lambda: scene.control.session(ident)["metadata"]["k8s_uid"].startswith(uid))
    claim = scene.until(
        "our claim",
        lambda: json.loads(scene.object("backup")["metadata"]["annotations"]["managedagents.dev/claim"])["uid"] == uid,
    )
    assert claim
    scene.delete("backup")
    assert scene.control.session(ident)["archived_at"]


def test_a_copied_manifest_gets_a_session_of_its_own(scene):
    scene.start()
    scene.apply(scene.session("first"))
    scene.wait_ready("first")
    copy = scene.object("first")
    meta = {"name": "second", "namespace": "default"} | {k: copy["metadata"][k] for k in ("annotations", "finalizers")}
    scene.kubectl("create", "-f", "-", input=json.dumps({**copy, "metadata": meta}))
    scene.wait_ready("second", timeout=60)
    ids = {scene.status("first")["id"], scene.status("second")["id"]}
    assert len(ids) == len(scene.control.sessions()) == 2
