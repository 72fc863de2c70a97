"""The outside as the engine sees it: what can be looked at, what was seen, and the four verbs of a kind.

A kind (kinds/session.py) implements `External`; the ladder reads `Sight` and nothing else of the outside; the
reconciler carries the two together. Values are frozen, times are monotonic seconds unless they are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from managed_agents_operator.api.session import METADATA_UID, Session
from managed_agents_operator.engine.claim import Claim, Marker
from managed_agents_operator.engine.errors import Failure


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote session as it was seen in one answer.

    `state` is the API's own word. `budget` is whole cents, None for no budget. `worked` tells that it ever did
    anything: it is or was running, or usage was counted. `listed` that it was seen in a listing, which may leave out
    what a single read shows. `usage` is as status shows it. `wire` is the kind's own.
    """

    id: str
    state: str
    seen_at: float
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None
    title: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    budget: str | None = None
    tools: tuple[Any, ...] = ()
    mcp_servers: tuple[Any, ...] = ()
    agent_id: str | None = None
    worked: bool = False
    listed: bool = False
    usage: Mapping[str, Any] = field(default_factory=dict)
    wire: Any = field(default=None, compare=False, repr=False)

    @property
    def marker(self) -> Marker | None:
        """Whose it is; None for nobody's, or a marker that is not in our form."""
        return Marker.parse(self.metadata)

    @property
    def marked(self) -> bool:
        """Whether anybody's marker is on it, ours or not."""
        return bool(self.metadata.get(METADATA_UID))

    @property
    def terminal(self) -> bool:
        """Archived is `archived_at`, whatever the status says; terminated is the status."""
        return bool(self.archived_at) or self.state == "terminated"

    @property
    def busy(self) -> bool:
        """Whether it must be interrupted before it can be ended."""
        return self.state in ("running", "rescheduling")


# What a pass may want to know before it decides. Each is a key: what was seen for it is kept for the pass.


@dataclass(frozen=True, slots=True)
class LookSession:
    """One GET. Seen: Remote, or Absent."""

    id: str


@dataclass(frozen=True, slots=True)
class LookSearch:
    """The shared listing, by the uids in the marker. Seen: Found, through `Sight.search`, when the listing is done.

    `agent` narrows the listing, `since` is the earliest creation (RFC 3339) that counts.
    """

    uids: tuple[str, ...]
    agent: str | None
    since: str
    after: float
    """The listing must have begun after this monotonic time."""


@dataclass(frozen=True, slots=True)
class LookAgent:
    """Whether this key sees an agent. Seen: bool."""

    id: str


@dataclass(frozen=True, slots=True)
class LookTokens:
    """Whether the Secrets of the repositories are there. Seen: None, or what is missing, in words."""


@dataclass(frozen=True, slots=True)
class LookOwner:
    """Whether a Session of that namespace and name is in this cluster. Seen: bool."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class LookKickoff:
    """Whether the first events are among the events of the session. Seen: Delivery."""

    id: str


@dataclass(frozen=True, slots=True)
class LookStop:
    """Why the session is idle. Seen: Stop."""

    id: str


@dataclass(frozen=True, slots=True)
class LookStray:
    """Whether a session that should not be has ever been spoken to. Seen: Stray, or Absent."""

    id: str


Look = LookSession | LookSearch | LookAgent | LookTokens | LookOwner | LookKickoff | LookStop | LookStray


@dataclass(frozen=True, slots=True)
class Absent:
    """A 404. It proves nothing before `workspace`, or the agent, says that the key looks at the right workspace."""

    workspace: str | None
    seen_at: float


@dataclass(frozen=True, slots=True)
class Found:
    """What one whole listing said of the uids asked for, oldest first.

    `began_at` is when the listing began; `keeps_metadata` tells that metadata was seen to be kept on this connection;
    `any_since` that at least one session, anybody's, was created since the time asked for.
    """

    matches: tuple[Remote, ...]
    began_at: float
    workspace: str | None
    keeps_metadata: bool
    any_since: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """`event_ids` of the first events if all of them were found, `worked` if the session shows any sign of work."""

    event_ids: tuple[str, ...] | None
    worked: bool
    sent_at: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The last idle event. `reason` is the API's word, None if there was no such event.

    `own` tells that it came after our first events; `asked` names the tools that wait for an answer.
    """

    reason: str | None
    at: str | None = None
    own: bool = False
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stray:
    """A session that should not be, and whether any client ever sent it an event."""

    remote: Remote
    spoken_to: bool


@dataclass(frozen=True, slots=True)
class Link:
    """The connection as it stands.

    `blocked` is the refusal that opened the circuit, `retry_at` when it lets a call through again, and `trial` that
    this resource may make a call all the same; `unreachable_since` the begin of an outage; `swept_at` the begin of the
    last whole sweep, None before the first.
    """

    blocked: Failure | None = None
    retry_at: float | None = None
    trial: bool = False
    unreachable_since: float | None = None
    workspace: str | None = None
    keeps_metadata: bool = False
    swept_at: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known of the outside in one pass.

    `remote` or `absent` is about the session in status (or the one just made), `missing_at` is the begin of a listing
    that should have shown it and did not; `strays` are other sessions with this uid that are not terminal; `search` is
    the newest finished listing.
    """

    link: Link = Link()
    remote: Remote | None = None
    absent: Absent | None = None
    missing_at: float | None = None
    strays: tuple[Remote, ...] = ()
    search: Found | None = None
    seen: Mapping[Look, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.remote is not None and self.absent is not None:
            raise ValueError("a session can't be seen and absent at once")


@dataclass(frozen=True, slots=True)
class Created:
    """A session that was made or found and may not be in status yet. `by_post`: by an answer to our own POST."""

    remote: Remote
    n: int
    digest: str
    workspace: str | None
    by_post: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """One update of a session, as the API takes it. `fields` names what it changes, for people."""

    body: Mapping[str, Any]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """The API took our events; `event_ids` are empty where it answered nothing."""

    event_ids: tuple[str, ...]
    at: str


class Ticket(Protocol):
    """A place in the call budget of a connection. Waiting for it holds nobody up and writes nothing."""

    @property
    def granted(self) -> bool:
        """Whether its call may be made now."""
        ...

    def give_back(self) -> None:
        """It is not needed any more, granted or not."""
        ...


class External(Protocol):
    """What a kind does outside. Every verb is one remote call at the most, never repeated by itself.

    Answers are values: what was seen, or a `Failure`; nothing is raised for what the other side does.
    """

    def ticket(self, resource: Session, *, creates: bool, look: bool, ring: Callable[[], None]) -> Ticket:
        """Ask for a place in the budget; `ring` is called when a ticket that had to wait is granted."""
        ...

    def take(self, *, creates: bool) -> None:
        """Use one place at once, on credit: for the second call of a pass that waited for its first."""
        ...

    async def observe(self, resource: Session, look: Look) -> Any | Failure:
        """Read one thing, change nothing. `LookSearch` only orders the listing: True if it was not on its way."""
        ...

    def sight(self, resource: Session) -> Sight:
        """What is known without asking."""
        ...

    def project(self, resource: Session, remote: Remote) -> Mapping[str, Any]:
        """The status fields that a remote session turns into, camelCase; None where the session has none."""
        ...

    async def create(self, resource: Session, claim: Claim, still: Callable[[], bool]) -> Remote | Failure:
        """POST without first events; `still` is asked right before sending, and nothing is sent if it says no."""
        ...

    async def update(self, id: str, changes: Changes) -> Remote | Failure:
        """Change title, metadata, budget, tools or MCP servers of a session."""
        ...

    async def send(self, resource: Session, id: str, still: Callable[[], bool]) -> Sent | Failure:
        """Send the first events."""
        ...

    async def interrupt(self, id: str) -> Sent | Failure:
        """Ask a running session to stop."""
        ...

    async def delete(self, id: str, how: str) -> Remote | Absent | Failure:
        """End a session: `how` is Archive or Delete."""
        ...
