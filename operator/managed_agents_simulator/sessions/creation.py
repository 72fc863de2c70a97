"""POST /v1/sessions: checks everything first, then makes the session whole. There is no idempotency of any kind."""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import SECOND, Instant
from managed_agents_simulator.library import agents
from managed_agents_simulator.library.agent_shapes import (
    MCP_SERVERS,
    MODEL,
    SKILLS,
    TOOLS,
    demand_consistency,
    resolve_skills,
    resolve_tools,
)
from managed_agents_simulator.sessions import life, mounts, sending
from managed_agents_simulator.sessions.budget import BUDGET, cap
from managed_agents_simulator.sessions.event_shapes import INITIAL_EVENTS, demand_sound_batch
from managed_agents_simulator.sessions.rendering import shown
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.sessions.turn import Step
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import (
    METADATA,
    Place,
    anything,
    identifier,
    many,
    optional,
    record,
    tagged,
    text,
    whole,
)
from managed_agents_simulator.workspace import Workspace

_REFERENCE = {"type": anything, "id": identifier("agent_"), "version": whole(1)}
_OVERRIDES = {
    "model": optional(MODEL),
    "system": optional(text(0, 100_000)),
    "tools": optional(TOOLS),
    "mcp_servers": optional(MCP_SERVERS),
    "skills": optional(SKILLS),
}
_AGENT = tagged(
    {
        "agent": record(_REFERENCE, "id"),
        "agent_with_overrides": record({**_REFERENCE, **_OVERRIDES}, "id"),
    }
)


def _agent(value: Any, place: Place) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": "agent", "id": identifier("agent_")(value, place)}
    checked: dict[str, Any] = _AGENT(value, place)
    return checked


CREATE = record(
    {
        "agent": _agent,
        "environment_id": identifier("env_"),
        "title": optional(text()),
        "metadata": METADATA,
        "resources": mounts.RESOURCES,
        "vault_ids": many(identifier("vlt_"), maximum=50),
        "initial_events": INITIAL_EVENTS,
        "budget": BUDGET,
    },
    "agent",
    "environment_id",
)
_REPOSITORY_ERROR_DELAY = 10 * SECOND


def create(call: Call) -> Reply:
    """Make a session. With initial events it is running when the answer goes out."""
    given = call.body(CREATE)
    world, workspace, now = call.world, call.workspace, call.world.clock.now()
    events = given.get("initial_events", [])
    demand_sound_batch(events)
    session = _build(call, given, now)
    mounts.mount_all(world, workspace, session, given.get("resources", []), now)
    if "budget" in given:
        session.budget = cap(given["budget"], session.model)
    sending.demand_files(workspace, events)
    world.admit(workspace, session)
    for event in events:
        sending.take(world, workspace, session, event, now)
    _schedule_trouble(call, session, now)
    life.wake(world, session, now)
    return Reply(shown(session, world.modes, now), status=world.modes.create_status)


def _build(call: Call, given: dict[str, Any], now: Instant) -> Session:
    world, workspace = call.world, call.workspace
    snapshot = _snapshot(workspace, given["agent"])
    environment = workspace.shelf("environment").get(given["environment_id"])
    if environment.archived:
        raise invalid(f"Environment {environment.id} is archived.", error_code="environment_archived")
    for name in given.get("vault_ids", []):
        vault = workspace.shelf("vault").find(name)
        if vault is None or vault.archived:
            raise invalid(f"vault_ids: vault {name} is {'archived' if vault else 'not found'}")
    return Session(
        id=world.identifiers.make(world.modes.session_prefix),
        workspace=workspace.id,
        thread=world.identifiers.make("sthr_"),
        created=now,
        updated=now,
        agent=snapshot,
        environment=environment.id,
        vaults=given.get("vault_ids", []),
        title=given.get("title"),
        metadata={} if world.modes.drop_metadata else given.get("metadata", {}),
    )


def _snapshot(workspace: Workspace, wanted: dict[str, Any]) -> dict[str, Any]:
    snapshot = agents.resolve(workspace, wanted["id"], wanted.get("version"))
    if wanted["type"] == "agent":
        return snapshot
    if wanted.get("model", "") is None:
        raise invalid("agent.model: a session needs a model", error_code="agent_model_required")
    overrides = {name: wanted[name] for name in _OVERRIDES if name in wanted}
    if "tools" in overrides:
        overrides["tools"] = resolve_tools(overrides["tools"] or [])
    if "skills" in overrides:
        overrides["skills"] = resolve_skills(overrides["skills"] or [])
    if "mcp_servers" in overrides:
        overrides["mcp_servers"] = overrides["mcp_servers"] or []
    snapshot.update(overrides)
    demand_consistency(snapshot, every_server_used=False)
    return snapshot


def _schedule_trouble(call: Call, session: Session, now: Instant) -> None:
    kind = call.world.behaviour_of(session).repository_error
    repository = next((r for r in session.resources if r["type"] == "github_repository"), None)
    if kind and repository:
        detail = {
            "kind": kind,
            "message": "The repository could not be made available; the session goes on without it.",
            "retry": "exhausted",
            "repository_url": repository["url"],
        }
        delay = round(_REPOSITORY_ERROR_DELAY / call.world.speed)
        session.errands.append(Step(now + delay, "error", detail))
        call.world.touch(session)
