"""What happens to a session from outside: edits by another client, ends that nobody asked for, turns cut short.

Each function takes the JSON body of the control request and raises ValueError when it makes no sense.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.sessions import emission, ending, life, updating
from managed_agents_simulator.sessions.behaviour import STOPS, Behaviour
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.world import World

_EDITABLE = ("title", "metadata", "status", "resources")


def edit(world: World, session: Session, given: dict[str, Any]) -> None:
    """Put title, metadata (whole), status or resources (whole).

    Status and resources are put as they are, known or not; a status ends a turn under way.
    """
    for name in given:
        if name not in _EDITABLE:
            raise ValueError(f"{name!r} can't be edited; there are {', '.join(_EDITABLE)}")
    now = world.clock.now()
    updating.apply(world, session, {name: given[name] for name in ("title", "metadata") if name in given}, now)
    if "resources" in given:
        session.resources, session.updated = given["resources"], now
    if "status" in given:
        if session.turn is not None:
            life.settle(session, now)
        session.status, session.updated = given["status"], now
    world.touch(session)


def archive(world: World, session: Session, given: dict[str, Any]) -> None:
    """Archive it, whatever it is doing; a turn under way ends."""
    now = world.clock.now()
    if session.archived is None:
        if session.turn is not None:
            life.settle(session, now)
            session.status = "idle"
        ending.put_away(world, session, now)


def delete(world: World, session: Session, given: dict[str, Any]) -> None:
    """Delete it, whatever it is doing."""
    ending.remove(world, session, world.clock.now())


def terminate(world: World, session: Session, given: dict[str, Any]) -> None:
    """End it by an unrecoverable error."""
    life.terminate(world, session, world.clock.now())


def finish(world: World, session: Session, given: dict[str, Any]) -> None:
    """End the turn under way now, with `stop_reason` (`end_turn` when not given)."""
    stop = given.get("stop_reason", "end_turn")
    if stop not in (*STOPS, "budget_reached"):
        raise ValueError(f"stop_reason is one of {', '.join((*STOPS, 'budget_reached'))}, not {stop!r}")
    if session.status == "terminated" or session.archived is not None:
        raise ValueError(f"session {session.id} has come to its end")
    life.finish(world, session, world.clock.now(), stop)


def behave(world: World, session: Session, given: dict[str, Any]) -> None:
    """Give it a behaviour of its own: that of all, with these fields replaced. An empty body takes it away."""
    base: Behaviour = session.behaviour or world.behaviour
    session.behaviour = base.changed(given) if given else None
    world.touch(session)


def emit(world: World, session: Session, given: dict[str, Any]) -> None:
    """Add an event of any type to its history: `type` and whatever else it shall carry."""
    kind = given.get("type")
    if not (isinstance(kind, str) and kind):
        raise ValueError(f"type: {kind!r} is no event type")
    fields = {name: value for name, value in given.items() if name not in ("type", "id")}
    emission.emit(world, session, world.clock.now(), kind, **fields)
    world.touch(session)
