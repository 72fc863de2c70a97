"""The first events go out once: with a permit of their own, and never a second time on doubt alone.

Rung `kickoff` of the ladder. The patch that puts the id of our own POST into status permits one send; every other send
is permitted by a patch that writes `status.kickoff`. Without a permit the events of the session tell what happened.
"""

from __future__ import annotations

from typing import Any

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.conditions import said
from managed_agents_operator.engine.external import Sent
from managed_agents_operator.engine.looks import Delivery, LookKickoff
from managed_agents_operator.engine.pauses import doubled
from managed_agents_operator.engine.searching import LONGEST_PAUSE
from managed_agents_operator.engine.verdict import Allow, Ask, Report, Rest, Send, Verdict
from managed_agents_operator.engine.view import View

PENDING = Report("KickoffPending", "the initial events are on their way", "Progressing", "the initial events go out")
LISTINGS = 2
"""How many listings must have missed the events before they may be sent a second time."""


def kickoff(v: View) -> Verdict | None:
    """Nothing to do once they are Sent; Doubtful and Refused wait for a person."""
    if v.id is None or not v.resource.spec.initial_events:
        return None
    sent = v.resource.status.kickoff
    state = sent.state if sent else None
    if state == "Sent":
        return None
    if state == "Doubtful":
        return _doubtful()
    wish = events_digest(v)
    if state == "Refused" and sent and sent.digest == wish:
        return _refused(v)
    permit = v.memory.kick_permit
    if permit is not None and permit[0] == v.kick_key and v.boot < permit[1]:
        return Send(v.id, PENDING)
    tries = (sent.tries if sent else None) or 1
    if v.memory.kick_settled == v.kick_key or state == "Refused":
        return Allow({"tries": tries, "at": v.stamp}, PENDING)
    return _doubt(v, v.id, tries)


def events_digest(v: View) -> str:
    """Digest of spec.initialEvents, as `status.kickoff.digest` holds it."""
    return digest([e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in v.resource.spec.initial_events])


def told_otherwise(v: View) -> bool:
    """Whether other first events were sent than those that spec has now."""
    sent = v.resource.status.kickoff
    return sent is not None and sent.state == "Sent" and sent.digest not in (None, events_digest(v))


def sent_status(v: View, sent: Sent) -> dict[str, Any]:
    """`status.kickoff` once the API took the events."""
    before = v.resource.status.kickoff
    return {
        "digest": events_digest(v),
        "tries": (before.tries if before else None) or 1,
        "at": (before.at if before else None) or sent.at,
        "eventIds": list(sent.event_ids),
        "sentAt": sent.at,
        "state": "Sent",
    }


def refused_status(v: View) -> dict[str, Any]:
    """`status.kickoff` once the API refused their content; with another content they are sent."""
    before = v.resource.status.kickoff
    tries = (before.tries if before else None) or 1
    return {"digest": events_digest(v), "tries": tries, "at": v.stamp, "state": "Refused"}


def _doubt(v: View, id: str, tries: int) -> Verdict:
    look = LookKickoff(id)
    seen = v.saw(look, Delivery)
    if seen is not None and (seen.event_ids is not None or seen.worked):
        facts = sent_status(v, Sent(seen.event_ids or (), seen.sent_at or v.stamp))
        return Rest(PENDING, facts={"kickoff": facts})
    begin = v.memory.kick_seen_at if v.memory.kick_seen_at is not None else v.now
    end = begin + v.terms.doubt
    if seen is None:
        due = v.memory.kick_look_at
        return Ask(look, PENDING) if v.now >= due else Rest(PENDING, until=due)
    if v.memory.kick_listed_at < end or v.memory.kick_listings < LISTINGS:
        pause = doubled(1.0, v.memory.kick_listings - 1, LONGEST_PAUSE)
        return Rest(PENDING, until=min(v.now + pause, max(end, v.now + 1.0)))
    if tries >= LISTINGS:
        before = v.resource.status.kickoff
        known = before.model_dump(mode="json", by_alias=True, exclude_none=True) if before else {}
        return Rest(_doubtful().report, facts={"kickoff": known | {"state": "Doubtful"}})
    return Allow({"tries": 2, "at": v.stamp}, PENDING)


def _doubtful() -> Rest:
    message = (
        "whether the initial events arrived can't be told, and they are not sent again: look at the events of the "
        "session and send them by hand if they are missing, or make another Session"
    )
    return Rest(Report("KickoffUnknown", message, "Stalled", "the initial events are in doubt"))


def _refused(v: View) -> Rest:
    refusal, ready = v.memory.refusals.get("kickoff"), v.told("Ready")
    told = said(READY["KickoffRefused"].meaning)
    if ready is not None and ready.reason == "KickoffRefused":
        told = ready.message
    message = refusal.message if refusal else told
    return Rest(Report("KickoffRefused", message, "Stalled", "the API refused the initial events"))
