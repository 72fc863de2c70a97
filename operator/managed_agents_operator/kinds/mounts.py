"""What is mounted into a session, told under the names that its spec gives.

Pure; used by `projection`. A mount is known again by where it lies: a file gets another id when it is mounted, and
servers echo paths as given or rooted, addresses with `.git` or without.
"""

from __future__ import annotations

from typing import Any

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.claude.models import SessionResource
from managed_agents_operator.kinds.moments import moment

UPLOADS = "/mnt/session/uploads"


def mounts(wanted: tuple[Resource, ...], resources: list[SessionResource]) -> list[dict[str, Any]]:
    """As status shows it; what the spec does not know gets a name of its own, the same in whatever order it came."""
    out, free = [], list(resources)
    for resource in wanted:
        at = next((n for n, mounted in enumerate(free) if _same(resource, mounted)), None)
        if at is not None:
            out.append(_mount(resource.name, free.pop(at)))
    taken = {resource.name for resource in wanted}
    for other in sorted(free, key=_identity):
        base = name = other.id or other.memory_store_id or other.type or "resource"
        number = 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        out.append(_mount(name, other))
    return out


def _identity(mounted: SessionResource) -> tuple[str, ...]:
    known = (mounted.created_at, mounted.id, mounted.memory_store_id, mounted.type, mounted.mount_path, mounted.url)
    return tuple(text or "" for text in known)


def _mount(name: str, resource: SessionResource) -> dict[str, Any]:
    known = {
        "name": name,
        "id": resource.id,
        "type": resource.type,
        "fileId": resource.file_id,
        "mountPath": resource.mount_path,
        "url": resource.url,
        "checkout": resource.checkout,
        "memoryStoreId": resource.memory_store_id,
        "access": resource.access,
        "createdAt": moment(resource.created_at),
        "updatedAt": moment(resource.updated_at),
    }
    return {k: v for k, v in known.items() if v is not None}


def _same(wish: Resource, mounted: SessionResource) -> bool:
    """Whether a mount is the one that was declared."""
    if wish.memory_store:
        return mounted.memory_store_id == wish.memory_store.id
    if wish.github_repository:
        repository = wish.github_repository
        path = repository.mount_path or "/workspace/" + _address(repository.url).rsplit("/", 1)[-1]
        same_place = mounted.mount_path is None or _plain(mounted.mount_path).lower() == _plain(path).lower()
        return mounted.url is not None and _address(mounted.url) == _address(repository.url) and same_place
    if wish.file:
        path = wish.file.mount_path or f"{UPLOADS}/{wish.file.file_id}"
        if mounted.mount_path is None:
            return mounted.file_id == wish.file.file_id
        return mounted.type in (None, "file") and rooted(mounted.mount_path) == rooted(path)
    return False


def rooted(path: str) -> str:
    """Where a file lies: servers echo the path as given, or below the folder of all uploads."""
    path = _plain(path)
    return path if path == UPLOADS or path.startswith(UPLOADS + "/") else (UPLOADS + path).rstrip("/")


def _plain(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _address(url: str) -> str:
    return url.strip().rstrip("/").lower().removesuffix(".git")
