"""Tells people what happened to an object, as Kubernetes Events beside it.

Made by `app`; the engine publishes through `engine.ports.Events`. What is worth telling is the engine's. Nothing here
ever fails or holds anybody up: an Event that can't be written is counted and dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from managed_agents_operator.api.reasons.names import EventReason
from managed_agents_operator.api.session import KIND
from managed_agents_operator.engine.conditions import on_one_line
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.ports import Regarding
from managed_agents_operator.engine.pulse import Pulse
from managed_agents_operator.kube.access import FIELD_MANAGER, Cluster, object_path
from managed_agents_operator.telemetry import EVENTS

_QUEUE = 1000
_REMEMBERED = 10_000
_SPACING_SECONDS = 0.1
_REPEAT_SECONDS = 600.0
_COMPLAINT_SECONDS = 60.0
_NOTE_BYTES = 1024
CLUSTER_WIDE = "default"
"""Where Events about objects without a namespace are."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    type: str
    reason: str
    action: str
    note: str
    at: datetime


class Events:
    """Events about objects of our kinds, at most ten a second, the same one at most once in ten minutes."""

    def __init__(
        self, cluster: Cluster, group: str, version: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster = cluster
        self._api_version = f"{group}/{version}"
        self._clock = clock
        self._instance = f"{socket.gethostname()}-{os.getpid()}"[-128:]
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(_QUEUE)
        self._told: dict[tuple[str, str, str], float] = {}
        self._complained = -_COMPLAINT_SECONDS
        self._pulse = Pulse(clock)

    def publish(
        self,
        regarding: Regarding,
        type: Literal["Normal", "Warning"],
        reason: EventReason,
        action: str,
        note: str,
        *,
        kind: str = KIND,
    ) -> None:
        """Queue an Event about `regarding`, in its namespace, or in `default` where it has none, as is the custom.

        `note` is cut at 1024 bytes.
        """
        text = plain(note)
        what = (regarding.uid, reason, text)
        if self._was_told(what):
            return
        about = (kind, regarding.namespace, regarding.name, regarding.uid, regarding.resource_version)
        try:
            self._queue.put_nowait(_Event(*about, type, reason, action, text, datetime.now(UTC)))
            self._pulse.wanted()
            self._told[what] = self._clock()
        except asyncio.QueueFull:
            EVENTS.labels("dropped").inc()

    async def run(self) -> None:
        """Writes what is queued, until cancelled."""
        while True:
            if self._queue.empty():
                self._pulse.idle()
            event = await self._queue.get()
            self._pulse.beat()
            try:
                await self._cluster.call(
                    "POST",
                    object_path("events.k8s.io", "v1", "events", event.namespace or CLUSTER_WIDE),
                    params={"fieldManager": FIELD_MANAGER},
                    body=self._body(event),
                )
                EVENTS.labels("written").inc()
            except ClusterError as e:
                EVENTS.labels("failed").inc()
                self._complain(e)
            finally:
                self._queue.task_done()
            await asyncio.sleep(_SPACING_SECONDS)

    def age(self) -> float:
        """Seconds that one has been due to be written."""
        return self._pulse.age

    async def flush(self) -> None:
        """Waits until everything queued so far is written or dropped; `run` has to be running."""
        await self._queue.join()

    def _was_told(self, what: tuple[str, str, str]) -> bool:
        # The oldest come first, as nothing is told again before it has left.
        while self._told:
            oldest = next(iter(self._told))
            if self._clock() - self._told[oldest] < _REPEAT_SECONDS and len(self._told) < _REMEMBERED:
                break
            del self._told[oldest]
        return what in self._told

    def _body(self, event: _Event) -> dict[str, Any]:
        return {
            "metadata": {
                "name": f"{event.name[:200].rstrip('.-')}.{uuid4().hex[:16]}",
                "namespace": event.namespace or CLUSTER_WIDE,
            },
            "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._instance,
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": event.note,
            "regarding": {
                "apiVersion": self._api_version,
                "kind": event.kind,
                **({"namespace": event.namespace} if event.namespace else {}),
                "name": event.name,
                "uid": event.uid,
                "resourceVersion": event.resource_version,
            },
        }

    def _complain(self, error: ClusterError) -> None:
        now = self._clock()
        if now - self._complained >= _COMPLAINT_SECONDS:
            self._complained = now
            log.warning("Events can't be written (%s); grant create on events.k8s.io to change that", error)


def plain(note: str) -> str:
    """The note as one line of printable text of at most 1024 bytes, as UTF-8."""
    line = on_one_line(note)
    if len(line.encode()) <= _NOTE_BYTES:
        return line
    return line.encode()[: _NOTE_BYTES - 3].decode(errors="ignore") + "…"
