"""A claim that another resource made: a restored backup takes its session over, a copied manifest begins anew.

Rung `foreign_claim` of the ladder. Such a claim may stand for a living session, so it is resolved before it is
overwritten: by the markers of the sessions that it may have made.
"""

from __future__ import annotations

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.claiming import CREATING, claim_afresh, record, repair
from managed_agents_operator.engine.drift import difference, held, marker_change
from managed_agents_operator.engine.looks import Found, LookOwner, LookSession
from managed_agents_operator.engine.refusals import waits
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.searching import oldest_live, proved_gone, seek
from managed_agents_operator.engine.uploading import contents
from managed_agents_operator.engine.verdict import Ask, Guard, Report, Rest, Update, Verdict
from managed_agents_operator.engine.view import View

TAKING_OVER = Report(None, "", "Progressing", "a restored resource takes its session over")


def foreign_claim(v: View) -> Verdict | None:
    """With an id in status its session is taken over, if it is ours to take; without one it is searched for."""
    claim = v.foreign_claim
    if claim is None:
        return None
    return _search(v, claim) if v.id is None else _take_over(v, claim, v.id)


def _search(v: View, claim: Claim) -> Verdict:
    uids = (claim.uid, v.uid)
    # One that has ended does not settle it: the last call of the resource that claimed may still be on its way.
    found = seek(v, claim, uids, settles=lambda r: not r.terminal or _made_for(r, v.uid), narrow=False)
    if not isinstance(found, Found):
        return found
    own = tuple(r for r in found.matches if _made_for(r, v.uid))
    if own:
        return record(v, own, claim)
    theirs = tuple(r for r in found.matches if not r.terminal)
    if not theirs:
        return _anew(v)
    one = oldest_live(theirs)
    if one.marker and one.marker.owner == v.owner:
        return record(v, theirs, claim)
    there = _owner_lives(v, one)
    if isinstance(there, Ask):
        return there
    if not there:
        return _owned_elsewhere(one.id)
    if v.guarded:
        # The copy may have been put over a resource that had a life of its own.
        found = seek(v, claim, uids, settles=lambda r: _made_for(r, v.uid), narrow=False)
    return _anew(v) if isinstance(found, Found) else found


def _anew(v: View) -> Verdict:
    """A claim of our own; where content is to be uploaded first, one that permits nothing yet."""
    if contents(v):
        return Guard(v.new_claim(v.n, v.digest), token=False, report=CREATING, fresh=True)
    return claim_afresh(v)


def _made_for(one: Remote, uid: str) -> bool:
    return one.marker is not None and one.marker.uid == uid


def _owner_lives(v: View, one: Remote) -> bool | Ask:
    """Whether the session belongs to another resource of this cluster that is still there."""
    cluster, namespace, name = (one.marker.place if one.marker else None) or ("", "", "")
    if cluster != v.process.cluster:
        return False
    look = LookOwner(namespace, name)
    there = v.saw(look, str)
    return Ask(look) if there is None else bool(there)


def _take_over(v: View, claim: Claim, id: str) -> Verdict:
    """The keys of the session first, the claim last: until then the keys of the old uid count as ours."""
    remote = v.remote
    if remote is None:
        if v.resource.status.archived_at:
            return repair(v)
        return Ask(LookSession(id)) if v.sight.absent is None else proved_gone(v, id) or repair(v)
    marker = remote.marker
    if remote.terminal or not remote.marked or (marker and marker.uid == v.uid):
        return repair(v)
    if marker is None or marker.uid != claim.uid or marker.owner != v.owner:
        return _owned_elsewhere(remote.id)
    changes = difference(v, remote, "metadata") if marker_change(v, remote) else None
    if changes is None:
        return repair(v)
    if held(v, "metadata", changes):
        # Nothing else is done to it before it takes its keys.
        return waits(v, "metadata", TAKING_OVER)
    return Update(remote.id, changes, "metadata", TAKING_OVER) if v.fresh(remote) else Ask(LookSession(remote.id))


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
