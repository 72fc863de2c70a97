"""The world: everything the simulator knows, and the only place where time passes.

Built once by `service.Simulator`. Every request lets it `catch_up` first, so that what a client sees is right whatever
woke the process; between requests a ticker does the same for the open streams. Endpoints change objects and say so
with `touch`.
"""

from __future__ import annotations

import asyncio
import heapq
from pathlib import Path

from managed_agents_simulator.clock import SECOND, Clock, Instant
from managed_agents_simulator.identifiers import Identifiers
from managed_agents_simulator.ledger import Ledger
from managed_agents_simulator.library import samples
from managed_agents_simulator.modes import Modes
from managed_agents_simulator.sessions import life
from managed_agents_simulator.sessions.behaviour import Behaviour
from managed_agents_simulator.sessions.history import Event
from managed_agents_simulator.sessions.session import WORKING, Session
from managed_agents_simulator.wire.errors import not_found
from managed_agents_simulator.workspace import SHELVES, ApiKey, Workspace

DEFAULT_WORKSPACE = "wrkspc_01SimulatorDefault000000"
OTHER_WORKSPACE = "wrkspc_01SimulatorOther00000000"
ORGANIZATION = "8b1a5d5e-0b7c-4d3e-9c52-51a0a7e51a70"


class World:
    """Workspaces, keys, sessions, and their time."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        identifiers: Identifiers | None = None,
        database: Path | None = None,
        speed: float = 1.0,
    ) -> None:
        """`database` is the file that everything is kept in, None for memory only."""
        self.clock = clock or Clock()
        self.identifiers = identifiers or Identifiers()
        self.ledger = Ledger(database)
        self.modes = Modes()
        self.behaviour = Behaviour()
        self.speed = speed
        self.organization = ORGANIZATION
        self.workspaces: dict[str, Workspace] = {}
        self.keys: dict[str, ApiKey] = {}
        self.buried: dict[str, Session] = {}
        self.stirred = asyncio.Event()
        self._agenda: list[tuple[Instant, int, Session]] = []
        self._entries = 0
        self._restore()
        self._stock()

    def reset(self) -> None:
        """Everything as it was at the very beginning, but for the keys, which stay, and the time, which went by."""
        self.end_streams()
        known = [(workspace.id, workspace.name) for workspace in self.workspaces.values()]
        self.ledger.clear()
        self.modes, self.behaviour = Modes(), Behaviour()
        self.workspaces, self.buried, self._agenda = {}, {}, []
        for identifier, name in known:
            self.add_workspace(identifier, name)
        for key in list(self.keys.values()):
            self.add_key(key.secret, key.workspace)
        self._stock()

    def _stock(self) -> None:
        for identifier, name in ((DEFAULT_WORKSPACE, "default"), (OTHER_WORKSPACE, "other")):
            if identifier not in self.workspaces:
                self.add_workspace(identifier, name)
        samples.stock(self.workspaces[DEFAULT_WORKSPACE], "sample", self.clock.now())
        samples.stock(self.workspaces[OTHER_WORKSPACE], "other", self.clock.now())
        self.ledger.commit()

    def workspace(self, wanted: str) -> Workspace:
        """The workspace with this id or name; a new one where there is none."""
        found = next((w for w in self.workspaces.values() if wanted in (w.id, w.name)), None)
        return found or self.add_workspace(wanted, wanted)

    def add_workspace(self, identifier: str, name: str) -> Workspace:
        """A new, empty workspace."""
        workspace = self.workspaces[identifier] = Workspace(identifier, name, self.ledger)
        self.ledger.save(workspace)
        return workspace

    def add_key(
        self, secret: str | None = None, workspace: str = DEFAULT_WORKSPACE, *, reads_only: bool = False
    ) -> ApiKey:
        """A key for a workspace, a given one or a new one; a known one is moved there and works again."""
        key = ApiKey(secret or self.identifiers.make("sk-ant-sim-"), workspace, reads_only=reads_only)
        self.keys[key.secret] = key
        self.ledger.save(key)
        return key

    def session(self, workspace: Workspace, identifier: str) -> Session:
        """A session of the workspace. Raises 404, alike for whatever reason there is none."""
        session = workspace.sessions.get(identifier)
        if session is None:
            raise not_found("Session", identifier)
        return session

    def behaviour_of(self, session: Session) -> Behaviour:
        """How this session behaves: in its own way, or in that of all."""
        return session.behaviour or self.behaviour

    def admit(self, workspace: Workspace, session: Session) -> None:
        """Take a new session in."""
        workspace.sessions[session.id] = session
        workspace.everything.add(session.key)
        if session.archived is None:
            workspace.unarchived.add(session.key)
        self.touch(session)

    def bury(self, session: Session) -> None:
        """Take a deleted session out of its workspace; it is remembered, but nothing happens to it any more."""
        workspace = self.workspaces[session.workspace]
        workspace.sessions.pop(session.id, None)
        workspace.everything.remove(session.key)
        workspace.unarchived.remove(session.key)
        workspace.note_work(session, works=False)
        session.turn = None
        session.errands.clear()
        self.buried[session.id] = session
        self.ledger.save(session)

    def touch(self, session: Session) -> None:
        """Say that a session was changed: it is kept, and what is due next is noted."""
        self.ledger.save(session)
        self.workspaces[session.workspace].note_work(session, session.deleted is None and session.status in WORKING)
        due = session.due()
        if due is not None:
            self._entries += 1
            heapq.heappush(self._agenda, (due, self._entries, session))
            self.stirred.set()

    def catch_up(self) -> None:
        """Let everything happen that is due by now, in order of time."""
        now = self.clock.now()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, session = heapq.heappop(self._agenda)
            if session.due() == due:
                life.step(self, session, due)

    async def run(self) -> None:
        """Let time pass for those who only watch. Ends when cancelled."""
        while True:
            self.stirred.clear()
            self.catch_up()
            self.ledger.commit()
            wait = (self._agenda[0][0] - self.clock.now()) / SECOND if self._agenda and self.clock.moves else None
            try:
                await asyncio.wait_for(self.stirred.wait(), wait if wait is None else max(0.001, wait))
            except TimeoutError:
                continue

    def end_streams(self) -> None:
        """Let every open stream come to its end."""
        for workspace in self.workspaces.values():
            for session in workspace.sessions.values():
                session.history.close()

    def _restore(self) -> None:
        for body in self.ledger.load("workspace"):
            self.add_workspace(**body)
        for body in self.ledger.load("key"):
            self.keys[body["secret"]] = ApiKey(**body)
        for kind in SHELVES:
            for body in self.ledger.load(kind):
                self.workspaces[body["workspace"]].shelf(kind).restore(body)
        kept: dict[str, Session] = {}
        for body in self.ledger.load("session"):
            session = kept[body["id"]] = Session.from_json(body)
            if session.deleted is None:
                self.admit(self.workspaces[session.workspace], session)
            else:
                self.buried[session.id] = session
        for body in self.ledger.load("event"):
            kept[body["session"]].history.restore(Event(**body))
        for session in kept.values():
            session.history.sort()
