"""From nothing to one session: whose claim stands there, what it may have made, and when a POST may be sent.

Rungs `unguarded` and `nothing_yet` of the ladder. The order of writes that keeps one resource at one session:
finalizer and claim in one patch, its answer permits one POST, its answer is recorded; whoever finds a claim without an
id searches before anything is sent.
"""

from __future__ import annotations

from datetime import timedelta

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.conditions import READY, said
from managed_agents_operator.engine.external import Created
from managed_agents_operator.engine.looks import Found, LookSession, LookTokens
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.searching import oldest_live, rfc3339, seek
from managed_agents_operator.engine.verdict import Ask, Create, Guard, Record, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

CREATING = Report("Creating", "the session is being made", "Progressing", "the session is being made")
UNREACHABLE = ("Unreachable", "the API can't be reached")


def unguarded(v: View) -> Verdict | None:
    """Somebody took our finalizer or claim away (`kubectl replace` does): both go back before anything else is done."""
    foreign = v.foreign_claim is not None
    lost = v.memory.unanswered
    if v.id is None and lost is not None and (v.claim is None or foreign):
        return Guard(lost, token=False, report=CREATING)
    if v.id is not None and not foreign and (not v.guarded or v.claim is None):
        return repair(v)
    return None


def nothing_yet(v: View) -> Verdict | None:
    """No id: search where anything may have happened, else claim, and create with the permit that the claim gave."""
    if v.id is not None:
        return None
    if known := _seen_already(v):
        return record(v, known, v.claim)
    if again := _wiped(v):
        return again
    if wait := _refused(v):
        return wait
    if v.trace and not v.permitted and not v.settled:
        found = seek(v, v.claim, (v.uid,))
        if not isinstance(found, Found):
            return found
        if found.matches:
            return record(v, _of_incarnation(v, found.matches), v.claim)
    return (None if v.trace else _untouched(v)) or _tokens(v) or _make(v)


def _make(v: View) -> Create | Guard:
    return Create(CREATING) if v.permitted else claim_afresh(v)


def _seen_already(v: View) -> tuple[Remote, ...]:
    """Sessions of this resource that came to light without a search: in a sweep, or before its status was wiped."""
    own = tuple(r for r in v.sight.strays if r.marker and r.marker.uid == v.uid)
    return tuple(r for r in own if r.marker and r.marker.n == v.n) if v.claim else own


def _wiped(v: View) -> Verdict | None:
    """A session that stood in status a moment ago: if it is still there, it goes back."""
    if v.memory.last_id is None:
        return None
    look = LookSession(v.memory.last_id)
    seen = v.saw(look, Remote)
    if seen is None:
        return Ask(look)
    return record(v, (seen,), v.claim) if v.ours(seen) else None


def _untouched(v: View) -> Verdict | None:
    """A resource without any trace of a life: one older than this process may have lost claim and status together."""
    if v.resource.metadata.creation_timestamp <= v.process.started and v.sight.link.swept_at is None:
        return _before_first_sweep(v)
    return None


def _before_first_sweep(v: View) -> Rest:
    """Nothing is said while the first listing is on its way, since it mostly takes less than a second."""
    if v.sight.link.blocked is not None:
        return Rest(CREATING)
    if v.sight.link.unreachable_since is not None:
        return Rest(Report("Pending", "the session can't be made while the API can't be reached", *UNREACHABLE))
    return Rest(None)


def _of_incarnation(v: View, matches: tuple[Remote, ...]) -> tuple[Remote, ...]:
    """Those of this incarnation; without a claim nobody knows which that is, and the newest incarnation counts."""
    n = v.claim.n if v.claim else max(r.marker.n for r in matches if r.marker)
    return tuple(r for r in matches if r.marker and r.marker.n == n) or matches


def _refused(v: View) -> Rest | None:
    """A creation that was refused is tried again when the spec changed, or minutes later, or when somebody asks."""
    creation = v.resource.status.creation
    if creation is None or not v.settled or creation.outcome != "Refused" or v.permitted:
        return None
    refused = v.memory.refusals.get("create")
    generation = creation.generation if creation.generation is not None else v.resource.status.observed_generation
    if generation != v.generation or v.memory.retry:
        return None
    made = v.claim.made if v.claim else None
    if made is None:
        return None
    left = (made + timedelta(seconds=v.terms.refused_retry) - v.wall).total_seconds()
    if left <= 0:
        return None
    ready = v.told("Ready")
    if refused is None and ready is not None and ready.reason == "InvalidSpec":
        return Rest(None, until=v.now + left)
    message = refused.message if refused else said(READY["InvalidSpec"].meaning)
    return Rest(Report("InvalidSpec", message, "Stalled", "the API refused the session"), until=v.now + left)


def _tokens(v: View) -> Verdict | None:
    """The Secrets that a creation needs, looked at before the claim, since a permit lives for seconds only."""
    if not any(
        r.github_repository and r.github_repository.authorization_token_secret_ref for r in v.resource.spec.resources
    ):
        return None
    if v.permitted:
        return None
    seen = v.saw(LookTokens(), str)
    if seen is None:
        return Ask(LookTokens(), CREATING)
    if not seen:
        return None
    return Rest(Report("Pending", "the session can't be made before a Secret is there", "SecretMissing", seen))


def record(v: View, remotes: tuple[Remote, ...], claim: Claim | None) -> Record:
    """The one of these that goes into status; others come to light as strays."""
    one = oldest_live(remotes)
    marker = one.marker
    return Record(
        Created(
            remote=one,
            n=marker.n if marker else (claim.n if claim else 1),
            digest=marker.digest if marker else (claim.digest if claim else v.digest),
            by_post=False,
        )
    )


def claim_afresh(v: View) -> Guard:
    """A new claim, whose answer permits one POST."""
    return Guard(v.new_claim(v.n, v.digest), token=True, report=CREATING)


def repair(v: View) -> Guard:
    """Finalizer and claim of the session in status, as old as the session, so that a search will not pass it over."""
    status, meta = v.resource.status, v.resource.metadata
    claim = v.new_claim(status.incarnation or 1, status.created_from or v.digest)
    known = {
        "agent": (status.agent.id if status.agent else None) or claim.agent,
        "at": status.created_at or rfc3339(meta.creation_timestamp),
        "workspace": status.workspace_id,
    }
    return Guard(claim.model_copy(update=known), token=False, report=None)
