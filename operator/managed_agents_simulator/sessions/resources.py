"""The resources endpoints of a session: list, read, add a file, remove a file, rotate a repository's token."""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library import files
from managed_agents_simulator.sessions import mounts
from managed_agents_simulator.sessions.session import WORKING, Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid, not_found
from managed_agents_simulator.wire.shapes import record, tagged, text

ADD = tagged({"file": mounts.FILE})
ROTATE = record({"authorization_token": text(1)}, "authorization_token")
_CURSOR = "page_r"


def index(call: Call) -> Reply:
    """GET /v1/sessions/{id}/resources: all of them, or pages of a size asked for."""
    resources = _session(call).resources
    limit = call.query.number("limit", 1, 1000) or max(1, len(resources))
    page = call.query.one("page")
    if page is not None and not page.removeprefix(_CURSOR).isdigit():
        raise invalid(f"page: Invalid cursor {page!r}")
    start = int(page.removeprefix(_CURSOR)) if page else 0
    end = start + limit
    return Reply({"data": resources[start:end], "next_page": f"{_CURSOR}{end}" if end < len(resources) else None})


def retrieve(call: Call) -> Reply:
    """GET /v1/sessions/{id}/resources/{rid}."""
    return Reply(_resource(call, _session(call)))


def add(call: Call) -> Reply:
    """POST /v1/sessions/{id}/resources: a file."""
    session = _open(call)
    given = call.body(ADD)
    now = call.world.clock.now()
    mounts.demand_file(call.world, call.workspace, session, given)
    resource = mounts.mount_file(call.world, call.workspace, session, given, now)
    if sum(other.get("mount_path") == resource["mount_path"] for other in session.resources) > 1:
        session.resources.remove(resource)
        files.drop_copy(call.workspace, resource["file_id"])
        raise invalid(f"mount_path: {resource['mount_path']} is taken by another resource")
    return _changed(call, session, resource)


def rotate(call: Call) -> Reply:
    """POST /v1/sessions/{id}/resources/{rid}: a new token for a repository."""
    session = _open(call)
    resource = _resource(call, session)
    given = call.body(ROTATE)
    if resource["type"] != "github_repository":
        raise invalid(f"Only github_repository resources can be updated, not {resource['type']}.")
    now = call.world.clock.now()
    session.tokens[resource["id"]] = given["authorization_token"]
    resource["updated_at"] = wire_time(now)
    return _changed(call, session, resource)


def remove(call: Call) -> Reply:
    """DELETE /v1/sessions/{id}/resources/{rid}: a file."""
    session = _open(call)
    resource = _resource(call, session)
    if resource["type"] != "file":
        raise invalid(f"Only file resources can be removed, not {resource['type']}.")
    session.resources.remove(resource)
    files.drop_copy(call.workspace, resource["file_id"])
    return _changed(call, session, {"id": resource["id"], "type": "session_resource_deleted"})


def _changed(call: Call, session: Session, answer: dict[str, Any]) -> Reply:
    session.updated = call.world.clock.now()
    call.world.touch(session)
    return Reply(raw=b"") if call.world.modes.empty_resource_answers else Reply(answer)


def _session(call: Call) -> Session:
    return call.world.session(call.workspace, call.path["session_id"])


def _open(call: Call) -> Session:
    session = _session(call)
    if session.archived is not None:
        raise invalid(f"Session {session.id} is archived.")
    if call.world.modes.mounts_while_running_refused and session.status in WORKING:
        raise invalid(f"Session {session.id} is {session.status}; resources can only be changed while it is idle.")
    return session


def _resource(call: Call, session: Session) -> dict[str, Any]:
    wanted = call.path["resource_id"]
    found = next((resource for resource in session.resources if resource.get("id") == wanted), None)
    if found is None:
        raise not_found("Resource", wanted)
    return found
