"""How an explored way is told to people: a line for each choice, with what was written and sent by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.engine.explore.explorer import Violation
from tests.engine.explore.scenarios import Scenario
from tests.engine.explore.scene import Choice, Scene

from managed_agents_operator.api.session import CLAIM_ANNOTATION

LOST = {True: "it is done, and the answer is lost", False: "the call is lost"}


def told(scenario: Scenario, violation: Violation) -> Iterator[str]:
    """The whole way to a violation."""
    yield f"{scenario.name}: {violation.what}"
    if violation.at_rest:
        yield "  (when all trouble was over and nothing happened any more)"
    scene = Scene(scenario)
    yield f"     0 s    there is a Session: {dict(scenario.spec)}"
    for choice in violation.choices:
        before, at = _facts(scene), scene.world.clock.monotonic()
        words = _words(scene, scenario, choice)
        try:
            scene.take(choice, scenario, quietly=True)
            after = _facts(scene)
        except Exception as error:  # noqa: BLE001 - this is the one that is told of
            after = {"": f"{type(error).__name__}: {error}"}
        changes = [f"{k} {v}".strip() for k, v in after.items() if before.get(k) != v]
        changes += [f"{k} is gone" for k in before if k not in after and "" not in after]
        yield f"{at - 1001:6.0f} s    {words}{_stands(scene, choice)}" + "".join(f"\n{'':14}{c}" for c in changes)


def _words(scene: Scene, scenario: Scenario, choice: Choice) -> str:
    kind, *more = choice
    return SAID[kind].format(*more) if kind in SAID else _PARTICULAR[kind](scene, scenario, *more)


SAID = {
    "begin": "{} begins a pass over {}",
    "pass": "{} begins a pass over {} and ends it",
    "go": "{} goes on",
    "crash": "{} dies, another one starts",
    "freeze": "{} stands still",
    "thaw": "{} wakes up after it stood still",
    "second": "another process starts beside it",
    "sweep": "{} lists all sessions",
    "time": "time goes by",
    "outside": "somebody else: {} {}",
}


def _fault(scene: Scene, scenario: Scenario, name: str, uid: str, kind: str, fault: str) -> str:
    at = scene.operator(name).running[uid].at
    if at is None:
        return ""
    return f"{name}, {at.call}: " + (LOST[at.done] if kind == "lost" else f"is refused ({fault})")


def _arrival(scene: Scene, scenario: Scenario, place: int) -> str:
    return f"what was on its way arrives: {scene.world.api.late[place]._call.func.__name__}"


def _act(scene: Scene, scenario: Scenario, kind: str, place: int) -> str:
    what, how = scenario.acts[kind][place]
    return f"somebody: {what}" + ("" if how is None else f" {how}")


_PARTICULAR: dict[str, Callable[..., str]] = {"fault": _fault, "arrive": _arrival, "act": _act}


def _stands(scene: Scene, choice: Choice) -> str:
    """At which gate its pass stands now."""
    name, uid = (*choice[1:3], None, None)[:2]
    for operator in scene.world.operators:
        running = operator.running.get(uid) if operator.name == name else None
        if running is not None and running.at is not None:
            return f", up to {running.at.call}" + (" (done, not heard yet)" if running.at.done else "")
    return ""


def _facts(scene: Scene) -> dict[str, Any]:
    """What of a world is worth a line when it changes."""
    facts: dict[str, Any] = {}
    for name, body in scene.world.cluster.objects.items():
        status, meta = body.get("status") or {}, body["metadata"]
        claim = json.loads(meta["annotations"].get(CLAIM_ANNOTATION, "{}"))
        facts[f"{name}: uid"] = meta["uid"]
        facts[f"{name}: claim"] = {k: claim.get(k) for k in ("uid", "n", "by", "replaces") if claim.get(k)} or "none"
        facts[f"{name}: finalizers"] = len(meta.get("finalizers") or ())
        facts[f"{name}: spec"] = body["spec"]
        if "deletionTimestamp" in meta:
            facts[f"{name}: is being deleted"] = ""
        said = {"id": status.get("id"), "kickoff": (status.get("kickoff") or {}).get("state")}
        ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
        facts[f"{name}: status"] = {k: v for k, v in said.items() if v} | {"Ready": ready.get("reason", "-")}
    for id, session in scene.world.api.sessions.items():
        state = "archived" if session.archived_at else scene.world.api.state(session)
        whose = session.metadata.get("k8s_uid", "")[:-17]
        facts[f"{id}:"] = f"{state}, of {whose}, {[text or type_ for _, type_, text in session.events]}"
    for post in scene.world.api.late:
        facts[f"on its way: {post._call.func.__name__}"] = f"until {post.latest - 1001:.0f} s"
    return facts
