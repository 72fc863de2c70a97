"""The outside as the engine sees it: all that is known in one pass, and the four verbs of a kind.

A kind (kinds/session.py) implements `External`; the ladder reads `Sight` and nothing else of the outside; the
reconciler carries the two together. Values are frozen, times are monotonic seconds unless they are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import Absent, Found, Look
from managed_agents_operator.engine.remote import Remote


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
