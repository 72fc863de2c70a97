"""The Managed Agents API as far as the engine can tell, in memory: sessions with metadata, events and a life.

Nothing here waits and nothing fails by itself; faults are the test's, at the gates of `kind`. What other people do to a
session are methods too.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tests.engine.world.clock import FakeClock


class Missing(Exception):
    """404."""


class Refused(Exception):
    """400."""


@dataclass
class FakeSession:
    """One session. `runs_until` is when its turn ends; `events` are (id, type, text), by whom they were sent first."""

    id: str
    made_at: float
    created_at: str
    agent: str
    title: str | None
    metadata: dict[str, str]
    made_for: str
    """Uid of the resource that asked for it; the API does not know it, the judge does."""
    archived_at: str | None = None
    terminated: bool = False
    runs_until: float = float("-inf")
    events: list[tuple[str, str, str]] = field(default_factory=list)
    turns: int = 0
    interrupts: int = 0

    @property
    def ended(self) -> bool:
        return bool(self.archived_at) or self.terminated


class Post:
    """A call on its way to the server: it arrives once, in time or late, or never."""

    def __init__(self, api: FakeApi, call: Callable[[], Any], latest: float) -> None:
        self._api, self._call, self.latest = api, call, latest
        self._workspace, self.arrived = api.workspace, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.arrived and self._api.flight:
            self._api.late.append(self)

    def arrive(self) -> Any:
        self.arrived = True
        now, self._api.workspace = self._api.workspace, self._workspace
        try:
            return self._call()
        finally:
            self._api.workspace = now


class FakeApi:
    """All sessions of one workspace.

    `list_lag` is how many seconds after its creation a session is first listed; `keeps_metadata`, `names_workspace` and
    `archive_terminates` are how servers differ; `workspace` is where the key looks, and it is refused while `key_works`
    is not so; `bad_agents` don't exist; while the budget is not `open` nobody is given a turn.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self.sessions: dict[str, FakeSession] = {}
        self.list_lag = 0.0
        self.keeps_metadata = True
        self.names_workspace = True
        self.archive_terminates = True
        self.refuses_while_running = False
        self.workspace = "wrkspc_1"
        self.home = "wrkspc_1"
        self.key_works = True
        self.open = True
        self.bad_agents: set[str] = set()
        self.creations = 0
        self.changes = 0
        self.flight = 0.0
        """How many seconds after it was sent a call that nobody waits for any more still arrives; 0 for never."""
        self.late: list[Post] = []

    # what the operator asks

    def create(self, agent: str, title: str | None, metadata: Mapping[str, str]) -> FakeSession:
        if not self.sees_agent(agent):
            raise Refused(f"agent {agent} does not exist")
        id = f"sesn_{next(self._ids)}"
        kept = dict(metadata) if self.keeps_metadata else {}
        made_for = metadata.get("k8s_uid", "").split("/")[0]
        session = FakeSession(id, self._clock.monotonic(), self._clock.stamp(), agent, title, kept, made_for)
        self.sessions[id] = session
        self.creations += 1
        return session

    def get(self, id: str) -> FakeSession:
        if id not in self.sessions or self.workspace != self.home:
            raise Missing(id)
        return self.sessions[id]

    def sees_agent(self, agent: str) -> bool:
        return agent not in self.bad_agents and self.workspace == self.home

    def listed(self, *, archived: bool) -> list[FakeSession]:
        """As a listing shows them now, oldest first."""
        if self.workspace != self.home:
            return []
        late = self._clock.monotonic() - self.list_lag
        return [s for s in self.sessions.values() if s.made_at <= late and (archived or not s.archived_at)]

    def update(self, id: str, body: Mapping[str, Any]) -> FakeSession:
        session = self.get(id)
        if session.archived_at or (self.refuses_while_running and self.busy(session)):
            raise Refused("the session can't be changed now")
        self.changes += 1
        if "title" in body:
            session.title = body["title"]
        for key, value in (body.get("metadata") or {}).items():
            if value is None:
                session.metadata.pop(key, None)
            elif self.keeps_metadata:
                session.metadata[key] = value
        return session

    def send(self, id: str, events: list[tuple[str, str]], *, seconds: float = 20.0) -> list[str]:
        """Client events; a message begins a turn, an interrupt ends it."""
        session = self.get(id)
        if session.ended:
            raise Refused("the session has ended")
        self.changes += 1
        return self._take_in(session, events, seconds)

    def _take_in(self, session: FakeSession, events: list[tuple[str, str]], seconds: float) -> list[str]:
        ids = []
        for type_, text in events:
            ids.append(f"sevt_{len(session.events)}_{session.id}")
            session.events.append((ids[-1], type_, text))
            if type_ == "user.interrupt":
                session.interrupts += 1
                session.runs_until = self._clock.monotonic()
            else:
                session.turns += 1
                session.runs_until = self._clock.monotonic() + seconds
        return ids

    def archive(self, id: str) -> FakeSession:
        session = self.get(id)
        if self.busy(session):
            raise Refused("interrupt the session first")
        self.changes += 1
        session.archived_at = session.archived_at or self._clock.stamp()
        session.terminated = session.terminated or self.archive_terminates
        return session

    def delete(self, id: str) -> None:
        session = self.get(id)
        if self.busy(session):
            raise Refused("interrupt the session first")
        self.changes += 1
        del self.sessions[id]

    # what is on its way

    def on_its_way(self, call: Callable[[], Any]) -> Post:
        """Within this a crash, or a connection that is cut, leaves open what becomes of the call."""
        return Post(self, call, self._clock.monotonic() + self.flight)

    def arrivals(self) -> None:
        """What was sent before and is due arrives."""
        now = self._clock.monotonic()
        due, self.late = [p for p in self.late if p.latest <= now], [p for p in self.late if p.latest > now]
        for post in due:
            with contextlib.suppress(Refused, Missing):
                post.arrive()

    # what is so

    def busy(self, session: FakeSession) -> bool:
        return not session.ended and self._clock.monotonic() < session.runs_until

    def state(self, session: FakeSession) -> str:
        if session.terminated:
            return "terminated"
        return "running" if self.busy(session) else "idle"

    def living(self, uid: str | None = None) -> list[FakeSession]:
        """Sessions that have not ended, of one uid if it is given."""
        alive = [s for s in self.sessions.values() if not s.ended]
        return [s for s in alive if uid is None or s.metadata.get("k8s_uid", "").split("/")[0] == uid]

    # what others do

    def archive_outside(self, id: str) -> None:
        self.sessions[id].archived_at = self.sessions[id].archived_at or self._clock.stamp()

    def terminate_outside(self, id: str) -> None:
        self.sessions[id].terminated = True

    def delete_outside(self, id: str) -> None:
        self.sessions.pop(id, None)

    def speak_outside(self, id: str) -> None:
        """Somebody else gives it work."""
        if not self.sessions[id].ended:
            self._take_in(self.sessions[id], [("user.message", "from a person")], 20.0)
