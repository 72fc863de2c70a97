"""What one process knows of the outside: snapshots, absences, listings. All of it is lost with the process.

Plays the part of the observatory, the searches and the circuit; what else it knows is in its `inventory`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.engine.world.api import FakeApi, FakeSession
from tests.engine.world.clock import FakeClock
from tests.engine.world.gates import Fault
from tests.engine.world.inventory import Inventory
from tests.engine.world.mounts import FakeMount

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.claim import may_search
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Link, Sight
from managed_agents_operator.engine.looks import Absent, Found
from managed_agents_operator.engine.remote import Mount, Remote

FAILURES: Mapping[Fault, Failure] = {
    "refused": Failure(Consequence.REFUSED, "InvalidSpec", "the API said no"),
    "later": Failure(Consequence.LATER, "RateLimited", "the API asks to wait (429)"),
    "blocked": Failure(Consequence.BLOCKED, "KeyRefused", "the key is wrong (401)"),
    "unclear": Failure(Consequence.UNCLEAR, "Unreachable", "no answer came"),
    "unreachable": Failure(Consequence.LATER, "Unreachable", "no connection"),
}
NOT_FOUND = Failure(Consequence.ABSENT, "NotFound", "not found")
FEW, PART = 5, 0.1
"""More than so many, and more than this part of all, gone in one sweep are a mass loss."""


class Outlook:
    """Begins with nothing. `ring` wakes a resource by uid."""

    def __init__(self, api: FakeApi, clock: FakeClock, ring: Callable[[str], None]) -> None:
        self._api, self._clock, self._ring = api, clock, ring
        self.inventory = Inventory(api, clock)
        self.found: dict[str, Found] = {}
        self._seen: dict[str, Remote] = {}
        self._absent: dict[str, Absent] = {}
        self._missing: dict[str, float] = {}
        self._mass: set[str] = set()
        self._swept_at: float | None = None
        self._workspace: str | None = None
        self._keeps = False
        self._blocked: Failure | None = None

    def sight(self, resource: Session) -> Sight:
        """What is known of a resource without asking."""
        uid, id = resource.metadata.uid, resource.status.id
        absent = self._absent.get(id) if id else None
        if not may_search(resource):
            self.found.pop(uid, None)
        link = Link(
            blocked=self._blocked,
            retry_at=self._clock.monotonic() + 600 if self._blocked else None,
            workspace=self.workspace_now,
            keeps_metadata=self._keeps,
            swept_at=self._swept_at,
        )
        return Sight(
            link=link,
            remote=self._seen.get(id) if id and absent is None else None,
            absent=absent,
            missing_at=self._missing.get(id) if id else None,
            strays=tuple(r for r in self._seen.values() if self._is_stray(r, uid, id)),
            search=self.found.get(uid),
            sources=self.inventory.sources(resource),
            uploads=self.inventory.uploads(uid),
            uploads_at=self.inventory.uploads_at,
            rivals=self.inventory.rivals(resource),
            mass_loss=id in self._mass,
        )

    def _is_stray(self, one: Remote, uid: str, id: str | None) -> bool:
        marker = one.marker
        return marker is not None and marker.uid == uid and one.id != id and one.id not in self._absent

    @property
    def swept(self) -> bool:
        """Whether there was a sweep yet."""
        return self._swept_at is not None

    def sweep(self, tracked: Mapping[str, list[str]]) -> bool:
        """One full sweep; `tracked` is session id to uids of what has not ended by its status.

        Answers whether all should be rung: at the first one, and when the key is refused or works again.
        """
        first, before = not self.swept, self._blocked
        if self.refused() is None:
            self._blocked = None
            self._look_over(tracked)
        return before is not self._blocked or first

    def refused(self) -> Failure | None:
        """What any call is answered while the key does not work."""
        if self._api.key_works:
            return None
        self._blocked = FAILURES["blocked"]
        return self._blocked

    def _look_over(self, tracked: Mapping[str, list[str]]) -> None:
        began = self._clock.monotonic()
        self.answered()
        listed = {s.id: self.put(s) for s in self._api.listed(archived=False)}
        for one in listed.values():
            if one.marker:
                self._ring(one.marker.uid)
        self._swept_at = began
        gone = set()
        for id, uids in tracked.items():
            unseen = id not in self._absent and not ((r := self._seen.get(id)) and r.seen_at >= began)
            if id not in listed and unseen:
                gone |= {id} - self._missing.keys()
                self._missing[id] = began
            for uid in uids if id in listed or unseen else ():
                self._ring(uid)
        if len(gone) > FEW and len(gone) > PART * len(tracked):
            self._mass |= gone

    def put(self, session: FakeSession) -> Remote:
        """A session as it is now."""
        now = self._clock.monotonic()
        one = Remote(
            id=session.id,
            state=self._api.state(session),
            seen_at=now,
            created_at=session.created_at,
            archived_at=session.archived_at,
            title=session.title,
            metadata=dict(session.metadata),
            agent_id=session.agent,
            agent_version=1,
            environment_id=session.environment,
            mounts=tuple(map(_mount, session.mounts)),
            budget=session.budget,
            tools=session.tools,
            worked=session.turns > 0,
            usage={"outputTokens": session.turns} if session.turns else {},
            workspace=self._api.workspace if self._api.names_workspace else None,
        )
        self._seen[one.id] = one
        self._absent.pop(one.id, None)
        self._missing.pop(one.id, None)
        self._mass.discard(one.id)
        self._keeps = self._keeps or bool(one.metadata)
        return one

    def answered(self) -> str | None:
        """The API answered; in which workspace, if it says so."""
        workspace = self._api.workspace if self._api.names_workspace else None
        self._workspace = workspace or self._workspace
        return workspace

    @property
    def workspace_now(self) -> str | None:
        """The workspace that answered to the key as it is now; None after a change until there was an answer."""
        return self._workspace if self._workspace == self._api.workspace else None

    def gone(self, id: str) -> Absent:
        """A 404."""
        self._absent[id] = Absent(self.answered(), self._clock.monotonic())
        self._missing.pop(id, None)
        return self._absent[id]


def _mount(mount: FakeMount) -> Mount:
    """As the API tells it: not what it is a copy of, and no token."""
    return Mount(
        id=mount.id,
        type=mount.type,
        mount_path=mount.path,
        file_id=mount.file_id,
        url=mount.url,
        memory_store_id=mount.store,
        created_at=mount.created_at,
    )
