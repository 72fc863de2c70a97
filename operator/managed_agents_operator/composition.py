"""The composition root: settings and the ports of the cluster in, everything that works out.

Called by `app` once the cluster is found fit. The one place where client, budget, circuit, observatory, searches, kind,
reconciler and keeper are built and joined; what each of them does stands where they are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from managed_agents_operator.app import Ports, Work
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.telling import Pace, Scribe
from managed_agents_operator.engine.terms import Process, Terms
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.observatory import Bells, Observatory
from managed_agents_operator.kinds.searches import Searches
from managed_agents_operator.kinds.session import SessionKind
from managed_agents_operator.kinds.sweeps import Sweeps
from managed_agents_operator.kinds.tidings import Tidings
from managed_agents_operator.kinds.uploads import Uploads
from managed_agents_operator.kube.writer import Writer
from managed_agents_operator.settings import Settings, WrongSettings, read_key

log = logging.getLogger(__name__)

USAGE_WRITES_PER_SECOND = 10.0
QUEUE_BOUND = 120.0
"""Seconds that a resource may wait for a worker before the process counts as unwell."""
SWEEP_BOUND = 900.0


class SystemClock:
    """The three clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds that also count the time that the machine slept, where there is such a clock."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)

    def wall(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


class Credentials:
    """The headers that sign a call; a key file is read again whenever it changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read: tuple[tuple[int, int], str] | None = None

    def __call__(self) -> Mapping[str, str]:
        """`x-api-key`, or `authorization` where only a token is set."""
        settings = self._settings
        if settings.api_key_file is not None:
            return {"x-api-key": self._from_file()}
        if settings.api_key is not None:
            return {"x-api-key": settings.api_key.get_secret_value()}
        token = settings.auth_token.get_secret_value() if settings.auth_token else ""
        return {"authorization": f"Bearer {token}"}

    def _from_file(self) -> str:
        path = self._settings.api_key_file
        if path is None:
            raise AssertionError("asked without a key file")
        try:
            stat = path.stat()
            mark = (stat.st_mtime_ns, stat.st_ino)
            if self._read is None or self._read[0] != mark:
                self._read = (mark, read_key(path).get_secret_value())
        except (OSError, WrongSettings) as error:
            if self._read is None:
                raise
            # A mounted Secret is replaced in steps; until it is whole again the last good key serves.
            log.warning("the key file can't be read, the last key is kept: %s", type(error).__name__)
        return self._read[1]


@asynccontextmanager
async def join(settings: Settings, ports: Ports) -> AsyncIterator[Work]:
    """Build everything, and close it again at the end."""
    clock = SystemClock()
    budget = Budget(settings.creates_per_minute, settings.requests_per_minute, clock=clock)
    client = Client(
        settings.base_url,
        Credentials(settings),
        workspace=settings.workspace_id,
        create_timeout=settings.create_timeout_seconds,
        clock=clock,
        budget=budget,
    )
    async with client:
        keeper = Keeper(clock, workers=settings.workers)
        sweeps, listings = _connect(settings, ports, clock, client, budget, keeper)

        async def observe() -> None:
            await _first_listing(ports.writer, keeper)
            await sweeps.run(settings.hot_sweep_seconds, settings.full_sweep_seconds)

        ages = {
            "queue": (keeper.queue_age, QUEUE_BOUND),
            "sweep": (lambda: sweeps.age, SWEEP_BOUND),
        }
        try:
            yield Work(keeper, tasks={"sweeps": observe}, ages=ages)
        finally:
            for listing in listings:
                await listing.close()


def _connect(
    settings: Settings, ports: Ports, clock: SystemClock, client: Client, budget: Budget, keeper: Keeper
) -> tuple[Sweeps, tuple[Searches, Uploads]]:
    """All that belongs to one connection, joined with the keeper. The two of the end are to be closed."""
    cluster = ports.cluster_id
    circuit = Circuit(clock.monotonic, keeper.ring_all)
    bells = Bells(keeper.ring_session, keeper.ring)
    observatory = Observatory(keeper, bells, cluster, settings.namespaces)
    searches = Searches(client, circuit, clock.monotonic, keeper.ring, observatory.take, observatory.keeps)
    uploads = Uploads(client, circuit, clock.monotonic, keeper.ring, keeper.knows, cluster)
    kind = SessionKind(
        client,
        budget,
        circuit,
        observatory,
        searches,
        uploads,
        ports.sources,
        ports.writer,
        clock=clock,
        cluster=cluster,
        namespaces=settings.namespaces,
    )
    process = Process(secrets.token_hex(8), cluster, clock.wall())
    terms = Terms(settings.search_grace_seconds, settings.create_timeout_seconds, settings.refused_retry_seconds)
    pace = Pace(settings.status_interval_seconds, USAGE_WRITES_PER_SECOND)
    scribe = Scribe(kind, ports.writer, ports.events, pace)
    keeper.serve(Reconciler(kind, ports.writer, scribe, clock, process, terms, keeper.ring))
    Tidings(client.health, keeper.ring_all)
    return Sweeps(client, circuit, observatory, keeper, clock.monotonic, keeper.ring_all), (searches, uploads)


async def _first_listing(writer: Writer, keeper: Keeper) -> None:
    """All resources are known before the first sweep: else it would take living sessions for nobody's."""
    pause = 1.0
    while True:
        try:
            async for page in writer.list_pages():
                for item in page:
                    keeper.see(None, item)
        except ClusterError as error:
            log.warning("the first listing did not come about: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)
        else:
            return
