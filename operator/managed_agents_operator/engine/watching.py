"""Looking: when a session must be read anew, why it is idle, and what there is to say when nothing is to be done.

Rungs `asked`, `missing`, `unseen`, `stopped` and `rest` of the ladder. None of them acts.
"""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import ReadyReason
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.conditions import STOPS, said
from managed_agents_operator.engine.drift import held_until, notes
from managed_agents_operator.engine.expiring import wakes_at
from managed_agents_operator.engine.looks import LookSession, LookStop, Stop
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import Ask, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

OUTAGE = "the API can't be reached: status shows what was last seen"
STATES: Mapping[str, ReadyReason] = {"idle": "Idle", "running": "Running", "rescheduling": "Rescheduling"}


def asked(v: View) -> Verdict | None:
    """Somebody wants a fresh look (annotation reconcile-requested-at): one GET, whatever is known."""
    wish = v.memory.asked
    if v.id is None or wish is None or v.asked == v.resource.status.last_handled_reconcile_at:
        return None
    newest = v.remote or v.sight.absent
    if newest is not None and newest.seen_at >= wish[1]:
        return None
    return Ask(LookSession(v.id))


def missing(v: View) -> Verdict | None:
    """A listing that should show the session does not, or status knows that it ended and we do not: a GET tells."""
    since, remote, status = v.sight.missing_at, v.remote, v.resource.status
    if v.id is None or v.sight.absent is not None:
        return None
    if since is not None and (remote is None or remote.seen_at < since):
        return Ask(LookSession(v.id))
    ended = bool(status.archived_at) or status.state == "terminated"
    look = LookSession(v.id)
    outdated = ended and remote is not None and not remote.terminal and v.saw(look, Remote) is None
    return Ask(look) if outdated else None


def unseen(v: View) -> Verdict | None:
    """An id and nothing seen of it: the next sweep brings it."""
    if v.id is None or v.sight.absent is not None or v.remote is not None:
        return None
    if v.resource.status.observed_generation != v.generation:
        return Ask(LookSession(v.id))
    if _outage_told(v):
        return Rest(Report(None, "", "Unreachable", OUTAGE))
    return Rest(None, until=_outage(v))


def stopped(v: View) -> Verdict | None:
    """Why the session is idle is told by its events alone; they are read once for each time it becomes idle."""
    remote = v.remote
    if v.id is None or remote is None or remote.state != "idle":
        return None
    look = LookStop(v.id)
    seen = v.saw(look, Stop)
    if seen is None:
        return Ask(look, rest(v).report) if _must_read(v, remote) else None
    facts = _stop_facts(v, seen)
    return Rest(None, facts=facts) if facts else None


def unread(v: View, remote: Remote) -> bool:
    """Whether it is idle anew, and nobody knows yet why."""
    return remote.state == "idle" and v.memory.stop_read != looks(remote) and _must_read(v, remote)


def looks(remote: Remote) -> str:
    """What of a session changes with each turn: the stop reason is read again when this does."""
    return digest([remote.updated_at, dict(remote.usage)])


def _must_read(v: View, remote: Remote) -> bool:
    if v.memory.stop_read == looks(remote):
        return v.now >= v.memory.stop_due and _awaited(v)
    status = v.resource.status
    if status.state not in (None, "idle"):
        return True
    if _awaited(v):
        return True
    usage = status.usage.model_dump(mode="json", by_alias=True, exclude_none=True) if status.usage else None
    worked = remote.worked and (status.stop_reason is None or usage is None)
    return worked or (usage is not None and usage != dict(remote.usage))


def _awaited(v: View) -> bool:
    """The first events went out and the idle that follows them was not seen yet."""
    kickoff = v.resource.status.kickoff
    return bool(kickoff and kickoff.state == "Sent") and v.resource.status.stop_reason is None


def _stop_facts(v: View, stop: Stop) -> dict[str, object]:
    kickoff = v.resource.status.kickoff
    if stop.reason is None or (kickoff and kickoff.state == "Sent" and not stop.own):
        return {}
    facts: dict[str, object] = {"stopReason": stop.reason}
    if stop.at:
        facts["idleSince"] = stop.at
    status = v.resource.status
    known = (status.stop_reason, status.idle_since)
    return {} if known == (stop.reason, stop.at or status.idle_since) else facts


def rest(v: View) -> Rest:
    """Nothing to do: what the session is doing, and what of the spec is not there yet."""
    remote = v.remote
    if v.id is None or remote is None:
        return Rest(None)
    ready, message = _ready(v, remote)
    note = notes(v)
    synced, said = note or ("Synced", "the session is as the spec says")
    times = [t for t in (held_until(v), _next_read(v, remote), _outage(v), wakes_at(v)) if t is not None]
    if _outage_told(v):
        synced, said = "Unreachable", OUTAGE
    return Rest(Report(ready, message, synced, said), until=min(times, default=None))


def _ready(v: View, remote: Remote) -> tuple[ReadyReason, str]:
    if remote.state not in STATES:
        return "Unknown", f"the API reports the state {remote.state}, which this version of the operator does not know"
    if remote.state != "idle":
        return STATES[remote.state], said(READY[STATES[remote.state]].meaning)
    reason, _ = STOPS.get(v.resource.status.stop_reason or "", ("Idle", None))
    message, told = said(READY[reason].meaning), v.told("Ready")
    if reason != "ActionRequired":
        return reason, message
    if v.memory.stop is None and told is not None and told.reason == reason:
        return reason, told.message
    if v.memory.stop and v.memory.stop.asked:
        message = (
            f"the session asks to use {', '.join(v.memory.stop.asked)}: send it an event user.tool_confirmation, or "
            "user.custom_tool_result for a tool of your own, that names the id"
        )
    return reason, message


def _next_read(v: View, remote: Remote) -> float | None:
    return v.memory.stop_due if remote.state == "idle" and _awaited(v) and v.memory.stop_due > v.now else None


def _outage(v: View) -> float | None:
    since = v.sight.link.unreachable_since
    told = since + v.terms.outage_told if since is not None else None
    return told if told is not None and told > v.now else None


def _outage_told(v: View) -> bool:
    since = v.sight.link.unreachable_since
    return since is not None and v.now >= since + v.terms.outage_told
