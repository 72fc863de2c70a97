"""What must be true of a world, while things happen and when they are over."""

from __future__ import annotations

from typing import Any

from tests.engine.world.api import FakeSession
from tests.engine.world.world import World

ENDED = ("ArchivedOutside", "Terminated")


class Judge:
    """Watches one world. Everything it says is an AssertionError."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _excused(self) -> set[str]:
        """Uids of objects that went without asking us: what they left outside is for people to find."""
        return {body["metadata"]["uid"] for body in self._world.cluster.lost}

    # what must be so

    def never_two(self) -> None:
        """At no time two living sessions of one resource."""
        owners: dict[str, list[str]] = {}
        for session in self._world.api.living():
            owners.setdefault(_uid(session) or session.made_for, []).append(session.id)
        doubled = {uid: ids for uid, ids in owners.items() if len(ids) > 1}
        assert not doubled, f"two living sessions of one resource: {doubled}"

    def at_the_end(self) -> None:
        """Nothing happened for a long time: all is as the resources say."""
        self.never_two()
        for name, body in self._world.cluster.objects.items():
            self._resource(name, body)
        self._leaks()
        self._first_events()
        self._quiet()

    def _resource(self, name: str, body: dict[str, Any]) -> None:
        status, spec = body.get("status") or {}, body["spec"]
        ready = self._world.condition(name)
        assert ready, f"{name}: nothing is said"
        if "deletionTimestamp" in body["metadata"]:
            held = ready["reason"] == "WrongWorkspace" and "WrongWorkspace" in self._excuses(body)
            assert held, f"{name}: still being deleted: {ready}"
            return
        if spec.get("suspend"):
            assert ready["reason"] == "Suspended"
            return
        id = status.get("id")
        if id is None:
            assert ready["reason"] in self._excuses(body), f"{name}: has no session: {ready}"
            return
        session = self._world.api.sessions.get(id)
        if session is None:
            assert ready["reason"] in ("Lost", "ImmutableChanged", *ENDED), f"{name}: {ready}"
            return
        self._as_it_is(name, status, session, ready)

    def _excuses(self, body: dict[str, Any]) -> list[str]:
        """For what reasons a resource may have no session."""
        api, claim = self._world.api, body["metadata"]["annotations"].get("managedagents.dev/claim", "")
        excuses = ["InvalidSpec"]
        if not api.keeps_metadata:
            excuses.append("CreationUnknown")
        if '"workspace":"wrkspc_2"' in claim:
            # Claimed with that key: only a key of that workspace can tell what came of it.
            excuses.append("WrongWorkspace")
        return excuses

    def _as_it_is(self, name: str, status: dict[str, Any], session: FakeSession, ready: dict[str, Any]) -> None:
        spec = self._world.cluster.objects[name]["spec"]
        assert status["state"] == self._world.api.state(session), f"{name}: {status['state']}"
        assert status.get("archivedAt") == session.archived_at
        assert status.get("title") == (session.title or None)
        assert (status.get("metadata") or {}) == session.metadata
        if session.ended:
            assert ready["reason"] in ("ImmutableChanged", *ENDED), f"{name}: {ready}"
            return
        if ready["reason"] in ("ImmutableChanged", "KickoffUnknown", "KickoffRefused"):
            return
        if ready["reason"] == "OwnedElsewhere":
            # Restored twice from the same backup: by then the session carries the uid of the one in between.
            assert _uid(session) in self._excused, f"{name}: {ready}"
            return
        assert ready["status"] == "True", f"{name}: {ready}"
        assert spec.get("title") in (None, session.title)
        if self._world.api.keeps_metadata:
            assert (spec.get("metadata") or {}).items() <= session.metadata.items()
        if spec.get("initialEvents"):
            assert status["kickoff"]["state"] == "Sent"

    def _leaks(self) -> None:
        here = {body["metadata"]["uid"] for body in self._world.cluster.objects.values()}
        for session in self._world.api.living():
            uid = _uid(session) or session.made_for
            known = uid in here or uid in self._excused or not self._world.api.keeps_metadata
            assert known, f"{session.id} of {uid} was left behind"

    def _first_events(self) -> None:
        for session in self._world.api.sessions.values():
            firsts = [text for _, type_, text in session.events if text == "go"]
            assert len(firsts) <= 1, f"{session.id} was told {firsts}"

    def _quiet(self) -> None:
        """Another process that starts now finds nothing to do."""
        world = self._world
        before = (world.cluster.writes, world.api.creations, world.api.changes)
        for operator in list(world.operators):
            world.crash(operator)
        world.start()
        world.settle()
        after = (world.cluster.writes, world.api.creations, world.api.changes)
        assert after == before, "a process that starts finds something to do"


def _uid(session: FakeSession) -> str:
    return session.metadata.get("k8s_uid", "").split("/")[0]
