"""The journal: every session that was ever made, archived and deleted ones included, in every workspace."""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import optional_wire_time, wire_time
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.world import World


def everything(world: World) -> list[dict[str, Any]]:
    """All sessions in the order in which they were made."""
    alive = [session for workspace in world.workspaces.values() for session in workspace.sessions.values()]
    return [told(session) for session in sorted((*alive, *world.buried.values()), key=lambda session: session.key)]


def told(session: Session) -> dict[str, Any]:
    """What the journal says about one session. `events` are those that clients sent, in order of arrival."""
    return {
        "id": session.id,
        "workspace": session.workspace,
        "status": session.status,
        "agent_id": session.agent["id"],
        "agent_version": session.agent["version"],
        "environment_id": session.environment,
        "vault_ids": session.vaults,
        "title": session.title,
        "metadata": session.metadata,
        "resources": session.resources,
        "tokens": session.tokens,
        "budget": session.budget,
        "turns": session.turns,
        "pending": session.pending,
        "events": [event.wire() for event in session.history.from_clients()],
        "created_at": wire_time(session.created),
        "updated_at": wire_time(session.updated),
        "archived_at": optional_wire_time(session.archived),
        "deleted_at": optional_wire_time(session.deleted),
    }
