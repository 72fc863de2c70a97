"""The order in which a session is decided about: the first rung that applies.

`decide` is pure and total: one verdict for every view. The reconciler calls it, carries the verdict out, and calls it
again for what is to be said. Each rung stands in the module of its concern.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from managed_agents_operator.api.reasons.names import given
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import SYNCED
from managed_agents_operator.engine.claiming import nothing_yet, unguarded
from managed_agents_operator.engine.deletion import FORCE, deletion
from managed_agents_operator.engine.doubles import dispute, stray
from managed_agents_operator.engine.drift import drift
from managed_agents_operator.engine.ending import changed, lost, owned_elsewhere, suspended, terminal
from managed_agents_operator.engine.expiring import archiving, idled
from managed_agents_operator.engine.kickoff import kickoff
from managed_agents_operator.engine.memory import Backoff
from managed_agents_operator.engine.mounting import clearing, mounting
from managed_agents_operator.engine.observing import observing
from managed_agents_operator.engine.replacing import replacing
from managed_agents_operator.engine.restoring import foreign_claim
from managed_agents_operator.engine.uploading import spare
from managed_agents_operator.engine.verdict import (
    Allow,
    Ask,
    End,
    Guard,
    Mount,
    Mutation,
    Report,
    Rest,
    Rotate,
    Unmount,
    Update,
    Upload,
    Verdict,
)
from managed_agents_operator.engine.view import View
from managed_agents_operator.engine.watching import asked, missing, rest, stopped, unseen

Rung = Callable[[View], Verdict | None]

RUNGS: tuple[Rung, ...] = (
    dispute,  # a session that we just made, and another one in status
    deletion,  # being deleted: end the session, then let the resource go
    observing,  # spec.managementPolicy is Observe: only look
    suspended,  # spec.suspend: only look
    unguarded,  # finalizer or claim taken away by somebody
    foreign_claim,  # a restored backup or a copied manifest
    replacing,  # made from another spec, and spec.onImmutableChange is Replace
    stray,  # a second session with our marker
    asked,  # a fresh look was asked for
    missing,  # a listing does not show it
    changed,  # made from another spec than the one that stands here
    terminal,  # archived or terminated: stays so
    unseen,  # an id of which nothing was seen yet
    lost,  # gone, by proof: told, or replaced as spec.onLost says
    owned_elsewhere,  # somebody else's marker on our session
    nothing_yet,  # no id: search, claim, adopt or create
    archiving,  # spec.archived, or its time since creation is over
    kickoff,  # the first events, once
    drift,  # title, metadata, budget, tools, MCP servers
    mounting,  # files and tokens
    stopped,  # why it is idle
    idled,  # its time of being idle is over
    clearing,  # uploads of no use
    rest,
)


ENDED = ("Archived", "ArchivedOutside", "Terminated", "Lost", "MassLoss")


def decide(view: View) -> Verdict:
    """What one pass comes to, held back where the connection or an earlier failure forbids it."""
    for rung in RUNGS:
        verdict = rung(view)
        if verdict is not None:
            return held_back(view, _with_ready(view, _here(view, verdict)))
    raise AssertionError("rest applies always")


def _here(v: View, verdict: Verdict) -> Verdict:
    """No new claim on a connection that spec does not ask for any more: that of the claim before is told to be over."""
    if not isinstance(verdict, Guard | Update) or not v.sight.link.elsewhere or v.id is not None:
        return verdict
    if v.memory.unanswered:
        return verdict
    # A claim that adopts makes nothing: only a session that was made may be left where it is.
    if isinstance(verdict, Guard) and not (verdict.token or v.settled or not v.trace):
        return verdict
    claim = v.claim
    if claim is None:
        return Rest(None)
    if (used := spare(v, verdict.report)) is not None:
        # What was uploaded for it goes first: nobody would find it there any more.
        return used
    # Of no generation, so that the other connection is asked at once.
    over = {"n": claim.n, "by": claim.by, "at": claim.at, "outcome": "Refused", "generation": 0}
    return Rest(None, facts={"creation": over})


def _with_ready(v: View, verdict: Verdict) -> Verdict:
    """What is brought to a live session says nothing of Ready, which follows the session all the same."""
    if not isinstance(verdict, Update | Upload | Mount | Unmount | Rotate | End | Ask) or verdict.report is None:
        return verdict
    if verdict.report.ready is not None or v.id is None or v.remote is None or v.deleting:
        return verdict
    now = rest(v).report
    if now is None or now.ready is None:
        return verdict
    return replace(verdict, report=replace(verdict.report, ready=now.ready, message=now.message))


def calls(verdict: Verdict) -> bool:
    """Whether carrying it out takes a call of the remote API, now or with the permit it gives."""
    return isinstance(verdict, Ask | Allow | Mutation) or (isinstance(verdict, Guard) and verdict.token)


def held_back(v: View, verdict: Verdict) -> Verdict:
    """No call while the key is refused, while the other side asked to wait, or before a back-off is over."""
    blocked = v.sight.link.blocked
    if blocked is not None and (not v.sight.link.trial if calls(verdict) else _settled(v, verdict)):
        message = blocked.message + (f"; {FORCE}" if v.deleting else "")
        until = v.sight.link.retry_at if calls(verdict) else None
        ready = "Deleting" if v.deleting else given(blocked.reason, READY)
        return Rest(Report(ready, message, given(blocked.reason, SYNCED), message), until=until)
    backoff = v.memory.backoff
    if backoff is not None and v.now < backoff.until and calls(verdict) and not _recovered(v, backoff):
        said = getattr(verdict, "report", None) or Report()
        failure = backoff.failure
        message = f"{failure.message}; {FORCE}" if v.deleting else failure.message
        reason = given(failure.reason, SYNCED) or "CallRefused"
        return Rest(replace(said, synced=reason, synced_message=message), until=backoff.until)
    if backoff is not None and backoff.looking and isinstance(verdict, Ask):
        # That it fails is told, until it does not.
        return replace(verdict, report=None)
    return verdict


def _recovered(v: View, backoff: Backoff) -> bool:
    """Whether it failed in an outage that is over: then nobody waits out what grew meanwhile."""
    failure = backoff.failure
    return failure.reason == "Unreachable" and failure.retry_at is None and backoff.since < v.sight.link.recovered_at


def _settled(v: View, verdict: Verdict) -> bool:
    """A resource at rest is told too when its key is refused, unless it has ended or is not to be looked after."""
    if not isinstance(verdict, Rest) or v.resource.spec.suspend:
        return False
    if verdict.report is None:
        return v.id is not None and not v.deleting and not verdict.facts
    return verdict.report.ready is not None and verdict.report.ready not in ENDED
