"""Why a session stopped, as conditions: each with what a person does next."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


GO = {"initialEvents": [{"type": "user.message", "text": "Go."}]}
STOPS = [
    pytest.param("end_turn", "Idle", "EndTurn", "next event", id="end_turn"),
    pytest.param("requires_action", "ActionRequired", "Running", "sevt_", id="requires_action"),
    pytest.param(
        "retries_exhausted", "RetriesExhausted", "RetriesExhausted", "send it an event", id="retries_exhausted"
    ),
    pytest.param("refusal", "Refused", "Refused", "another event", id="refusal"),
]


@pytest.mark.parametrize(("stop", "ready", "finished", "remedy"), STOPS)
def test_a_turn_ends_in_its_own_way(scene, stop, ready, finished, remedy):
    scene.control.behaviour(stop_reason=stop)
    scene.start()
    scene.apply(scene.session("stops", **GO))
    scene.until("its stop reason", lambda: scene.status("stops").get("stopReason") == stop)
    scene.wait("stops", finished, "Finished")
    assert remedy in scene.wait("stops", ready)
    assert scene.condition("stops", "Ready")["status"] == "True"
    writes = len(scene.writes())
    scene.sweeps(3)
    assert len(scene.writes()) == writes


def test_a_budget_that_is_reached_and_raised(scene):
    scene.start()
    scene.apply(scene.session("costly", budget={"maxListCost": {"amount": 5}}, **GO))
    assert "spec.budget" in scene.wait("costly", "BudgetReached")
    scene.wait("costly", "BudgetReached", "Finished")
    scene.apply(scene.session("costly", budget={"maxListCost": {"amount": 100_000}}, **GO))
    scene.wait("costly", "EndTurn", "Finished")
    assert scene.reason("costly") == "Idle"
    [remote] = scene.control.sessions()
    assert len(remote["events"]) == 1


def test_a_transient_error_is_followed_through(scene):
    scene.control.behaviour(reschedules=True, reschedule_seconds=12.0)
    scene.start()
    scene.apply(scene.session("shaky", **GO))
    scene.wait("shaky", "Rescheduling")
    scene.wait("shaky", "EndTurn", "Finished")


def test_an_error_that_ends_it(scene):
    scene.control.behaviour(stop_reason="terminated")
    scene.start()
    scene.apply(scene.session("dies", **GO))
    scene.wait("dies", "Terminated")
    scene.sweeps(2)
    assert len(scene.creations()) == 1
    scene.delete("dies")


def test_an_interrupt_by_a_person_is_an_end_of_the_turn(scene):
    """The stop reason read is the one after our own first events, never an older one."""
    scene.start()
    scene.control.behaviour(turn_seconds=400.0)
    scene.apply(scene.session("cut", **GO))
    scene.wait("cut", "Running")
    scene.control.finish(scene.status("cut")["id"])
    scene.wait("cut", "EndTurn", "Finished")


def test_a_tool_that_waits_for_leave_is_named_and_goes_on_with_it(scene):
    scene.control.behaviour(stop_reason="requires_action")
    scene.start()
    scene.apply(scene.session("asks", **GO))
    message = scene.wait("asks", "ActionRequired")
    [asked] = scene.control.sessions()[0]["pending"]
    assert "bash" in message
    assert asked in message
    assert scene.condition("asks", "Finished")["status"] == "False"
    scene.control.behaviour(stop_reason="end_turn")
    answer = {"type": "user.tool_confirmation", "tool_use_id": asked, "result": "allow"}
    scene.send("asks", **answer)
    scene.wait("asks", "EndTurn", "Finished")
    scene.wait("asks", "Idle")
    assert scene.steps() == ["create", "send", "send"]


def test_a_script_waits_for_the_end_and_reads_why(scene):
    """As in a pipeline: apply, wait, read the reason; a budget is an end too, and goes on when it is raised."""
    scene.start()
    scene.apply(scene.session("job", budget={"maxListCost": {"amount": 5}}, **GO))
    scene.kubectl("wait", "session/job", "--for=condition=Finished", "--timeout=40s")
    reason = 'jsonpath={.status.conditions[?(@.type=="Finished")].reason}'
    assert scene.kubectl("get", "session", "job", "-o", reason) == "BudgetReached"
    mark = scene.mark()
    scene.apply(scene.session("job", budget={"maxListCost": {"amount": 100_000}}, **GO))
    scene.wait("job", "EndTurn", "Finished")
    assert scene.kubectl("get", "session", "job", "-o", reason) == "EndTurn"
    assert scene.steps(since=mark) == ["update"]
