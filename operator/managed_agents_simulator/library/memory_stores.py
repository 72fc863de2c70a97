"""Memory stores: named containers that sessions mount. Endpoints of the memory stores collection.

The memories inside are not kept: a session only refers to the store.
"""

from __future__ import annotations

import re

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library.shelf import Document, merge_metadata
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import METADATA, METADATA_PATCH, optional, record, text

_NAME = text(1, 255, pattern=r"[^\x00-\x1f\x7f]+")
_DESCRIPTION = text(0, 1024)
CREATE = record({"name": _NAME, "description": _DESCRIPTION, "metadata": METADATA}, "name")
UPDATE = record({"name": optional(_NAME), "description": optional(_DESCRIPTION), "metadata": METADATA_PATCH})


def create(call: Call) -> Reply:
    """POST /v1/memory_stores."""
    given = call.body(CREATE)
    now = call.world.clock.now()
    stamp = wire_time(now)
    body = {
        "id": call.world.identifiers.make("memstore_"),
        "type": "memory_store",
        "name": given["name"],
        "description": given.get("description", ""),
        "metadata": given.get("metadata", {}),
        "created_at": stamp,
        "updated_at": stamp,
        "archived_at": None,
    }
    document = Document("memory_store", body["id"], call.workspace.id, now, body)
    return Reply(call.workspace.shelf("memory_store").put(document).body)


def retrieve(call: Call) -> Reply:
    """GET /v1/memory_stores/{memory_store_id}."""
    return Reply(call.workspace.shelf("memory_store").get(call.path["memory_store_id"]).body)


def update(call: Call) -> Reply:
    """POST /v1/memory_stores/{memory_store_id}."""
    shelf = call.workspace.shelf("memory_store")
    document = shelf.get(call.path["memory_store_id"])
    given = call.body(UPDATE)
    if document.archived:
        raise invalid(f"Memory store {document.id} is archived and can't be updated.")
    body = document.body
    wanted = {
        "name": given.get("name") or body["name"],
        "description": (given["description"] or "") if "description" in given else body["description"],
        "metadata": merge_metadata(body["metadata"], given.get("metadata") or {}),
    }
    if any(body[name] != value for name, value in wanted.items()):
        body.update(wanted)
        shelf.changed(document, call.world.clock.now())
    return Reply(body)


def index(call: Call) -> Reply:
    """GET /v1/memory_stores."""
    return Reply(call.workspace.shelf("memory_store").page(call.query))


def archive(call: Call) -> Reply:
    """POST /v1/memory_stores/{memory_store_id}/archive."""
    shelf = call.workspace.shelf("memory_store")
    return Reply(shelf.archive(call.path["memory_store_id"], call.world.clock.now()).body)


def delete(call: Call) -> Reply:
    """DELETE /v1/memory_stores/{memory_store_id}."""
    return Reply(call.workspace.shelf("memory_store").remove(call.path["memory_store_id"]))


def mount_path(name: str) -> str:
    """Where a store of this name is mounted: other than ASCII letters and digits become hyphens."""
    return f"/mnt/memory/{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"
