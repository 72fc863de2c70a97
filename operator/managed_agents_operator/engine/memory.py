"""How a process' memory of a resource changes: with what it sees of it, and with what came of an action.

Pure; called by the reconciler around each decision. Everything here may be lost with the process: the ladder then looks
where it would have remembered.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from managed_agents_operator.api.session import CLAIM_ANNOTATION, RECONCILE_ANNOTATION, Session
from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.drift import difference
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import (
    Absent,
    Created,
    Delivery,
    Look,
    LookKickoff,
    LookSearch,
    LookSession,
    LookStop,
    Remote,
    Sent,
    Sight,
    Stop,
)
from managed_agents_operator.engine.kickoff import refused_status, sent_status
from managed_agents_operator.engine.verdict import Create, End, Guard, Interrupt, Mutation, Send, Update
from managed_agents_operator.engine.view import Backoff, Memory, Permit, Refusal, View
from managed_agents_operator.engine.watching import looks

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
LONGEST_POLL = 30.0
PERMIT_EXPIRED = "PermitExpired"
"""Reason of the failure of a call that was not sent because its permit was over."""

Outcome = Remote | Sent | Absent | Failure


def meet(memory: Memory, resource: Session, sight: Sight, now: float) -> Memory:
    """The memory as a pass begins: what is seen for the first time is stamped, what an edit made void is dropped."""
    meta, status = resource.metadata, resource.status
    text = meta.annotations.get(CLAIM_ANNOTATION)
    if memory.generation == 0 or text != memory.claim_text:
        memory = replace(memory, claim_text=text, claim_seen_at=now, searches=0)
        if memory.permit and text != memory.permit.claim.text:
            memory = replace(memory, permit=None)
    wish = meta.annotations.get(RECONCILE_ANNOTATION)
    if wish is None or wish == status.last_handled_reconcile_at:
        memory = replace(memory, asked=None)
    elif memory.asked is None or memory.asked[0] != wish:
        memory = replace(memory, asked=(wish, now), retry=True, refusals={}, repeats={}, backoff=None)
    if memory.generation not in (0, meta.generation):
        memory = replace(memory, backoff=None, repeats={})
    key = f"{status.id}/{status.kickoff.tries if status.kickoff else 0}/{status.kickoff.at if status.kickoff else ''}"
    if key != memory.kick_key:
        memory = replace(memory, kick_key=key, kick_seen_at=now, kick_listings=0, kick_look_at=0.0)
    if sight.remote is not None and not sight.remote.busy:
        memory = replace(memory, interrupted_at=None)
    if status.id is not None and memory.unanswered is not None:
        memory = replace(memory, unanswered=None)
    made = memory.created
    if made is not None and status.id is not None and (status.id == made.remote.id or not made.by_post):
        memory = replace(memory, created=None)
    return replace(memory, generation=meta.generation)


def looked(memory: Memory, look: Look, seen: Any, now: float, deleting: bool) -> Memory:
    """After a look: how often and when is kept, so that looking backs off."""
    if isinstance(seen, Failure):
        return failed(memory, seen, now, looking=True)
    if memory.backoff is not None and memory.backoff.looking:
        memory = replace(memory, backoff=None)
    if isinstance(look, LookSearch):
        return replace(memory, searches=memory.searches + 1)
    if isinstance(look, LookSession) and deleting:
        pause = min(0.5 * 2.0**memory.polls, LONGEST_POLL)
        return replace(memory, polls=memory.polls + 1, poll_at=now + pause)
    if isinstance(look, LookKickoff) and isinstance(seen, Delivery):
        pause = min(2.0**memory.kick_listings, LONGEST_POLL)
        return replace(memory, kick_listings=memory.kick_listings + 1, kick_look_at=now + pause)
    return memory


def stop_read(memory: Memory, look: LookStop, seen: Stop, remote: Remote, now: float) -> Memory:
    """The stop reason was read for the session as it looks now."""
    again = memory.stop_read == looks(remote)
    reads = memory.stop_reads + 1 if again else 0
    due = now + min(2.0 * 2.0**reads, LONGEST_POLL)
    return replace(memory, stop=seen, stop_read=looks(remote), stop_reads=reads, stop_due=due)


def guarded(memory: Memory, guard: Guard, answer: Session, boot: float, life: float) -> Memory:
    """GUARD was answered. With a token its answer is the permit; its claim has surely made nothing yet."""
    if not guard.token:
        return replace(memory, permit=None)
    permit = Permit(guard.claim, answer, boot + life)
    return replace(memory, permit=permit, settled=guard.claim.text, unanswered=None, retry=False)


def spent(memory: Memory, verdict: Mutation) -> Memory:
    """Right before a call: whatever comes of it, its permit is used up, and until an answer came it is in doubt."""
    if isinstance(verdict, Create):
        return replace(memory, settled=None, permit=None, unanswered=memory.permit.claim if memory.permit else None)
    if isinstance(verdict, Send):
        return replace(memory, kick_permit=None, kick_settled=None)
    return memory


def learn(v: View, memory: Memory, verdict: Mutation, outcome: Outcome, now: float) -> Memory:
    """After a call. `v` is the view it was decided from, `memory` the one `spent` gave."""
    if isinstance(outcome, Failure):
        memory = replace(failed(memory, outcome, now), fresh_after=now)
        return _FAILED.get(type(verdict), _keep)(v, memory, verdict, outcome)
    memory = replace(memory, backoff=None)
    if isinstance(verdict, Create) and isinstance(outcome, Remote):
        return _created(v, memory, outcome)
    if isinstance(verdict, Send) and isinstance(outcome, Sent):
        facts = {**memory.facts, "kickoff": sent_status(v, outcome)}
        return replace(memory, facts=facts, stop_read=None, stop_reads=0)
    if isinstance(verdict, Interrupt):
        return replace(memory, interrupted_at=now, polls=0, poll_at=now + 0.5)
    if isinstance(verdict, Update) and isinstance(outcome, Remote):
        return _updated(v, memory, verdict, outcome, now)
    if isinstance(verdict, End) and verdict.stray and memory.created and memory.created.remote.id == verdict.id:
        return replace(memory, created=None)
    return memory


def failed(memory: Memory, failure: Failure, now: float, looking: bool = False) -> Memory:
    """Back-off with jitter; where the other side named a time, that time."""
    if failure.consequence is Consequence.BLOCKED:
        return replace(memory, backoff=None)
    tries = memory.backoff.tries + 1 if memory.backoff else 1
    pause = min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE) * random.uniform(0.8, 1.2)
    until = max(failure.retry_at or 0.0, now + pause)
    return replace(memory, backoff=Backoff(tries, until, failure, looking))


def recorded(memory: Memory, id: str | None, boot: float, life: float) -> Memory:
    """What was known is in status now. An id of our own POST, and a permitted try, permit one send to `id`.

    `boot` is the boot clock from before the patch.
    """
    created = memory.created
    permits = id is not None and (memory.allows or bool(created and created.by_post))
    memory = replace(memory, created=None, facts={}, allows=False)
    if not permits or id is None:
        return memory
    return replace(memory, kick_permit=(id, boot + life), kick_settled=id)


def _created(v: View, memory: Memory, remote: Remote) -> Memory:
    permit = v.memory.permit
    claim = permit.claim if permit else None
    made = Created(
        remote,
        n=claim.n if claim else v.n,
        digest=remote.marker.digest if remote.marker else (claim.digest if claim else v.digest),
        workspace=v.sight.link.workspace,
        by_post=True,
    )
    return replace(memory, created=made, unanswered=None, settled=None, refusals={}, kick_settled=remote.id)


def _updated(v: View, memory: Memory, verdict: Update, remote: Remote, now: float) -> Memory:
    """An accepted change that the answer does not show will not be shown by doing it again."""
    refusals = {k: r for k, r in memory.refusals.items() if k != verdict.step}
    kept = all(difference(v, remote, step) is None for step in _steps(verdict))
    if not kept:
        said = f"the API accepted a change of {', '.join(verdict.changes.fields)} and did not keep it"
        until = now + v.terms.refused_retry
        refusals |= {s: Refusal(v.generation, until, "NotKept", said) for s in _steps(verdict)}
    mark = digest(verdict.changes.body)
    _, times, _ = memory.repeats.get(verdict.step, ("", 0, 0.0)) if _same(memory, verdict.step, mark) else ("", 0, 0.0)
    again = now + (0.0 if times == 0 else min(5.0 * 2.0**times, LONGEST_PAUSE))
    repeats = {**memory.repeats, verdict.step: (mark, times + 1, again)}
    return replace(memory, refusals=refusals, repeats=repeats)


def _same(memory: Memory, step: str, mark: str) -> bool:
    return memory.repeats.get(step, ("",))[0] == mark


def _steps(verdict: Update) -> tuple[str, ...]:
    return verdict.changes.fields if verdict.step == "update" else (verdict.step,)


def _create_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    claim = v.memory.permit.claim if v.memory.permit else None
    if claim is None:
        return memory
    if not failure.certain:
        return replace(memory, unanswered=claim, claim_seen_at=memory.fresh_after, searches=0, backoff=None)
    memory = replace(memory, unanswered=None, settled=claim.text)
    if failure.reason == PERMIT_EXPIRED:
        return replace(memory, backoff=None)
    if failure.consequence is not Consequence.REFUSED or v.memory.permit is None:
        return memory
    generation = v.memory.permit.resource.metadata.generation
    creation = {"n": claim.n, "by": claim.by, "at": claim.at, "outcome": "Refused", "generation": generation}
    refusal = Refusal(generation, memory.fresh_after + v.terms.refused_retry, failure.reason, failure.message)
    return replace(memory, backoff=None, facts={**memory.facts, "creation": creation}, refusals={"create": refusal})


def _send_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    if not failure.certain:
        return replace(memory, kick_seen_at=memory.fresh_after, kick_listings=0, kick_look_at=0.0, backoff=None)
    memory = replace(memory, kick_settled=v.id)
    if failure.reason == PERMIT_EXPIRED:
        return replace(memory, backoff=None)
    if failure.consequence is not Consequence.REFUSED:
        return memory
    refusal = Refusal(v.generation, float("inf"), "KickoffRefused", failure.message)
    facts = {**memory.facts, "kickoff": refused_status(v)}
    return replace(memory, backoff=None, facts=facts, refusals={**memory.refusals, "kickoff": refusal})


def _update_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    if failure.consequence is not Consequence.REFUSED or not isinstance(verdict, Update):
        return memory
    busy = v.remote is not None and v.remote.state != "idle"
    until = memory.fresh_after + v.terms.refused_retry
    fields = ", ".join(verdict.changes.fields)
    if busy:
        said = f"the change of {fields} was refused while the session works: it is made once the session is idle"
        refusal = Refusal(v.generation, until, "NotIdle", said, idle=True)
    else:
        said = f"the API refused the change of {fields}: {failure.message}"
        refusal = Refusal(v.generation, until, "UpdateRefused", said)
    return replace(memory, backoff=None, refusals={**memory.refusals, verdict.step: refusal})


def _end_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    if failure.consequence is not Consequence.REFUSED:
        return memory
    refusal = Refusal(v.generation, 0.0, failure.reason, failure.message)
    return replace(memory, refusals={**memory.refusals, "end": refusal}, poll_at=0.0)


def _keep(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    return memory


_FAILED: dict[type, Callable[[View, Memory, Mutation, Failure], Memory]] = {
    Create: _create_failed,
    Send: _send_failed,
    Update: _update_failed,
    End: _end_failed,
}
