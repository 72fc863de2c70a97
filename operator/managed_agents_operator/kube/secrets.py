"""Reads Secrets when they are used, and notices when they change.

Made by `app`; the kinds read through `engine.ports.Secrets`, and the keeper is told of changes. Watched is metadata
alone, and kept of it are names and versions: no content ever stays here. Who refers to which Secret is the keeper's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone
from managed_agents_operator.engine.ports import SecretMissing, SecretValue
from managed_agents_operator.kube.access import METADATA, METADATA_LIST, Cluster, object_path
from managed_agents_operator.kube.answers import Expired, Forbidden
from managed_agents_operator.kube.backoffs import Backoffs

_STREAM_SECONDS = 240
_TELL_AT = 3

log = logging.getLogger(__name__)

OnChange = Callable[[str, str], None]


@dataclass
class _Scope:
    """What is known of one namespace, or of all: the version of each Secret, and where the watch goes on."""

    namespace: str | None
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    position: str | None = None
    listed: bool = False
    refusals: int = 0
    told: bool = False


class Secrets:
    """The Secrets of the watched namespaces; all of them when `namespaces` is empty.

    A watch that ends badly is begun again after `backoffs`, which start anew when one was good.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Sequence[str] = (),
        *,
        backoffs: Callable[[], Iterable[float]] = lambda: Backoffs(most=60),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._cluster = cluster
        self._backoffs = backoffs
        self._jitter = jitter
        self._scopes = [_Scope(namespace) for namespace in tuple(namespaces) or (None,)]
        self._read_before_listed: set[tuple[str, str]] = set()

    async def read(self, namespace: str, name: str, key: str) -> SecretValue:
        """One key of a Secret, now. Raises `SecretMissing`, `ClusterUnreachable`."""
        if not all(scope.listed for scope in self._scopes):
            self._read_before_listed.add((namespace, name))
        try:
            secret = await self._cluster.call("GET", object_path("", "v1", "secrets", namespace, name))
        except ObjectGone:
            raise SecretMissing(namespace, name, None) from None
        encoded = (secret.get("data") or {}).get(key)
        if encoded is None:
            raise SecretMissing(namespace, name, key)
        try:
            value = base64.b64decode(encoded).decode()
        except ValueError:
            # From None: the error would carry the content along.
            raise SecretMissing(namespace, name, key, "is not text") from None
        metadata = secret["metadata"]
        return SecretValue(value, metadata["uid"], metadata["resourceVersion"])

    async def watch(self, on_change: OnChange) -> None:
        """Calls `on_change(namespace, name)` after every change, until cancelled.

        What the first list shows is no change, but for Secrets that were read before it: they may have changed between.
        """
        async with asyncio.TaskGroup() as group:
            for scope in self._scopes:
                group.create_task(self._follow(scope, on_change))

    async def _follow(self, scope: _Scope, on_change: OnChange) -> None:
        delays = iter(self._backoffs())
        while True:
            try:
                if scope.position is None:
                    await self._list(scope, on_change)
                await self._stream(scope, on_change)
                delays, delay = iter(self._backoffs()), 0.1
                scope.refusals = 0
            except Expired:
                scope.position, delay = None, 0.1
            except (ClusterUnreachable, ObjectGone) as e:
                delay = next(delays)
                log.debug("The watch of Secrets ended (%s); again in %.1f s", e, delay)
                if isinstance(e, Forbidden):
                    self._tell(scope, e)
            await asyncio.sleep(delay * (0.75 + 0.5 * self._jitter()))

    async def _list(self, scope: _Scope, on_change: OnChange) -> None:
        found: dict[tuple[str, str], str] = {}
        more = ""
        while True:
            page = await self._cluster.call(
                "GET",
                object_path("", "v1", "secrets", scope.namespace),
                params={"limit": "500", "continue": more},
                accept=METADATA_LIST,
            )
            found.update(_seen(item) for item in (page.get("items") or ()))
            more = page["metadata"].get("continue", "")
            if not more:
                break
        changed = {key for key in scope.versions.keys() | found.keys() if scope.versions.get(key) != found.get(key)}
        if not scope.listed:
            changed = {key for key in self._read_before_listed if scope.namespace in (None, key[0])}
            self._read_before_listed -= changed
        scope.versions, scope.position, scope.listed = found, page["metadata"]["resourceVersion"], True
        for namespace, name in sorted(changed):
            on_change(namespace, name)

    async def _stream(self, scope: _Scope, on_change: OnChange) -> None:
        params = {
            "watch": "true",
            "resourceVersion": scope.position or "",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(_STREAM_SECONDS * (1 + self._jitter() / 4))),
        }
        path = object_path("", "v1", "secrets", scope.namespace)
        async with contextlib.aclosing(self._cluster.stream(path, params=params, accept=METADATA)) as events:
            async for event in events:
                scope.position = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    _note(scope, event, on_change)

    def _tell(self, scope: _Scope, error: Forbidden) -> None:
        scope.refusals += 1
        # An API server that has just started refuses what it will allow once it knows its roles.
        if scope.refusals != _TELL_AT or scope.told:
            return
        scope.told = True
        log.warning(
            "Secrets of %s can't be watched (%s): a changed Secret is noticed only when its object is looked at. "
            "Grant list and watch on secrets to change that.",
            "all namespaces" if scope.namespace is None else f"namespace {scope.namespace}",
            error,
        )


def _seen(item: dict[str, Any]) -> tuple[tuple[str, str], str]:
    metadata = item["metadata"]
    return (metadata["namespace"], metadata["name"]), metadata["resourceVersion"]


def _note(scope: _Scope, event: dict[str, Any], on_change: OnChange) -> None:
    key, version = _seen(event["object"])
    if event["type"] == "DELETED":
        scope.versions.pop(key, None)
    elif scope.versions.get(key) == version:
        return
    else:
        scope.versions[key] = version
    on_change(*key)
