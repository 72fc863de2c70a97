"""What must be true when all is quiet, read from the API server and the simulator's journal alone."""

from __future__ import annotations

import json
import time
from collections.abc import Collection

from tests.chaos.stage import CANARIES, Stage

QUIET_SECONDS, PATIENCE = 3.0, 90.0


class Violation(AssertionError):
    """A law was broken."""


def quiet(stage: Stage, namespace: str) -> None:
    """Wait until a process works, and nothing is written or changed for a while. Raises `Violation` if that fails."""
    stage.ready()
    end, since, before = time.monotonic() + PATIENCE, time.monotonic(), None
    while True:
        stage.mind()
        now, here = _signature(stage, namespace), stage.sessions(namespace)
        if now != before or not all(map(settled, here.values())):
            # It moves, or something waits for a time to be over.
            before, since = now, time.monotonic()
        if time.monotonic() - since >= QUIET_SECONDS:
            return
        if time.monotonic() > end:
            waiting = {name: _reasons(body) for name, body in here.items() if not settled(body)}
            raise Violation(f"it never gets quiet: {waiting}")
        time.sleep(0.25)


def _signature(stage: Stage, namespace: str) -> tuple:
    versions = {name: body["metadata"]["resourceVersion"] for name, body in stage.sessions(namespace).items()}
    posts = sum(1 for call in stage.control.requests() if call["method"] != "GET")
    return versions, posts, stage.world.operator.process.pid


def _reasons(body: dict) -> dict:
    conditions = (body.get("status") or {}).get("conditions", [])
    return {c["type"]: (c["status"], c["reason"], c["message"][:200]) for c in conditions}


def settled(body: dict) -> bool:
    """Nothing more comes of it by itself: all is as it was asked for, or it waits for a person."""
    status, meta = body.get("status") or {}, body["metadata"]
    if _elsewhere(body):
        return True
    if "deletionTimestamp" in meta or status.get("observedGeneration") != meta["generation"]:
        return False
    told = _reasons(body)
    ready, synced, stalled = (told.get(type_, ("",))[0] for type_ in ("Ready", "Synced", "Stalled"))
    # A ready session that is not as the spec says is tried again after some time.
    return synced == "True" or (stalled == "True" and ready == "False")


def _elsewhere(body: dict) -> bool:
    """Whether what it may have made is in another workspace, by a key that it had for a while: only a person knows."""
    return not (body.get("status") or {}).get("id") and _reasons(body).get("Ready", ("", ""))[1] == "WrongWorkspace"


def check(
    stage: Stage,
    namespace: str,
    lost: Collection[str] = frozenset(),
    ended: Collection[str] = frozenset(),
    *,
    elsewhere: bool = False,
) -> None:
    """Every law. Raises `Violation` that names the resource.

    `lost` are uids of resources that went without asking the operator, `ended` names of those that a backup brought
    back, and whose sessions may have ended since it was made. `elsewhere` is whether the key was ever another
    workspace's.
    """
    here, alive = stage.sessions(namespace), stage.alive(namespace)
    uids = {body["metadata"]["uid"]: name for name, body in here.items()}
    for session in alive:
        uid = _made_for(session)
        if uid not in uids and uid not in lost:
            raise Violation(f"{session['id']} lives, and its resource {session['metadata']['k8s_owner']} is gone")
    for name, body in here.items():
        own = [session for session in alive if _made_for(session) == body["metadata"]["uid"]]
        if not own and _elsewhere(body) and elsewhere:
            continue
        if not own and name in ended and _reasons(body).get("Ready", ("", "", ""))[1] == "ArchivedOutside":
            _ended(stage, name, body)
        else:
            _one(stage, name, body, own)
    _secrets(stage, namespace)
    stage.mind()


def _made_for(session: dict) -> str:
    uid: str = session["metadata"]["k8s_uid"].partition("/")[0]
    return uid


def _ended(stage: Stage, name: str, body: dict) -> None:
    """A session that has ended is never replaced behind anybody's back."""
    if not stage.control.session(body["status"]["id"])["archived_at"]:
        raise Violation(f"{name} is called archived, and its session is not: {_reasons(body)}")


def _one(stage: Stage, name: str, body: dict, alive: list[dict]) -> None:
    status, spec = body.get("status") or {}, body["spec"]
    id, ready = status.get("id"), _reasons(body).get("Ready", ("", "", ""))
    if not id and spec.get("archived") and not alive:
        return
    if not id:
        raise Violation(f"{name} has no session: {_reasons(body)}")
    if spec.get("archived"):
        if alive or not status.get("archivedAt"):
            raise Violation(f"{name} is to be archived: {[s['id'] for s in alive]} live, {ready}")
        return
    if [s["id"] for s in alive] != [id]:
        raise Violation(f"{name} has {id} in status, and alive are {[s['id'] for s in alive]}: {_reasons(body)}")
    _first_events(stage, name, body, id)
    if ready[1] != "KickoffUnknown":
        # That one waits for a person before it goes on.
        _as_wished(name, body, stage.told_of(id))


def _as_wished(name: str, body: dict, session: dict) -> None:
    status, spec, told = body["status"], body["spec"], _reasons(body)
    system = spec["agent"].get("overrides", {}).get("system")
    for field, shown, true in (
        ("state", status.get("state"), session["status"]),
        ("title", status.get("title"), session["title"] or None),
        ("title in spec", spec.get("title"), session["title"] or None),
        ("system in spec", system, system and session["agent"]["system"]),
    ):
        if shown != true:
            raise Violation(f"{name}: {field} is {shown!r} and in truth {true!r}: {told}")
    wanted = {k: v for k, v in (spec.get("metadata") or {}).items() if session["metadata"].get(k) != v}
    if wanted:
        raise Violation(f"{name}: metadata {wanted} is not there: {told}")
    files = [one for one in spec.get("resources") or () if "file" in one]
    mounts = [one for one in session["resources"] if one["type"] == "file"]
    if len(files) != len(mounts):
        raise Violation(f"{name}: {len(files)} files are declared, {len(mounts)} mounted: {told}")


def _first_events(stage: Stage, name: str, body: dict, id: str) -> None:
    first = [event["text"] for event in body["spec"].get("initialEvents") or ()]
    if not first:
        return
    told, state = stage.told(id), ((body.get("status") or {}).get("kickoff") or {}).get("state")
    for text in first:
        times = told.count(text)
        if times > 1 or (times == 0 and state == "Sent") or state not in ("Sent", "Doubtful"):
            why = f"status says {state}: {_reasons(body)}"
            raise Violation(f"{name}: its first event arrived {times} times, and {why}")


def _secrets(stage: Stage, namespace: str) -> None:
    keys = [*CANARIES.values(), stage.world.simulator.key]
    events = stage.api.get(f"/api/v1/namespaces/{namespace}/events").text
    statuses = json.dumps([body.get("status") for body in stage.sessions(namespace).values()])
    claims = json.dumps([body["metadata"] for body in stage.sessions(namespace).values()])
    places = {"events": events, "status": statuses, "metadata": claims, "the log": stage.log.read_text()}
    places["metrics"] = stage.metrics()
    for where, text in places.items():
        if found := [key for key in keys if key in text]:
            raise Violation(f"a secret ({found[0][:12]}...) is in {where}")
