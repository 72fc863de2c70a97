"""From nothing to one session: whose claim stands there, what it may have made, and when a POST may be sent.

Rungs `unguarded` and `nothing_yet` of the ladder. The order of writes that keeps one resource at one session:
finalizer and claim in one patch, its answer permits one POST, its answer is recorded; whoever finds a claim without an
id searches before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.adopting import adopted
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.conditions import said
from managed_agents_operator.engine.external import Created
from managed_agents_operator.engine.looks import Absent, Found, LookSession, LookTokens
from managed_agents_operator.engine.mounting import mounts_due
from managed_agents_operator.engine.mounts import Entry, declared, rendered
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.retiring import retire
from managed_agents_operator.engine.searching import SEARCHING, UNTIL_THEN, elsewhere, oldest_live, seek, unswept
from managed_agents_operator.engine.terms import rfc3339
from managed_agents_operator.engine.uploading import all_needed, contents, may_be_there, spare
from managed_agents_operator.engine.verdict import Ask, Create, Guard, Record, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

CREATING = Report("Creating", "the session is being made", "Progressing", "the session is being made")
NEVER_MADE = Report(
    "Archived", "spec.archived is true: no session is made", "Synced", "the session is as the spec says"
)


def unguarded(v: View) -> Verdict | None:
    """Somebody took our finalizer or claim away (`kubectl replace` does): both go back before anything else is done."""
    lost, own = v.memory.unanswered, v.own_claim
    if lost is not None and lost.n > v.incarnation and (own is None or own.n < lost.n):
        return Guard(lost, token=False, report=CREATING)
    if v.id is None or v.foreign_claim is not None or v.adopting:
        return None
    if v.claim is None:
        return repair(v)
    return None if v.guarded else Guard(v.claim, token=False, report=None)


def nothing_yet(v: View) -> Verdict | None:
    """No id: search where anything may have happened, else claim, and create with the permit that the claim gave."""
    if v.id is not None and not v.adopting:
        return None
    if known := _seen_already(v):
        return record(v, known, v.claim)
    if again := _wiped(v):
        return again
    return making(v, CREATING)


def making(v: View, report: Report) -> Verdict:
    """The session of an incarnation that has none: searched for where there may be one, else adopted or created."""
    if half := _left_behind(v):
        return half
    found = searched(v, SEARCHING)
    if not isinstance(found, tuple):
        return found
    if found:
        return record(v, found, v.claim)
    spec = v.resource.spec
    if v.permitted and not spec.archived and spec.session_id is None:
        return Create(report)
    if waiting := _replaced(v, report):
        return waiting
    if spec.archived and spec.session_id is None:
        return spare(v, NEVER_MADE) or Rest(NEVER_MADE, until=mounts_due(v))
    if waiting := _refused(v) or (None if v.trace else _untouched(v)):
        return waiting
    if spec.session_id is not None:
        one = adopted(v, spec.session_id)
        return record(v, (one,), v.claim) if isinstance(one, Remote) else one
    if waiting := _tokens(v):
        return waiting
    files = all_needed(v, report)
    return claim_afresh(v, report, files) if isinstance(files, Mapping) else files


def _left_behind(v: View) -> Verdict | None:
    """The claim names a session that spec does not name any more: if our marker is on it by now, it is ours."""
    claim = v.own_claim
    if claim is None or claim.adopts is None or claim.adopts == v.resource.spec.session_id:
        return None
    return half_adopted(v, claim, claim.adopts)


def half_adopted(
    v: View, claim: Claim, id: str, report: Report | None = None, way_out: str = UNTIL_THEN
) -> Verdict | None:
    """The session that a claim adopts is recorded if our marker is on it; None if it surely is not."""
    look = LookSession(id)
    seen, absent = v.saw(look, Remote), v.saw(look, Absent)
    if seen is not None:
        return record(v, (seen,), claim) if seen.marker and seen.marker.uid == v.uid else None
    return elsewhere(v, absent.workspace, claim.agent, way_out) if absent is not None else Ask(look, report)


def searched(v: View, report: Report) -> tuple[Remote, ...] | Verdict:
    """What the claim may have made; nothing where it surely made nothing, or makes it right now."""
    nothing = v.adopting and v.id is not None and v.claim_text is None
    if not v.trace or nothing or v.permitted or v.settled:
        return ()
    claim = v.own_claim
    if v.replacing and claim is not None:
        found = seek(v, claim, (v.uid,), report, settles=lambda r: _of_number(r, claim.n), narrow=True)
        if not isinstance(found, Found):
            return found
        return tuple(r for r in found.matches if _of_number(r, claim.n))
    found = seek(v, v.claim, (v.uid,), report)
    if not isinstance(found, Found):
        return found
    return _of_incarnation(v, found.matches) if found.matches else ()


def _of_number(remote: Remote, n: int) -> bool:
    return remote.marker is not None and remote.marker.n == n


def _replaced(v: View, report: Report) -> Verdict | None:
    """Whatever status says or has lost: the session that a new one takes the place of has ended first."""
    claim = v.own_claim
    return retire(v, claim.replaces, report) if claim and claim.replaces and claim.replaces != v.id else None


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
        return None if v.saw(look, Absent) else Ask(look)
    return record(v, (seen,), v.claim) if v.ours(seen) else None


def _untouched(v: View) -> Verdict | None:
    """A resource without any trace of a life: one older than this process may have lost claim and status together."""
    if v.resource.metadata.creation_timestamp <= v.process.started and v.sight.link.swept_at is None:
        return unswept(v, CREATING)
    return None


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
    own = claim if claim and marker and (claim.uid, claim.n) == (marker.uid, marker.n) else None
    made = own is not None and not own.repaired and not own.adopts
    return Record(
        Created(
            remote=one,
            n=marker.n if marker else (claim.n if claim else 1),
            digest=marker.digest if marker else (claim.digest if claim else v.digest),
            by_post=False,
            resources=tuple(_mounts(v, one, own, made=made)),
            keys=(own.keys or ()) if own is not None and made else None,
            replaces=own.replaces if own else None,
        )
    )


def _mounts(v: View, one: Remote, claim: Claim | None, *, made: bool) -> list[Entry]:
    """What an adopted session has mounted was mounted by others; what a session of ours has, by us."""
    wanted, there = v.resource.spec.resources, one.mounts or ()
    if claim is not None and claim.adopts:
        return rendered(wanted, there, ours=False)
    born_with = {file[:8] for file in (claim.files or ())} if claim is not None and made else ()
    return rendered(wanted, there, made=_files(v, claim if made else None), born_with=born_with)


def _files(v: View, claim: Claim | None) -> dict[str, Source]:
    """What went into the files of a session that was found: what the spec says, where it says what it said then."""
    born_with = (claim.files or ()) if claim is not None else ()
    known = (r for r in v.resource.spec.resources if r.file and r.file.file_id and declared(r) in born_with)
    return {r.name: Source(kind="File", file_id=r.file.file_id) for r in known if r.file}


def claim_afresh(v: View, report: Report = CREATING, files: Mapping[str, Source] = MappingProxyType({})) -> Guard:
    """A new claim, whose answer permits one POST with these uploads."""
    return Guard(v.new_claim(v.n, v.digest), token=True, report=report, files=files)


def repair(v: View) -> Guard:
    """Finalizer and claim of the session in status, as old as the session, so that a search will not pass it over."""
    status, meta = v.resource.status, v.resource.metadata
    claim = v.new_claim(status.incarnation or 1, status.created_from or v.digest, files=None, keys=None, repaired=True)
    known = {
        "agent": (status.agent.id if status.agent else None) or claim.agent,
        "at": status.created_at or rfc3339(meta.creation_timestamp, "seconds"),
        "workspace": status.workspace_id,
        "uploads": may_be_there(v) or bool(contents(v)),
    }
    return Guard(claim.model_copy(update=known), token=False, report=None)
