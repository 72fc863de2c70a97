"""The composition root: settings and the ports of the cluster in, everything that works out.

Called by `app` once the cluster is found fit. The one place where connections, switchboard, lines, reconcilers and
keepers are built and joined; what each of them does stands where they are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.app import Ports, Work
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.connections import Connections
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.external import External
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.ledger import Ledger
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.switchboard import Seat, Switchboard
from managed_agents_operator.engine.telling import Pace, Scribe
from managed_agents_operator.engine.terms import Process, Terms
from managed_agents_operator.kinds.gauges import Gauges, of_keeper, working
from managed_agents_operator.kinds.line import Line, Surroundings
from managed_agents_operator.kinds.nowhere import Nowhere
from managed_agents_operator.kube.writer import Writer
from managed_agents_operator.logs import hide
from managed_agents_operator.settings import Settings, WrongSettings, read_key

log = logging.getLogger(__name__)

USAGE_WRITES_PER_SECOND = 10.0
QUEUE_BOUND = 120.0
"""Seconds that a resource may wait for a worker before the process counts as unwell."""
SWEEP_BOUND = 900.0
STEP_BOUND = 300.0
"""Seconds that one look at a connection may take: a few calls of the cluster, each of ten seconds at most."""
PASS_BOUND = 600.0
"""Seconds that one pass may take, beside its longest call: nothing in it waits for the budget."""
NOWHERE = Place("Nowhere", "", "none")
UNSERVED = "none"
"""The connection of those that have none, in metrics."""


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
                hide(self._read[1])
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
    working(settings.hot_sweep_seconds, settings.full_sweep_seconds)
    ledger = Ledger(clock.monotonic, by_agent=settings.metrics_by_agent)
    shop = _Shop(settings, ports, clock, ledger)
    connections = Connections(
        ports.connections, ports.sources, clock, shop.open, settings.operator_namespace, ports.events
    )
    nowhere = Keeper(clock, workers=settings.workers)
    board = Switchboard(
        clock,
        connections.directory,
        nowhere,
        look=connections.look,
        used=connections.ring,
        source_changed=connections.source_changed,
        seen=ledger.see,
    )
    shop.fit(board, connections)
    shop.serve(nowhere, Nowhere(Seat(board, NOWHERE, connections.directory.ref)), NOWHERE)
    own = await shop.open(ENVIRONMENT, environment(settings), Credentials(settings)) if settings.has_key else None

    if own is None:
        log.info("no key in the environment: Sessions need a Connection or a ClusterConnection")
    connections.serve(board, own)

    async def tend() -> None:
        await connections.run(lambda beat: _first_listing(ports.writer, board, beat))

    ages = {
        "connections": (lambda: max(connections.age, board.look_age()), STEP_BOUND),
        "pass": (lambda: _pass_age(nowhere, connections), PASS_BOUND + settings.create_timeout_seconds),
        "queue": (lambda: _queue_age(nowhere, connections), QUEUE_BOUND),
        "sweep": (lambda: max((line.sweep_age() for line in connections.lines.values()), default=0.0), SWEEP_BOUND),
    }
    unserved = Gauges(UNSERVED, *of_keeper(nowhere))
    unserved.show()
    bells = {kind: _Bell(connections, kind) for kind in ports.connections}
    try:
        yield Work(board, bells=bells, tasks={"connections": tend}, ages=ages)
    finally:
        unserved.hide()
        await connections.lines.close()


def _queue_age(nowhere: Keeper, connections: Connections) -> float:
    """How long a resource has waited for a worker; where a connection does not answer, no restart would help."""
    waits = (line.keeper.queue_age() for line in connections.lines.values() if line.answers())
    return max([nowhere.queue_age(), *waits])


def _pass_age(nowhere: Keeper, connections: Connections) -> float:
    return max(nowhere.pass_age(), *(line.keeper.pass_age() for line in connections.lines.values()), 0.0)


class _Shop:
    """Where lines are built, each with a keeper of its own."""

    def __init__(self, settings: Settings, ports: Ports, clock: SystemClock, ledger: Ledger) -> None:
        self._settings = settings
        self._ports = ports
        self._clock = clock
        self._ledger = ledger
        self._by = secrets.token_hex(8)
        self._started = clock.wall()
        self._pace = Pace(settings.status_interval_seconds, USAGE_WRITES_PER_SECOND)

    def fit(self, board: Switchboard, connections: Connections) -> None:
        """Whom the lines belong to."""
        settings, ports = self._settings, self._ports
        self._board = board
        self._connections = connections
        self._around = Surroundings(
            ports.sources,
            ports.writer,
            self._clock,
            ports.cluster_id,
            settings.namespaces,
            board.knows,
            settings.create_timeout_seconds,
            settings.hot_sweep_seconds,
            settings.full_sweep_seconds,
        )

    async def open(self, place: Place, spec: ConnectionSpec, credentials: Callable[[], Mapping[str, str]]) -> Line:
        """A new line with its keeper."""
        keeper = Keeper(self._clock, workers=self._settings.workers, swept=False)
        connections = self._connections
        seat = Seat(self._board, place, connections.directory.ref)
        line = Line(
            self._around,
            keeper,
            seat,
            name=f"{place.namespace}/{place.claim}".lstrip("/"),
            spec=spec,
            credentials=credentials,
            on_change=lambda: connections.ring(place),
        )
        self.serve(keeper, line.kind, place)
        return await line.open()

    def serve(self, keeper: Keeper, kind: External, place: Place) -> None:
        """Give a keeper what carries out its passes."""
        settings, ports = self._settings, self._ports
        process = Process(self._by, ports.cluster_id, self._started, place.claim)
        terms = Terms(settings.search_grace_seconds, settings.create_timeout_seconds, settings.refused_retry_seconds)
        scribe = Scribe(kind, ports.writer, ports.events, self._pace, self._ledger.wrote)
        reconciler = Reconciler(kind, ports.writer, scribe, self._clock, process, terms, keeper.ring)
        keeper.serve(reconciler, self._board.ended)


@dataclass(frozen=True, slots=True)
class _Bell:
    """The door of one kind beside Sessions."""

    connections: Connections
    kind: str

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """One event."""
        self.connections.directory.see(self.kind, event_type, body)


def environment(settings: Settings) -> ConnectionSpec:
    """The connection that the environment describes, but for its key."""
    return ConnectionSpec(
        base_url=settings.base_url,
        workspace_id=settings.workspace_id,
        creates_per_minute=settings.creates_per_minute,
        requests_per_minute=settings.requests_per_minute,
    )


async def _first_listing(writer: Writer, board: Switchboard, beat: Callable[[float], None]) -> None:
    """All resources are known before the first sweep: else it would take living sessions for nobody's.

    `beat` is told of each step, and how many seconds it rests then.
    """
    pause = 1.0
    while True:
        try:
            async for page in writer.list_pages():
                beat(0.0)
                for item in page:
                    board.see(None, item)
        except ClusterError as error:
            log.warning("the first listing did not come about: %s", error)
            beat(pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)
        else:
            return
