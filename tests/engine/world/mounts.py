"""What is mounted into a session of the fake API, and how servers differ in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.engine.world.clock import FakeClock
from tests.engine.world.files import FakeFiles, Refused
from tests.engine.world.numbers import Numbers

UPLOADS = "/mnt/session/uploads"


def rooted(path: str) -> str:
    """Where a file lies, however its path is echoed."""
    return path if path.startswith(f"{UPLOADS}/") else UPLOADS + path


@dataclass(frozen=True)
class FakeMount:
    """One mount. `of` is the file that it is a copy of, `ours` tells that the operator mounted it."""

    id: str | None
    type: str
    created_at: str
    path: str
    ours: bool
    file_id: str | None = None
    of: str | None = None
    content: bytes | None = None
    url: str | None = None
    store: str | None = None

    @property
    def place(self) -> str:
        """Where it lies."""
        return rooted(self.path) if self.type == "file" else self.path


class Mounter:
    """Makes mounts. `copies_files` and `roots_paths` are how servers differ; `tokens` are by mount."""

    def __init__(self, clock: FakeClock, files: FakeFiles) -> None:
        self._clock, self._files = clock, files
        self._ids = Numbers()
        self.copies_files = True
        self.roots_paths = True
        self.tokens: dict[str, str] = {}

    def all(self, wanted: list[Mapping[str, Any]], *, ours: bool) -> list[FakeMount]:
        """The mounts of a creation, or a refusal of all of them."""
        made: list[FakeMount] = []
        for one in wanted:
            made.append(self.one(one, made, ours=ours))
        return made

    def one(self, wanted: Mapping[str, Any], beside: list[FakeMount], *, ours: bool) -> FakeMount:
        """One more mount beside those that are there."""
        make = {"file": self._file, "github_repository": self._repository, "memory_store": self._store}
        made = replace(make[wanted["type"]](wanted), ours=ours)
        if any(made.place == other.place for other in beside):
            raise Refused(f"{made.path} is taken")
        if wanted.get("authorization_token") and made.id:
            self.tokens[made.id] = wanted["authorization_token"]
        return made

    def _file(self, wanted: Mapping[str, Any]) -> FakeMount:
        file = self._files.there.get(wanted["file_id"])
        if file is None:
            raise Refused(f"file {wanted['file_id']} does not exist")
        number, path = next(self._ids), wanted.get("mount_path") or f"{UPLOADS}/{file.id}"
        echoed = rooted(path) if self.roots_paths else path
        shown = f"file_copy_{number}" if self.copies_files else file.id
        return self._mount(f"sesrsc_{number}", "file", echoed, file_id=shown, of=file.id, content=file.content)

    def _repository(self, wanted: Mapping[str, Any]) -> FakeMount:
        url = wanted["url"]
        path = wanted.get("mount_path") or "/workspace/" + url.rsplit("/", 1)[-1]
        return self._mount(f"sesrsc_{next(self._ids)}", "github_repository", path, url=url)

    def _store(self, wanted: Mapping[str, Any]) -> FakeMount:
        store = wanted["memory_store_id"]
        return self._mount(None, "memory_store", f"/mnt/memory/{store}", store=store)

    def _mount(self, id: str | None, type: str, path: str, **more: Any) -> FakeMount:
        return FakeMount(id, type, self._clock.stamp(), path, ours=False, **more)
