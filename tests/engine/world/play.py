"""What tests of whole passes do again and again: begin a life, stop it at a gate, see what has become of it."""

from __future__ import annotations

import json
from typing import Any

from tests.engine.world.api import FakeSession
from tests.engine.world.process import Operator
from tests.engine.world.world import World

SPEC = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}
EVENTS = {**SPEC, "initialEvents": [{"type": "user.message", "text": "go"}]}


def begun(world: World, spec: dict[str, Any] = SPEC) -> str:
    """A resource that the first process has just heard of; answers its uid."""
    world.advance(1)
    uid = world.cluster.apply("a", spec)
    world.operators[0].watch()
    return uid


def until(operator: Operator, uid: str, call: str, *, done: bool) -> None:
    """Passes of a resource up to a gate; leaves it standing there."""
    for _ in range(50):
        at = operator.running[uid].at if uid in operator.running else operator.begin(uid)
        while at is not None and (at.call, at.done) != (call, done):
            at = operator.go_on(uid)
        if at is not None:
            return
    raise AssertionError(f"it never came to {call}")


def one_session(world: World, name: str = "a") -> FakeSession:
    """Quiet, and then one living session, which stands in status."""
    world.settle()
    [session] = world.api.living()
    assert world.status(name)["id"] == session.id
    return session


def claim_of(world: World, name: str = "a") -> dict[str, Any]:
    """The claim as the annotation has it."""
    return dict(json.loads(world.cluster.objects[name]["metadata"]["annotations"]["managedagents.dev/claim"]))
