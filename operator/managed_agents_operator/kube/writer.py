"""Reads and writes the objects of one of our kinds.

Made by `app` for each kind; the engine calls it through `engine.ports.Writer`. When to write, what,
and how often is the engine's; nothing is repeated here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.kube.access import FIELD_MANAGER, JSON, MERGE_PATCH, METADATA_LIST, Cluster, object_path


@dataclass(frozen=True)
class Snapshot:
    """Where and at which version every object was, by uid: (namespace, name, version).

    Whatever is younger than `version` is not judged by its absence.
    """

    objects: Mapping[str, tuple[str, str, int]]
    version: int


class Writer:
    """The objects of one kind, as plain dicts. See `engine.ports.Writer` for what may be raised.

    `namespaces` are those to list, all of them when empty; reads and writes go wherever they are asked to, those of
    objects of the whole cluster to the namespace "".
    """

    def __init__(self, cluster: Cluster, group: str, version: str, plural: str, namespaces: Sequence[str] = ()) -> None:
        self._cluster = cluster
        self._kind = (group, version, plural)
        self._scopes: tuple[str | None, ...] = tuple(namespaces) or (None,)

    async def patch_object(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        """Merge `patch` into the object, if it is still at `resource_version`, and return it as stored."""
        return await self._patch(object_path(*self._kind, namespace or None, name), patch, resource_version)

    async def patch_status(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        """Merge `patch["status"]` into the status, if the object is still at `resource_version`."""
        return await self._patch(object_path(*self._kind, namespace or None, name) + "/status", patch, resource_version)

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The object now; None when it is not there."""
        try:
            return await self._cluster.call("GET", object_path(*self._kind, namespace or None, name))
        except ObjectGone:
            return None

    async def list_pages(self, limit: int = 500) -> AsyncIterator[list[dict[str, Any]]]:
        """Every object, `limit` to a page. Raises `Expired` when reading the pages took the server too long."""
        for namespace in self._scopes:
            async for page in self._cluster.pages(object_path(*self._kind, namespace), JSON, limit):
                yield page["items"]

    async def snapshot(self) -> Snapshot:
        """A listing of metadata alone. Raises as `list_pages` does."""
        objects: dict[str, tuple[str, str, int]] = {}
        versions = []
        for namespace in self._scopes:
            async for page in self._cluster.pages(object_path(*self._kind, namespace), METADATA_LIST):
                versions.append(int(page["metadata"]["resourceVersion"]))
                for item in page["items"]:
                    metadata = item["metadata"]
                    where = (metadata["namespace"], metadata["name"], int(metadata["resourceVersion"]))
                    objects[metadata["uid"]] = where
        return Snapshot(objects, min(versions))

    async def _patch(self, path: str, patch: Mapping[str, Any], resource_version: str) -> dict[str, Any]:
        # The API server ignores a uid in a merge patch, but takes the version as a precondition.
        metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
        return await self._cluster.call(
            "PATCH",
            path,
            params={"fieldManager": FIELD_MANAGER},
            body={**patch, "metadata": metadata},
            content_type=MERGE_PATCH,
        )
