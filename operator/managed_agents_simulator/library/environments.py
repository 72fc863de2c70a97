"""Environments: the containers that sessions run in. Endpoints of the environments collection.

Only what sessions refer to is kept; sandboxes and the work queue of self-hosted environments don't exist here.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library.shelf import Document, merge_metadata
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import conflict, invalid
from managed_agents_simulator.wire.shapes import (
    METADATA,
    METADATA_PATCH,
    anything,
    choice,
    flag,
    many,
    optional,
    record,
    tagged,
    text,
)

PACKAGE_SOURCES = ("apt", "cargo", "gem", "go", "npm", "pip")

_NETWORKING = tagged(
    {
        "unrestricted": record({"type": anything}),
        "limited": record(
            {
                "type": anything,
                "allowed_hosts": optional(many(text(1))),
                "allow_mcp_servers": optional(flag),
                "allow_package_managers": optional(flag),
            }
        ),
    }
)
_PACKAGES = record({"type": choice("packages"), **dict.fromkeys(PACKAGE_SOURCES, optional(many(text(1))))})
_CONFIG = tagged(
    {
        "cloud": record({"type": anything, "networking": optional(_NETWORKING), "packages": optional(_PACKAGES)}),
        "self_hosted": record({"type": anything}),
    }
)
_FIELDS = {
    "name": text(1, 256),
    "config": optional(_CONFIG),
    "description": optional(text(0, 2048)),
    "scope": optional(choice("organization")),
}
CREATE = record({**_FIELDS, "metadata": METADATA}, "name")
UPDATE = record({**_FIELDS, "metadata": METADATA_PATCH})


def create(call: Call) -> Reply:
    """POST /v1/environments."""
    given = call.body(CREATE)
    now = call.world.clock.now()
    stamp = wire_time(now)
    body = {
        "id": call.world.identifiers.make("env_"),
        "type": "environment",
        "name": given["name"],
        "description": given.get("description"),
        "config": _resolve(given.get("config") or {"type": "cloud"}),
        "metadata": given.get("metadata", {}),
        "scope": given.get("scope") or "organization",
        "created_at": stamp,
        "updated_at": stamp,
        "archived_at": None,
    }
    return Reply(call.workspace.shelf("environment").put(_document(call, body, now)).body)


def retrieve(call: Call) -> Reply:
    """GET /v1/environments/{environment_id}."""
    return Reply(call.workspace.shelf("environment").get(call.path["environment_id"]).body)


def update(call: Call) -> Reply:
    """POST /v1/environments/{environment_id}. An empty metadata value deletes its key, as null does."""
    shelf = call.workspace.shelf("environment")
    document = shelf.get(call.path["environment_id"])
    given = call.body(UPDATE)
    if document.archived:
        raise invalid(f"Environment {document.id} is archived.", error_code="environment_archived")
    body = document.body
    config = given.pop("config", None)
    if config is not None and config["type"] != body["config"]["type"]:
        raise invalid("config: the type of an environment can't change", error_code="invalid_config_type_change")
    patch = {key: value or None for key, value in (given.pop("metadata", None) or {}).items()}
    wanted = {
        **given,
        "config": _resolve({**body["config"], **config}) if config else body["config"],
        "metadata": merge_metadata(body["metadata"], patch),
    }
    if any(body[name] != value for name, value in wanted.items()):
        body.update(wanted)
        shelf.changed(document, call.world.clock.now())
    return Reply(body)


def index(call: Call) -> Reply:
    """GET /v1/environments."""
    return Reply(call.workspace.shelf("environment").page(call.query))


def archive(call: Call) -> Reply:
    """POST /v1/environments/{environment_id}/archive."""
    shelf = call.workspace.shelf("environment")
    return Reply(shelf.archive(call.path["environment_id"], call.world.clock.now()).body)


def delete(call: Call) -> Reply:
    """DELETE /v1/environments/{environment_id}. Raises 409 while a session refers to it."""
    shelf = call.workspace.shelf("environment")
    document = shelf.get(call.path["environment_id"])
    if any(session.environment == document.id for session in call.workspace.sessions.values()):
        raise conflict(f"Environment {document.id} is used by sessions.")
    return Reply(shelf.remove(document.id))


def _document(call: Call, body: dict[str, Any], now: int) -> Document:
    return Document("environment", body["id"], call.workspace.id, now, body)


def _resolve(config: dict[str, Any]) -> dict[str, Any]:
    if config["type"] == "self_hosted":
        return {"type": "self_hosted"}
    networking = config.get("networking") or {"type": "unrestricted"}
    if networking["type"] == "limited":
        networking = {
            "type": "limited",
            "allowed_hosts": networking.get("allowed_hosts") or [],
            "allow_mcp_servers": bool(networking.get("allow_mcp_servers")),
            "allow_package_managers": bool(networking.get("allow_package_managers")),
        }
    given = config.get("packages") or {}
    packages = {"type": "packages", **{source: given.get(source) or [] for source in PACKAGE_SOURCES}}
    return {"type": "cloud", "networking": networking, "packages": packages}
