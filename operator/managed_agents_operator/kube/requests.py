"""Our own requests to the API server as metrics: by resource, never by name, and by what became of them.

Used by `Cluster` alone.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Self

from managed_agents_operator.telemetry import CLUSTER_BYTES, CLUSTER_CALLS, CLUSTER_SECONDS, code

WRITES = (
    ("PATCH", "sessions"),
    ("PATCH", "sessions/status"),
    ("PATCH", "connections"),
    ("PATCH", "connections/status"),
    ("PATCH", "clusterconnections"),
    ("PATCH", "clusterconnections/status"),
    ("POST", "events"),
    ("POST", "leases"),
    ("PUT", "leases"),
)
_TROUBLES = ("403", "409", "422", "500", "lost")
_READ = ("configmaps", "secrets", "namespaces", "customresourcedefinitions")
_RESOURCES = frozenset({*(resource.partition("/")[0] for _, resource in WRITES), *_READ})


def resource(path: str) -> str:
    """The resource that a path is about, with `/status` where that is written; `other` for what we know nothing of."""
    parts = path.split("/")[1:]
    rest = parts[3 if parts[0] == "apis" else 2 :]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest or rest[0] not in _RESOURCES:
        return "other"
    return f"{rest[0]}/status" if rest[2:] == ["status"] else rest[0]


class Request:
    """One request; an async context manager, and what is made within it counts unless it is called off.

    `status` is that of the answer once it is there as a whole.
    """

    def __init__(self, method: str, path: str, body: bytes | None) -> None:
        self._method, self._path, self._size = method, path, len(body or b"")
        self.status: int | None = None

    async def __aenter__(self) -> Self:
        self._began = time.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, Exception):
            return
        _seconds(self._method).observe(time.monotonic() - self._began)
        _calls(self._method, resource(self._path), "lost" if self.status is None else code(self.status)).inc()
        _bytes(self._method).inc(self._size)


# Kept, since to look one up again costs more than to count.
_seconds = lru_cache(maxsize=16)(CLUSTER_SECONDS.labels)
_bytes = lru_cache(maxsize=16)(CLUSTER_BYTES.labels)
_calls = lru_cache(maxsize=1024)(CLUSTER_CALLS.labels)
for _method, _resource in WRITES:
    for _trouble in _TROUBLES:
        # There before the first of them: a rate knows nothing of what came before the first sample.
        _calls(_method, _resource, _trouble)
