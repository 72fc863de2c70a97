"""The Session kind: what the engine wants done outside, as calls of the API.

Built by the app, one for each connection, and called by the reconciler. Every verb makes one call that changes
anything, answers with what was seen or with a `Failure`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from managed_agents_operator.api.session import Session
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError, NotFound, Refused
from managed_agents_operator.claude.models import Session as Wire
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.claim import Claim, Marker, may_search
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import (
    Changes,
    Discarded,
    Link,
    Made,
    Rotated,
    Sent,
    Sight,
    Ticket,
    Uploaded,
)
from managed_agents_operator.engine.looks import Absent, Look
from managed_agents_operator.engine.memory import PERMIT_EXPIRED
from managed_agents_operator.engine.ports import Sources, Writer
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import rfc3339
from managed_agents_operator.kinds import request, sources
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.connection import Connection
from managed_agents_operator.kinds.errors import names, refused_spec
from managed_agents_operator.kinds.looking import Looking
from managed_agents_operator.kinds.mounting import LOST, Mounting
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.projection import project
from managed_agents_operator.kinds.searches import Searches
from managed_agents_operator.kinds.standing import Standing
from managed_agents_operator.kinds.uploads import Uploads

ANOTHER_KEY = Failure(Consequence.LATER, PERMIT_EXPIRED, "the key is not known to be one of the workspace claimed in")
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
        uploads: Uploads,
        sources: Sources,
        writer: Writer,
        *,
        clock: Clock,
        cluster: str,
        namespaces: Collection[str] = (),
        standing: Standing,
    ) -> None:
        """`namespaces` are those that this process may look into, all where empty."""
        self._connection = Connection(client, budget, circuit, observatory, clock)
        self._mounting = Mounting(self._connection, uploads, sources)
        self._looking = Looking(self._connection, searches, uploads, self._mounting, sources, writer, namespaces)
        self._searches = searches
        self._uploads = uploads
        self._sources = sources
        self._cluster = cluster
        self._standing = standing

    # without asking

    def sight(self, resource: Session) -> Sight:
        """What the observatory, the searches, the uploads and the circuit know of a resource."""
        uid, id, wanted = resource.metadata.uid, resource.status.id, resource.spec.session_id
        seen = self._connection.observatory
        absent = seen.absence(id) if id else None
        if not may_search(resource):
            self._searches.forget(uid)
        listed_at = self._uploads.listed_at
        return Sight(
            link=self._link(uid, id),
            remote=seen.snapshot(id) if id and absent is None else None,
            absent=absent,
            missing_at=seen.missing_at(id) if id else None,
            strays=seen.strays(uid, id),
            search=self._searches.found(uid),
            sources=sources.versions(self._sources, resource),
            uploads=self._uploads.known(uid),
            uploads_at=float("-inf") if listed_at is None else listed_at,
            rivals=seen.rivals(wanted, uid) if wanted else (),
            mass_loss=seen.mass_loss(id) if id else False,
        )

    def _link(self, uid: str, id: str | None) -> Link:
        line, standing = self._connection, self._standing
        health, seen, circuit = line.client.health, line.observatory, line.circuit
        trouble = standing.trouble(uid)
        return Link(
            blocked=trouble or circuit.failure or line.elsewhere,
            retry_at=None if trouble else circuit.retry_at,
            trial=trouble is None and circuit.failure is not None and circuit.blocks(uid) is None,
            ref=standing.ref(),
            elsewhere=id is None and standing.elsewhere(uid),
            unreachable_since=health.unreachable_since,
            recovered_at=health.recovered_at,
            workspace=health.workspace,
            keeps_metadata=seen.keeps_metadata,
            swept_at=seen.swept_at,
            unlisted=seen.unlisted,
        )

    def project(
        self,
        resource: Session,  # noqa: ARG002 - other kinds may need it
        remote: Remote,
    ) -> Mapping[str, Any]:
        """The status fields that a remote session turns into, but for its mounts."""
        return project(remote.wire, remote.usage)

    def ticket(self, resource: Session, *, creates: bool, look: bool, ring: Callable[[], None]) -> Ticket:
        """A place in one of the two buckets, fair between namespaces."""
        line, meta = self._connection, resource.metadata
        line.circuit.enter(meta.uid)
        bucket = line.budget.creates if creates else line.budget.requests
        return bucket.ask(meta.uid, meta.namespace, Priority.LOOK if look else Priority.USER, ring)

    def take(self, *, creates: bool) -> None:
        """One place on credit."""
        self._connection.take(creates=creates)

    # reading

    async def observe(self, resource: Session, look: Look) -> Any | Failure:
        """Read one thing, see `engine/looks.py` for what each look is answered with."""
        return await self._looking.look(resource, look)

    # changing

    async def create(
        self, resource: Session, claim: Claim, files: Mapping[str, str], still: Callable[[], bool]
    ) -> Made | Failure:
        """`POST /v1/sessions`, without first events."""
        line, meta, spec = self._connection, resource.metadata, resource.spec
        marker = Marker(claim.uid, claim.n, claim.digest, f"{self._cluster}/{meta.namespace}/{meta.name}"[:512])
        tokens = await sources.tokens(self._sources, resource)
        if isinstance(tokens, Failure):
            return tokens
        secrets = {name: token.value for name, token in tokens.items()}
        body = request.creation(spec, marker, secrets, files)
        if not still() or self._standing.trouble(meta.uid) is not None:
            return EXPIRED
        try:
            if not line.may_create(claim.workspace):
                # A claim that names another workspace than the one that is asked would be searched for in vain.
                return ANOTHER_KEY
            answer = await line.client.create_session(body, secrets=tuple(secrets.values()))
        except ClaudeError as error:
            trouble = line.failed(error, "write", creates=True)
            if isinstance(error, Refused) and await self._lost(files, error.message):
                return LOST
            return refused_spec(trouble, spec, files)
        line.circuit.succeeded("write")
        one = line.observatory.put(answer.value, line.clock.monotonic(), answer.workspace)
        return Made(one, {name: token.version for name, token in tokens.items()})

    async def _lost(self, files: Mapping[str, str], message: str) -> bool:
        """Whether a refusal names an upload of ours that is gone."""
        named = next((id for id in files.values() if names(message, id)), None)
        return named is not None and await self._mounting.lost(named)

    async def upload(self, resource: Session, mount: str, digest: str) -> Uploaded | Failure:
        """`POST /v1/files`."""
        return await self._mounting.upload(resource, mount, digest)

    async def mount(self, id: str, file_id: str, path: str | None) -> Remote | Absent | Failure:
        """`POST /v1/sessions/{id}/resources`."""
        return await self._mounting.mount(id, file_id, path)

    async def unmount(self, id: str, mount_id: str) -> Remote | Absent | Failure:
        """`DELETE /v1/sessions/{id}/resources/{rid}`."""
        return await self._mounting.unmount(id, mount_id)

    async def rotate(self, resource: Session, id: str, mount_id: str, mount: str) -> Rotated | Failure:
        """`POST /v1/sessions/{id}/resources/{rid}`."""
        return await self._mounting.rotate(resource, id, mount_id, mount)

    async def discard(
        self,
        resource: Session,  # noqa: ARG002 - other kinds may need it
        upload: str,
    ) -> Discarded | Failure:
        """`DELETE /v1/files/{id}`."""
        return await self._mounting.discard(upload)

    async def update(self, id: str, changes: Changes) -> Remote | Failure:
        """`POST /v1/sessions/{id}`."""
        line = self._connection
        try:
            answer = await line.client.update_session(id, dict(changes.body))
        except ClaudeError as error:
            return line.failed(error, "write")
        seen = await self._changed(id, answer)
        return GONE if isinstance(seen, Absent) else seen

    async def _changed(self, id: str, answer: Answer[Wire | None]) -> Remote | Absent | Failure:
        """What a change led to; where its answer is empty, one GET tells."""
        line = self._connection
        line.circuit.succeeded("write")
        if answer.value is not None:
            return line.observatory.put(answer.value, line.clock.monotonic(), answer.workspace)
        return await line.get_on_credit(id)

    async def send(self, resource: Session, id: str, still: Callable[[], bool]) -> Sent | Failure:
        """`POST /v1/sessions/{id}/events` with all first events."""
        events = [request.event(e) for e in resource.spec.initial_events]
        return await self._send(id, events) if still() else EXPIRED

    async def interrupt(self, id: str) -> Sent | Failure:
        """`POST /v1/sessions/{id}/events` with an interrupt alone: a message after it would begin a new turn."""
        return await self._send(id, [{"type": "user.interrupt"}])

    async def _send(self, id: str, events: list[dict[str, Any]]) -> Sent | Failure:
        line = self._connection
        try:
            answer = await line.client.send_events(id, events)
        except ClaudeError as error:
            return line.failed(error, "write")
        line.circuit.succeeded("write")
        return Sent(tuple(e.id for e in answer.value if e.id), rfc3339(line.clock.wall()))

    async def delete(self, id: str, how: str) -> Remote | Absent | Failure:
        """`POST /v1/sessions/{id}/archive`, or `DELETE /v1/sessions/{id}`."""
        line = self._connection
        try:
            if how == "Delete":
                deleted = await line.client.delete_session(id)
                line.circuit.succeeded("write")
                return line.observatory.gone(id, deleted.workspace, line.clock.monotonic(), ours=True)
            answer = await line.client.archive_session(id)
        except NotFound as error:
            return line.observatory.gone(id, error.workspace, line.clock.monotonic(), ours=how == "Delete")
        except ClaudeError as error:
            return line.failed(error, "write")
        return await self._changed(id, answer)
