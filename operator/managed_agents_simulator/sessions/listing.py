"""GET /v1/sessions and GET /v1/sessions/{id}."""

from __future__ import annotations

from collections.abc import Callable

from managed_agents_simulator.clock import SECOND
from managed_agents_simulator.sessions.rendering import shown, status_shown
from managed_agents_simulator.sessions.session import WORKING, Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.index import Index
from managed_agents_simulator.wire.paging import Window, turn

STATUSES = ("rescheduling", "running", "idle", "terminated")

Filter = Callable[[Session], bool]


def retrieve(call: Call) -> Reply:
    """One session, archived or not."""
    session = call.world.session(call.workspace, call.path["session_id"])
    return Reply(shown(session, call.world.modes, call.world.clock.now()))


def index(call: Call) -> Reply:
    """One page of the workspace's sessions, newest first unless asked otherwise."""
    world, modes, now = call.world, call.world.modes, call.world.clock.now()
    window = Window.read(
        call.query,
        default=modes.page_size,
        maximum=modes.page_maximum,
        bound_to_order=not modes.cursor_ignores_order,
    )
    sessions = call.workspace.sessions
    filters = _filters(call)

    def keep(identifier: str) -> bool:
        session = sessions[identifier]
        return all(test(session) for test in filters)

    page = turn(_walked(call), window, keep, lambda identifier: sessions[identifier].key)
    return Reply(
        {
            "data": [shown(sessions[name], world.modes, now) for name in page.ids],
            "next_page": page.following,
            "prev_page": page.preceding,
        }
    )


def _walked(call: Call) -> Index:
    """The smallest index that holds all the sessions that are asked for."""
    statuses, modes = call.query.all("statuses"), call.world.modes
    if statuses and set(statuses) <= set(WORKING) and not (modes.idle_lag_seconds or modes.status_words):
        return call.workspace.working
    return call.workspace.everything if call.query.flag("include_archived") else call.workspace.unarchived


def _filters(call: Call) -> list[Filter]:
    query, modes, now = call.query, call.world.modes, call.world.clock.now()
    filters: list[Filter] = []
    if not query.flag("include_archived"):
        filters.append(lambda session: session.archived is None)
    agent = query.one("agent_id")
    version = query.number("agent_version", 1, None)
    if agent is not None:
        if not agent.startswith("agent_"):
            raise invalid(f"agent_id: Invalid ID {agent!r}: expected an ID with the prefix 'agent_'")
        filters.append(lambda session: session.agent["id"] == agent)
        if version is not None:
            filters.append(lambda session: session.agent["version"] == version)
    if (deployment := query.one("deployment_id")) is not None:
        filters.append(lambda session: session.deployment == deployment)
    if (store := query.one("memory_store_id")) is not None:
        filters.append(lambda session: any(r.get("memory_store_id") == store for r in session.resources))
    statuses = query.words("statuses", STATUSES)
    if statuses:
        words = {modes.status_words.get(word, word) for word in statuses}
        filters.append(lambda session: status_shown(session, modes, now) in words)
    if modes.list_lag_seconds:
        visible = now - round(modes.list_lag_seconds * SECOND)
        filters.append(lambda session: session.created <= visible)
    return filters
