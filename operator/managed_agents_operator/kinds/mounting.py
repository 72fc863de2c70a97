"""What changes the mounts of a live session, and the files behind them: upload, mount, unmount, rotate, discard.

Used by the session kind. One call each that changes anything; a 404 proves nothing of the session, which is then read.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable

from managed_agents_operator.api.session import Session
from managed_agents_operator.claude.errors import BadRequest, ClaudeError, NotFound, Unclear
from managed_agents_operator.claude.models import SessionResource
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Discarded, Rotated, Uploaded
from managed_agents_operator.engine.looks import Absent, OwnFile
from managed_agents_operator.engine.ports import Sources
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds import request, sources
from managed_agents_operator.kinds.connection import Connection
from managed_agents_operator.kinds.errors import refused
from managed_agents_operator.kinds.projection import remote
from managed_agents_operator.kinds.uploads import Uploads

_TYPES = mimetypes.MimeTypes()
"""Python's own table, the same on every machine."""

LOST = Failure(Consequence.LATER, "Progressing", "an uploaded file is not there any more: it is uploaded again")

_Mounts = list[SessionResource]


class Mounting:
    """The mounts of the sessions of one connection."""

    def __init__(self, connection: Connection, uploads: Uploads, sources: Sources) -> None:
        self._connection = connection
        self._uploads = uploads
        self._sources = sources

    async def upload(self, resource: Session, mount: str, digest: str) -> Uploaded | Failure:
        """`POST /v1/files` with what stands in the ConfigMap or Secret of a mount now."""
        found = await sources.content(self._sources, resource, mount, digest)
        if isinstance(found, Failure):
            return found
        line, uid = self._connection, resource.metadata.uid
        name = self._uploads.name(uid, mount, digest)
        try:
            answer = await line.client.files.upload(name, found.value, _media_type(resource, mount))
        except ClaudeError as error:
            if isinstance(error, Unclear):
                self._uploads.forget(uid)
            return refused(line.failed(error, "write", creates=True), "the file", f"spec.resources[{mount}].file")
        line.circuit.succeeded("write")
        file = OwnFile(answer.value.id, mount, digest)
        self._uploads.added(uid, file)
        return Uploaded(file)

    async def mount(self, id: str, file_id: str, path: str | None) -> Remote | Absent | Failure:
        """`POST /v1/sessions/{id}/resources`."""
        line = self._connection
        try:
            answer = await line.client.resources.add(id, request.file(file_id, path))
        except (BadRequest, NotFound) as error:
            return await self._not_mounted(id, file_id, error)
        except ClaudeError as error:
            return line.failed(error, "write")
        new = answer.value
        if new is None:
            return await self._read_after(id)
        return await self._seen(id, answer.workspace, lambda mounts: [*_without(mounts, new.id), new])

    async def _not_mounted(self, id: str, file_id: str, error: BadRequest | NotFound) -> Absent | Failure:
        """It may be the session that is not there, or the file, where that is ours, or it is refused as it is."""
        line = self._connection
        trouble = line.failed(error, "write")
        if isinstance(error, NotFound):
            seen = await line.get_on_credit(id)
            if not isinstance(seen, Remote):
                return seen if isinstance(seen, Absent) else trouble
            trouble = line.failed(error, "write", creates=True)
        return LOST if await self.lost(file_id) else trouble

    async def lost(self, file_id: str) -> bool:
        """Whether an upload of ours turns out to be gone; it is then known to be. One read, on credit."""
        if not self._uploads.has(file_id):
            return False
        self._connection.take(creates=False)
        return await self._connection.read(self.sees(file_id)) is False

    async def sees(self, file_id: str) -> bool:
        """`GET /v1/files/{id}`: whether it is there. Raises `ClaudeError`, but for a 404."""
        try:
            await self._connection.client.files.get(file_id)
        except NotFound:
            self._uploads.removed(file_id)
            return False
        return True

    async def unmount(self, id: str, mount_id: str) -> Remote | Absent | Failure:
        """`DELETE /v1/sessions/{id}/resources/{rid}`; one that is not there is as good as taken out."""
        line = self._connection
        try:
            answer = await line.client.resources.remove(id, mount_id)
        except NotFound as error:
            trouble = line.failed(error, "write")
            seen = await line.get_on_credit(id)
            return trouble if isinstance(seen, Failure) else seen
        except ClaudeError as error:
            return line.failed(error, "write")
        return await self._seen(id, answer.workspace, lambda mounts: _without(mounts, mount_id))

    async def rotate(self, resource: Session, id: str, mount_id: str, mount: str) -> Rotated | Failure:
        """`POST /v1/sessions/{id}/resources/{rid}` with the token that stands in its Secret now."""
        token = await sources.token(self._sources, resource, mount)
        if isinstance(token, Failure):
            return token
        line = self._connection
        try:
            await line.client.resources.rotate(id, mount_id, token.value)
        except NotFound as error:
            trouble = line.failed(error, "write")
            await line.get_on_credit(id)
            return trouble
        except ClaudeError as error:
            where = f"spec.resources[{mount}].githubRepository.authorizationTokenSecretRef"
            return refused(line.failed(error, "write"), "the token", where)
        line.circuit.succeeded("write")
        return Rotated(token.version)

    async def discard(self, upload: str) -> Discarded | Failure:
        """`DELETE /v1/files/{id}`."""
        line = self._connection
        try:
            await line.client.files.delete(upload)
        except NotFound:
            pass
        except ClaudeError as error:
            return line.failed(error, "write")
        else:
            line.circuit.succeeded("write")
        self._uploads.removed(upload)
        return Discarded(upload)

    async def _seen(
        self, id: str, workspace: str | None, change: Callable[[_Mounts], _Mounts]
    ) -> Remote | Absent | Failure:
        """The session as it is after a change that was answered: the newest sight of it, changed alike."""
        line = self._connection
        known = line.observatory.snapshot(id)
        if known is None or "resources" not in known.wire.model_fields_set:
            return await self._read_after(id)
        line.circuit.succeeded("write")
        wire = known.wire.model_copy(update={"resources": change(known.wire.resources)})
        one = remote(wire, line.clock.monotonic(), workspace or known.workspace, listed=known.listed)
        return line.observatory.take(one)

    async def _read_after(self, id: str) -> Remote | Absent | Failure:
        self._connection.circuit.succeeded("write")
        return await self._connection.get_on_credit(id)


def _without(mounts: _Mounts, id: str | None) -> _Mounts:
    return [mount for mount in mounts if mount.id != id]


def _media_type(resource: Session, mount: str) -> str:
    """By the ending of its path; what is packed has no type of what is in it."""
    path = next((r.file.mount_path for r in resource.spec.resources if r.name == mount and r.file), None)
    kind, packed = _TYPES.guess_type(path or "")
    return kind if kind and not packed else "application/octet-stream"
