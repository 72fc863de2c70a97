"""Another session takes the place of the one in status: the old one ends first, and the new one is made like the first.

Rung `replacing` of the ladder, and `begin`, with which `lost` begins it too. The claim of the next incarnation is what
tells every process that it is under way, and names the session that must have ended before another one may be made.
"""

from __future__ import annotations

from managed_agents_operator.engine.claiming import making, record, searched
from managed_agents_operator.engine.kickoff import told_otherwise
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.retiring import retire
from managed_agents_operator.engine.verdict import Guard, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

REPLACING = Report(
    "Replacing",
    "the session is being replaced by a new one: the old one ends first",
    "Progressing",
    "the session is being replaced",
)


ITSELF = Report(
    "ImmutableChanged",
    "spec.sessionId names the very session that is to be replaced: name another one, or remove it for a new session",
    "Stalled",
    "a session can't take its own place",
)


def replacing(v: View) -> Verdict | None:
    """An edit of what can't change where spec.onImmutableChange is Replace, or a replacement that has begun."""
    if v.id is None or v.adopting:
        return None
    if newer := _newer(v):
        return record(v, newer, v.claim)
    if not v.replacing:
        return begin(v) if _asked_for(v) else None
    return _go_on(v, v.id)


def begin(v: View) -> Verdict:
    """Claim the next incarnation, before the session in status is touched.

    Not before the first sweep: it tells of an incarnation that a restored backup knows nothing of.
    """
    if v.sight.link.swept_at is None:
        return Rest(REPLACING)
    own = v.own_claim
    known = [r.marker.n for r in v.sight.strays if r.marker and r.marker.uid == v.uid]
    n = max(v.incarnation, own.n if own else 0, *known, 0) + 1
    return Guard(
        v.new_claim(n, v.digest, replaces=v.id),
        token=False,
        report=REPLACING,
        fresh=own is not None and not own.repaired,
    )


def making_room(v: View, report: Report) -> bool:
    """Whether the session in status is to make room for another one: its turn is not the one to wait for."""
    if v.id is None or v.adopting or v.deleting:
        return False
    if v.resource.spec.archived or v.resource.spec.management_policy != "Full":
        return False
    return v.replacing or _asked_for(v) or report.ready == REPLACING.ready


def _asked_for(v: View) -> bool:
    spec, made_from = v.resource.spec, v.resource.status.created_from
    differs = (made_from is not None and made_from != v.digest) or told_otherwise(v)
    # What spec names by its id has no other one to take its place.
    return differs and spec.session_id != v.id and spec.on_immutable_change == "Replace" and not spec.archived


def _go_on(v: View, id: str) -> Verdict | None:
    claim = v.own_claim
    before = claim.replaces if claim else None
    if v.resource.spec.archived:
        # Nothing new is made; what may have been made is found and archived like any other.
        found = searched(v, REPLACING)
        if not isinstance(found, tuple):
            return found
        if found:
            return record(v, found, claim)
        return retire(v, before, REPLACING) if before not in (None, id) else None
    if v.resource.spec.session_id == id:
        return Rest(ITSELF)
    if not v.permitted:
        # With a permit they were seen to have ended.
        for old in dict.fromkeys(x for x in (before, id) if x):
            if ending := retire(v, old, REPLACING):
                return ending
    return making(v, REPLACING)


def _newer(v: View) -> tuple[Remote, ...]:
    """Sessions of a later incarnation than the one in status, which the claim stands for or which outlived it."""
    claim = v.own_claim
    ours = [r for r in v.sight.strays if r.id != v.id and r.marker and r.marker.uid == v.uid]
    later = [r for r in ours if r.marker and r.marker.n > v.incarnation]
    expected = tuple(r for r in later if v.replacing and claim and r.marker and r.marker.n == claim.n)
    if expected:
        return expected
    # A restored backup may name one that has been replaced since.
    ended = v.sight.absent is not None or (v.remote is not None and v.remote.terminal)
    living = [r for r in later if not r.terminal]
    highest = max((r.marker.n for r in living if r.marker), default=0)
    return tuple(r for r in living if r.marker and r.marker.n == highest) if ended else ()
