"""What other people do to sessions, and nobody of us knows before he looks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.engine.world.files import Refused
from tests.engine.world.sessions import FakeSession

if TYPE_CHECKING:
    from tests.engine.world.api import FakeApi


class Others:
    """A part of `FakeApi`. None of it counts as a change of ours."""

    def create_outside(self: FakeApi, id: str) -> None:
        """A session of their own."""
        made = FakeSession(id, self._clock.monotonic(), self._clock.stamp(), "agent_1", "theirs", {}, "")
        if self.keeps_metadata:
            made.theirs["theirs"] = made.metadata["theirs"] = "kept"
        self.sessions.setdefault(id, made)

    def archive_outside(self: FakeApi, id: str) -> None:
        self.sessions[id].archived_at = self.sessions[id].archived_at or self._clock.stamp()

    def terminate_outside(self: FakeApi, id: str) -> None:
        self.sessions[id].terminated = True

    def delete_outside(self: FakeApi, id: str) -> None:
        self.sessions.pop(id, None)

    def speak_outside(self: FakeApi, id: str) -> None:
        """Somebody else gives it work."""
        if not self.sessions[id].ended:
            self._take_in(self.sessions[id], [("user.message", "from a person")], 20.0)

    def stop_outside(self: FakeApi, id: str, how: str) -> None:
        """Work of others that ends at once, in some way."""
        if not self.sessions[id].ended:
            self._take_in(self.sessions[id], [("user.message", "from a person")], 0.0)
            self.sessions[id].stop = how

    def edit_outside(self: FakeApi, id: str) -> None:
        """Another title, budget and tools, a key of ours with another value, and a key of their own."""
        session = self.sessions[id]
        if session.archived_at:
            return
        session.budget = session.budget and "50"
        session.tools = ({"type": "theirs"},)
        session.title = "theirs"
        for key in [k for k in session.metadata if not k.startswith("k8s_")][:1]:
            session.metadata[key] = session.theirs.get(key, "spoilt")
        if self.keeps_metadata:
            session.theirs["theirs"] = session.metadata["theirs"] = "kept"

    def mount_outside(self: FakeApi, id: str, path: str) -> None:
        """A file of their own."""
        session = self.sessions[id]
        if session.ended:
            return
        file = self.files.add("theirs", b"theirs")
        with contextlib.suppress(Refused):
            wanted = {"type": "file", "file_id": file.id, "mount_path": path}
            session.mounts.append(self.mounter.one(wanted, session.mounts, ours=False))

    def unmount_outside(self: FakeApi, id: str, rid: str) -> None:
        session = self.sessions[id]
        session.mounts = [m for m in session.mounts if m.id != rid or m.type != "file"]
