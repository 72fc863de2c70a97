"""Sessions with mounts, said in few words: what the spec wants, what lies there, what status shows."""

from __future__ import annotations

from typing import Any

from tests.engine.views import NOW, claim, living, memory, refusal, remote, spec, view

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.looks import Content, LookContents, OwnFile
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.mounts import place
from managed_agents_operator.engine.remote import Mount
from managed_agents_operator.engine.view import View

DATA = {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}}
OTHER = {"name": "other", "file": {"fileId": "file_2", "mountPath": "/other.csv"}}
CONF = {"name": "conf", "file": {"configMapKeyRef": {"name": "cm", "key": "k"}, "mountPath": "/conf"}}
REPO = {
    "name": "repo",
    "githubRepository": {
        "url": "https://github.com/o/r",
        "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
    },
}
STORE = {"name": "notes", "memoryStore": {"id": "memstore_1"}}

FILE = {"kind": "File", "fileId": "file_1"}
TOKEN = {"kind": "Secret", "name": "gh", "key": "token", "uid": "u", "resourceVersion": "1"}
UPLOAD = {"kind": "ConfigMap", "name": "cm", "key": "k", "uid": "u", "resourceVersion": "1", "fileId": "file_up"}
CM, GH = ("ConfigMap", "cm"), ("Secret", "gh")
OLD, NEW = Version("u", "1"), Version("u", "2")
LOOK = LookContents(("conf",))
SAME = {LOOK: {"conf": Content("d1", "u", "2")}}
UP = (OwnFile("file_up", "conf", "d1"),)
BETTER = (*UP, OwnFile("file_up2", "conf", "d2"))
CHANGED = {LOOK: {"conf": Content("d2", "u", "2")}}


def at(path: str, id: str | None = "r1", type: str = "file", **fields: Any) -> Mount:
    """Something that lies there now."""
    return Mount(id=id, type=type, mount_path=path, **{"file_id": f"copy_of_{id}", **fields})


def repo(id: str = "r1") -> Mount:
    """The repository, where it lies."""
    return Mount(id=id, type="github_repository", mount_path="/workspace/r", url="https://github.com/o/r")


def entry(name: str, path: str, source: dict[str, Any] | None = None, id: str = "r1", **fields: Any) -> dict[str, Any]:
    """One of `status.resources`."""
    known = {"name": name, "id": id, "type": "file", "mountPath": path, **fields}
    return known | ({"source": source} if source is not None else {})


def mounted_view(
    wanted: Any = (),
    mounts: Any = (),
    entries: Any = (),
    *,
    memory_: Memory | None = None,
    claimed: Any = None,
    state: str = "idle",
    seen_at: float = NOW - 1,
    noted: bool = True,
    **sight: Any,
) -> View:
    """What spec wants, what lies there (None: the answer did not tell), what status shows.

    `noted` tells whether status says already that the files are to be mounted.
    """
    files = [place(one) for one in map(Resource.model_validate, wanted) if one.file] if noted else []
    of = living(
        wish=spec(resources=list(wanted)),
        claimed=claimed or claim(),
        status={"resources": list(entries), "mounting": files} if entries or files else {},
    )
    one = remote(state=state, seen_at=seen_at, mounts=tuple(mounts) if mounts is not None else None)
    return view(of, remote=one, memory_=memory_ or memory(), **sight)


def held(*steps: str, **fields: Any) -> Memory:
    """These steps were refused."""
    return memory(refusals={step: refusal(**fields) for step in steps})


THERE = entry("data", "/data.csv", FILE)
CONF_THERE = entry("conf", "/conf", UPLOAD)
REPO_THERE = entry("repo", "/workspace/r", TOKEN, type="github_repository")
UPLOADS = claim(uploads=True)
