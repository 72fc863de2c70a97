"""The verbs of a kind that are about mounts: contents are read and uploaded, files mounted, tokens handed on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.engine.world.api import FakeApi
from tests.engine.world.calls import Calls
from tests.engine.world.clock import FakeClock
from tests.engine.world.cluster import Cluster
from tests.engine.world.files import digest_of
from tests.engine.world.gates import gate
from tests.engine.world.inventory import upload_name
from tests.engine.world.outlook import NOT_FOUND

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Discarded, Rotated, Uploaded, Version
from managed_agents_operator.engine.looks import Absent, Content, LookContents, OwnFile
from managed_agents_operator.engine.remote import Remote

AGAIN = Failure(Consequence.LATER, "Progressing", "it changed, or could not be read: it is read again")


class Contents(Calls):
    """What one process does about mounts."""

    def __init__(self, api: FakeApi, cluster: Cluster, clock: FakeClock, ring: Any) -> None:
        super().__init__(api, clock, ring)
        self._cluster = cluster

    # reading

    async def _read(self, wish: Resource) -> tuple[bytes, Version] | str:
        """What stands in the source of a mount: its bytes, or in words what is missing. Raises `ClusterUnreachable`."""
        ref = wish.source
        if ref is None:
            raise AssertionError(f"{wish.name} has no source")
        if await gate("read_source", done=False):
            raise ClusterUnreachable("the API server does not answer")
        found = self._cluster.sources.objects.get((ref.kind, ref.name))
        if found is None:
            return f"{ref.kind} {ref.name} does not exist"
        if found.value is None:
            return f"{ref.key} in {ref.kind} {ref.name} is missing"
        return found.value, Version(found.uid, found.version)

    async def _contents(self, resource: Session, look: LookContents) -> Mapping[str, Content | str]:
        out: dict[str, Content | str] = {}
        for name in look.mounts:
            read = await self._read(next(one for one in resource.spec.resources if one.name == name))
            if isinstance(read, str):
                out[name] = read
            else:
                out[name] = Content(digest_of(read[0]), read[1].uid, read[1].resource_version)
        return out

    async def _tokens(self, resource: Session) -> dict[str, tuple[str, Version]] | str:
        """Tokens and versions by mount, or what is missing."""
        out = {}
        for wish in resource.spec.resources:
            if wish.github_repository and wish.source:
                read = await self._read(wish)
                if isinstance(read, str):
                    return read
                out[wish.name] = (read[0].decode().strip(), read[1])
        return out

    async def _read_now(self, resource: Session, mount: str) -> tuple[bytes, Version] | Failure:
        """The same as an answer, for a call that is surely not made without it."""
        try:
            read = await self._read(next(one for one in resource.spec.resources if one.name == mount))
        except ClusterUnreachable:
            return AGAIN
        return Failure(Consequence.LATER, "SecretMissing", read) if isinstance(read, str) else read

    # changing

    async def upload(self, resource: Session, mount: str, digest: str) -> Uploaded | Failure:
        read = await self._read_now(resource, mount)
        if isinstance(read, Failure):
            return read
        content, _ = read
        if digest_of(content) != digest:
            return AGAIN
        name = upload_name(resource.metadata.uid, mount, digest)
        post = partial(self._post, "upload", lambda: True) if self._api.late_uploads else partial(self._call, "upload")
        answer = await post(lambda: self._api.upload(name, content))
        if isinstance(answer, Failure):
            return answer
        self.inventory.uploaded(answer)
        return Uploaded(OwnFile(answer.id, mount, digest))

    async def mount(self, id: str, file_id: str, path: str | None) -> Remote | Absent | Failure:
        return self._seen_after(id, await self._call("mount", lambda: self._api.mount(id, file_id, path)))

    async def unmount(self, id: str, mount_id: str) -> Remote | Absent | Failure:
        return self._seen_after(id, await self._call("unmount", lambda: self._api.unmount(id, mount_id)))

    def _seen_after(self, id: str, answer: Any) -> Remote | Absent | Failure:
        """Of a mount that is not there any more, the session as it is all the same."""
        if answer == NOT_FOUND:
            there = self._api.workspace == self._api.home and id in self._api.sessions
            return self.put(self._api.get(id)) if there else self.gone(id)
        return answer if isinstance(answer, Failure) else self.put(answer)

    async def rotate(self, resource: Session, id: str, mount_id: str, mount: str) -> Rotated | Failure:
        read = await self._read_now(resource, mount)
        if isinstance(read, Failure):
            return read
        token, version = read[0].decode().strip(), read[1]
        answer = await self._call("rotate", lambda: self._api.rotate(id, mount_id, token))
        return answer if isinstance(answer, Failure) else Rotated(version)

    async def discard(self, resource: Session, upload: str) -> Discarded | Failure:
        answer = await self._call("discard", lambda: self._api.discard(upload))
        if isinstance(answer, Failure) and answer != NOT_FOUND:
            if answer.consequence is Consequence.REFUSED:
                self._api.files.kept.add(upload)
            return answer
        self.inventory.discarded(upload)
        return Discarded(upload)
