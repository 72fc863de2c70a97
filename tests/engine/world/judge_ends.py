"""What must have ended at the end, what took its place, and whose it is. All of it is an AssertionError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.engine.world.sessions import FakeSession
from tests.engine.world.world import World

from managed_agents_operator.api.session import Session, immutable_part
from managed_agents_operator.engine.claim import Marker, digest

OUTSIDE = ("ArchivedOutside", "Terminated")
KEPT = 10
"""How many of those that were replaced are named in status."""


def limited(spec: Mapping[str, Any]) -> bool:
    """Whether it is to end by itself."""
    return bool(spec.get("archived") or spec.get("ttlSecondsAfterIdle") or spec.get("ttlSecondsAfterCreation"))


def ended(
    name: str, spec: Mapping[str, Any], session: FakeSession, ready: Mapping[str, Any], excuses: list[str]
) -> None:
    """Why it ended is told: by our own hand or not. Where another one was to come, there may be `excuses`."""
    allowed = {"ImmutableChanged", *OUTSIDE}
    if spec.get("archived"):
        allowed = {"Archived"} if session.archived_by_us and session.archived_at else {"Archived", *OUTSIDE}
    elif limited(spec) or session.archived_by_us:
        allowed |= {"Archived"}
    if "Replace" in (spec.get("onImmutableChange"), spec.get("onLost")) and not spec.get("archived"):
        allowed |= set(excuses)
    assert ready["reason"] in allowed, f"{name}: {session.id} has ended: {ready}"


def alive(name: str, spec: Mapping[str, Any], session: FakeSession, ready: Mapping[str, Any]) -> None:
    """It may live on, and is made from the spec that stands there where that may change."""
    bounded = spec.get("archived") or spec.get("ttlSecondsAfterCreation")
    if session.stop != "requires_action":
        # One that waits for an answer is not idle.
        bounded = bounded or spec.get("ttlSecondsAfterIdle")
    assert not bounded, f"{name}: {session.id} was to be archived: {ready}"


def made_from(world: World, name: str, body: Mapping[str, Any], session: FakeSession) -> None:
    """The session is the one that the spec asks for."""
    wanted = digest(immutable_part(Session.parse(body).spec))
    told = body["status"].get("createdFrom")
    assert told == wanted, f"{name}: {session.id} was made from {told}, not {wanted}"
    marker = Marker.parse(session.metadata)
    assert not world.api.keeps_metadata or (marker and marker.digest == wanted), f"{name}: marked {marker}"


def before_it(world: World, name: str, body: Mapping[str, Any]) -> None:
    """Those that it took the place of have ended and are named, the newest last."""
    uid, status, chronicle = body["metadata"]["uid"], body["status"], world.cluster.chronicle
    if uid in chronicle.forgotten | chronicle.observing:
        return
    before = [id for id in chronicle.sessions.get(uid, ()) if id != status.get("id")]
    told = list(status.get("previousIds") or ())
    assert [id for id in told if id in before] == before[-KEPT:], f"{name}: had {before}, told are {told}"
    for id in before:
        session = world.api.sessions.get(id)
        assert session is None or session.ended, f"{name}: {id} was replaced and lives on"


def one_owner(world: World) -> None:
    """Of several resources that want one session, one has it, and the others name it."""
    if not world.api.keeps_metadata:
        return
    owners: dict[str, list[str]] = {}
    for name, body in world.cluster.objects.items():
        spec, id, ready = body["spec"], (body.get("status") or {}).get("id"), world.condition(name)
        passive = spec.get("suspend") or spec.get("managementPolicy") == "Observe"
        if id and not passive and ready.get("status") == "True" and ready["reason"] != "Archived":
            owners.setdefault(id, []).append(name)
    shared = {id: names for id, names in owners.items() if len(names) > 1}
    assert not shared, f"more than one resource has a session: {shared}"


def elsewhere(world: World, name: str, body: Mapping[str, Any], ready: Mapping[str, Any]) -> None:
    """A session that is to be adopted is another's: who that is is named if he is there."""
    session = world.api.sessions.get(body["spec"]["sessionId"])
    marker = Marker.parse(session.metadata) if session else None
    assert session is None or marker is None or marker.uid != body["metadata"]["uid"], f"{name}: {ready}, and has it"
    winner = next((n for n, b in world.cluster.objects.items() if marker and b["metadata"]["uid"] == marker.uid), None)
    assert winner is None or f"/{winner}" in ready["message"], f"{name}: does not name {winner}: {ready}"
