"""How a process' memory of a resource changes with its outside calls: right before one, and by what came of it.

Pure; called by the reconciler around each call. Looks and writes of our own are in `learning.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.drift import difference
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Created, Discarded, Made, Rotated, Sent, Uploaded
from managed_agents_operator.engine.kickoff import refused_status, sent_status
from managed_agents_operator.engine.learning import LONGEST_PAUSE, failed
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.memory import PERMIT_EXPIRED, Memory, Refusal, kick_key
from managed_agents_operator.engine.mount_outcomes import in_effect, in_place, mounted, not_mounted, what_went_in
from managed_agents_operator.engine.mounts import rendered
from managed_agents_operator.engine.pauses import doubled
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import (
    Create,
    Discard,
    End,
    Interrupt,
    Mount,
    Mutation,
    Rotate,
    Send,
    Unmount,
    Update,
    Upload,
)
from managed_agents_operator.engine.view import View

Outcome = Remote | Made | Sent | Uploaded | Rotated | Discarded | Absent | Failure

SPEC = {"agent.tools": "spec.agent.overrides.tools", "agent.mcp_servers": "spec.agent.overrides.mcpServers"}
"""Fields of a session that stand elsewhere in a spec."""
GOES_ON = Failure(
    Consequence.LATER, "CallRefused", "the API took the call that ends the session, and the session has not ended yet"
)


def spent(memory: Memory, verdict: Mutation) -> Memory:
    """Right before a call: whatever comes of it, its permit is used up, and until an answer came it is in doubt."""
    if isinstance(verdict, Create):
        return replace(memory, settled=None, permit=None, unanswered=memory.permit.claim if memory.permit else None)
    if isinstance(verdict, Send):
        return replace(memory, kick_permit=None, kick_settled=None)
    if isinstance(verdict, Mount):
        return replace(memory, mounts_in_doubt={**memory.mounts_in_doubt, in_place(verdict): float("inf")})
    return memory


def torn(memory: Memory, now: float) -> Memory:
    """A call was torn off by whatever: it may have been carried out, and the time of doubt begins now."""
    doubts = {at: min(since, now) for at, since in memory.mounts_in_doubt.items()}
    memory = replace(memory, mounts_in_doubt=doubts)
    return replace(memory, claim_seen_at=now, kick_seen_at=now, kick_listings=0, kick_look_at=0.0)


def learn(v: View, memory: Memory, verdict: Mutation, outcome: Outcome, now: float, jitter: float) -> Memory:
    """After a call. `v` is the view it was decided from, `memory` the one `spent` gave; `jitter` is 0 to 1."""
    if isinstance(outcome, Failure):
        memory = replace(failed(memory, outcome, now, jitter), fresh_after=now)
        return _FAILED.get(type(verdict), _keep)(v, memory, verdict, outcome)
    if isinstance(verdict, End):
        return _ended(memory, verdict, outcome, now, jitter)
    memory = replace(memory, backoff=None)
    if isinstance(verdict, Create) and isinstance(outcome, Made):
        return _created(v, memory, outcome)
    if isinstance(verdict, Upload | Mount | Unmount | Rotate | Discard):
        return mounted(v, memory, verdict, outcome, now)
    if isinstance(verdict, Send) and isinstance(outcome, Sent):
        facts = {**memory.facts, "kickoff": sent_status(v, outcome)}
        return replace(memory, facts=facts, stop_read=None, stop_reads=0)
    if isinstance(verdict, Interrupt):
        return replace(memory, interrupted=(verdict.id, now), polls=0, poll_at=now + 0.5)
    if isinstance(verdict, Update) and isinstance(outcome, Remote):
        return _updated(v, memory, verdict, outcome, now)
    return memory


def _ended(memory: Memory, verdict: End, outcome: Outcome, now: float, jitter: float) -> Memory:
    """An accepted end that the answer does not show is not asked for again at once."""
    if isinstance(outcome, Remote) and not outcome.terminal:
        return replace(failed(memory, GOES_ON, now, jitter), fresh_after=now)
    if memory.created and memory.created.remote.id == verdict.id:
        memory = replace(memory, created=None)
    return replace(memory, backoff=None, ended=verdict.id, polls=0, poll_at=0.0)


def _created(v: View, memory: Memory, made: Made) -> Memory:
    permit, remote = v.memory.permit, made.remote
    if permit is None:
        raise AssertionError("no POST without a permit")
    claim, spec = permit.claim, permit.resource.spec
    created = Created(
        remote,
        n=claim.n,
        digest=remote.marker.digest if remote.marker else claim.digest,
        by_post=True,
        resources=tuple(
            rendered(spec.resources, remote.mounts or (), made=what_went_in(spec, permit.files, made.tokens))
        ),
        keys=tuple(spec.metadata or ()),
        replaces=claim.replaces,
    )
    # Another session has a kick-off of its own.
    sent = v.resource.status.kickoff if v.id in (None, remote.id) else None
    key = kick_key(remote.id, sent.tries if sent else None, sent.at if sent else None)
    return replace(memory, created=created, unanswered=None, settled=None, refusals={}, kick_settled=key)


def _updated(v: View, memory: Memory, verdict: Update, remote: Remote, now: float) -> Memory:
    """An accepted change that the answer does not show will not be shown by doing it again."""
    refusals = {k: r for k, r in memory.refusals.items() if k != verdict.step}
    if not _kept(v, verdict, remote):
        said = f"the API accepted a change of {', '.join(verdict.changes.fields)} and did not keep it"
        until = now + v.terms.refused_retry
        refusals |= {s: Refusal(v.generation, until, "NotKept", said) for s in _steps(verdict)}
    mark = digest(verdict.changes.body)
    _, times, _ = memory.repeats.get(verdict.step, ("", 0, 0.0)) if _same(memory, verdict.step, mark) else ("", 0, 0.0)
    again = now + (0.0 if times == 0 else doubled(5.0, times, LONGEST_PAUSE))
    repeats = {**memory.repeats, verdict.step: (mark, times + 1, again)}
    return replace(memory, refusals=refusals, repeats=repeats)


def kept(v: View, verdict: Mutation, remote: Remote) -> bool:
    """Whether the answer to an accepted change shows it."""
    if isinstance(verdict, Mount | Unmount):
        return in_effect(verdict, remote)
    return not isinstance(verdict, Update) or _kept(v, verdict, remote)


def _kept(v: View, verdict: Update, remote: Remote) -> bool:
    if verdict.step == "adopt":
        return remote.marker is not None and remote.marker.uid == v.uid
    return all(difference(v, remote, step) is None for step in _steps(verdict))


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
        return _expired(memory)
    if failure.consequence is not Consequence.REFUSED or v.memory.permit is None:
        return memory
    generation = v.memory.permit.resource.metadata.generation
    creation = {"n": claim.n, "by": claim.by, "at": claim.at, "outcome": "Refused", "generation": generation}
    refusal = Refusal(generation, memory.fresh_after + v.terms.refused_retry, "Stalled", failure.message)
    return replace(memory, backoff=None, facts={**memory.facts, "creation": creation}, refusals={"create": refusal})


def _expired(memory: Memory) -> Memory:
    """Once it is tried again at once; what never gets ready in time must not write a claim without end."""
    backoff = memory.backoff
    if backoff is None or backoff.tries > 1:
        return memory
    return replace(memory, backoff=replace(backoff, until=0.0))


def _send_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    if not failure.certain:
        return replace(memory, kick_seen_at=memory.fresh_after, kick_listings=0, kick_look_at=0.0, backoff=None)
    memory = replace(memory, kick_settled=v.kick_key)
    if failure.reason == PERMIT_EXPIRED:
        return _expired(memory)
    if failure.consequence is not Consequence.REFUSED:
        return memory
    refusal = Refusal(v.generation, float("inf"), "Stalled", failure.message)
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
        mend = ", ".join(SPEC.get(field, f"spec.{field}") for field in verdict.changes.fields)
        said = f"the API refused the change of {fields}: {failure.message.rstrip('.')}; mend {mend}"
        refusal = Refusal(v.generation, until, "UpdateRefused", said)
    return replace(memory, backoff=None, refusals={**memory.refusals, verdict.step: refusal})


def _end_failed(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    if failure.consequence is not Consequence.REFUSED:
        return memory
    memory = replace(memory, poll_at=0.0)
    if v.remote is None or v.remote.id != getattr(verdict, "id", None) or not v.remote.terminal:
        # It may work again, which is seen by the next look; that it can't be ended is told of one that has ended.
        return memory
    refusal = Refusal(v.generation, 0.0, "Stalled", failure.message)
    return replace(memory, refusals={**memory.refusals, "end": refusal})


def _keep(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    return memory


_FAILED: dict[type, Callable[[View, Memory, Mutation, Failure], Memory]] = {
    Create: _create_failed,
    Send: _send_failed,
    Update: _update_failed,
    End: _end_failed,
    Upload: not_mounted,
    Mount: not_mounted,
    Unmount: not_mounted,
    Rotate: not_mounted,
    Discard: not_mounted,
}
