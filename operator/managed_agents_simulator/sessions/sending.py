"""POST /v1/sessions/{id}/events: takes a batch whole or not at all, queues it and sets the session to work.

`take` is also how a creation's initial events come in.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.sessions import emission, life
from managed_agents_simulator.sessions.event_shapes import EVENTS, demand_sound_batch
from managed_agents_simulator.sessions.history import Event
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import ApiError, invalid
from managed_agents_simulator.wire.shapes import record
from managed_agents_simulator.workspace import Workspace
from managed_agents_simulator.world import World

SEND = record({"events": EVENTS}, "events")
_ANSWERS = {
    "user.tool_confirmation": "tool_use_id",
    "user.tool_result": "tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}
_AT_BUDGET = (*_ANSWERS, "user.interrupt")
_ON_RECEIPT = ("user.define_outcome", "user.custom_tool_result", "user.tool_result")


def send(call: Call) -> Reply:
    """Send events to a session."""
    world, now = call.world, call.world.clock.now()
    session = world.session(call.workspace, call.path["session_id"])
    events = call.body(SEND)["events"]
    _demand_open(world, session)
    demand_sound_batch(events)
    demand_files(call.workspace, events)
    _demand_sense(call.workspace, session, events)
    taken = [take(world, call.workspace, session, event, now) for event in events]
    answer = [event.wire() for event in taken]
    _react(world, session, events, now)
    if world.modes.touch_on_every_post:
        session.updated = now
    world.touch(session)
    if not world.modes.send_body:
        return Reply(raw=b"", status=world.modes.send_status)
    return Reply({"data": answer}, status=world.modes.send_status)


def take(world: World, workspace: Workspace, session: Session, given: dict[str, Any], now: Instant) -> Event:
    """Put one checked event of a client into the history, queued or, for the kinds that are, already processed."""
    body = {name: value for name, value in given.items() if name != "type"}
    kind = given["type"]
    if kind == "user.define_outcome":
        body = _define(world, workspace, session, body)
    processed = now if kind in _ON_RECEIPT else None
    name = world.identifiers.make("sevt_")
    event = Event(name, kind, session.id, body, now, processed, from_client=True)
    emission.accept(world, session, event)
    return event


def demand_files(workspace: Workspace, events: list[dict[str, Any]]) -> None:
    """Check that the files which events refer to exist. Raises 400."""
    for event in events:
        sources = [block.get("source") or {} for block in event.get("content") or []]
        for source in (*sources, event.get("rubric") or {}):
            if source.get("type") == "file" and workspace.shelf("file").find(source["file_id"]) is None:
                raise invalid(f"events: file {source['file_id']} not found")


def _demand_open(world: World, session: Session) -> None:
    if session.archived is not None:
        raise ApiError(world.modes.archived_refusal, f"Session {session.id} is archived.", kind="invalid_request_error")
    if session.status == "terminated" and not world.modes.terminated_accepts_events:
        message = f"Session {session.id} is terminated."
        raise ApiError(world.modes.archived_refusal, message, kind="invalid_request_error")


def _demand_sense(workspace: Workspace, session: Session, events: list[dict[str, Any]]) -> None:
    hosted = workspace.shelf("environment").find(session.environment)
    for event in events:
        if life.at_budget(session) and event["type"] not in _AT_BUDGET:
            raise invalid(f"The session has reached its budget; only {', '.join(_AT_BUDGET)} are accepted.")
        if event["type"] == "user.tool_result" and hosted and hosted.body["config"]["type"] != "self_hosted":
            raise invalid("user.tool_result is only accepted in self-hosted environments")
        answered = _ANSWERS.get(event["type"])
        if answered and event[answered] not in session.pending:
            raise invalid(f"{answered}: {event[answered]} does not wait for an answer")
        thread = event.get("session_thread_id")
        if thread not in (None, session.thread):
            raise invalid(f"session_thread_id: thread {thread} not found")


def _react(world: World, session: Session, events: list[dict[str, Any]], now: Instant) -> None:
    answered = [event[_ANSWERS[event["type"]]] for event in events if event["type"] in _ANSWERS]
    if answered:
        session.pending = [name for name in session.pending if name not in answered]
        if session.pending:
            emission.idle(world, session, now, {"type": "requires_action", "event_ids": session.pending})
        else:
            life.go_on(world, session, now)
    kinds = [event["type"] for event in events]
    if "user.interrupt" in kinds:
        after = kinds[len(kinds) - kinds[::-1].index("user.interrupt") :]
        life.interrupt(world, session, now, later=after.count("user.define_outcome"))
    life.wake(world, session, now)


def _define(world: World, workspace: Workspace, session: Session, body: dict[str, Any]) -> dict[str, Any]:
    name = world.identifiers.make("outc_")
    limit = body.get("max_iterations") or 3
    session.outcomes.append(
        {
            "type": "outcome_evaluation",
            "outcome_id": name,
            "description": body["description"],
            "result": "pending",
            "iteration": 0,
            "explanation": None,
            "completed_at": None,
            "max_iterations": limit,
        }
    )
    return {**body, "max_iterations": limit, "outcome_id": name}
