"""Which mount of a session is which of its spec, and how status shows them.

Pure; used by `mounting` and `status`. A mount is known again by where it lies: a file gets another id when it is
mounted, and servers echo paths as given or rooted, addresses with `.git` or without. What came from the spec, and with
which version of what, stands beside it in status (`source`), since the API tells neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from managed_agents_operator.api.resources import ContentRef, Resource
from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.api.status import MountedResource, Source
from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.looks import Content
from managed_agents_operator.engine.remote import Mount

UPLOADS = "/mnt/session/uploads"
UNKNOWN = Source()
"""What came from the spec, and nobody knows any more with which content: it is mounted anew."""

Entry = dict[str, Any]


def paired(
    wanted: Sequence[Resource], mounts: Sequence[Mount]
) -> tuple[list[tuple[Resource, Mount | None]], list[Mount]]:
    """Each declared mount with the one that is there for it, and all others."""
    pairs: list[tuple[Resource, Mount | None]] = []
    free = list(mounts)
    for resource in wanted:
        at = next((n for n, mounted in enumerate(free) if _same(resource, mounted)), None)
        pairs.append((resource, free.pop(at) if at is not None else None))
    return pairs, free


def rendered(
    wanted: Sequence[Resource],
    mounts: Sequence[Mount],
    before: Sequence[MountedResource] = (),
    made: Mapping[str, Source] | None = None,
    *,
    ours: bool = True,
    born_with: Collection[str] = (),
) -> list[Entry]:
    """`status.resources`: under the names of the spec, all others under names of their own, the same in any order.

    `before` is what status shows: what went into a mount stays beside it. `made` says what went into each by name, for
    a session just made or found; of the mounts that it leaves out nothing is known. `ours` tells that a file which is
    seen for the first time where the spec wants one is ours, of which the answer was lost; `born_with` (see `where`)
    are the places of files that the session was made with, or that were mounted unheard, whatever the spec says now.
    """
    pairs, free = paired(wanted, mounts)
    known: Mapping[str | None, MountedResource] = {entry.id: entry for entry in before if entry.id}
    out, taken = [], {resource.name for resource in wanted}
    for resource, mount in pairs:
        if mount is not None:
            source = _source(resource, mount, known, made)
            out.append(_entry(resource.name, mount, source if ours or source is not UNKNOWN else None))
    for mount in sorted(free, key=_identity):
        entry = known.get(mount.id) if mount.id else None
        name = _free_name(entry.name if entry and entry.source else _given(mount), taken, _given(mount))
        taken.add(name)
        native = mount.mount_path is not None and where(rooted(mount.mount_path)) in born_with
        out.append(_entry(name, mount, entry.source if entry else UNKNOWN if native and mount.id else None))
    return out


def _source(
    resource: Resource, mount: Mount, known: Mapping[str | None, MountedResource], made: Mapping[str, Source] | None
) -> Source | None:
    if made is not None and resource.name in made:
        return made[resource.name]
    entry = known.get(mount.id) if mount.id else None
    if entry is not None:
        return entry.source
    return UNKNOWN if resource.file and mount.id else None


def _free_name(wish: str, taken: set[str], otherwise: str) -> str:
    base = name = wish if wish not in taken else otherwise
    number = 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _given(mount: Mount) -> str:
    return mount.id or mount.memory_store_id or mount.type or "resource"


def _identity(mounted: Mount) -> tuple[str, ...]:
    known = (mounted.created_at, mounted.id, mounted.memory_store_id, mounted.type, mounted.mount_path, mounted.url)
    return tuple(text or "" for text in known)


def _entry(name: str, mount: Mount, source: Source | None) -> Entry:
    known = {
        "name": name,
        "id": mount.id,
        "type": mount.type,
        "fileId": mount.file_id,
        "mountPath": mount.mount_path,
        "url": mount.url,
        "checkout": mount.checkout,
        "memoryStoreId": mount.memory_store_id,
        "access": mount.access,
        "createdAt": mount.created_at,
        "updatedAt": mount.updated_at,
        "source": source.model_dump(mode="json", by_alias=True, exclude_none=True) if source is not None else None,
    }
    return {k: v for k, v in known.items() if v is not None}


def source_of(ref: ContentRef, version: Version | Content, file_id: str | None = None) -> Source:
    """What went into a mount: one version of a ConfigMap or Secret, and the upload that holds it."""
    return Source(
        kind=ref.kind,
        name=ref.name,
        key=ref.key,
        uid=version.uid,
        resource_version=version.resource_version,
        file_id=file_id,
    )


def declared_files(spec: SessionSpec) -> tuple[str, ...] | None:
    """Where each file of the spec lies, and which it is, as a claim holds it; None where there are none."""
    return tuple(sorted(declared(r) for r in spec.resources if r.file)) or None


def declared(wish: Resource) -> str:
    """One file as a claim holds it."""
    what = digest(wish.file.file_id)[:8] if wish.file and wish.file.file_id else ""
    return where(place(wish)) + what


def where(path: str) -> str:
    """A rooted path, in 8 digits."""
    return digest(path)[:8]


def _same(wish: Resource, mounted: Mount) -> bool:
    """Whether a mount is the one that was declared."""
    if wish.memory_store:
        return mounted.memory_store_id == wish.memory_store.id
    if wish.github_repository:
        repository = wish.github_repository
        path = repository.mount_path or "/workspace/" + _address(repository.url).rsplit("/", 1)[-1]
        same_place = mounted.mount_path is None or _plain(mounted.mount_path).lower() == _plain(path).lower()
        return mounted.url is not None and _address(mounted.url) == _address(repository.url) and same_place
    if wish.file:
        if mounted.mount_path is None:
            return mounted.file_id is not None and mounted.file_id == wish.file.file_id
        return mounted.type in (None, "file") and rooted(mounted.mount_path) == place(wish)
    return False


def place(wish: Resource) -> str:
    """Where a declared file lies, rooted."""
    if wish.file is None:
        raise ValueError(f"resource {wish.name} is no file")
    return rooted(wish.file.mount_path or f"{UPLOADS}/{wish.file.file_id}")


def rooted(path: str) -> str:
    """Where a file lies: servers echo the path as given, or below the folder of all uploads."""
    path = _plain(path)
    return path if path == UPLOADS or path.startswith(UPLOADS + "/") else (UPLOADS + path).rstrip("/")


def _plain(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _address(url: str) -> str:
    return url.strip().rstrip("/").lower().removesuffix(".git")
