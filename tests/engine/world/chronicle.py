"""What once stood in the objects of the cluster: what was known and may be asked for at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Chronicle:
    """By uid: the sessions that stood in status, in their order, and what was wished for.

    A uid that was `forgotten` lost its status by the hand of people: what the operator can't know it need not do.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, list[str]] = {}
        self.keys: dict[tuple[str, str], set[str]] = {}
        """Keys of metadata that status called ours, by uid and session."""
        self.replacing: set[str] = set()
        """Who ever let a session be replaced."""
        self.observing: set[str] = set()
        """Who ever only observed, and so may have followed the session of another wish."""
        self.forgotten: set[str] = set()

    def saw(self, body: Mapping[str, Any]) -> None:
        """A new version of an object."""
        uid, spec, status = body["metadata"]["uid"], body["spec"], body.get("status") or {}
        if "Replace" in (spec.get("onImmutableChange"), spec.get("onLost")):
            self.replacing.add(uid)
        if spec.get("managementPolicy") == "Observe":
            self.observing.add(uid)
        id = status.get("id")
        if id is None:
            return
        held = self.sessions.setdefault(uid, [])
        if not held or held[-1] != id:
            held.append(id)
        self.keys.setdefault((uid, id), set()).update(status.get("managedMetadataKeys") or ())

    def forget(self, uid: str) -> None:
        """Its status was taken away, or is that of a backup."""
        self.forgotten.add(uid)
        for key in [key for key in self.keys if key[0] == uid]:
            del self.keys[key]
