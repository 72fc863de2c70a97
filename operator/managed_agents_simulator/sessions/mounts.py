"""What a session mounts: files, repositories, memory stores. Shapes and mounting; `resources` has the endpoints.

A file is mounted as a copy, a repository's token is kept but never shown, a memory store has no id of its own.
"""

from __future__ import annotations

import re
from typing import Any

from managed_agents_simulator.clock import Instant, wire_time
from managed_agents_simulator.library import files, memory_stores
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import anything, choice, identifier, many, optional, record, tagged, text
from managed_agents_simulator.workspace import Workspace
from managed_agents_simulator.world import World

MAXIMUM_FILES = 500
MAXIMUM_MEMORY_STORES = 8
_UPLOADS = "/mnt/session/uploads"

_PATH = text(1, pattern=r"/[^\x00]*")
FILE = record({"type": anything, "file_id": identifier("file_"), "mount_path": optional(_PATH)}, "file_id")
_CHECKOUT = tagged(
    {
        "branch": record({"type": anything, "name": text(1)}, "name"),
        "commit": record({"type": anything, "sha": text(7, 64, pattern="[0-9a-f]+")}, "sha"),
    }
)
_REPOSITORY = record(
    {
        "type": anything,
        "url": text(1),
        "authorization_token": text(1),
        "checkout": optional(_CHECKOUT),
        "mount_path": optional(_PATH),
    },
    "url",
)
_MEMORY_STORE = record(
    {
        "type": anything,
        "memory_store_id": identifier("memstore_"),
        "access": optional(choice("read_write", "read_only")),
        "instructions": optional(text(0, 4096)),
    },
    "memory_store_id",
)
RESOURCES = many(tagged({"file": FILE, "github_repository": _REPOSITORY, "memory_store": _MEMORY_STORE}))
_URL = re.compile(r"https://github\.com/[A-Za-z0-9_.-]+/([A-Za-z0-9_.-]+)")


def mount_all(world: World, workspace: Workspace, session: Session, wanted: list[dict[str, Any]], now: Instant) -> None:
    """Mount everything that a creation asks for.

    Raises 400 for unknown or archived objects, limits, bad paths and environments that take no such resources; the
    session is then thrown away.
    """
    stores = [resource for resource in wanted if resource["type"] == "memory_store"]
    if len(stores) > MAXIMUM_MEMORY_STORES:
        raise invalid(f"resources: at most {MAXIMUM_MEMORY_STORES} memory stores can be mounted")
    environment = workspace.shelf("environment").get(session.environment)
    if environment.body["config"]["type"] == "self_hosted" and len(stores) < len(wanted):
        raise invalid("resources: files and repositories are not supported in self-hosted environments")
    if sum(resource["type"] == "file" for resource in wanted) > MAXIMUM_FILES:
        raise invalid(f"resources: at most {MAXIMUM_FILES} files can be mounted")
    checks = {"file": demand_file, "github_repository": _demand_repository, "memory_store": _demand_store}
    for resource in wanted:
        checks[resource["type"]](world, workspace, session, resource)
    paths = [_path(world, workspace, resource) for resource in wanted]
    if len(set(paths)) < len(paths):
        raise invalid("resources: two resources have the same mount_path")
    for resource in wanted:
        if resource["type"] == "file":
            mount_file(world, workspace, session, resource, now)
        elif resource["type"] == "github_repository":
            _mount_repository(world, workspace, session, resource, now)
        else:
            _mount_store(world, workspace, session, resource)


def demand_file(world: World, workspace: Workspace, session: Session, wanted: dict[str, Any]) -> None:
    """Check that a file may be mounted. Raises 400."""
    if workspace.shelf("file").find(wanted["file_id"]) is None:
        raise invalid(f"resources: file {wanted['file_id']} not found")
    if sum(resource["type"] == "file" for resource in session.resources) >= MAXIMUM_FILES:
        raise invalid(f"resources: at most {MAXIMUM_FILES} files can be mounted")


def mount_file(
    world: World, workspace: Workspace, session: Session, wanted: dict[str, Any], now: Instant
) -> dict[str, Any]:
    """Mount a copy of a file and give the resource."""
    copied = wanted["file_id"]
    if world.modes.new_file_ids:
        copied = world.identifiers.make("file_")
        files.copy_for(workspace, wanted["file_id"], session.id, copied, now)
    path = _path(world, workspace, wanted)
    resource = {**_identity(world, "file", now), "file_id": copied, "mount_path": path}
    session.resources.append(resource)
    return resource


def _demand_repository(world: World, workspace: Workspace, session: Session, wanted: dict[str, Any]) -> None:
    found = _URL.fullmatch(wanted["url"])
    if found is None or found[1].endswith(".git"):
        raise invalid(f"resources: {wanted['url']!r} is not of the form https://github.com/<owner>/<repo>")
    path = wanted.get("mount_path")
    if path is not None and not path.startswith("/workspace/"):
        raise invalid("resources: a repository's mount_path must be under /workspace")
    if world.modes.repository_token_required and "authorization_token" not in wanted:
        raise invalid("resources: authorization_token: Field required")


def _mount_repository(
    world: World, workspace: Workspace, session: Session, wanted: dict[str, Any], now: Instant
) -> None:
    resource = {
        **_identity(world, "github_repository", now),
        "url": wanted["url"],
        "mount_path": _path(world, workspace, wanted),
        "checkout": wanted.get("checkout"),
    }
    if "authorization_token" in wanted:
        session.tokens[resource["id"]] = wanted["authorization_token"]
    session.resources.append(resource)


def _demand_store(world: World, workspace: Workspace, session: Session, wanted: dict[str, Any]) -> None:
    store = workspace.shelf("memory_store").find(wanted["memory_store_id"])
    if store is None or store.archived:
        raise invalid(f"resources: memory store {wanted['memory_store_id']} is {'archived' if store else 'not found'}")


def _mount_store(world: World, workspace: Workspace, session: Session, wanted: dict[str, Any]) -> None:
    store = workspace.shelf("memory_store").get(wanted["memory_store_id"]).body
    session.resources.append(
        {
            "type": "memory_store",
            "memory_store_id": store["id"],
            "access": wanted.get("access") or "read_write",
            "instructions": wanted.get("instructions"),
            "name": store["name"],
            "description": store["description"],
            "mount_path": _path(world, workspace, wanted),
        }
    )


def _path(world: World, workspace: Workspace, wanted: dict[str, Any]) -> str:
    """Where a checked resource is mounted."""
    given = wanted.get("mount_path")
    if wanted["type"] == "memory_store":
        store = workspace.shelf("memory_store").get(wanted["memory_store_id"])
        return memory_stores.mount_path(store.body["name"])
    if wanted["type"] == "github_repository":
        return given or f"/workspace/{wanted['url'].rsplit('/', 1)[-1]}"
    path: str = given or f"{_UPLOADS}/{wanted['file_id']}"
    return path if path.startswith(f"{_UPLOADS}/") or not world.modes.root_mount_paths else f"{_UPLOADS}{path}"


def _identity(world: World, kind: str, now: Instant) -> dict[str, Any]:
    stamp = wire_time(now)
    return {"id": world.identifiers.make("sesrsc_"), "type": kind, "created_at": stamp, "updated_at": stamp}
