"""The Session kind: what the engine wants done outside, as calls of the API.

Built by the app, one for each connection, and called by the reconciler. Every verb makes one call that changes
anything, answers with what was seen or with a `Failure`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

from managed_agents_operator.api.session import Session
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError, NotFound
from managed_agents_operator.claude.models import Session as Wire
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.claim import Claim, Marker
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Changes, Link, Sent, Sight, Ticket
from managed_agents_operator.engine.looks import (
    Absent,
    Look,
    LookAgent,
    LookKickoff,
    LookOwner,
    LookSearch,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    Stray,
)
from managed_agents_operator.engine.memory import PERMIT_EXPIRED
from managed_agents_operator.engine.ports import Secrets, Writer
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds import request, tokens
from managed_agents_operator.kinds.circuit import Call, Circuit
from managed_agents_operator.kinds.errors import failure, refused_spec
from managed_agents_operator.kinds.history import delivery, spoken_to, stop
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.projection import project
from managed_agents_operator.kinds.searches import Searches

T = TypeVar("T")
EXPIRED = Failure(Consequence.LATER, PERMIT_EXPIRED, "the permit was over before the call could be sent")
GONE = Failure(Consequence.ABSENT, "NotFound", "the session was changed, and was not there any more when it was read")


class SessionKind:
    """Implements `External` for one connection."""

    def __init__(
        self,
        client: Client,
        budget: Budget,
        circuit: Circuit,
        observatory: Observatory,
        searches: Searches,
        secrets: Secrets,
        writer: Writer,
        *,
        clock: Clock,
        cluster: str,
        namespaces: Collection[str] = (),
    ) -> None:
        """`namespaces` are those that this process may look into, all where empty."""
        self._client = client
        self._budget = budget
        self._circuit = circuit
        self._observatory = observatory
        self._searches = searches
        self._secrets = secrets
        self._writer = writer
        self._clock = clock
        self._cluster = cluster
        self._namespaces = namespaces

    # without asking

    def sight(self, resource: Session) -> Sight:
        """What the observatory, the searches and the circuit know of a resource."""
        uid, id = resource.metadata.uid, resource.status.id
        seen = self._observatory
        absent = seen.absence(id) if id else None
        if id is not None:
            self._searches.forget(uid)
        return Sight(
            link=self._link(uid),
            remote=seen.snapshot(id) if id and absent is None else None,
            absent=absent,
            missing_at=seen.missing_at(id) if id else None,
            strays=seen.strays(uid, id),
            search=self._searches.found(uid),
        )

    def _link(self, uid: str) -> Link:
        health, seen, circuit = self._client.health, self._observatory, self._circuit
        return Link(
            blocked=circuit.failure,
            retry_at=circuit.retry_at,
            trial=circuit.failure is not None and circuit.blocks(uid) is None,
            unreachable_since=health.unreachable_since,
            workspace=health.workspace,
            keeps_metadata=seen.keeps_metadata,
            swept_at=seen.swept_at,
        )

    def project(self, resource: Session, remote: Remote) -> Mapping[str, Any]:
        """The status fields that a remote session turns into."""
        return project(resource, remote.wire)

    def ticket(self, resource: Session, *, creates: bool, look: bool, ring: Callable[[], None]) -> Ticket:
        """A place in one of the two buckets, fair between namespaces."""
        self._circuit.enter(resource.metadata.uid)
        bucket = self._budget.creates if creates else self._budget.requests
        priority = Priority.LOOK if look else Priority.USER
        return bucket.ask(resource.metadata.uid, resource.metadata.namespace, priority, ring)

    def take(self, *, creates: bool) -> None:
        """One place on credit."""
        (self._budget.creates if creates else self._budget.requests).take()

    # reading

    async def observe(self, resource: Session, look: Look) -> Any | Failure:
        """Read one thing, see `engine/external.py` for what each look is answered with."""
        match look:
            case LookSearch():
                self._circuit.enter(resource.metadata.uid)
                return self._searches.want(resource.metadata.uid, look)
            case LookTokens():
                return await tokens.missing(self._secrets, resource)
            case LookOwner():
                served = not self._namespaces or look.namespace in self._namespaces
                return served and await self._writer.read(look.namespace, look.name) is not None
            case LookSession():
                return await self._read(self._get(look.id))
            case LookAgent():
                return await self._read(self._sees_agent(look.id))
            case LookKickoff():
                events = [request.event(e) for e in resource.spec.initial_events]
                return await self._read(delivery(self._client, lambda: self._get(look.id), look.id, events))
            case LookStop():
                over = any(c.type == "Finished" and c.status == "True" for c in resource.status.conditions or ())
                return await self._read(stop(self._client, look.id, resource.status.kickoff, over=over))
            case LookStray():
                return await self._read(self._stray(look.id))

    async def _read(self, call: Awaitable[T]) -> T | Failure:
        try:
            seen = await call
        except ClaudeError as error:
            return self._failed(error, "read")
        self._circuit.succeeded("read")
        return seen

    def _failed(self, error: ClaudeError, call: Call, *, creates: bool = False) -> Failure:
        trouble = failure(error, self._clock.monotonic(), creates=creates)
        self._circuit.failed(trouble, call)
        return trouble

    async def _get(self, id: str) -> Remote | Absent:
        asked_at = self._clock.monotonic()
        try:
            answer = await self._client.get_session(id)
        except NotFound as error:
            return self._observatory.gone(id, error.workspace, asked_at)
        return self._observatory.put(answer.value, asked_at, answer.workspace)

    async def _sees_agent(self, id: str) -> bool:
        try:
            await self._client.get_agent(id)
        except NotFound:
            return False
        return True

    async def _stray(self, id: str) -> Stray | Absent:
        one = await self._get(id)
        if isinstance(one, Absent):
            return one
        return Stray(one, await spoken_to(self._client, id))

    # changing

    async def create(self, resource: Session, claim: Claim, still: Callable[[], bool]) -> Remote | Failure:
        """`POST /v1/sessions`, without first events."""
        meta = resource.metadata
        marker = Marker(claim.uid, claim.n, claim.digest, f"{self._cluster}/{meta.namespace}/{meta.name}"[:512])
        found = await tokens.read_now(self._secrets, resource)
        if isinstance(found, Failure):
            return found
        body = request.creation(resource.spec, marker, found)
        if not still():
            return EXPIRED
        try:
            answer = await self._client.create_session(body, secrets=tuple(found.values()))
        except ClaudeError as error:
            return refused_spec(self._failed(error, "write", creates=True), resource.spec)
        self._circuit.succeeded("write")
        return self._observatory.put(answer.value, self._clock.monotonic(), answer.workspace)

    async def update(self, id: str, changes: Changes) -> Remote | Failure:
        """`POST /v1/sessions/{id}`."""
        try:
            answer = await self._client.update_session(id, dict(changes.body))
        except ClaudeError as error:
            return self._failed(error, "write")
        seen = await self._changed(id, answer)
        return GONE if isinstance(seen, Absent) else seen

    async def _changed(self, id: str, answer: Answer[Wire | None]) -> Remote | Absent | Failure:
        """What a change led to; where its answer is empty, one GET tells."""
        self._circuit.succeeded("write")
        if answer.value is not None:
            return self._observatory.put(answer.value, self._clock.monotonic(), answer.workspace)
        self.take(creates=False)
        return await self._read(self._get(id))

    async def send(self, resource: Session, id: str, still: Callable[[], bool]) -> Sent | Failure:
        """`POST /v1/sessions/{id}/events` with all first events."""
        events = [request.event(e) for e in resource.spec.initial_events]
        return await self._send(id, events) if still() else EXPIRED

    async def interrupt(self, id: str) -> Sent | Failure:
        """`POST /v1/sessions/{id}/events` with an interrupt alone: a message after it would begin a new turn."""
        return await self._send(id, [{"type": "user.interrupt"}])

    async def _send(self, id: str, events: list[dict[str, Any]]) -> Sent | Failure:
        try:
            answer = await self._client.send_events(id, events)
        except ClaudeError as error:
            return self._failed(error, "write")
        self._circuit.succeeded("write")
        at = self._clock.wall().isoformat(timespec="microseconds").replace("+00:00", "Z")
        return Sent(tuple(e.id for e in answer.value if e.id), at)

    async def delete(self, id: str, how: str) -> Remote | Absent | Failure:
        """`POST /v1/sessions/{id}/archive`, or `DELETE /v1/sessions/{id}`."""
        try:
            if how == "Delete":
                deleted = await self._client.delete_session(id)
                self._circuit.succeeded("write")
                return self._observatory.gone(id, deleted.workspace, self._clock.monotonic())
            answer = await self._client.archive_session(id)
        except NotFound as error:
            return self._observatory.gone(id, error.workspace, self._clock.monotonic())
        except ClaudeError as error:
            return self._failed(error, "write")
        return await self._changed(id, answer)
