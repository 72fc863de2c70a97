"""POST /v1/sessions/{id}: title, metadata, budget, the agent's tools. All is checked before anything changes."""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.library.agent_shapes import MCP_SERVERS, TOOLS, demand_consistency, resolve_tools
from managed_agents_simulator.library.shelf import merge_metadata
from managed_agents_simulator.sessions import budget, emission, life
from managed_agents_simulator.sessions.rendering import budget_shown, shown, status_shown
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import ApiError, invalid
from managed_agents_simulator.wire.shapes import METADATA_PATCH, anything, optional, record, text
from managed_agents_simulator.world import World

UPDATE = record(
    {
        "title": optional(text()),
        "metadata": METADATA_PATCH,
        "agent": optional(record({"tools": optional(TOOLS), "mcp_servers": optional(MCP_SERVERS)})),
        "budget": optional(budget.BUDGET),
        "vault_ids": anything,
    }
)


def update(call: Call) -> Reply:
    """Change a session. A change to what is already so emits nothing and moves no timestamp."""
    world, now = call.world, call.world.clock.now()
    session = world.session(call.workspace, call.path["session_id"])
    given = call.body(UPDATE)
    _demand_allowed(world, session, given, now)
    wanted: dict[str, Any] = {}
    if "title" in given:
        wanted["title"] = given["title"]
    if "metadata" in given:
        wanted["metadata"] = _metadata(world, session, given["metadata"])
    if given.get("agent"):
        wanted["agent"] = _agent(session, given["agent"])
    if "budget" in given:
        wanted["budget"] = budget.changed(session, given["budget"], now)
    apply(world, session, wanted, now)
    if world.modes.touch_on_every_post:
        session.updated = now
    world.touch(session)
    return Reply(shown(session, world.modes, now))


def apply(world: World, session: Session, wanted: dict[str, Any], now: Instant) -> None:
    """Set fields of a session and tell its streams, if anything is different afterwards."""
    changed = {name: value for name, value in wanted.items() if getattr(session, name) != value}
    for name, value in changed.items():
        setattr(session, name, value)
    if not changed:
        return
    session.updated = now
    if "budget" in changed:
        life.rebudget(world, session, now)
    told = {name: getattr(session, name) for name in changed if name != "budget"}
    if "budget" in changed:
        told["budget"] = budget_shown(session)
    emission.emit(world, session, now, "session.updated", **told)
    world.touch(session)


def _demand_allowed(world: World, session: Session, given: dict[str, Any], now: Instant) -> None:
    modes = world.modes
    if "vault_ids" in given:
        raise invalid("vault_ids: vaults can't be changed after creation")
    if session.archived is not None:
        raise invalid(f"Session {session.id} is archived and can't be updated.")
    busy = status_shown(session, modes, now) not in (modes.status_words.get("idle", "idle"), "terminated")
    if given.get("agent") is not None and busy and not modes.agent_update_while_running:
        raise invalid(f"agent: session {session.id} must be idle; send user.interrupt first.")
    if modes.update_while_running_refused and busy and ("title" in given or "metadata" in given):
        raise invalid(f"Session {session.id} must be idle to be updated; send user.interrupt first.")
    if session.status == "terminated" and not modes.terminated_accepts_events and given:
        raise invalid(f"Session {session.id} is terminated and can't be updated.")


def _metadata(world: World, session: Session, patch: dict[str, str | None] | None) -> dict[str, str]:
    if patch is None:
        if world.modes.null_metadata == "fail":
            raise ApiError(500, "Internal server error")
        return {} if world.modes.null_metadata == "wipe" else session.metadata
    if world.modes.empty_metadata_deletes:
        patch = {key: value or None for key, value in patch.items()}
    return merge_metadata(session.metadata, patch)


def _agent(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    replaced = dict(session.agent)
    if "tools" in given:
        replaced["tools"] = resolve_tools(given["tools"] or [])
    if "mcp_servers" in given:
        replaced["mcp_servers"] = given["mcp_servers"] or []
    demand_consistency(replaced, every_server_used=False)
    return replaced
