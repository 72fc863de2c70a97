"""The threads of a session. There is the primary one; what it shows is the session's own state."""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import SECOND, optional_wire_time, wire_time
from managed_agents_simulator.sessions import events
from managed_agents_simulator.sessions.rendering import status_shown, usage_shown
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid, not_found

_STATUSES = ("rescheduling", "running", "idle", "terminated")


def index(call: Call) -> Reply:
    """GET /v1/sessions/{id}/threads."""
    wanted = call.query.words("statuses", _STATUSES)
    call.query.number("limit", 1, 1000)
    thread = _shown(call, call.world.session(call.workspace, call.path["session_id"]))
    return Reply({"data": [thread] if not wanted or thread["status"] in wanted else [], "next_page": None})


def retrieve(call: Call) -> Reply:
    """GET /v1/sessions/{id}/threads/{tid}."""
    return Reply(_shown(call, _demand(call)))


def archive(call: Call) -> Reply:
    """POST /v1/sessions/{id}/threads/{tid}/archive: refused, the primary thread ends with its session."""
    raise invalid(f"Thread {_demand(call).thread} is the primary thread; archive the session instead.")


def history(call: Call) -> Reply:
    """GET /v1/sessions/{id}/threads/{tid}/events."""
    _demand(call)
    return events.index(call)


def stream(call: Call) -> Reply:
    """GET /v1/sessions/{id}/threads/{tid}/stream."""
    _demand(call)
    return events.stream(call)


def _demand(call: Call) -> Session:
    session = call.world.session(call.workspace, call.path["session_id"])
    if call.path["thread_id"] != session.thread:
        raise not_found("Thread", call.path["thread_id"])
    return session


def _shown(call: Call, session: Session) -> dict[str, Any]:
    now = call.world.clock.now()
    active = round(session.active_time(now) / SECOND, 3)
    stats = {"active_seconds": active, "duration_seconds": session.duration(now), "startup_seconds": 0.0}
    return {
        "id": session.thread,
        "type": "session_thread",
        "session_id": session.id,
        "agent": {name: value for name, value in session.agent.items() if name != "multiagent"},
        "status": status_shown(session, call.world.modes, now),
        "parent_thread_id": None,
        "workflow_run_id": None,
        "stats": stats if session.turns else None,
        "usage": usage_shown(session, now) if session.turns else None,
        "created_at": wire_time(session.created),
        "updated_at": wire_time(session.updated),
        "archived_at": optional_wire_time(session.archived),
    }
