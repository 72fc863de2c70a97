"""The API, called for one Session or one connection, with the guard against the wrong one and plain words for errors.

Used by every command that talks to the API. A session of a Session must be there and carry its marker; nothing is ever
sent twice, since the API can't tell a repetition from a second wish.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from managed_agents_kubectl import words
from managed_agents_kubectl.cluster import Kubernetes, Object, opened
from managed_agents_kubectl.credentials import Access, access, connection_of
from managed_agents_kubectl.scope import Failed, Scope, Unclear
from managed_agents_operator.api.session import CLAIM_ANNOTATION, METADATA_UID
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import (
    BillingRequired,
    ClaudeError,
    Conflict,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unsent,
)
from managed_agents_operator.claude.models import Event, Session
from managed_agents_operator.engine.claim import Claim, Marker

READ_SECONDS, SEND_SECONDS = 30.0, 60.0


class Clock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Now, in UTC."""
        return words.now()


@dataclass(frozen=True, slots=True)
class Line:
    """A session of the API as it was found for a Session resource."""

    kubernetes: Kubernetes
    body: Object
    client: Client
    access: Access
    wire: Session

    @property
    def name(self) -> str:
        """Of the resource."""
        return str(self.body["metadata"]["name"])

    @property
    def id(self) -> str:
        """Of the session."""
        return self.wire.id

    @property
    def over(self) -> bool:
        """Whether nothing happens in it any more."""
        return over(self.wire)

    def hint(self, verb: str) -> str:
        """A command of ours for this very Session."""
        return f"kubectl managedagents {verb} {self.name} -n {self.kubernetes.namespace}"


def over(wire: Session) -> bool:
    """Whether a session was archived or has terminated."""
    return bool(wire.archived_at) or wire.status == "terminated"


@asynccontextmanager
async def connected(found: Access, scope: Scope) -> AsyncIterator[Client]:
    """A client of one connection. Raises `Failed`."""
    spec, seconds = found.spec, scope.request_timeout
    try:
        client = Client(
            spec.base_url,
            lambda: found.headers,
            workspace=spec.workspace_id,
            betas=spec.beta_headers,
            create_timeout=seconds or SEND_SECONDS,
            read_timeout=seconds or READ_SECONDS,
            clock=Clock(),
        )
    except ValueError as error:
        raise Failed(f"{spec.base_url} can't be called: {error}") from None
    async with client:
        yield client


@asynccontextmanager
async def session_of(scope: Scope, name: str, *, changing: bool, previous: bool = False) -> AsyncIterator[Line]:
    """The session of a Session, read just now and found to be the right one. Raises `Failed`.

    `previous` means the one that it had before.
    """
    async with opened(scope) as kubernetes:
        body = await kubernetes.session(name)
        status = body.get("status") or {}
        before = status.get("previousIds") or ()
        id = (before[-1] if before else None) if previous else status.get("id")
        if previous and not id:
            raise Failed(f"Session {name} had no session before this one")
        if not id:
            raise Failed(f"Session {name} has no session at the API yet: kubectl managedagents status {name} says why")
        found = await access(kubernetes, scope, connection_of(body))
        async with connected(found, scope) as client:
            with said(found, id):
                answer = await client.get_session(id)
            guard(body, answer.value, answer.workspace, changing=changing)
            yield Line(kubernetes, body, client, found, answer.value)


def guard(body: Object, wire: Session, workspace: str | None, *, changing: bool) -> None:
    """That a session is the one of a resource. Raises `Failed`.

    One that is only observed carries no marker, and is not changed from here.
    """
    meta, status = body["metadata"], body.get("status") or {}
    told = f"Session {meta['namespace']}/{meta['name']}"
    if workspace and status.get("workspaceId") and workspace != status["workspaceId"]:
        raise Failed(f"the key is one of workspace {workspace}, and {told} lives in {status['workspaceId']}")
    claim = Claim.parse((meta.get("annotations") or {}).get(CLAIM_ANNOTATION))
    observed = status.get("incarnation") is None
    # A claim is an annotation: of one that only observes it would lend the session of somebody else.
    ours = {meta["uid"], *([claim.uid] if claim and not observed else [])}
    marker = Marker.parse(wire.metadata)
    if marker is not None and marker.uid in ours:
        return
    marked = METADATA_UID in wire.metadata or METADATA_UID in (status.get("metadata") or {})
    if observed and not changing:
        return
    if observed:
        raise Failed(f"{told} only observes session {wire.id}: it is not changed from here")
    if marked:
        # A server that keeps no metadata has no markers at all, and then none is missing.
        raise Failed(f"session {wire.id} does not carry the marker of {told}: this is another key, or another session")


@contextmanager
def said(found: Access, id: str | None = None) -> Iterator[None]:
    """What the API refuses while reading, in words. Raises `Failed`."""
    try:
        yield
    except ClaudeError as error:
        raise Failed(explained(error, found, id)) from None


def explained(error: ClaudeError, found: Access, id: str | None) -> str:
    """One line about a call that did not succeed."""
    if isinstance(error, Unauthorized):
        return f"the API does not accept {found.told}: {error.message}"
    if isinstance(error, NotFound) and id is not None:
        return f"there is no session {id} for {found.told}: it was deleted, or this is a key of another workspace"
    if isinstance(error, BillingRequired):
        return f"the API asks for payment: {error.message}"
    if isinstance(error, RateLimited):
        return f"the API takes no more calls for now: {error.message}"
    return f"the API: {error.message}"


async def send(line: Line, events: Sequence[Mapping[str, Any]], look: str) -> list[Event]:
    """Send events, once. Raises `Failed` when they surely were not taken, and `Unclear` when nobody knows.

    `look` is the command that shows whether they arrived.
    """
    if line.over:
        how = "was archived" if line.wire.archived_at else "has terminated"
        raise Failed(f"session {line.id} {how}, and takes no more events")
    try:
        return (await line.client.send_events(line.id, events)).value
    except (Refused, Conflict) as error:
        raise Failed(f"not sent: {explained(error, line.access, line.id)}") from None
    except Unsent as error:
        raise Failed(f"not sent: {error.message}") from None
    except ClaudeError as error:
        raise Unclear(
            f"nobody knows whether it was sent ({error.message}): look with '{look}' before trying again"
        ) from None
