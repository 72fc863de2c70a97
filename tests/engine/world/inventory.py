"""What one process knows of ConfigMaps and Secrets, of the files it uploaded, and of who else wants a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.engine.world.api import FakeApi
from tests.engine.world.clock import FakeClock
from tests.engine.world.files import FakeFile
from tests.engine.world.sources import Named

from managed_agents_operator.api.base import Meta
from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.external import Rival, Version
from managed_agents_operator.engine.looks import OwnFile

CLUSTER_ID = "cluster-1"


def upload_name(uid: str, mount: str, digest: str) -> str:
    """What a file of ours is called, by which it is found again."""
    return f"k8s-{CLUSTER_ID}-{uid}-{mount}-{digest}"


class Inventory:
    """Begins with nothing: uploads are known once they were listed, sources once the watch told of them."""

    def __init__(self, api: FakeApi, clock: FakeClock) -> None:
        self._api, self._clock = api, clock
        self._own: dict[str, FakeFile] = {}
        self._listed = False
        self._listed_at = float("-inf")
        self._listed_in: str | None = None
        self._versions: dict[Named, Version] | None = None
        self._others: list[Mapping[str, Any]] = []

    # uploads

    def list_all(self) -> None:
        """One listing of all files; what lags behind in it is not forgotten."""
        listed = self._api.list_files()
        there = {file.id: file for file in listed if file.name.startswith(f"k8s-{CLUSTER_ID}-")}
        began = self._clock.monotonic()
        young = {id: file for id, file in self._own.items() if began - file.made_at <= self._api.file_lag}
        self._own, self._listed, self._listed_at = young | there, True, began
        self._listed_in = self._api.workspace

    def uploaded(self, file: FakeFile) -> None:
        self._own[file.id] = file

    def discarded(self, id: str) -> None:
        self._own.pop(id, None)

    def uploads(self, uid: str) -> tuple[OwnFile, ...] | None:
        """Those of one resource; None before the first listing."""
        if not self._listed or (self._api.names_workspace and self._listed_in != self._api.workspace):
            return None
        begin = f"k8s-{CLUSTER_ID}-{uid}-"
        mine = [file for file in self._own.values() if file.name.startswith(begin)]
        return tuple(OwnFile(f.id, *f.name.removeprefix(begin).rsplit("-", 1)) for f in mine)

    @property
    def uploads_at(self) -> float:
        """When the last listing began."""
        return self._listed_at

    # sources

    def told(self, versions: Mapping[Named, Version]) -> set[Named]:
        """The watch told of all sources; answers which of them changed since it last did."""
        before, self._versions = self._versions, dict(versions)
        if before is None:
            return set()
        return {named for named in before.keys() | versions.keys() if before.get(named) != versions.get(named)}

    def sources(self, resource: Session) -> dict[Named, Version | None]:
        """Of what a resource refers to, all that is known."""
        if self._versions is None:
            return {}
        return {named: self._versions.get(named) for named in refers_to(resource)}

    # rivals

    def met(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """All resources that this process knows of."""
        self._others = list(bodies)

    def rivals(self, resource: Session) -> tuple[Rival, ...]:
        """Who else wants the session that a resource is to adopt."""
        wanted = resource.spec.session_id
        if wanted is None:
            return ()
        found = []
        for body in self._others:
            meta = Meta.model_validate(body["metadata"])
            has = (body.get("status") or {}).get("id") == wanted
            if meta.uid != resource.metadata.uid and (has or body["spec"].get("sessionId") == wanted):
                found.append(Rival(meta.namespace, meta.name, meta.uid, meta.creation_timestamp, has))
        return tuple(found)


def refers_to(resource: Session) -> tuple[Named, ...]:
    """The ConfigMaps and Secrets that a spec names, in an order that is the same in each process."""
    refs = (one.source for one in resource.spec.resources)
    return tuple(dict.fromkeys((ref.kind, ref.name) for ref in refs if ref))
