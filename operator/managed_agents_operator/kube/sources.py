"""Reads ConfigMaps and Secrets when they are used, and knows which version of each is there.

Made by `app`; the kinds read through `engine.ports.Sources`, and the keeper is told of changes. No content ever stays
here; versions are kept by `versions`. Who refers to which of them is the keeper's.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.ports import SourceMissing, SourceValue, Unwatched
from managed_agents_operator.kube.access import Cluster, object_path
from managed_agents_operator.kube.backoffs import Backoffs
from managed_agents_operator.kube.versions import PLURALS, OnChange, Versions


class Sources:
    """The ConfigMaps and Secrets of the served namespaces; of all of them when `namespaces` is empty."""

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Sequence[str] = (),
        *,
        backoffs: Callable[[], Iterable[float]] = lambda: Backoffs(most=60),
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._versions = {
            (kind, namespace): Versions(cluster, kind, namespace, backoffs=backoffs, jitter=jitter, monotonic=monotonic)
            for kind in PLURALS
            for namespace in tuple(namespaces) or (None,)
        }

    async def read(self, kind: SourceKind, namespace: str, name: str, key: str) -> SourceValue:
        """One key of one of them, byte for byte. Raises `SourceMissing`, `ClusterUnreachable`."""
        if versions := self._watched(kind, namespace):
            versions.was_read(namespace, name)
        try:
            found = await self._cluster.call("GET", object_path("", "v1", PLURALS[kind], namespace, name))
        except ObjectGone:
            raise SourceMissing(kind, namespace, name, None) from None
        value = _content(kind, found, key)
        if value is None:
            raise SourceMissing(kind, namespace, name, key)
        metadata = found["metadata"]
        return SourceValue(value, metadata["uid"], metadata["resourceVersion"])

    def version(self, kind: SourceKind, namespace: str, name: str) -> tuple[str, str] | None:
        """Uid and resourceVersion as the watch last told them; None for one that is not there. Raises `Unwatched`."""
        if (versions := self._watched(kind, namespace)) is None:
            raise Unwatched(f"{kind} {namespace}/{name}")
        return versions.of(namespace, name)

    async def watch(self, on_change: OnChange, on_listed: Callable[[], None]) -> None:
        """Calls `on_change(kind, namespace, name)` after every change, until cancelled.

        What the first list shows is no change: `on_listed` is called after it, and again after a refusal that was
        lifted, so that those who name one of them get a look at what they did not know.
        """
        async with Crew() as crew:
            for (kind, namespace), versions in self._versions.items():
                crew.add(f"{kind}s of {namespace or 'all namespaces'}", versions.follow(on_change, on_listed))
            await crew.watch()

    def age(self) -> float:
        """Seconds that the watch which has stood still for longest owes a step."""
        return max(versions.pulse.age for versions in self._versions.values())

    def _watched(self, kind: SourceKind, namespace: str) -> Versions | None:
        return self._versions.get((kind, None)) or self._versions.get((kind, namespace))


def _content(kind: SourceKind, found: dict[str, Any], key: str) -> bytes | None:
    if kind == "ConfigMap":
        text = (found.get("data") or {}).get(key)
        if text is not None:
            return str(text).encode()
    encoded = (found.get("data" if kind == "Secret" else "binaryData") or {}).get(key)
    return None if encoded is None else base64.b64decode(encoded)
