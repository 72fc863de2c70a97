"""Which ConfigMaps or Secrets are there, in which version: a list, and a watch that goes on from where it stood.

Used by `sources` alone, once for each kind and each served namespace, or for all of them at once. Asked for is
metadata, and kept are names and versions: a cluster may have tens of thousands. What a change means is the listener's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone
from managed_agents_operator.engine.ports import Unwatched
from managed_agents_operator.engine.pulse import Pulse
from managed_agents_operator.kube.access import METADATA, METADATA_LIST, Cluster, object_path
from managed_agents_operator.kube.answers import Expired, Forbidden

PLURALS: dict[SourceKind, str] = {"ConfigMap": "configmaps", "Secret": "secrets"}

_STREAM_SECONDS = 240
_TELL_AT = 3

log = logging.getLogger(__name__)

OnChange = Callable[[SourceKind, str, str], None]


class Versions:
    """Uid and resourceVersion of each object of one kind in `namespace`, or in all where that is None.

    A watch that ends badly is begun again after `backoffs`, which start anew when one was good.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: SourceKind,
        namespace: str | None,
        *,
        backoffs: Callable[[], Iterable[float]],
        jitter: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._namespace = namespace
        self._path = object_path("", "v1", PLURALS[kind], namespace)
        self._backoffs = backoffs
        self._jitter = jitter
        self._there: dict[tuple[str, str], tuple[str, str]] = {}
        self._read_before_listed: set[tuple[str, str]] = set()
        self.pulse = Pulse(monotonic)
        self._position: str | None = None
        self._listed = False
        self._current = False
        self._refusals = 0
        self._told = False

    def of(self, namespace: str, name: str) -> tuple[str, str] | None:
        """Uid and resourceVersion, None for an object that is not there. Raises `Unwatched`."""
        if not self._current:
            raise Unwatched(f"{self._kind} {namespace}/{name}")
        return self._there.get((namespace, name))

    def was_read(self, namespace: str, name: str) -> None:
        """Take note of a use: before the first list, nobody would notice a change after it."""
        if not self._listed:
            self._read_before_listed.add((namespace, name))

    async def follow(self, on_change: OnChange, on_listed: Callable[[], None]) -> None:
        """Calls `on_change` after every change, and `on_listed` when versions are known that were not. Never ends.

        What the first list shows is no change, but for objects that were read before it: they may have changed between.
        """
        delays = iter(self._backoffs())

        def opened() -> None:
            self._refusals = 0
            self._know(on_listed)

        while True:
            self.pulse.beat()
            try:
                if self._position is None:
                    await self._list(on_change)
                    self._know(on_listed)
                await self._stream(on_change, opened)
                delays, delay = iter(self._backoffs()), 0.1
            except Expired:
                self._position, delay = None, 0.1
            except (ClusterUnreachable, ObjectGone) as e:
                delay = next(delays)
                log.debug("The watch of %ss ended (%s); again in %.1f s", self._kind, e, delay)
                if isinstance(e, Forbidden):
                    self._refused(e)
            delay *= 0.75 + 0.5 * self._jitter()
            self.pulse.beat(delay)
            await asyncio.sleep(delay)

    def _know(self, on_listed: Callable[[], None]) -> None:
        if not self._current:
            self._current = True
            on_listed()

    async def _list(self, on_change: OnChange) -> None:
        found: dict[tuple[str, str], tuple[str, str]] = {}
        position: str | None = None
        async for page in self._cluster.pages(self._path, METADATA_LIST):
            self.pulse.beat()
            found.update(_seen(item) for item in (page.get("items") or ()))
            position = page["metadata"]["resourceVersion"]
        changed = {key for key in self._there.keys() | found.keys() if self._there.get(key) != found.get(key)}
        if not self._listed:
            changed, self._read_before_listed = self._read_before_listed, set()
        self._there, self._position, self._listed = found, position, True
        for namespace, name in sorted(changed):
            on_change(self._kind, namespace, name)

    async def _stream(self, on_change: OnChange, opened: Callable[[], None]) -> None:
        params = {
            "watch": "true",
            "resourceVersion": self._position or "",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(_STREAM_SECONDS * (1 + self._jitter() / 4))),
        }
        stream = self._cluster.stream(self._path, params=params, accept=METADATA, on_open=opened)
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                self.pulse.beat()
                self._position = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK" and self._note(event):
                    on_change(self._kind, *_seen(event["object"])[0])

    def _note(self, event: dict[str, Any]) -> bool:
        """Take an event in; whether it told anything new."""
        key, version = _seen(event["object"])
        if event["type"] == "DELETED":
            self._there.pop(key, None)
            return True
        before, self._there[key] = self._there.get(key), version
        return before != version

    def _refused(self, error: Forbidden) -> None:
        # What was known grows old from now on, and may be wrong by any amount.
        self._current = False
        self._refusals += 1
        # An API server that has just started refuses what it will allow once it knows its roles.
        if self._refusals != _TELL_AT or self._told:
            return
        self._told = True
        log.warning(
            "%ss of %s can't be watched (%s): a changed %s is not noticed. Grant list and watch on %s to change that.",
            self._kind,
            "all namespaces" if self._namespace is None else f"namespace {self._namespace}",
            error,
            self._kind,
            PLURALS[self._kind],
        )


def _seen(item: dict[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    metadata = item["metadata"]
    # One text for all objects of a namespace.
    return (sys.intern(metadata["namespace"]), metadata["name"]), (metadata["uid"], metadata["resourceVersion"])
