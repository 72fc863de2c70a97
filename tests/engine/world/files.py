"""The files of the API: what was uploaded, by us for a mount or by others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tests.engine.world.clock import FakeClock
from tests.engine.world.history import History
from tests.engine.world.numbers import Numbers


class Missing(Exception):
    """404."""


class Refused(Exception):
    """400."""


def digest_of(content: bytes) -> str:
    """Digest of the content of a file."""
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class FakeFile:
    """One file as it was uploaded."""

    id: str
    name: str
    content: bytes
    made_at: float


class FakeFiles:
    """All files of one workspace. `contents` also knows those that are gone."""

    def __init__(self, clock: FakeClock, history: History) -> None:
        self._clock, self._history = clock, history
        self._ids = Numbers()
        self.there: dict[str, FakeFile] = {}
        self.contents: dict[str, bytes] = {}
        self.absent: set[str] = set()
        """Ids of files that are made only when all trouble is over."""
        self.kept: set[str] = set()
        """Ids of files of which we were told once that they can't be removed."""

    def appear(self) -> None:
        """Whatever file was asked for in vain is there now."""
        for id in sorted(self.absent):
            self.contents[id] = id.encode()
            self.there[id] = FakeFile(id, "late", self.contents[id], self._clock.monotonic())
        self.absent.clear()

    def add(self, name: str, content: bytes) -> FakeFile:
        file = FakeFile(f"file_{next(self._ids)}", name, content, self._clock.monotonic())
        self.there[file.id] = file
        self.contents[file.id] = content
        self._history.note("upload", file.id)
        return file

    def put(self, id: str, content: bytes) -> None:
        """Somebody uploads the one that was missing."""
        self.there[id] = FakeFile(id, id, content, self._clock.monotonic())
        self.contents[id] = content

    def remove(self, id: str) -> None:
        if self.there.pop(id, None) is None:
            raise Missing(id)
        self._history.note("discard", id)

    @property
    def uploaded_for_mounts(self) -> bool:
        """Whether any file was ever uploaded by us."""
        return any(deed.what == "upload" and deed.body for deed in self._history.deeds)

    def listed(self, lag: float) -> list[FakeFile]:
        """As a listing shows them now, oldest first."""
        late = self._clock.monotonic() - lag
        return [file for file in self.there.values() if file.made_at <= late]
