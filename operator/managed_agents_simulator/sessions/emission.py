"""Putting events into a session's history and onto its open streams.

Used by everything that makes something happen to a session. Emitting changes no state but the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.sessions.history import Event
from managed_agents_simulator.sessions.rendering import budget_shown, usage_shown
from managed_agents_simulator.sessions.session import Session

if TYPE_CHECKING:
    from managed_agents_simulator.world import World


def emit(
    world: World, session: Session, at: Instant, kind: str, *, identifier: str | None = None, **fields: Any
) -> Event:
    """Add an event of the server's own, dated `at`, and show it."""
    name = identifier or world.identifiers.make("sevt_")
    event = session.history.add(Event(name, kind, session.id, fields, at, at, from_client=False))
    world.ledger.save(event)
    session.history.publish(event.wire())
    return event


def accept(world: World, session: Session, event: Event) -> None:
    """Add a client's event as it arrived, waiting or processed, and show it."""
    session.history.add(event)
    world.ledger.save(event)
    if event.processed is not None or not world.modes.client_events_once:
        session.history.publish(event.wire())


def process(world: World, session: Session, event: Event, at: Instant) -> None:
    """A client's event that waited is taken in: it is shown again, now with a time."""
    session.history.process(event, at)
    world.ledger.save(event)
    session.history.publish(event.wire())


def thread_status(world: World, session: Session, at: Instant, word: str, **fields: Any) -> None:
    """The primary thread's part of a change of status."""
    about = {"session_thread_id": session.thread, "agent_name": session.agent["name"]}
    emit(world, session, at, f"session.thread_status_{word}", **about, **fields)


def running(world: World, session: Session, at: Instant) -> None:
    """The session runs."""
    session.status, session.updated = "running", at
    emit(world, session, at, "session.status_running")
    thread_status(world, session, at, "running")


def idle(world: World, session: Session, at: Instant, reason: dict[str, Any], **details: Any) -> None:
    """The session comes to rest: thread, usage, session, in this order."""
    session.status, session.updated, session.idle_since = "idle", at, at
    thread_status(world, session, at, "idle", stop_reason=reason, **details)
    if world.modes.usage_event:
        emit(world, session, at, "session.usage", usage=usage_shown(session, at), budget=budget_shown(session))
    emit(world, session, at, "session.status_idle", stop_reason=reason, **details)


def terminated(world: World, session: Session, at: Instant) -> None:
    """The session has come to its end."""
    session.status, session.updated, session.frozen = "terminated", at, at
    thread_status(world, session, at, "terminated")
    emit(world, session, at, "session.status_terminated")


def error(world: World, session: Session, at: Instant, kind: str, message: str, retry: str, **fields: Any) -> None:
    """Something went wrong; `retry` says what becomes of it: retrying, exhausted or terminal."""
    about = {"type": kind, "message": message, "retry_status": {"type": retry}, **fields}
    emit(world, session, at, "session.error", error=about)
