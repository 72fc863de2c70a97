"""Doubt about a creation is resolved by searching, never by sending again: how long, how often, and when nothing found
means that there is nothing.

Used by the rungs of claiming.py and deletion.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.looks import Absent, Found, LookAgent, LookSearch, LookSession
from managed_agents_operator.engine.pauses import doubled
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import instant, rfc3339
from managed_agents_operator.engine.verdict import Ask, Report, Rest, Verdict
from managed_agents_operator.engine.view import View

SKEW = timedelta(minutes=5)
"""How far the API's clock may be behind the one that wrote the claim."""
LONGEST_PAUSE = 64.0
"""Between two searches for one claim. They are few, 1, 4, 16 s apart, since sweeps show what comes to light as well."""

SEARCHING = Report(
    "Searching",
    "whether a session was made is not known: it is searched for before anything is sent again",
    "Progressing",
    "a search for the session is under way",
)
UNTIL_THEN = "until then nothing is created, released or called lost"
KEPT = frozenset({"Archived", "CreationUnknown", "DuplicateSession", "OwnedElsewhere", "WrongWorkspace"})
"""What stays in Ready while it is searched once more, as after a restart."""
KEPT_OF_ADOPTING = frozenset({"ImmutableChanged", "InvalidSpec", "MetadataFull"})
"""The same where nothing is to be made: each further look at the session to adopt is preceded by a search."""


def seek(
    v: View,
    claim: Claim | None,
    uids: tuple[str, ...],
    report: Report = SEARCHING,
    *,
    settles: Callable[[Remote], bool] = lambda _: True,
    narrow: bool = True,
    way_out: str = UNTIL_THEN,
) -> Found | Verdict:
    """What a search for these uids says: a match that settles it at any time, all else after the whole time of doubt.

    Until then the verdict that goes on with it. `narrow` lists the sessions of the claim's agent alone.
    """
    found = v.sight.search
    if found is not None and found.began_at < max(v.memory.claim_seen_at, v.memory.asked[1] if v.memory.asked else 0.0):
        found = None
    if found is not None and any(r.marker is not None and r.marker.uid in uids and settles(r) for r in found.matches):
        return found
    end = v.memory.claim_seen_at + v.terms.doubt
    if found is not None and found.began_at >= end and _of_this_key(v, found):
        return _nothing(v, claim, found, way_out)
    due = v.now if found is None or v.now >= end else _next(found.began_at, v.memory.searches, end)
    ready = v.told("Ready")
    kept = KEPT | KEPT_OF_ADOPTING if v.resource.spec.session_id else KEPT
    shown = None if ready is not None and ready.reason in kept else report
    if v.now < due:
        return Rest(shown, until=due)
    agent = claim.agent if claim and narrow else None
    return Ask(LookSearch(uids, agent, _since(v, claim), v.now), shown)


def _next(began_at: float, searches: int, end: float) -> float:
    """When to search again: later each time, and not shortly before the one at the end, the only one that proves."""
    pause = doubled(1.0, 2 * (searches - 1), LONGEST_PAUSE)
    return began_at + pause if began_at + 1.5 * pause < end else end


def unswept(v: View, report: Report) -> Rest:
    """Waits for the first listing. Nothing is said while it is on its way, as it mostly takes less than a second."""
    link = v.sight.link
    if link.blocked is not None:
        return Rest(report)
    if link.unreachable_since is not None:
        return Rest(
            Report(
                "Pending",
                "the session can't be made while the API can't be reached",
                "Unreachable",
                "the API can't be reached",
            )
        )
    if link.unlisted is not None:
        why = f"the API refuses to list sessions, so that there may be one already: {link.unlisted}"
        return Rest(Report("Pending", why, "CallRefused", "the API refuses to list sessions"))
    return Rest(None)


def oldest_live(remotes: tuple[Remote, ...]) -> Remote:
    """The one to record first: the oldest that lives, else the oldest."""
    return min(remotes, key=lambda r: (r.terminal, r.created_at, r.id))


def elsewhere(v: View, answered: str | None, agent: str | None, way_out: str = UNTIL_THEN) -> Verdict | None:
    """What keeps an answer that something is not there from counting; None if it counts.

    `answered` is the workspace that the answer named; where none was named, the agent must be seen by this key.
    """
    known = v.workspace
    if known and answered:
        return None if known == answered else wrong_workspace(v, way_out)
    agent = agent or (v.resource.spec.agent.id if v.resource.spec.agent else None)
    if agent is None:
        # Nothing is known that could be looked at with this key: what it says has to do.
        return None
    look = LookAgent(agent)
    seen = v.saw(look, bool)
    if seen is None:
        return Ask(look)
    return None if seen else _agent_unseen(v, agent, way_out)


def proved_gone(v: View, id: str, way_out: str = UNTIL_THEN) -> Verdict | None:
    """What must be done before a 404 of the session in status counts; None if it does.

    An old one proves nothing, since it may be the answer to another key; one that names no workspace is always old.
    """
    absent = v.sight.absent
    young = absent is not None and absent.workspace is not None and v.now - absent.seen_at <= v.terms.fresh
    if absent is None or not (young or v.saw(LookSession(id), Absent) is not None):
        return Ask(LookSession(id))
    agent = v.resource.status.agent
    return elsewhere(v, absent.workspace, agent.id if agent else None, way_out)


def wrong_workspace(v: View, way_out: str = UNTIL_THEN) -> Rest:
    """Nothing is concluded from the answers to a key of another workspace."""
    said = "the key belongs to another workspace than the session: give the operator a key of the session's workspace; "
    return _elsewhere(v, said + way_out)


def _agent_unseen(v: View, agent: str, way_out: str) -> Rest:
    mend = (
        "" if v.id else ", or mend spec.agent and remove the annotation managedagents.dev/claim if it never was there"
    )
    said = (
        f"the key does not see {agent}, which the session belongs to: give the operator a key of its workspace{mend}; "
    )
    return _elsewhere(v, said + way_out)


def _elsewhere(v: View, said: str) -> Rest:
    """It may become right without a bell, as when an agent comes to light, so it is looked at again after minutes."""
    report = Report("WrongWorkspace", said, "Stalled", "the key belongs to another workspace")
    return Rest(report, until=v.now + v.terms.refused_retry)


def _of_this_key(v: View, found: Found) -> bool:
    """Whether a listing was made with the key that is used now; where no workspace is named, only a young one is."""
    if found.workspace is None:
        return v.now - found.began_at <= v.terms.grace
    return v.sight.link.workspace in (None, found.workspace)


def _nothing(v: View, claim: Claim | None, found: Found, way_out: str) -> Found | Verdict:
    if doubt := elsewhere(v, found.workspace, claim.agent if claim else None, way_out):
        return doubt
    if found.any_since and not (found.keeps_metadata or v.sight.link.keeps_metadata):
        return Rest(
            Report(
                "CreationUnknown",
                "the API gave no clear answer to the creation, and it keeps no metadata by which the session could be "
                "found: look for it by hand, archive it if it is there, then delete this resource and make another "
                "Session",
                "Stalled",
                "whether a session exists can't be told",
            )
        )
    return found


def _since(v: View, claim: Claim | None) -> str:
    """From when on it may have been made. The claim's time is by the clock of who wrote it, which may have been wrong.

    So the first session of a resource is searched for since the resource is there, and one that replaces another since
    that other one is there, by the API's clock, as long as status knows it.
    """
    made = [claim.made] if claim and claim.made else []
    other = instant(v.resource.status.created_at)
    if claim is None or claim.n == 1:
        made.append(v.resource.metadata.creation_timestamp)
    elif other is not None:
        made.append(other)
    return rfc3339(min(made, default=v.resource.metadata.creation_timestamp) - SKEW, "seconds")
