"""A replacement that is cut short at each of its steps, or overtaken by an edit or deletion: one session at the end.

Each step has a session of its own, and all of them are held at once.
"""

from __future__ import annotations

import json

import pytest
from tests.e2e.test_replacing import EVENTS, messages, replaceable, replaced

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


ARCHIVES = ["archive-before", "archive-after"]
CREATIONS = ["creation-before", "creation-after"]
KICKOFFS = ["kickoff-before", "kickoff-after"]
TIMEOUT = {"MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS": "60"}


def job(scene, name, system, **spec):
    """The manifest of a session that is told its own name first."""
    events = [{"type": "user.message", "text": f"Go, {name}."}]
    return replaceable(scene, name, system=system, **({"initialEvents": events} | spec))


@pytest.fixture
def held(scene):
    """Makes sessions whose replacement stands still, each before or after the call that it is named for; their ids."""

    def hold(*names):
        scene.start(**TIMEOUT)
        scene.apply(*(job(scene, name, "One.") for name in names))
        for name in names:
            scene.wait(name, "EndTurn", "Finished")
        scene.settled(*names)
        old = {name: scene.status(name)["id"] for name in names}
        for name, ident in old.items():
            step, _, when = name.partition("-")
            call = {
                "archive": {"path": f"{ident}/archive$"},
                "creation": {"path": "^/v1/sessions$", "containing": f"/default/{name}"},
                "kickoff": {"path": "/events$", "containing": f"Go, {name}."},
            }[step]
            scene.control.fault("delay", method="POST", when=when, **call)
        scene.apply(*(job(scene, name, "Two.") for name in names))
        scene.until("the held calls", lambda: all(rule["hits"] for rule in scene.control.faults()))
        return old

    return hold


def gone(scene):
    scene.until("the resources are gone", lambda: not scene.world.sessions("default"), timeout=60)
    scene.sweeps(2)
    assert scene.control.sessions(alive=True) == []


def test_killed_at_each_call(scene, held):
    old = held(*ARCHIVES, *CREATIONS, *KICKOFFS)
    scene.kill()
    scene.control.clear_faults()
    scene.start()
    new = {name: replaced(scene, ident, name)["id"] for name, ident in old.items()}
    for ident in new.values():
        scene.until("its first event", lambda: messages(scene.control.session(ident)))  # noqa: B023 (called at once)
    scene.sweeps(2)
    for ident in [*old.values(), *new.values()]:
        assert messages(scene.control.session(ident)) == ["user.message"]


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


def test_deleted_at_each_call(scene, held):
    old = held(*ARCHIVES, *CREATIONS)
    scene.kubectl("delete", "session", "--all", "--wait=false")
    scene.control.clear_faults()
    gone(scene)
    assert [len(scene.remote(name)) <= 2 for name in old] == [True] * len(old)


def test_deleted_while_no_operator_ran(scene, held):
    held(*ARCHIVES, *CREATIONS)
    scene.kill()
    scene.control.clear_faults()
    scene.kubectl("delete", "session", "--all", "--wait=false")
    scene.start()
    gone(scene)


def test_an_edit_before_the_new_one_is_made_makes_one_of_the_latest_spec(scene, held):
    old = held(*ARCHIVES)
    scene.apply(*(job(scene, name, "Three.", title="Ours") for name in old))
    scene.control.clear_faults()
    for name, ident in old.items():
        new = replaced(scene, ident, name)
        assert scene.status(name)["agent"]["system"] == "Three."
        assert new["title"] == "Ours"


def test_an_edit_while_the_new_one_is_made_replaces_it_too(scene, held):
    """Nobody can call a POST back; what it makes is of the spec before, and one more takes its place."""
    old = held(*CREATIONS)
    scene.apply(*(job(scene, name, "Three.") for name in old))
    scene.control.clear_faults()
    for name, ident in old.items():
        scene.until("the latest spec", lambda: scene.status(name).get("agent", {}).get("system") == "Three.")  # noqa: B023
        replaced(scene, ident, name, times=2)


def test_an_edit_that_is_taken_back_ends_with_one_session_of_the_spec(scene, held):
    """Once the old one is being archived there is no way back to it."""
    old = held(*ARCHIVES)
    scene.apply(*(job(scene, name, "One.") for name in old))
    scene.control.clear_faults()
    for name, ident in old.items():
        replaced(scene, ident, name)
        assert scene.status(name)["agent"]["system"] == "One."


def test_archived_in_the_middle_leaves_nothing_alive(scene, held):
    old = held("creation-after")
    scene.apply(*(job(scene, name, "Two.", archived=True) for name in old))
    scene.control.clear_faults()
    scene.wait("creation-after", "Archived", timeout=60)
    scene.sweeps(2)
    assert scene.control.sessions(alive=True) == []
    assert len(scene.control.sessions()) == 2
