"""The Managed Agents API as far as the engine can tell, in memory: sessions with metadata, mounts, events and a life.

Nothing here waits and nothing fails by itself; faults are the test's, at the gates of `kind`. What other people do to a
session is in `others`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.engine.world.clock import FakeClock
from tests.engine.world.files import FakeFile, FakeFiles, Missing, Refused
from tests.engine.world.history import History
from tests.engine.world.mounts import FakeMount, Mounter
from tests.engine.world.numbers import Numbers
from tests.engine.world.others import Others
from tests.engine.world.post import Post
from tests.engine.world.sessions import FakeSession


class FakeApi(Others):
    """All sessions and files of one workspace.

    `list_lag` is how many seconds after its creation a session is first listed, `file_lag` a file; `keeps_metadata`,
    `names_workspace` and `archive_terminates` are how servers differ, as are those of `mounter`; `workspace` is where
    the key looks, and it is refused while `key_works` is not so; `bad_agents` don't exist; while the budget is not
    `open` nobody is given a turn. `changes` counts what we asked for and was accepted, but creations of sessions.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._ids = Numbers()
        self.history = History(clock)
        self.files = FakeFiles(clock, self.history)
        self.mounter = Mounter(clock, self.files)
        self.sessions: dict[str, FakeSession] = {}
        self.list_lag = 0.0
        self.file_lag = 0.0
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
        self.late_uploads = False
        """Whether an upload may be such a call too."""
        self.late: list[Post] = []
        self.looks: Counter[str] = Counter()
        """By uid of the resource, how often something was looked at for it alone."""

    # sessions

    def create(
        self,
        agent: str,
        title: str | None,
        metadata: Mapping[str, str],
        environment: str | None = None,
        resources: list[Mapping[str, Any]] | None = None,
        budget: str | None = None,
        tools: tuple[Mapping[str, Any], ...] = (),
    ) -> FakeSession:
        if not self.sees_agent(agent):
            raise Refused(f"agent {agent} does not exist")
        mounts = self.mounter.all(resources or [], ours=True)
        id = f"sesn_{next(self._ids)}"
        kept = dict(metadata) if self.keeps_metadata else {}
        made_for = metadata.get("k8s_uid", "").split("/")[0]
        session = FakeSession(id, self._clock.monotonic(), self._clock.stamp(), agent, title, kept, made_for)
        session.environment, session.mounts = environment, mounts
        session.budget, session.tools = budget, tools
        self.sessions[id] = session
        self.creations += 1
        self.history.note("create", id)
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
        session = self._changeable(id)
        self._take_over(session, body)
        self._changed("update", id)
        if "title" in body:
            session.title = body["title"]
        for key, value in (body.get("metadata") or {}).items():
            if value is None:
                session.metadata.pop(key, None)
            elif self.keeps_metadata:
                session.metadata[key] = value
        return session

    def _take_over(self, session: FakeSession, body: Mapping[str, Any]) -> None:
        """Budget and tools, as far as they may change."""
        if "budget" in body:
            if session.budget is None:
                raise Refused("a budget can only be given at creation")
            session.budget = body["budget"]["max_list_cost"]["amount"] if body["budget"] else None
        if "agent" in body:
            if self.busy(session):
                raise Refused("tools change while the session is idle")
            session.tools = tuple(body["agent"]["tools"])

    def send(self, id: str, events: list[tuple[str, str]], *, seconds: float = 20.0) -> list[str]:
        """Client events; a message begins a turn, an interrupt ends it."""
        session = self.get(id)
        if session.ended:
            raise Refused("the session has ended")
        self._changed("interrupt" if events[0][0] == "user.interrupt" else "send", id)
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
                session.stop = "end_turn"
                session.turns += 1
                session.runs_until = self._clock.monotonic() + seconds
        return ids

    def archive(self, id: str) -> FakeSession:
        session = self.get(id)
        if self.busy(session):
            raise Refused("interrupt the session first")
        self._changed("archive", id, idle=self._clock.monotonic() - session.idle_since)
        session.archived_by_us = session.archived_by_us or not session.ended
        session.archived_at = session.archived_at or self._clock.stamp()
        session.terminated = session.terminated or self.archive_terminates
        return session

    def delete(self, id: str) -> None:
        session = self.get(id)
        if self.busy(session):
            raise Refused("interrupt the session first")
        self._changed("delete", id)
        del self.sessions[id]

    # mounts

    def mount(self, id: str, file_id: str, path: str | None) -> FakeSession:
        session = self._changeable(id)
        if session.ended:
            raise Refused("the session has ended")
        wanted = {"type": "file", "file_id": file_id, "mount_path": path}
        session.mounts.append(self.mounter.one(wanted, session.mounts, ours=True))
        self._changed("mount", id)
        return session

    def unmount(self, id: str, rid: str) -> FakeSession:
        session = self._changeable(id)
        mount = self._mounted(session, rid)
        if mount.type != "file":
            raise Refused(f"{rid} is no file")
        session.mounts.remove(mount)
        self._changed("unmount", id, of_others=not mount.ours)
        return session

    def rotate(self, id: str, rid: str, token: str) -> FakeSession:
        session = self._changeable(id)
        if self._mounted(session, rid).type != "github_repository":
            raise Refused(f"{rid} is no repository")
        self.mounter.tokens[rid] = token
        self._changed("rotate", id)
        return session

    def _mounted(self, session: FakeSession, rid: str) -> FakeMount:
        if (mount := session.mount(rid)) is None:
            raise Missing(rid)
        return mount

    # files, which are the same whatever workspace the key is of

    def upload(self, name: str, content: bytes) -> FakeFile:
        self.changes += 1
        return self.files.add(name, content)

    def list_files(self) -> list[FakeFile]:
        return self.files.listed(self.file_lag)

    def get_file(self, id: str) -> FakeFile:
        if id not in self.files.there:
            raise Missing(id)
        return self.files.there[id]

    def discard(self, id: str) -> None:
        self.get_file(id)
        self.changes += 1
        self.files.remove(id)

    # what is on its way

    def on_its_way(self, call: Callable[[], Any]) -> Post:
        """Within this a crash, or a connection that is cut, leaves open what becomes of the call."""
        return Post(self, call, self._clock.monotonic() + self.flight)

    def arrivals(self) -> None:
        """What was sent before and is due arrives."""
        now = self._clock.monotonic()
        due, self.late = [p for p in self.late if p.latest <= now], [p for p in self.late if p.latest > now]
        for post in due:
            post.arrive_late()

    # what is so

    def now(self) -> float:
        return self._clock.monotonic()

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

    def _changeable(self, id: str) -> FakeSession:
        session = self.get(id)
        if session.archived_at or (self.refuses_while_running and self.busy(session)):
            raise Refused("the session can't be changed now")
        return session

    def _changed(self, what: str, id: str, **more: Any) -> None:
        self.changes += 1
        self.history.note(what, id, **more)
