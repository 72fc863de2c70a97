"""Vaults: named sets of credentials. Endpoints of the vaults collection. Credentials themselves are not kept."""

from __future__ import annotations

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library.shelf import Document, merge_metadata
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import METADATA, METADATA_PATCH, optional, record, text

CREATE = record({"display_name": text(1, 255), "metadata": METADATA}, "display_name")
UPDATE = record({"display_name": optional(text(1, 255)), "metadata": METADATA_PATCH})


def create(call: Call) -> Reply:
    """POST /v1/vaults."""
    given = call.body(CREATE)
    now = call.world.clock.now()
    stamp = wire_time(now)
    body = {
        "id": call.world.identifiers.make("vlt_"),
        "type": "vault",
        "display_name": given["display_name"],
        "metadata": given.get("metadata", {}),
        "created_at": stamp,
        "updated_at": stamp,
        "archived_at": None,
    }
    document = Document("vault", body["id"], call.workspace.id, now, body)
    return Reply(call.workspace.shelf("vault").put(document).body)


def retrieve(call: Call) -> Reply:
    """GET /v1/vaults/{vault_id}."""
    return Reply(call.workspace.shelf("vault").get(call.path["vault_id"]).body)


def update(call: Call) -> Reply:
    """POST /v1/vaults/{vault_id}."""
    shelf = call.workspace.shelf("vault")
    document = shelf.get(call.path["vault_id"])
    given = call.body(UPDATE)
    if document.archived:
        raise invalid(f"Vault {document.id} is archived and can't be updated.")
    body = document.body
    wanted = {
        "display_name": given.get("display_name") or body["display_name"],
        "metadata": merge_metadata(body["metadata"], given.get("metadata") or {}),
    }
    if any(body[name] != value for name, value in wanted.items()):
        body.update(wanted)
        shelf.changed(document, call.world.clock.now())
    return Reply(body)


def index(call: Call) -> Reply:
    """GET /v1/vaults."""
    return Reply(call.workspace.shelf("vault").page(call.query))


def archive(call: Call) -> Reply:
    """POST /v1/vaults/{vault_id}/archive."""
    shelf = call.workspace.shelf("vault")
    return Reply(shelf.archive(call.path["vault_id"], call.world.clock.now()).body)


def delete(call: Call) -> Reply:
    """DELETE /v1/vaults/{vault_id}."""
    return Reply(call.workspace.shelf("vault").remove(call.path["vault_id"]))
