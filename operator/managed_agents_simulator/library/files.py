"""Files: upload, read, list, download, delete, and the copies that sessions mount.

Endpoints of the files collection. Uploaded files can't be downloaded, as on the service; a mounted copy is a document
of its own, in the scope of its session.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from typing import TYPE_CHECKING, Any

from managed_agents_simulator.clock import SECOND, Instant, wire_time
from managed_agents_simulator.library.shelf import Document, Shelf
from managed_agents_simulator.wire.call import Call, Reply, Upload
from managed_agents_simulator.wire.errors import ApiError, invalid
from managed_agents_simulator.workspace import Workspace

if TYPE_CHECKING:
    from managed_agents_simulator.world import World

_EXPIRY = (3_600, 7_776_000)


def create(call: Call) -> Reply:
    """POST /v1/files, multipart."""
    for name in call.form:
        if name not in ("file", "expires_in_seconds"):
            raise invalid(f"{name}: Extra inputs are not permitted")
    upload = call.form.get("file")
    if not isinstance(upload, Upload):
        raise invalid("file: Field required")
    now = call.world.clock.now()
    seconds = _lifetime(call.form.get("expires_in_seconds"))
    kind = upload.content_type or mimetypes.guess_type(upload.filename)[0] or "application/octet-stream"
    body: dict[str, Any] = {
        "id": call.world.identifiers.make("file_"),
        "type": "file",
        "filename": _name(upload.filename, kind),
        "mime_type": kind,
        "size_bytes": len(upload.content),
        "created_at": wire_time(now),
        "expires_at": wire_time(now + seconds * SECOND) if seconds else None,
        "downloadable": False,
        "scope": None,
    }
    hidden = {"content": base64.b64encode(upload.content).decode(), "scope": None}
    return Reply(_shelf(call).put(Document("file", body["id"], call.workspace.id, now, body, hidden)).body)


def retrieve(call: Call) -> Reply:
    """GET /v1/files/{file_id}."""
    return Reply(_shelf(call).get(call.path["file_id"]).body)


def content(call: Call) -> Reply:
    """GET /v1/files/{file_id}/content."""
    document = _shelf(call).get(call.path["file_id"])
    if not document.body["downloadable"]:
        raise ApiError(400, f"File {document.id} can't be downloaded: it was uploaded, not made by an agent.")
    return Reply(raw=base64.b64decode(document.hidden["content"]), content_type=document.body["mime_type"])


def index(call: Call) -> Reply:
    """GET /v1/files: by ids, by the session they belong to, or all uploaded ones."""
    wanted = call.query.all("ids")
    if wanted:
        found = [_shelf(call).find(name) for name in dict.fromkeys(wanted)]
        return Reply({"data": [document.body for document in found if document], "next_page": None})
    visible = call.world.clock.now() - round(call.world.modes.files_list_lag_seconds * SECOND)
    return Reply(_shelf(call).page(call.query, maximum=1000, scope=call.query.one("scope_id"), until=visible))


def delete(call: Call) -> Reply:
    """DELETE /v1/files/{file_id}."""
    return Reply(_shelf(call).remove(call.path["file_id"]))


def copy_for(workspace: Workspace, original: str, session: str, identifier: str, now: Instant) -> Document:
    """The copy of a file that a session mounts, under a new id."""
    shelf = workspace.shelf("file")
    source = shelf.get(original)
    scope: dict[str, Any] = {"type": "session", "id": session}
    body = {**source.body, "id": identifier, "created_at": wire_time(now), "scope": scope}
    hidden = {"content": source.hidden["content"], "scope": session}
    return shelf.put(Document("file", identifier, workspace.id, now, body, hidden))


def drop_copy(workspace: Workspace, identifier: str) -> None:
    """Remove a session's copy of a file; an uploaded file that was mounted as it is stays."""
    document = workspace.shelf("file").find(identifier)
    if document is not None and document.hidden.get("scope") is not None:
        workspace.shelf("file").remove(identifier)


def everything(world: World) -> list[dict[str, Any]]:
    """All files of all workspaces in the order in which they were made, the copies of sessions among them."""
    shelves = [workspace.shelf("file") for workspace in world.workspaces.values()]
    return [
        {
            "id": document.id,
            "workspace": document.workspace,
            "filename": document.body["filename"],
            "mime_type": document.body["mime_type"],
            "size": document.body["size_bytes"],
            "scope": document.hidden["scope"],
            "sha256": hashlib.sha256(base64.b64decode(document.hidden["content"])).hexdigest(),
        }
        for document in sorted((d for shelf in shelves for d in shelf), key=lambda d: (d.created, d.id))
    ]


def _shelf(call: Call) -> Shelf:
    return call.workspace.shelf("file")


def _lifetime(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.isdigit() or not _EXPIRY[0] <= int(given) <= _EXPIRY[1]:
        raise invalid(f"expires_in_seconds: Input should be between {_EXPIRY[0]} and {_EXPIRY[1]}")
    return int(given)


def _name(filename: str, kind: str) -> str:
    last = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return last or f"unnamed{mimetypes.guess_extension(kind) or ''}"
