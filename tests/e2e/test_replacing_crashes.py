"""A replacement that is cut short at each of its steps, or overtaken by an edit or deletion: one session at the end."""

from __future__ import annotations

import json

import pytest
from tests.e2e.test_replacing import EVENTS, messages, replaceable, replaced

pytestmark = pytest.mark.e2e

STEPS = [
    pytest.param("^/v1/sessions/[^/]+/archive$", "before", id="archive not arrived"),
    pytest.param("^/v1/sessions/[^/]+/archive$", "after", id="archive not answered"),
    pytest.param("^/v1/sessions$", "before", id="creation not arrived"),
    pytest.param("^/v1/sessions$", "after", id="creation not answered"),
    pytest.param("/events$", "before", id="kick-off not arrived"),
    pytest.param("/events$", "after", id="kick-off not answered"),
]
TIMEOUT = {"MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS": "60"}


@pytest.fixture
def held(scene):
    """A session whose replacement stands still at one step; its id, and the hold."""

    def hold(path, when):
        scene.start(**TIMEOUT)
        scene.apply(replaceable(scene, initialEvents=EVENTS))
        scene.wait("job", "EndTurn", "Finished")
        scene.settled("job")
        old = scene.status("job")["id"]
        rule = scene.control.fault("delay", method="POST", path=path, when=when)
        scene.apply(replaceable(scene, system="Two.", initialEvents=EVENTS))
        scene.until("the held call", lambda: scene.control.faults()[0]["hits"])
        return old, rule

    return hold


@pytest.mark.parametrize(("path", "when"), STEPS)
def test_killed_at_each_call(scene, held, path, when):
    old, _ = held(path, when)
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    new = replaced(scene, old)
    scene.until("its first event", lambda: messages(scene.control.session(new["id"])))
    scene.sweeps(2)
    assert messages(scene.control.session(new["id"])) == ["user.message"]
    assert messages(scene.control.session(old)) == ["user.message"]


def test_killed_between_the_answer_and_the_status(scene):
    scene.start()
    scene.apply(replaceable(scene, initialEvents=EVENTS))
    scene.wait("job", "EndTurn", "Finished")
    scene.settled("job")
    old = scene.status("job")["id"]
    role = scene.world.account.split(":")[-1]
    rules = json.loads(scene.kubectl("get", "clusterrole", role, "-o", "json"))["rules"]
    without = [r for r in rules if "sessions/status" not in r.get("resources", [])]

    def grant(rules):
        scene.kubectl("patch", "clusterrole", role, "--type=merge", "-p", json.dumps({"rules": rules}))

    hold = scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after")
    try:
        scene.apply(replaceable(scene, system="Two.", initialEvents=EVENTS))
        scene.until("a stored session", lambda: len(scene.control.sessions()) == 2)
        grant(without)
        scene.control.remove_fault(hold)
        scene.until("a refused write", lambda: any(w.code == 403 for w in scene.writes("job")))
        scene.kill()
    finally:
        grant(rules)
    scene.start()
    new = replaced(scene, old)
    scene.until("its first event", lambda: messages(scene.control.session(new["id"])))
    scene.sweeps(2)
    assert messages(scene.control.session(new["id"])) == ["user.message"]


@pytest.mark.parametrize(("path", "when"), STEPS[:4])
def test_deleted_at_each_call(scene, held, path, when):
    _, rule = held(path, when)
    scene.delete("job", wait=False)
    scene.control.remove_fault(rule)
    scene.until("the resource is gone", lambda: not scene.world.sessions("default"), timeout=60)
    scene.sweeps(2)
    assert scene.control.sessions(alive=True) == []
    assert len(scene.control.sessions()) <= 2


@pytest.mark.parametrize(("path", "when"), STEPS[:4])
def test_deleted_while_no_operator_ran(scene, held, path, when):
    held(path, when)
    scene.kill()
    scene.control.clear_faults()
    scene.delete("job", wait=False)
    scene.start()
    scene.until("the resource is gone", lambda: not scene.world.sessions("default"), timeout=60)
    assert scene.control.sessions(alive=True) == []


@pytest.mark.parametrize(("path", "when"), STEPS[:2])
def test_an_edit_before_the_new_one_is_made_makes_one_of_the_latest_spec(scene, held, path, when):
    old, rule = held(path, when)
    scene.apply(replaceable(scene, system="Three.", title="Ours", initialEvents=EVENTS))
    scene.control.remove_fault(rule)
    new = replaced(scene, old)
    assert scene.status("job")["agent"]["system"] == "Three."
    assert new["title"] == "Ours"


@pytest.mark.parametrize(("path", "when"), STEPS[2:4])
def test_an_edit_while_the_new_one_is_made_replaces_it_too(scene, held, path, when):
    """Nobody can call a POST back; what it makes is of the spec before, and one more takes its place."""
    old, rule = held(path, when)
    scene.apply(replaceable(scene, system="Three.", initialEvents=EVENTS))
    scene.control.remove_fault(rule)
    latest = scene.until("the latest spec", lambda: scene.status("job").get("agent", {}).get("system") == "Three.")
    assert latest
    replaced(scene, old, times=2)


@pytest.mark.parametrize("back", ["before", "after"])
def test_an_edit_that_is_taken_back_ends_with_one_session_of_the_spec(scene, held, back):
    """Once the old one is being archived there is no way back to it."""
    old, rule = held("^/v1/sessions/[^/]+/archive$", back)
    scene.apply(replaceable(scene, initialEvents=EVENTS))
    scene.control.remove_fault(rule)
    replaced(scene, old)
    assert scene.status("job")["agent"]["system"] == "One."


def test_archived_in_the_middle_leaves_nothing_alive(scene, held):
    _, rule = held("^/v1/sessions$", "after")
    scene.apply(replaceable(scene, system="Two.", archived=True, initialEvents=EVENTS))
    scene.control.remove_fault(rule)
    scene.wait("job", "Archived", timeout=60)
    scene.sweeps(2)
    assert scene.control.sessions(alive=True) == []
    assert len(scene.control.sessions()) == 2
