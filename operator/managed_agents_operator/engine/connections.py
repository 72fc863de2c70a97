"""The lines of Connections and ClusterConnections: opened when there is a key, kept while they are used, and told of.

A line lives as long as its resource or any Session that uses it, with the last key that was good: whoever takes key
and resource away first can't keep its Sessions from ending. What is known of the resources is in `directory`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.directory import AGAIN_ELSEWHERE, Directory
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.keys import Key, Keyring
from managed_agents_operator.engine.lines import Line, Lines
from managed_agents_operator.engine.ports import Events, Sources, Writer
from managed_agents_operator.engine.pulse import Pulse
from managed_agents_operator.engine.register import Register
from managed_agents_operator.engine.switchboard import Switchboard

log = logging.getLogger(__name__)

MINUTE = 60.0
"""Seconds between two looks at everything."""
AGAIN = 1.0
"""Seconds until what the cluster did not take is tried again."""


class Connections:
    """Tends all of them. `kinds` reads and writes them by kind, Namespaces too; a kind that is not there is not served.

    `open_line` opens the line of a place with a spec and a key.
    """

    def __init__(
        self,
        kinds: Mapping[str, Writer],
        sources: Sources,
        clock: Clock,
        open_line: Callable[[Place, ConnectionSpec, Key], Awaitable[Line]],
        namespace: str,
        events: Events,
    ) -> None:
        self._kinds = kinds
        self._open_line = open_line
        self.directory = Directory(namespace, self._changed, self.ring, self._turned)
        self._register = Register(kinds, self.directory, clock, events)
        self.lines = Lines()
        self._keyring = Keyring(sources, self.directory)
        self._locks: dict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._due: set[Place] = set()
        self._later: set[Place] = set()
        """Those whose count is written once it may be."""
        self._bell = asyncio.Event()
        self._begun = False
        self._tries: Counter[Place] = Counter()
        self._pulse, self._minutely = Pulse(clock.monotonic), Pulse(clock.monotonic)
        self._board: Switchboard | None = None

    # bells

    def source_changed(self, kind: SourceKind, namespace: str, name: str) -> None:
        """A Secret changed: the key in it may be another one."""
        for place in self.directory.naming(namespace, name) if kind == "Secret" else ():
            self._changed(place)

    def ring(self, place: Place) -> None:
        """How it fares or who uses it may be another by now."""
        if place != ENVIRONMENT:
            self._later.discard(place)
            self._due.add(place)
            if self._begun:
                self._pulse.wanted()
            self._bell.set()

    def _changed(self, place: Place) -> None:
        self._keyring.stale.add(place)
        self.ring(place)

    def _turned(self) -> None:
        if self._board is not None:
            self._board.reconsider()

    async def look(self, place: Place) -> None:
        """Read one connection or namespace past every cache, and its key. Raises `ClusterError`."""
        kind = self._kinds.get(place.kind)
        if kind is None:
            return
        known = self.directory.bodies.get(place)
        body = await kind.read(place.namespace, place.name)
        if body is None:
            # One that came while it was asked is younger than the answer.
            if known is not None and self.directory.bodies.get(place) is known:
                self.directory.forget(place)
            return
        self.directory.see(place.kind, None, body)
        if place.kind != "Namespace":
            await self._tend(place, note=False)

    @property
    def age(self) -> float:
        """Seconds that a step has been due."""
        return max(self._pulse.age, self._minutely.age)

    # life

    def serve(self, board: Switchboard, environment: Line | None) -> None:
        """Whom all this is for, and the line of the key in the environment."""
        self._board = board
        if environment is not None:
            self._opened(ENVIRONMENT, environment)

    async def run(self, first_listing: Callable[[Callable[[float], None]], Awaitable[None]]) -> None:
        """Know all connections, then all resources; hand these on, and tend the connections until cancelled."""
        self._minutely.beat()
        await self._list_all()
        await first_listing(self._minutely.beat)
        async with Crew() as crew:
            self.lines.begin(crew)
            if self._board is not None:
                self._board.begin()
            # From now on it is known who uses which.
            self._begun = True
            self._due.update(self.directory.specs)
            self._bell.set()
            crew.add("connections, each minute", self._every_minute())
            crew.add("connections by bell", self._work())
            await crew.watch()

    async def _list_all(self) -> None:
        """Everything is known before anything is chosen. Tried until it comes about."""
        while True:
            try:
                for kind in self._kinds:
                    await self._list(kind)
            except ClusterError as error:
                log.warning("connections could not be listed: %s", error)
                self._minutely.beat(AGAIN)
                await asyncio.sleep(AGAIN)
            else:
                break
        for place in list(self.directory.specs):
            self._minutely.beat()
            try:
                await self._tend(place)
            except Exception as error:
                # One that can't be read or opened holds up its own Sessions only.
                log.warning("%s could not be tended: %s", place, error, exc_info=not isinstance(error, ClusterError))

    async def _list(self, kind: str) -> None:
        listed = set()
        async for page in self._kinds[kind].list_pages():
            self._minutely.beat()
            for item in page:
                listed.add(item["metadata"]["uid"])
                self.directory.see(kind, None, item)
        # One that came after the listing began is not judged by it.
        for place in self.directory.missing(kind, listed):
            self._minutely.beat()
            await self.look(place)

    async def _every_minute(self) -> None:
        while True:
            self._minutely.beat(MINUTE)
            await asyncio.sleep(MINUTE)
            try:
                for kind in self._kinds:
                    await self._list(kind)
            except Exception as error:
                log.warning("connections could not be listed: %s", error, exc_info=not isinstance(error, ClusterError))
            for place in {*self.directory.specs, *self.lines}:
                self._changed(place)

    async def _work(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            due, self._due = self._due, set()
            for place in due:
                self._pulse.beat()
                try:
                    await self._tend(place)
                except Exception as error:
                    # Whatever it is, it is no reason to end for all others.
                    traced = not isinstance(error, ClusterError)
                    log.warning("%s could not be tended: %s", place, error, exc_info=traced)
                    pause = min(AGAIN * 2 ** self._tries[place], MINUTE)
                    asyncio.get_running_loop().call_later(pause, self.ring, place)
                    self._tries[place] = min(self._tries[place] + 1, 10)
                else:
                    del self._tries[place]
            self._pulse.idle()

    # one of them

    async def _tend(self, place: Place, *, note: bool = True) -> None:
        """Key, line and (with `note`) finalizer and status of one connection, as it and its users stand now."""
        async with self._locks[place]:
            found = self.directory.specs.get(place)
            used = self._board.users(place) if self._board is not None else 0
            if found is None:
                if not used:
                    await self._close(place)
                    self._register.forget(place)
                    self._locks.pop(place, None)
                return
            line = self.lines.get(place)
            if line is not None and line.base_url != found.spec.base_url and not used:
                # It was removed by force and made again; whoever was left with the old one is gone now.
                await self._close(place)
                line = None
                self._keyring.stale.add(place)
            if line is not None and line.base_url != found.spec.base_url:
                # Its key is for another server than that of those who are left.
                self.directory.say(place, AGAIN_ELSEWHERE)
            else:
                await self._serve(place, found.spec, line)
            line = self.lines.get(place)
            if not (self._begun and note):
                return
            due = await self._register.note(place, used, line.fare() if line is not None else None)
            if due is not None and place not in self._later:
                self._later.add(place)
                asyncio.get_running_loop().call_later(due, self.ring, place)

    async def _serve(self, place: Place, spec: ConnectionSpec, line: Line | None) -> None:
        """A line with the key as it is now; with the last good one where there is none."""
        another = await self._keyring.read(place, spec)
        if line is not None:
            line.configure(spec)
            if another:
                line.another_key()
        elif (key := self._keyring.key(place)) is not None and not (self._board and self._board.draining):
            try:
                self._opened(place, await self._open_line(place, spec, key))
            except ValueError as error:
                self.directory.say(place, f"spec.baseURL can't be called: {error}")

    def _opened(self, place: Place, line: Line) -> None:
        self.lines.add(place, line)
        self.directory.open.add(place)
        if self._board is not None:
            self._board.open(place, line.keeper)

    async def _close(self, place: Place) -> None:
        line = self.lines.pop(place, None)
        self._keyring.forget(place)
        self.directory.closed(place)
        if line is None:
            return
        if self._board is not None:
            self._board.close(place)
        await self.lines.end(place, line)
