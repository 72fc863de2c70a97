"""A session is archived because its resource says so: spec.archived, or one of the two times to live.

Rungs `archiving` and `idled` of the ladder, and `as_wished`, by which `ending` tells such an end from one that somebody
else brought about.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from managed_agents_operator.engine.looks import LookSession, LookStop, Stop
from managed_agents_operator.engine.retiring import interrupted, retire
from managed_agents_operator.engine.searching import SKEW
from managed_agents_operator.engine.terms import instant
from managed_agents_operator.engine.verdict import Ask, End, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

WISH = "spec.archived is true"
OLD = "spec.ttlSecondsAfterCreation is over"
IDLE = "spec.ttlSecondsAfterIdle is over"


def archiving(v: View) -> Verdict | None:
    """An archive that interrupts: on wish, or so long after creation."""
    if v.id is None:
        return None
    due = expires_at(v)
    if v.resource.spec.archived:
        return retire(v, v.id, _report(v, v.id, WISH))
    if due is not None and v.wall >= due:
        return retire(v, v.id, _report(v, v.id, OLD))
    return None


def idled(v: View) -> Verdict | None:
    """An archive that never interrupts: the session has been idle for so long, by its own events."""
    due, remote = idle_until(v), v.remote
    if v.id is None or due is None or remote is None or v.wall < due:
        return None
    if not v.fresh(remote):
        return Ask(LookSession(v.id))
    look = LookStop(v.id)
    seen = v.saw(look, Stop)
    if seen is None:
        return Ask(look)
    kickoff = v.resource.status.kickoff
    if kickoff and kickoff.state == "Sent" and not seen.own:
        return None
    if seen.reason == "requires_action" or (seen.at is not None and not _over(seen.at, v)):
        return Rest(None, facts={"stopReason": seen.reason, **({"idleSince": seen.at} if seen.at else {})})
    return End(v.id, "Archive", _report(v, v.id, IDLE))


def _over(since: str, v: View) -> bool:
    """Whether the time to live has passed since then."""
    began, ttl = instant(since), v.resource.spec.ttl_seconds_after_idle
    return began is None or ttl is None or began + timedelta(seconds=ttl) <= v.wall


def _report(v: View, id: str, why: str) -> Report:
    goes_on = "it was interrupted and has not stopped yet" if interrupted(v, id) else "it is being archived"
    return Report(None, "", "Progressing", f"{why}: {goes_on}")


def expires_at(v: View) -> datetime | None:
    """When it was there for as long as it may be."""
    ttl = v.resource.spec.ttl_seconds_after_creation
    made = instant((v.remote.created_at if v.remote else None) or v.resource.status.created_at)
    return made + timedelta(seconds=ttl) if ttl is not None and made is not None else None


def idle_until(v: View) -> datetime | None:
    """When it will have been idle for as long as it may be; None while it is not idle, or waits for an answer."""
    status, remote, ttl = v.resource.status, v.remote, v.resource.spec.ttl_seconds_after_idle
    if ttl is None or remote is None or remote.state != "idle" or status.stop_reason == "requires_action":
        return None
    since = instant(status.idle_since or remote.created_at)
    return since + timedelta(seconds=ttl) if since is not None else None


def wakes_at(v: View) -> float | None:
    """When the next of the two will be over (monotonic); None if none is to come."""
    left = [(due - v.wall).total_seconds() for due in (expires_at(v), idle_until(v)) if due is not None]
    return min((v.now + seconds for seconds in left if seconds > 0), default=None)


def as_wished(v: View, archived_at: str) -> str | None:
    """Why an archived session was archived by its own resource; None if somebody else did it."""
    if v.resource.spec.archived:
        return WISH
    ready = v.told("Ready")
    if ready is not None and ready.reason == "Archived":
        return ready.message.partition(": ")[2] or WISH
    at, spec = instant(archived_at), v.resource.spec
    old, since = expires_at(v), instant(v.resource.status.idle_since)
    if v.memory.ended == v.id:
        # By our own clock, which the API's may be behind.
        at = v.wall
    if at is None or (ready is not None and ready.reason == "ArchivedOutside"):
        return None
    if old is not None and at >= old - SKEW:
        return OLD
    if since is None or spec.ttl_seconds_after_idle is None:
        return None
    return IDLE if at >= since + timedelta(seconds=spec.ttl_seconds_after_idle) - SKEW else None
