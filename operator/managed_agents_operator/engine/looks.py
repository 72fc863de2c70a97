"""What a pass may want to know before it decides, and what it is then told.

Each look is a key: the ladder asks for it, the kind answers, and what was seen for it is kept for the pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from managed_agents_operator.engine.remote import Remote


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
    """Whether the Secrets of the repositories are there. Seen: what is missing, in words; empty if nothing is."""


@dataclass(frozen=True, slots=True)
class LookContents:
    """What stands now in the ConfigMaps and Secrets of these mounts (names). Seen: a mapping of name to Content, or to
    what is missing, in words.
    """

    mounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookUploads:
    """All files that this operator uploaded, listed once for all. Seen: its files, through `Sight.uploads`, when it is
    done; the listing must have begun after this monotonic time.
    """

    after: float


@dataclass(frozen=True, slots=True)
class LookFile:
    """Whether the API has a file. Seen: bool."""

    id: str


@dataclass(frozen=True, slots=True)
class LookOwner:
    """Which Session of that namespace and name is in this cluster. Seen: its uid, "" for none."""

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


Look = (
    LookSession
    | LookSearch
    | LookAgent
    | LookTokens
    | LookContents
    | LookUploads
    | LookFile
    | LookOwner
    | LookKickoff
    | LookStop
    | LookStray
)
REMOTE = (LookSession, LookAgent, LookFile, LookKickoff, LookStop, LookStray)
"""The looks that are calls of the API, made at once and worth a turn in its budget."""
ORDERED = (LookSearch, LookUploads)
"""The looks that are only ordered: what they show comes later, through the sight."""


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
class Content:
    """What stands in one key of a ConfigMap or Secret: digest of its bytes, and which version of the object it is."""

    digest: str
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class OwnFile:
    """One file that this operator uploaded for a mount. `digest` is that of its content."""

    id: str
    mount: str
    digest: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The last idle event. `reason` is the API's word, None if there was no such event.

    `own` tells that it came after our first events; `asked` tells for each tool that waits for an answer its name and
    the id to answer to, "bash (sevt_...)", the id alone where the event was not found.
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
