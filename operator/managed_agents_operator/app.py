"""The composition root: the only place where things are built and joined, started and stopped.

Called by `__main__`. The order of a life: a Lease where several processes may run, then the cluster is found fit, then
everything that works is started and watched over, and on a signal what is under way is finished. What the work is, is
nowhere in here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import kopf

from managed_agents_operator import __version__
from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.api.session import GROUP, PLURAL, VERSION
from managed_agents_operator.engine.crew import end, reason
from managed_agents_operator.handlers import WATCH_SECONDS, Bell, listen, register
from managed_agents_operator.kube.access import Cluster
from managed_agents_operator.kube.events import Events
from managed_agents_operator.kube.fitness import Kind, connection_kinds, fit
from managed_agents_operator.kube.lease import Lease
from managed_agents_operator.kube.probes import Age, Health, Probes
from managed_agents_operator.kube.resync import Brought, Resync
from managed_agents_operator.kube.sources import Sources
from managed_agents_operator.kube.writer import Writer
from managed_agents_operator.logs import set_up_logging
from managed_agents_operator.settings import Settings

DRAIN_SECONDS = 15.0
_EXIT_SECONDS = 19.0
_EVENTS_BOUND, _SOURCES_BOUND, _RESYNC_BOUND = 120.0, 300.0, 600.0
"""Seconds that one step of each may take: a call of ten, a silent watch of two minutes, a listing of many pages."""

log = logging.getLogger(__name__)


class Keeper(Bell, Protocol):
    """Who passes when: what the engine's keeper is for this module."""

    def source_changed(self, kind: SourceKind, namespace: str, name: str) -> None:
        """A ConfigMap or Secret is not what it was."""
        ...

    def sources_listed(self) -> None:
        """Versions of ConfigMaps or Secrets are known that were not."""
        ...

    def last_event_age(self) -> float | None:
        """Seconds since anything was seen; None before."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def drain(self, seconds: float) -> None:
        """Start nothing more, and finish what is under way within `seconds`."""
        ...


@dataclass(frozen=True)
class Ports:
    """What the cluster offers to engine and kinds. `cluster_id` is the uid of its kube-system namespace, or another."""

    cluster_id: str
    writer: Writer
    sources: Sources
    events: Events
    connections: Mapping[str, Writer] = field(default_factory=dict)
    """Connections, and what decides on their use, by kind; what is not served is left out."""


@dataclass(frozen=True)
class Work:
    """What is to be kept running: the keeper, and other tasks by name. `bells` are of the kinds beside Sessions.

    `ages` tells the probes how old things are, in seconds (None: not there yet), and how old they may become.
    """

    keeper: Keeper
    bells: Mapping[str, Bell] = field(default_factory=dict)
    tasks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    ages: Mapping[str, tuple[Age, float]] = field(default_factory=dict)


Join = Callable[[Settings, Ports], AbstractAsyncContextManager[Work]]


class Stop:
    """The wish to end. The first signal asks, the second one does not."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT, from whoever has them."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on, signum)

    def _on(self, signum: signal.Signals) -> None:
        if self.asked.is_set():
            log.warning("%s again: ending at once", signum.name)
            os._exit(128 + signum)
        log.info("%s: finishing what is under way", signum.name)
        self.at_last(0)
        self.asked.set()

    def at_last(self, code: int) -> None:
        """End with this code if the end that has begun does not come by itself."""
        # A thread, because whatever may hang here hangs the loop.
        last = threading.Timer(_EXIT_SECONDS, os._exit, (code,))
        last.daemon = True
        last.start()

    async def before(self, doing: Coroutine[Any, Any, object] | asyncio.Task[Any]) -> bool:
        """Whether it came to its end before ours was asked for; else it is cancelled. Raises what it raises."""
        task = asyncio.ensure_future(doing)
        stop = asyncio.create_task(self.asked.wait())
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        done = task.done()
        if done:
            task.result()
        await end(task, stop)
        return done


class Operator:
    """One run of the operator, from nothing to an exit code."""

    def __init__(self, settings: Settings, join: Join, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._join = join
        self._stop = Stop()
        self._clock = clock
        self._health = Health(2.5 * WATCH_SECONDS, clock)

    async def run(self) -> int:
        """Runs to the end, which is 0 after a signal and 1 after anything else. Raises `WrongSettings`."""
        settings = self._settings
        self._stop.listen()
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(await Cluster.connect(settings.kubeconfig))
            probes = await stack.enter_async_context(Probes(settings.http_port, self._health))
            log.info("managed-agents-operator %s: %s and %s", __version__, cluster.server, settings.base_url)
            log.info("/healthz, /readyz and /metrics answer on port %d", probes.port)
            if settings.leader_election:
                return await self._lead(cluster, Lease(cluster, settings.operator_namespace))
            return await self._serve(cluster)

    async def _lead(self, cluster: Cluster, lease: Lease) -> int:
        self._health.phase = "standby"
        if not await self._stop.before(lease.acquire()):
            return 0
        async with lease.kept(_fence):
            return await self._serve(cluster)

    async def _serve(self, cluster: Cluster) -> int:
        self._health.phase = "starting"
        namespaces, identity = self._settings.namespaces, self._settings.identity_namespace
        kinds = connection_kinds(namespaces)
        ours = [(GROUP, VERSION, PLURAL), *(kind for kind in kinds.values() if kind[0])]
        fitting = asyncio.create_task(fit(cluster, ours, next(iter(namespaces), None), identity))
        if not await self._stop.before(fitting):
            return 0
        ports = Ports(
            fitting.result(),
            Writer(cluster, GROUP, VERSION, PLURAL, namespaces),
            Sources(cluster, namespaces, monotonic=self._clock),
            Events(cluster, GROUP, VERSION, clock=self._clock),
            {kind: Writer(cluster, *names, namespaces) for kind, names in kinds.items()},
        )
        async with self._join(self._settings, ports) as work:
            tasks = self._start(cluster, ports, work)
            self._health.watch("event", work.keeper.last_event_age)
            for name, (age, bound) in work.ages.items():
                self._health.watch(name, age, bound)
            self._health.phase = "working"
            _tune_memory()
            code = await self._first_end(tasks)
            self._health.phase = "draining"
            await self._drain(tasks, work, ports.events)
            return code

    def _start(self, cluster: Cluster, ports: Ports, work: Work) -> dict[str, asyncio.Task[None]]:
        namespaces, keeper = self._settings.namespaces, work.keeper
        brought = Brought(keeper.see)
        resync = Resync(ports.writer, brought, self._settings.resync_seconds, monotonic=self._clock)
        registry = kopf.OperatorRegistry()
        names = connection_kinds(namespaces)
        bells: dict[Kind, Bell] = {names[kind]: bell for kind, bell in work.bells.items()}
        bells[GROUP, VERSION, PLURAL] = brought
        streams = (len(namespaces) or 1) * len(bells)
        self._health.expect(streams)
        self._health.watch("events", ports.events.age, _EVENTS_BOUND)
        self._health.watch("sources", ports.sources.age, _SOURCES_BOUND)
        self._health.watch("resync", resync.age, _RESYNC_BOUND)
        register(registry, bells, cluster, streams=streams, on_answer=self._health.answered)
        everything: dict[str, Coroutine[Any, Any, None]] = {
            "events": ports.events.run(),
            "sources": ports.sources.watch(keeper.source_changed, keeper.sources_listed),
            "resync": resync.run(),
            "keeper": keeper.run(),
            **{name: run() for name, run in work.tasks.items()},
            "framework": listen(registry, namespaces, on_start=self._stop.listen),
        }
        return {name: asyncio.create_task(run, name=name) for name, run in everything.items()}

    async def _first_end(self, tasks: Mapping[str, asyncio.Task[None]]) -> int:
        stop = asyncio.create_task(self._stop.asked.wait())
        done, _ = await asyncio.wait((stop, *tasks.values()), return_when=asyncio.FIRST_COMPLETED)
        await end(stop)
        for task in done - {stop}:
            trace = None if task.cancelled() else task.exception()
            log.critical("%s ended, and with it the operator: %s", task.get_name(), reason(task), exc_info=trace)
        code = 0 if self._stop.asked.is_set() and done == {stop} else 1
        self._stop.at_last(code)
        return code

    async def _drain(self, tasks: Mapping[str, asyncio.Task[None]], work: Work, events: Events) -> None:
        await _within(DRAIN_SECONDS + 1, work.keeper.drain(DRAIN_SECONDS))
        await _within(1, events.flush())
        await end(*tasks.values())


def _fence() -> None:
    # Whoever holds it now works already: nothing of ours may be sent any more, not even to tidy up.
    os._exit(1)


async def _within(seconds: float, doing: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await doing


def _tune_memory() -> None:
    # What is imported and built by now stays; looking through it again takes a tenth of a second each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def run(settings: Settings, join: Join) -> int:
    """Runs the operator and returns the exit code. Raises `WrongSettings` for what can't be started with."""
    secrets = [key.get_secret_value() for key in (settings.api_key, settings.auth_token) if key is not None]
    set_up_logging(settings.log_format, settings.log_level, secrets)
    return asyncio.run(Operator(settings, join).run())
