"""From nothing to one session: whose claim stands there, what it may have made, and when a POST may be sent.

Rungs `dispute`, `foreign_claim`, `unguarded`, `stray` and `nothing_yet` of the ladder. The order of writes that keeps
one resource at one session: finalizer and claim in one patch, its answer permits one POST, its answer is recorded;
whoever finds a claim without an id searches before anything is sent.
"""

from __future__ import annotations

from datetime import timedelta

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.conditions import READY, find, said
from managed_agents_operator.engine.drift import marker_change
from managed_agents_operator.engine.external import (
    Absent,
    Created,
    Found,
    LookOwner,
    LookSession,
    LookStray,
    LookTokens,
    Remote,
    Stray,
)
from managed_agents_operator.engine.searching import oldest_live, seek
from managed_agents_operator.engine.verdict import Ask, Create, End, Guard, Record, Report, Rest, Update, Verdict
from managed_agents_operator.engine.view import View

CREATING = Report("Creating", "the session is being made", "Progressing", "the session is being made")


UNREACHABLE = ("Unreachable", "the API can't be reached")
TAKING_OVER = Report(None, "", "Progressing", "a restored resource takes its session over")


def dispute(v: View) -> Verdict | None:
    """A session that this process just made, while another one stands in status: ours must not live on beside it."""
    made = v.memory.created
    if made is None or v.id is None or v.id == made.remote.id:
        return None
    if made.n > (v.resource.status.incarnation or 0) or not made.by_post:
        return None
    return End(made.remote.id, "Archive", None, stray=True)


def foreign_claim(v: View) -> Verdict | None:
    """A claim made by another resource is resolved before it is overwritten: it may stand for a living session."""
    claim = v.foreign_claim
    if claim is None:
        return None
    if v.id is not None:
        return _take_over(v, claim)
    found = seek(v, claim, (claim.uid, v.uid))
    if not isinstance(found, Found):
        return found
    own = tuple(r for r in found.matches if r.marker and r.marker.uid == v.uid)
    if own:
        return _record(v, own, claim)
    theirs = tuple(r for r in found.matches if r.marker and r.marker.uid == claim.uid and not r.terminal)
    if not theirs:
        return _claim_afresh(v)
    return _theirs(v, theirs, claim)


def _theirs(v: View, theirs: tuple[Remote, ...], claim: Claim) -> Verdict:
    one = oldest_live(theirs)
    owner = one.marker.owner if one.marker else None
    if owner == v.owner:
        return _record(v, theirs, claim)
    parts = (owner or "").split("/")
    if len(parts) == 3 and parts[0] == v.process.cluster:
        look = LookOwner(parts[1], parts[2])
        there = v.saw(look, bool)
        if there is None:
            return Ask(look)
        if there:
            return _claim_afresh(v)
    return _owned_elsewhere(one.id)


def _take_over(v: View, claim: Claim) -> Verdict | None:
    """A restored resource with its session recorded: the keys of the session first, the claim last."""
    remote = v.remote
    if remote is None:
        if v.sight.absent is not None or v.resource.status.archived_at:
            return _repair(v)
        return Ask(LookSession(v.id or ""))
    marker = remote.marker
    if remote.terminal or not remote.marked or (marker and marker.uid == v.uid):
        return _repair(v)
    if marker is None or marker.uid != claim.uid or marker.owner != v.owner:
        return _owned_elsewhere(remote.id)
    if not v.fresh(remote):
        return Ask(LookSession(remote.id))
    changes = marker_change(v, remote)
    return Update(remote.id, changes, "metadata", TAKING_OVER) if changes else _repair(v)


def _owned_elsewhere(id: str) -> Rest:
    return Rest(
        Report(
            "OwnedElsewhere",
            f"the claim of this resource stands for session {id}, which belongs to another resource: to make a new "
            "session, remove the annotation managedagents.dev/claim",
            "Stalled",
            "the session belongs to another resource",
        )
    )


def unguarded(v: View) -> Verdict | None:
    """Somebody took our finalizer or claim away (`kubectl replace` does): both go back before anything else is done."""
    if v.id is not None and (not v.guarded or v.claim is None):
        return _repair(v)
    lost = v.memory.unanswered
    if v.id is None and lost is not None and v.claim_text is None:
        return Guard(lost, token=False, report=CREATING)
    return None


def stray(v: View) -> Verdict | None:
    """A second session with our marker: one that nobody ever spoke to is archived, any other is for a person."""
    others = tuple(r for r in v.sight.strays if r.id != v.id and r.marker and r.marker.uid == v.uid)
    if v.id is None or not others:
        return None
    one = min(others, key=lambda r: (r.created_at, r.id))
    look = LookStray(one.id)
    if v.saw(look, Absent):
        return None
    seen = v.saw(look, Stray)
    if seen is None:
        return Ask(look)
    if seen.remote.terminal:
        return None
    if seen.remote.state == "idle" and not seen.spoken_to and v.ours(seen.remote):
        return End(one.id, "Archive", None, stray=True)
    ids = ", ".join(sorted(r.id for r in others))
    return Rest(
        Report(
            "DuplicateSession",
            f"{ids} carry the marker of this resource too and were used: archive those that shall not live on",
            "Stalled",
            "more than one session carries the marker of this resource",
        )
    )


def nothing_yet(v: View) -> Verdict | None:
    """No id: search where anything may have happened, else claim, and create with the permit that the claim gave."""
    if v.id is not None:
        return None
    if wait := _refused(v):
        return wait
    if v.trace and not v.permitted and not v.settled:
        found = seek(v, v.claim, (v.uid,))
        if not isinstance(found, Found):
            return found
        if found.matches:
            return _record(v, _of_incarnation(v, found.matches), v.claim)
    if not v.trace and (first := _untouched(v)):
        return first
    if missing := _tokens(v):
        return missing
    if v.permitted:
        return Create(CREATING)
    return _claim_afresh(v)


def _untouched(v: View) -> Verdict | None:
    """A resource without any trace of a life: one older than this process may have lost claim and status together."""
    if v.sight.strays:
        return _record(v, v.sight.strays, None)
    if v.resource.metadata.creation_timestamp < v.process.started and v.sight.link.swept_at is None:
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
    ready = find(v.resource.status.conditions or (), "Ready")
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


def _record(v: View, remotes: tuple[Remote, ...], claim: Claim | None) -> Record:
    one = oldest_live(remotes)
    marker = one.marker
    return Record(
        Created(
            remote=one,
            n=marker.n if marker else (claim.n if claim else 1),
            digest=marker.digest if marker else (claim.digest if claim else v.digest),
            workspace=v.sight.search.workspace if v.sight.search else v.sight.link.workspace,
            by_post=False,
        )
    )


def _claim_afresh(v: View) -> Guard:
    return Guard(v.new_claim(v.n, v.digest), token=True, report=CREATING)


def _repair(v: View) -> Guard:
    status = v.resource.status
    claim = v.new_claim(status.incarnation or 1, status.created_from or v.digest)
    agent = status.agent.id if status.agent else None
    return Guard(claim.model_copy(update={"agent": agent or claim.agent}), token=False, report=None)
