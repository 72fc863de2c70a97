"""Agents: create, read, update with versions, list, archive. There is no delete.

Endpoints of the agents collection, and `resolve`, with which a session takes its snapshot.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library.agent_shapes import (
    MCP_SERVERS,
    MODEL,
    SKILLS,
    TOOLS,
    demand_consistency,
    resolve_skills,
    resolve_tools,
)
from managed_agents_simulator.library.shelf import Document, merge_metadata
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import conflict, invalid, not_found
from managed_agents_simulator.wire.shapes import METADATA, METADATA_PATCH, anything, optional, record, text, whole
from managed_agents_simulator.workspace import Workspace

_FIELDS = {
    "name": text(1, 256),
    "model": MODEL,
    "description": optional(text(0, 2048)),
    "system": optional(text(0, 100_000)),
    "tools": optional(TOOLS),
    "mcp_servers": optional(MCP_SERVERS),
    "skills": optional(SKILLS),
    "multiagent": optional(record({"type": text(1)}, "type", open_ended=True)),
    "execution_identity": optional(record({"type": text(1), "role_arn": anything}, "type")),
}
CREATE = record({**_FIELDS, "metadata": METADATA}, "name", "model")
UPDATE = record({**_FIELDS, "metadata": METADATA_PATCH, "version": whole(1)})

SNAPSHOT = (
    "id",
    "type",
    "version",
    "name",
    "description",
    "system",
    "model",
    "tools",
    "mcp_servers",
    "skills",
    "multiagent",
    "execution_identity",
)


def create(call: Call) -> Reply:
    """POST /v1/agents."""
    given = call.body(CREATE)
    now = call.world.clock.now()
    definition = {**_definition(given), "metadata": given.get("metadata", {})}
    demand_consistency(definition, every_server_used=True)
    stamp = wire_time(now)
    body = {
        "id": call.world.identifiers.make("agent_"),
        "type": "agent",
        "version": 1,
        **definition,
        "created_at": stamp,
        "updated_at": stamp,
        "archived_at": None,
    }
    document = Document("agent", body["id"], call.workspace.id, now, body, {"versions": [dict(body)]})
    return Reply(call.workspace.shelf("agent").put(document).body)


def retrieve(call: Call) -> Reply:
    """GET /v1/agents/{agent_id}, at a version if asked for."""
    document = call.workspace.shelf("agent").get(call.path["agent_id"])
    version = call.query.number("version", 1, None)
    return Reply(document.body if version is None else _version(document, version))


def update(call: Call) -> Reply:
    """POST /v1/agents/{agent_id}: a new version, unless nothing changes."""
    shelf = call.workspace.shelf("agent")
    document = shelf.get(call.path["agent_id"])
    given = call.body(UPDATE)
    if document.archived:
        raise invalid(f"Agent {document.id} is archived and can't be updated.")
    expected = given.pop("version", None)
    if expected is not None and expected != document.body["version"]:
        raise conflict(f"Agent {document.id} is at version {document.body['version']}, not {expected}.")
    if given.get("name", "") is None or given.get("model", "") is None:
        raise invalid("name and model can't be cleared")
    body = document.body
    wanted = {name: body[name] for name in (*_FIELDS, "metadata")}
    changes = {**wanted, **given}
    patch = given.get("metadata") or {}
    updated = {**_definition(changes), "metadata": merge_metadata(body["metadata"], patch)}
    demand_consistency(updated, every_server_used=True)
    if updated != wanted:
        body.update(updated, version=body["version"] + 1)
        shelf.changed(document, call.world.clock.now())
        document.hidden["versions"].append(dict(body))
    return Reply(body)


def index(call: Call) -> Reply:
    """GET /v1/agents."""
    return Reply(call.workspace.shelf("agent").page(call.query))


def archive(call: Call) -> Reply:
    """POST /v1/agents/{agent_id}/archive."""
    shelf = call.workspace.shelf("agent")
    return Reply(shelf.archive(call.path["agent_id"], call.world.clock.now()).body)


def versions(call: Call) -> Reply:
    """GET /v1/agents/{agent_id}/versions, newest first."""
    document = call.workspace.shelf("agent").get(call.path["agent_id"])
    limit = call.query.number("limit", 1, 100) or 20
    page = call.query.one("page")
    if page is not None and not page.removeprefix("page_v").isdigit():
        raise invalid(f"page: Invalid cursor {page!r}")
    before = int(page.removeprefix("page_v")) if page else len(document.hidden["versions"]) + 1
    rest = [body for body in reversed(document.hidden["versions"]) if body["version"] < before]
    following = f"page_v{rest[limit - 1]['version']}" if len(rest) > limit else None
    return Reply({"data": rest[:limit], "next_page": following})


def resolve(workspace: Workspace, identifier: str, version: int | None) -> dict[str, Any]:
    """The snapshot of an agent for a new session. Raises 404 for an unknown one, 400 for an archived one."""
    document = workspace.shelf("agent").get(identifier)
    if document.archived:
        raise invalid(f"Agent {identifier} is archived and can't be used for new sessions.")
    body = document.body if version is None else _version(document, version)
    return {name: body[name] for name in SNAPSHOT}


def _version(document: Document, version: int) -> dict[str, Any]:
    found = next((body for body in document.hidden["versions"] if body["version"] == version), None)
    if found is None:
        raise not_found(f"Version {version} of agent", document.id)
    return {**document.body, **found, "archived_at": document.body["archived_at"]}


def _definition(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": given["name"],
        "model": given["model"],
        "description": given.get("description") or None,
        "system": given.get("system") or None,
        "tools": resolve_tools(given.get("tools") or []),
        "mcp_servers": given.get("mcp_servers") or [],
        "skills": resolve_skills(given.get("skills") or []),
        "multiagent": given.get("multiagent"),
        "execution_identity": given.get("execution_identity") or {"type": "service_account"},
    }
