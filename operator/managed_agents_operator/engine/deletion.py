"""The end of a resource: its session ends as spec.deletionPolicy says, and only then may the resource go.

Rung `deletion` of the ladder. Needs no Secret but the API key; what can't be ended is held, told, and named with its
way out (the annotation managedagents.dev/force-delete).
"""

from __future__ import annotations

from managed_agents_operator.api.session import FORCE_DELETE_ANNOTATION
from managed_agents_operator.engine.claiming import half_adopted, record
from managed_agents_operator.engine.doubles import living
from managed_agents_operator.engine.looks import Found
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.retiring import interrupt, interrupted, poll, retire
from managed_agents_operator.engine.searching import proved_gone, seek
from managed_agents_operator.engine.uploading import spare
from managed_agents_operator.engine.verdict import Ask, End, Record, Release, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

FORCE = f'to let the resource go all the same, annotate it with {FORCE_DELETE_ANNOTATION}: "true"'


def deletion(v: View) -> Verdict | None:
    """All that is done about a resource that is being deleted; nothing else is done about it."""
    if not v.deleting:
        return None
    if not v.guarded:
        return Rest(None)
    annotations = v.resource.metadata.annotations
    if annotations.get(FORCE_DELETE_ANNOTATION) == "true":
        return Release("released by force: what there is outside stays as it is")
    if v.resource.spec.management_policy == "Observe":
        return Release()
    if v.resource.spec.deletion_policy == "Retain":
        return spare(v, _told(v)) or Release()
    return _without_id(v) if v.id is None or v.adopting else _with_id(v, v.id)


def deleting(why: str) -> Report:
    """What is said while it lasts."""
    return Report("Deleting", f"the session is being ended: {why}", "Progressing", "the resource is being deleted")


def _without_id(v: View) -> Verdict | None:
    if v.own_claim is not None and v.own_claim.adopts:
        return half_adopted(v, v.own_claim, v.own_claim.adopts, _told(v), FORCE) or _others(v)
    if v.settled:
        return _others(v)
    claim = v.memory.unanswered or v.claim
    uids = (v.uid, claim.uid) if claim and claim.uid != v.uid else (v.uid,)
    report = deleting(f"whether one was made is searched for first; {FORCE}")
    found = seek(v, claim, uids, report, way_out=FORCE)
    if isinstance(found, Found):
        mine = tuple(r for r in found.matches if _mine(v, r))
        return record(v, mine, claim) if mine else _others(v)
    if isinstance(found, Rest) and found.report and found.report.ready == "CreationUnknown":
        return spare(v, report) or Release("PossibleOrphan")
    return found


def _mine(v: View, remote: Remote) -> bool:
    """Of a restored backup that nobody resolved yet, only what was made for this namespace and name counts."""
    marker = remote.marker
    return marker is not None and not remote.terminal and (marker.uid == v.uid or marker.owner == v.owner)


def _with_id(v: View, id: str) -> Verdict | None:
    orphan = ""
    if later := _later_one(v):
        if not isinstance(later, Rest) or not later.report or later.report.ready != "CreationUnknown":
            return later
        orphan = "PossibleOrphan"
    status = v.resource.status
    policy = v.resource.spec.deletion_policy
    if v.sight.absent is not None:
        return proved_gone(v, id, FORCE) or _others(v, orphan)
    remote = v.remote
    if policy == "Archive" and (status.archived_at or (remote and remote.archived_at)):
        return _others(v, orphan)
    if remote is None or not v.fresh(remote):
        return poll(v, id, _told(v))
    if not v.ours(remote):
        return spare(v, _told(v)) or Release(f"session {id} belongs to another resource and stays as it is")
    if remote.busy:
        return _interrupt(v, id)
    if remote.terminal and policy == "Archive" and (v.memory.ended == id or v.memory.refusals.get("end")):
        return _others(v, orphan)
    return End(id, "Delete" if policy == "Delete" else "Archive", _told(v))


def _interrupt(v: View, id: str) -> Verdict:
    if interrupted(v, id):
        return interrupt(v, id, deleting(f"it was interrupted and has not stopped yet; {FORCE}"))
    return interrupt(v, id, deleting(f"it runs and is interrupted first; {FORCE}"))


def _told(v: View) -> Report:
    return deleting(f"spec.deletionPolicy is {v.resource.spec.deletion_policy}; {FORCE}")


def _later_one(v: View) -> Verdict | None:
    """A session of a later incarnation, which a claim or a POST without an answer may have made: it ends too."""
    own, lost = v.own_claim, v.memory.unanswered
    if v.replacing and own is not None and own.adopts:
        half = half_adopted(v, own, own.adopts, _told(v), FORCE)
        return half if isinstance(half, Record | Ask) else None
    if lost is not None and lost.n > v.incarnation:
        claim, least = lost, lost.n
    elif own is not None and ((v.replacing and not v.settled) or own.repaired):
        # What stood in a claim that was put back is not known.
        claim, least = own, max(own.n, v.incarnation + 1)
    else:
        return None
    report = deleting(f"whether another one was made is searched for first; {FORCE}")
    found = seek(
        v, claim, (v.uid,), report, settles=lambda r: _later(r, least), narrow=not claim.repaired, way_out=FORCE
    )
    if not isinstance(found, Found):
        return found
    later = tuple(r for r in found.matches if _later(r, least) and not r.terminal)
    return record(v, later, claim) if later else None


def _later(remote: Remote, n: int) -> bool:
    return remote.marker is not None and remote.marker.n >= n


def _others(v: View, note: str = "") -> Verdict:
    """Nothing with our marker may live on when the resource is gone, nor what was replaced, nor what was uploaded."""
    others = living(v)
    if not others:
        claim = v.own_claim
        replaced = claim.replaces if claim and claim.replaces != v.id else None
        old = retire(v, replaced, _told(v), FORCE) if replaced else None
        return old or spare(v, _told(v)) or Release(note)
    one = min(others, key=lambda r: (r.created_at, r.id))
    if not v.fresh(one):
        return poll(v, one.id, _told(v))
    if one.busy:
        return _interrupt(v, one.id)
    return End(one.id, "Archive", _told(v), stray=True)
