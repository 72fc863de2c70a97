"""What must be mounted into a session at the end, and what must not be left over. All of it is an AssertionError."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.engine.world.inventory import CLUSTER_ID
from tests.engine.world.mounts import UPLOADS, rooted
from tests.engine.world.sessions import FakeSession
from tests.engine.world.world import World

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.session import Session


def as_declared(world: World, name: str, body: Mapping[str, Any], session: FakeSession) -> None:
    """What came from the spec is there as the spec says it, and nothing else of ours."""
    wanted = Session.parse(body).spec.resources
    ours = Counter(mount.place for mount in session.mounts if mount.ours)
    taken = {mount.place for mount in session.mounts if not mount.ours}
    places = set()
    for wish in wanted:
        where = place(wish)
        places.add(where)
        if where not in taken:
            _one(world, f"{name}/{wish.name}", wish, next((m for m in session.mounts if m.place == where), None))
    assert not ours.keys() - places, f"{name}: {session.id} still has {sorted(ours.keys() - places)}"
    _told(name, body, session)


def _one(world: World, where: str, wish: Resource, mount: Any) -> None:
    ref = wish.source
    present = world.cluster.sources.value(ref.kind, ref.name) if ref else None
    if wish.file is None:
        assert mount is not None, f"{where} is not mounted"
        if ref and present is not None:
            token = world.api.mounter.tokens.get(mount.id)
            assert token == present.decode().strip(), f"{where} has another token than its Secret"
        return
    if wish.file.file_id:
        # A file that is gone can't be mounted any more, and what was mounted before stays.
        if wish.file.file_id not in world.api.files.there:
            return
        present = world.api.files.contents[wish.file.file_id]
    elif present is None:
        return
    assert mount is not None, f"{where} is not mounted"
    assert mount.content == present, f"{where} holds {mount.content!r}, not {present!r}"


def _told(name: str, body: Mapping[str, Any], session: FakeSession) -> None:
    """Status shows what is mounted, by whomever."""
    told = {one.get("id") for one in (body.get("status") or {}).get("resources") or ()}
    there = {mount.id for mount in session.mounts}
    assert told == there, f"{name}: status tells of mounts {told}, there are {there}"


def place(wish: Resource) -> str:
    """Where a declared mount lies."""
    if wish.file:
        return rooted(wish.file.mount_path or f"{UPLOADS}/{wish.file.file_id}")
    if wish.github_repository:
        url = wish.github_repository.url
        return wish.github_repository.mount_path or "/workspace/" + url.rsplit("/", 1)[-1]
    return f"/mnt/memory/{wish.memory_store.id if wish.memory_store else ''}"


def nothing_left(world: World, excused: set[str]) -> None:
    """No upload of a resource that is gone, and none that no mount of its resource came from."""
    here = {body["metadata"]["uid"]: name for name, body in world.cluster.objects.items()}
    for file in world.api.files.there.values():
        if not file.name.startswith(f"k8s-{CLUSTER_ID}-"):
            continue
        uid = file.name.removeprefix(f"k8s-{CLUSTER_ID}-").rsplit("-", 2)[0]
        if uid not in here:
            # A refusal must not keep the resource from going.
            assert uid in excused or file.id in world.api.files.kept, f"{file.name} was left behind as {file.id}"
        elif _settled(world, here[uid]):
            used = {m.of for m in _mounts(world, here[uid])}
            assert file.id in used, f"{here[uid]}: upload {file.id} ({file.name}) is of no use to anybody"


def _settled(world: World, name: str) -> bool:
    """Whether anything may be done for it: one that stalled, or is suspended, waits for a person.

    A mount that waits for a person holds up what is cleared after all mounts are as they should be. The uploads of a
    session that is gone, or has ended, go with its resource.
    """
    body, ready, id = world.cluster.objects[name], world.condition(name), world.status(name).get("id")
    if id and world.condition(name, "Synced").get("status") != "True":
        return False
    session = world.api.sessions.get(id)
    if id and (session is None or session.archived_at or session.terminated):
        return False
    if body["spec"].get("managementPolicy") == "Observe" or "deletionTimestamp" in body["metadata"]:
        return False
    return ready.get("status") == "True"


def _mounts(world: World, name: str) -> list[Any]:
    session = world.api.sessions.get(world.status(name).get("id", ""))
    return session.mounts if session else []
