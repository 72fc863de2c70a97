"""Archive and delete: the two ends of a session. Both are refused while it runs."""

from __future__ import annotations

from managed_agents_simulator.clock import SECOND, Instant, wire_time
from managed_agents_simulator.library import files
from managed_agents_simulator.sessions import emission, life
from managed_agents_simulator.sessions.rendering import shown
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import ApiError, conflict, invalid
from managed_agents_simulator.world import World


def archive(call: Call) -> Reply:
    """POST /v1/sessions/{id}/archive. Archiving again changes nothing."""
    world, now = call.world, call.world.clock.now()
    session = world.session(call.workspace, call.path["session_id"])
    if session.archived is not None:
        if world.modes.rearchive_refused:
            raise conflict(f"Session {session.id} is already archived.")
    else:
        if _busy(world, session, now) and not world.modes.archive_while_running:
            raise _running(session, "archived")
        put_away(world, session, now)
    return Reply(shown(session, world.modes, now))


def delete(call: Call) -> Reply:
    """DELETE /v1/sessions/{id}."""
    world, now = call.world, call.world.clock.now()
    session = world.session(call.workspace, call.path["session_id"])
    if session.archived is None and _busy(world, session, now) and not world.modes.delete_while_running:
        raise _running(session, "deleted")
    remove(world, session, now)
    return Reply({"id": session.id, "type": "session_deleted"})


def put_away(world: World, session: Session, now: Instant) -> None:
    """Archive a session, whatever it is doing."""
    session.archived, session.updated = now, now
    session.pending.clear()
    world.workspaces[session.workspace].unarchived.remove(session.key)
    if session.status in ("idle", "terminated"):
        life.settle(session, now)
        session.frozen = session.frozen or now
        if not world.modes.archived_keeps_status and session.status != "terminated":
            emission.terminated(world, session, now)
    world.touch(session)


def remove(world: World, session: Session, now: Instant) -> None:
    """Delete a session, whatever it is doing. Its streams end; only the journal remembers it."""
    session.deleted = now
    gone = {"type": "session.deleted", "id": world.identifiers.make("sevt_")}
    session.history.publish({**gone, "processed_at": wire_time(now)})
    session.history.close()
    for resource in session.resources:
        files.drop_copy(world.workspaces[session.workspace], resource.get("file_id", ""))
    world.bury(session)


def _busy(world: World, session: Session, now: Instant) -> bool:
    lag = round(world.modes.idle_lag_seconds * SECOND)
    return session.status == "rescheduling" or session.seems_running(now, lag)


def _running(session: Session, done: str) -> ApiError:
    return invalid(
        f"Session {session.id} is running and can't be {done}; send user.interrupt and wait until it is idle."
    )
