"""What must be true of a world, while things happen and when they are over.

What must be so of mounts, of endings and of what was done is in the modules of those names.
"""

from __future__ import annotations

import json
from typing import Any

from tests.engine.world import judge_deeds, judge_ends, judge_mounts, judge_stops
from tests.engine.world.sessions import FakeSession
from tests.engine.world.world import World

ENDED = ("ArchivedOutside", "Terminated")
SELDOM = 12
"""Looks within `LONG` at what waits for a person: three at a time, after ten minutes each."""
STALLED = ("ImmutableChanged", "KickoffUnknown", "KickoffRefused", "MetadataFull")


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
            if whose := _uid(session) or session.made_for:
                owners.setdefault(whose, []).append(session.id)
        doubled = {uid: ids for uid, ids in owners.items() if len(ids) > 1}
        assert not doubled, f"two living sessions of one resource: {doubled}"

    def at_the_end(self) -> None:
        """Nothing happened for a long time: all is as the resources say."""
        self.never_two()
        for name, body in self._world.cluster.objects.items():
            self._resource(name, body)
        self._leaks()
        self._first_events()
        judge_ends.one_owner(self._world)
        judge_deeds.deeds(self._world)
        judge_mounts.nothing_left(self._world, self._excused - self._world.cluster.kept)
        self._quiet()
        self._quiet()
        self._silent()

    def _silent(self) -> None:
        """For as long again nobody looks at what is as it should be, and seldom at what waits for a person."""
        before = self._world.api.looks.copy()
        self._world.settle()
        for name, body in self._world.cluster.objects.items():
            looks = self._world.api.looks[body["metadata"]["uid"]] - before[body["metadata"]["uid"]]
            well = [self._world.condition(name, type_).get("status") for type_ in ("Ready", "Synced")]
            # Of what an earlier process may still have uploaded each process makes sure once.
            once = '"uploads":true' in body["metadata"]["annotations"].get("managedagents.dev/claim", "")
            allowed = int(once) if well == ["True", "True"] else SELDOM
            assert looks <= allowed, f"{name}: {looks} looks while nothing happens: {self._world.condition(name)}"

    def _resource(self, name: str, body: dict[str, Any]) -> None:
        status, spec = body.get("status") or {}, body["spec"]
        ready = self._world.condition(name)
        assert ready, f"{name}: nothing is said"
        if "deletionTimestamp" in body["metadata"]:
            held = ready["reason"] == "WrongWorkspace" and "WrongWorkspace" in self._excuses(body)
            assert held, f"{name}: still being deleted: {ready}"
            return
        observes = spec.get("managementPolicy") == "Observe"
        if spec.get("suspend") and not observes:
            assert ready["reason"] == "Suspended"
            return
        id = status.get("id")
        session = self._world.api.sessions.get(id or "")
        if ready["reason"] == "OwnedElsewhere" and spec.get("sessionId"):
            judge_ends.elsewhere(self._world, name, body, ready)
        elif observes:
            if ready["reason"] != "InvalidSpec":
                self._as_it_looks(name, status, session)
        elif id is None:
            assert ready["reason"] in self._excuses(body), f"{name}: has no session: {ready}"
        elif session is None:
            self._gone(name, body, ready)
        else:
            self._as_it_is(name, body, session, ready)

    def _excuses(self, body: dict[str, Any]) -> list[str]:
        """For what reasons a resource may have no session."""
        api, claim = self._world.api, body["metadata"]["annotations"].get("managedagents.dev/claim", "")
        excuses = ["InvalidSpec"]
        if not api.keeps_metadata:
            excuses.append("CreationUnknown")
        if '"workspace":"wrkspc_2"' in claim:
            # Claimed with that key: only a key of that workspace can tell what came of it.
            excuses.append("WrongWorkspace")
        if body["spec"].get("archived"):
            excuses.append("Archived")
        if self._world.lacks_sources(body):
            excuses.append("Pending")
        if body["spec"].get("sessionId"):
            excuses.append("ImmutableChanged")
        return excuses

    def _gone(self, name: str, body: dict[str, Any], ready: dict[str, Any]) -> None:
        """The session in status was deleted."""
        allowed = ["ImmutableChanged", *ENDED]
        if judge_ends.limited(body["spec"]):
            allowed.append("Archived")
        replaced = body["spec"].get("onLost") == "Replace" and not body["spec"].get("archived")
        replaced = replaced and body["spec"].get("sessionId") != body["status"].get("id")
        allowed += self._excuses(body) if replaced else ["Lost"]
        assert ready["reason"] in allowed, f"{name}: its session is gone: {ready}"

    def _as_it_looks(self, name: str, status: dict[str, Any], session: FakeSession | None) -> None:
        if session is None:
            return
        assert status["state"] == self._world.api.state(session), f"{name}: {status['state']}"
        told = status.get("archivedAt")
        assert told == session.archived_at, f"{name}: archived {session.archived_at}, told {told}: {status}"
        assert status.get("title") == (session.title or None)
        assert (status.get("metadata") or {}) == session.metadata

    def _as_it_is(self, name: str, body: dict[str, Any], session: FakeSession, ready: dict[str, Any]) -> None:
        spec, status = body["spec"], body["status"]
        self._as_it_looks(name, status, session)
        if session.ended:
            judge_ends.ended(name, spec, session, ready, self._excuses(body))
            return
        if ready["reason"] in STALLED:
            replaced = spec.get("onImmutableChange") == "Replace" and spec.get("sessionId") != session.id
            rejected = ready["reason"] != "ImmutableChanged" or not replaced
            assert rejected, f"{name}: {ready}"
            return
        if ready["reason"] == "OwnedElsewhere":
            # Restored twice from the same backup: by then the session carries the uid of the one in between.
            assert _uid(session) in self._excused, f"{name}: {ready}"
            return
        judge_ends.alive(name, spec, session, ready)
        assert ready["status"] == "True", f"{name}: {ready}"
        judge_ends.made_from(self._world, name, body, session)
        judge_ends.before_it(self._world, name, body)
        self._said(name, body, session, ready)
        judge_mounts.as_declared(self._world, name, body, session)
        if spec.get("initialEvents"):
            assert status["kickoff"]["state"] == "Sent"

    def _said(self, name: str, body: dict[str, Any], session: FakeSession, ready: dict[str, Any]) -> None:
        """Title, budget, tools and metadata are those of the spec, and what others added is left alone."""
        spec = body["spec"]
        assert spec.get("title") in (None, session.title)
        judge_stops.as_declared(name, spec, session, self._world.condition(name, "Synced"))
        judge_stops.stopped(name, body["status"], session, ready, self._world.condition(name, "Finished"))
        if not self._world.api.keeps_metadata:
            return
        wanted = spec.get("metadata") or {}
        assert wanted.items() <= session.metadata.items(), f"{name}: {session.metadata}"
        assert session.theirs.items() <= session.metadata.items(), f"{name}: {session.theirs} was taken away"
        ours = self._world.cluster.chronicle.keys.get((body["metadata"]["uid"], session.id), set())
        left = (ours - wanted.keys() - session.theirs.keys()) & session.metadata.keys()
        assert not left, f"{name}: {left} left the spec and not the session"

    def _leaks(self) -> None:
        here = {body["metadata"]["uid"]: body for body in self._world.cluster.objects.values()}
        for session in self._world.api.living():
            uid = _uid(session) or session.made_for
            known = not uid or uid in here or uid in self._excused or not self._world.api.keeps_metadata
            assert known, f"{session.id} of {uid} was left behind"

    def _refused_at_last(self, body: dict[str, Any]) -> bool:
        """Whether an ended session could not be archived, which each process tries once."""
        session = self._world.api.sessions.get((body.get("status") or {}).get("id", ""))
        ended = session is not None and session.terminated and not session.archived_at
        return ended and bool(body["spec"].get("archived"))

    def _first_events(self) -> None:
        for session in self._world.api.sessions.values():
            firsts = [text for _, type_, text in session.events if text == "go"]
            assert len(firsts) <= 1, f"{session.id} was told {firsts}"

    def _quiet(self) -> None:
        """Another process that starts now finds nothing to do, though it may search for what a claim stands for."""
        world, api = self._world, self._world.api
        if any(self._refused_at_last(body) for body in world.cluster.objects.values()):
            return
        before, told, done = self._counts(), self._lasting(), len(api.history.deeds)
        for operator in list(world.operators):
            world.crash(operator)
        world.start()
        world.settle()
        deeds = [(deed.what, deed.target) for deed in api.history.deeds[done:]]
        changed = {k: (told.get(k), v) for k, v in self._lasting().items() if told.get(k) != v}
        assert self._counts() == before, f"a process that starts finds something to do: {deeds} {changed}"
        assert not changed, f"a process that starts tells something else: {changed}"

    def _counts(self) -> tuple[int, int, int]:
        """Of all that is done; searching is told, and that is written."""
        searching = any(_searched_for(body) for body in self._world.cluster.objects.values())
        writes = 0 if searching else self._world.cluster.writes
        return writes, self._world.api.creations, self._world.api.changes

    def _lasting(self) -> dict[str, Any]:
        """What all objects say, without their versions and times."""
        found = {}
        for name, body in self._world.cluster.objects.items():
            found |= {f"{name}.{part}": _timeless(body.get(part)) for part in ("metadata", "spec")}
            found |= {f"{name}.status.{k}": _timeless(v) for k, v in (body.get("status") or {}).items()}
            if _searched_for(body):
                del found[f"{name}.status.conditions"]
        return {k: v for k, v in found.items() if not k.endswith(".lastObservedAt")}


def _searched_for(body: dict[str, Any]) -> bool:
    """Whether a session is, or may be, wanted that status does not name."""
    status = body.get("status") or {}
    claim = json.loads(body["metadata"]["annotations"].get("managedagents.dev/claim", "{}"))
    if status.get("id"):
        return bool(claim.get("n", 1) > status.get("incarnation", 1))
    return bool(claim or body["spec"].get("sessionId"))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        moving = ("resourceVersion", "lastTransitionTime")
        return {k: _timeless(v) for k, v in value.items() if k not in moving}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _uid(session: FakeSession) -> str:
    return session.metadata.get("k8s_uid", "").split("/")[0]
