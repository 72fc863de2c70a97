"""The outside as the engine sees it: all that is known in one pass, and the four verbs of a kind.

A kind (kinds/session.py) implements `External`; the ladder reads `Sight` and nothing else of the outside; the
reconciler carries the two together. Values are frozen, times are monotonic seconds unless they are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import Absent, Found, Look, OwnFile
from managed_agents_operator.engine.remote import Remote


@dataclass(frozen=True, slots=True)
class Link:
    """The connection as it stands.

    `blocked` is the refusal that opened the circuit, `retry_at` when it lets a call through again, and `trial` that
    this resource may make a call all the same; `unreachable_since` the begin of an outage, `recovered_at` the end of
    the one before; `swept_at` the begin of the last whole sweep, None before the first, and `unlisted` why the API
    refuses it, in words. `ref` is what status says of it (kind, name, uid), None for the key of the environment;
    `elsewhere` that spec by now asks for another one, where the session is not made yet.
    """

    blocked: Failure | None = None
    retry_at: float | None = None
    trial: bool = False
    unreachable_since: float | None = None
    recovered_at: float = float("-inf")
    workspace: str | None = None
    keeps_metadata: bool = False
    swept_at: float | None = None
    unlisted: str | None = None
    ref: Mapping[str, str] | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of a ConfigMap or Secret is there."""

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Rival:
    """Another Session of this cluster that has the same session in its status, or in spec.sessionId."""

    namespace: str
    name: str
    uid: str
    created: datetime
    has_it: bool


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
    sources: Mapping[tuple[SourceKind, str], Version | None] = field(default_factory=dict)
    """The ConfigMaps and Secrets (kind, name) that spec names; None for one that is not there. One of which nothing is
    known yet is left out."""
    uploads: tuple[OwnFile, ...] | None = None
    """What this operator uploaded for the resource and did not remove; None before it was looked for."""
    uploads_at: float = float("-inf")
    """Begin of the listing that told of the uploads."""
    rivals: tuple[Rival, ...] = ()
    """Who else wants the session in spec.sessionId."""
    mass_loss: bool = False
    """Whether the session went missing together with so many others that nothing is concluded from it."""
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
    resources: tuple[Mapping[str, Any], ...] = ()
    """`status.resources` of a session just made or found, with what went into each mount."""
    keys: tuple[str, ...] | None = None
    """Keys of metadata that it was made with; None where nobody knows."""
    replaces: str | None = None
    """The session that it takes the place of."""


@dataclass(frozen=True, slots=True)
class Made:
    """A session that a creation made, and which version of its Secret each token came from, by mount."""

    remote: Remote
    tokens: Mapping[str, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that was uploaded."""

    file: OwnFile


@dataclass(frozen=True, slots=True)
class Rotated:
    """A token that a session took, and which version of its Secret it came from."""

    version: Version


@dataclass(frozen=True, slots=True)
class Discarded:
    """An upload that is not there any more."""

    id: str


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

    async def create(
        self, resource: Session, claim: Claim, files: Mapping[str, str], still: Callable[[], bool]
    ) -> Made | Failure:
        """POST without first events; `still` is asked right before sending, and nothing is sent if it says no.

        `files` are the ids of the uploads that go into the mounts of content, by name.
        """
        ...

    async def upload(self, resource: Session, mount: str, digest: str) -> Uploaded | Failure:
        """Upload what stands in the ConfigMap or Secret of a mount, unless it is not what `digest` says any more."""
        ...

    async def mount(self, id: str, file_id: str, path: str | None) -> Remote | Absent | Failure:
        """Mount a file into a session; the session as it is then."""
        ...

    async def unmount(self, id: str, mount_id: str) -> Remote | Absent | Failure:
        """Take a mounted file out of a session; the session as it is then."""
        ...

    async def rotate(self, resource: Session, id: str, mount_id: str, mount: str) -> Rotated | Failure:
        """Hand a session the token that stands in the Secret of a mounted repository now."""
        ...

    async def discard(self, resource: Session, upload: str) -> Discarded | Failure:
        """Delete a file that this operator uploaded; one that is not there is as good as deleted."""
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
