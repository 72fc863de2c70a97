"""The agreement on which of several processes works: one Lease, held by at most one of them.

Made by `app`, which works only while it is held and ends the process when it is lost; that end is the fence, so nothing
else asks. As in other controllers: 15 s of holding, 10 s to renew it in, a try every 2 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from managed_agents_operator.engine.crew import end, reason
from managed_agents_operator.engine.errors import ClusterError, ObjectGone, WriteConflict
from managed_agents_operator.kube.access import FIELD_MANAGER, Cluster, object_path
from managed_agents_operator.telemetry import LEADING

NAME = "managed-agents-operator"
_RELEASE_SECONDS = 1

log = logging.getLogger(__name__)


def boottime() -> float:
    """Seconds that go on while the machine sleeps: a suspended holder must not think it still holds."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """One process's part in the agreement. Use: `acquire`, then work while it is `kept`.

    `namespace` is the operator's. Others are judged by this process's own clock alone: a Lease counts as given up when
    it was seen unchanged for as long as its holder said it holds.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        *,
        seconds: float = 15,
        renew_within: float = 10,
        every: float = 2,
        clock: Callable[[], float] = boottime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._cluster = cluster
        self._collection = object_path("coordination.k8s.io", "v1", "leases", namespace)
        self._namespace = namespace
        self._seconds = seconds
        self._renew_within = renew_within
        self._every = every
        self._clock = clock
        self._jitter = jitter
        self._seen: tuple[dict[str, Any], float] | None = None
        self._mine: dict[str, Any] | None = None
        self._renewed = 0.0
        self.identity = f"{socket.gethostname()}_{os.getpid()}_{uuid4().hex[:12]}"

    @property
    def held(self) -> bool:
        """Whether nobody else can hold it now."""
        return self._mine is not None and self._clock() - self._renewed < self._renew_within

    async def acquire(self) -> None:
        """Waits until the Lease is ours. The API server being away or refusing is waited for as well."""
        told: object = None
        while True:
            try:
                if await self._try():
                    break
                waiting: object = self._seen and self._seen[0]["spec"].get("holderIdentity")
            except ClusterError as e:
                waiting = str(e)
            if waiting != told:
                told = waiting
                log.info("Standing by: the Lease %s/%s is not ours yet (%s)", self._namespace, NAME, waiting)
            await self._pause()
        LEADING.set(1)
        log.info("Leading: %s holds the Lease %s/%s", self.identity, self._namespace, NAME)

    @contextlib.asynccontextmanager
    async def kept(self, lost: Callable[[], None]) -> AsyncIterator[None]:
        """Renew it beside the work, and give it up at the end.

        `lost` has to end the process. It is called at once when the renewing ends, whatever it died of, and from a
        thread of its own when the time is over: what hangs then may be the event loop.
        """

        def ended(renewing: asyncio.Task[None]) -> None:
            log.critical("The Lease is not renewed any more: %s", reason(renewing))
            lost()

        over = threading.Event()
        threading.Thread(target=self._guard, args=(over, lost), name="lease", daemon=True).start()
        renewing = asyncio.create_task(self.renew(), name="lease")
        renewing.add_done_callback(ended)
        try:
            yield
        finally:
            renewing.remove_done_callback(ended)
            await end(renewing)
            over.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RELEASE_SECONDS):
                    await self.release()

    def _guard(self, over: threading.Event, lost: Callable[[], None]) -> None:
        while (left := self._renewed + self._renew_within - self._clock()) > 0:
            if over.wait(left):
                return
        log.critical("The Lease %s/%s was not renewed in time", self._namespace, NAME)
        lost()

    async def renew(self) -> None:
        """Keeps the Lease; returns when it is lost, and only then."""
        told = ""
        while self.held:
            await self._pause()
            left = self._renewed + self._renew_within - self._clock()
            # Cancelled tries may still arrive: they renew what this process ends itself for.
            try:
                async with asyncio.timeout(max(0.0, left)):
                    if not await self._try():
                        break
            except (ClusterError, TimeoutError) as e:
                if told != (told := str(e) or "no answer in time"):
                    log.warning("The Lease could not be renewed: %s", told)
            else:
                told = ""
        LEADING.set(0)
        log.error("The Lease %s/%s is lost", self._namespace, NAME)

    async def release(self) -> None:
        """Gives the Lease up, so that nobody waits for it to run out. Fails silently: then they do."""
        if self._mine is None:
            return
        lease, self._mine = self._mine, None
        LEADING.set(0)
        with contextlib.suppress(ClusterError):
            await self._put(lease, holderIdentity="", leaseDurationSeconds=1)

    async def _try(self) -> bool:
        """One write where the Lease is ours or free. False: somebody else holds it."""
        sent = self._clock()
        lease = self._mine
        if lease is not None:
            with contextlib.suppress(WriteConflict, ObjectGone):
                return self._hold(await self._put(lease), sent)
        # Not ours yet, or not as we left it: an edit by hand, or our own write repeated on the way.
        lease = await self._read()
        if lease is None:
            return self._hold(await self._post(), sent)
        if self._may_take(lease):
            return self._hold(await self._put(lease), sent)
        self._mine = None
        return False

    def _hold(self, lease: dict[str, Any], since: float) -> bool:
        self._mine, self._renewed = lease, since
        return True

    def _may_take(self, lease: dict[str, Any]) -> bool:
        spec = lease.get("spec") or {}
        if self._seen is None or self._seen[0].get("spec") != lease.get("spec"):
            self._seen = (lease, self._clock())
        holder = spec.get("holderIdentity")
        if not holder or holder == self.identity:
            return True
        return self._clock() - self._seen[1] >= (spec.get("leaseDurationSeconds") or self._seconds)

    def _spec(self, lease: dict[str, Any] | None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (lease or {}).get("spec") or {}
        mine = old.get("holderIdentity") == self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._seconds)),
            "acquireTime": old.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": (old.get("leaseTransitions") or 0) + (0 if mine or lease is None else 1),
        }

    async def _pause(self) -> None:
        await asyncio.sleep(self._every * (0.8 + 0.4 * self._jitter()))

    async def _read(self) -> dict[str, Any] | None:
        try:
            return await self._cluster.call("GET", f"{self._collection}/{NAME}")
        except ObjectGone:
            return None

    async def _post(self) -> dict[str, Any]:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "namespace": self._namespace},
            "spec": self._spec(None),
        }
        return await self._cluster.call("POST", self._collection, params={"fieldManager": FIELD_MANAGER}, body=lease)

    async def _put(self, lease: dict[str, Any], **changes: object) -> dict[str, Any]:
        return await self._cluster.call(
            "PUT",
            f"{self._collection}/{NAME}",
            params={"fieldManager": FIELD_MANAGER},
            body={**lease, "spec": self._spec(lease) | changes},
        )
