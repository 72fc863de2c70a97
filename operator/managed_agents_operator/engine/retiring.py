"""A session is brought to its end: interrupted while it works, then archived, with patience.

Used by the rungs that end sessions: `deletion`, `replacing`, `expiring`. Why is theirs, and what is told.
"""

from __future__ import annotations

from managed_agents_operator.engine.looks import Absent, LookSession
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.searching import UNTIL_THEN, elsewhere, proved_gone
from managed_agents_operator.engine.verdict import Ask, End, Interrupt, Report, Verdict
from managed_agents_operator.engine.verdict import Rest as Wait
from managed_agents_operator.engine.view import View

FIRST_POLL = 0.5
"""Seconds between a look and the next at the least."""


def retire(v: View, id: str, report: Report, way_out: str = UNTIL_THEN) -> Verdict | None:
    """Archive a session; None once it has ended, is gone by proof, or is not ours to touch."""
    if id == v.id and v.resource.status.archived_at:
        return None
    gone = v.sight.absent if id == v.id else v.saw(LookSession(id), Absent)
    if gone is not None:
        agent = v.resource.status.agent
        if id == v.id:
            return proved_gone(v, id, way_out)
        return elsewhere(v, gone.workspace, agent.id if agent else None, way_out)
    remote = _sight(v, id)
    if remote is not None and remote.terminal:
        return None
    if remote is None or not v.fresh(remote):
        return poll(v, id, report)
    if not v.ours(remote):
        return None
    return interrupt(v, id, report) if remote.busy else End(id, "Archive", report)


def _sight(v: View, id: str) -> Remote | None:
    known = (v.saw(LookSession(id), Remote), v.remote, *v.sight.strays)
    return next((r for r in known if r is not None and r.id == id), None)


def interrupt(v: View, id: str, report: Report) -> Verdict:
    """One interrupt a spell of running, then patience: the session stops when its tools let it."""
    last = v.memory.interrupted
    if last is None or last[0] != id or v.now - last[1] >= v.terms.interrupt_again:
        return Interrupt(id, report)
    return poll(v, id, report)


def interrupted(v: View, id: str) -> bool:
    """Whether this process has interrupted it, and it works still."""
    return v.memory.interrupted is not None and v.memory.interrupted[0] == id


def poll(v: View, id: str, report: Report) -> Verdict:
    """Look again, less and less often."""
    look = LookSession(id)
    if v.saw(look, Remote) is None and v.now >= v.memory.poll_at:
        return Ask(look, report, poll=True)
    return Wait(report, until=max(v.memory.poll_at, v.now + FIRST_POLL))
