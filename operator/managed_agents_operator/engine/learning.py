"""How a process' memory of a resource changes with what it sees: of the object, of the outside, of its own writes.

Pure; called by the reconciler around each decision. What an outside call leaves behind is in `outcomes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from managed_agents_operator.api.session import CLAIM_ANNOTATION, RECONCILE_ANNOTATION, Session
from managed_agents_operator.api.status import SessionStatus
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Sight
from managed_agents_operator.engine.looks import (
    ORDERED,
    Absent,
    Delivery,
    Look,
    LookContents,
    LookFile,
    LookKickoff,
    LookSearch,
    LookSession,
    LookStop,
    LookUploads,
    Stop,
)
from managed_agents_operator.engine.memory import Backoff, Memory, Permit, kick_key
from managed_agents_operator.engine.pauses import doubled
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.unheard import found, told_of
from managed_agents_operator.engine.verdict import Guard
from managed_agents_operator.engine.watching import looks

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
LONGEST_POLL = 30.0


_NAMES = tuple(field.name for field in fields(Memory))
_VALUES = attrgetter(*_NAMES)
_PLACES = {name: place for place, name in enumerate(_NAMES)}


def changed(memory: Memory, **news: Any) -> Memory:
    """With these fields; the same one where they are so already, since most passes learn nothing.

    Every pass asks for it a few times: `dataclasses.replace` was a tenth of what a pass takes.
    """
    if all(getattr(memory, name) == value for name, value in news.items()):
        return memory
    values = list(_VALUES(memory))
    for name, value in news.items():
        values[_PLACES[name]] = value
    return Memory(*values)


def meet(memory: Memory, resource: Session, sight: Sight, now: float) -> Memory:
    """The memory as a pass begins: what is seen for the first time is stamped, what an edit made void is dropped."""
    meta, status = resource.metadata, resource.status
    if memory.generation == 0:
        memory = found(memory, status, now)
    memory = _met_claim(memory, meta.annotations.get(CLAIM_ANNOTATION), now)
    wish = meta.annotations.get(RECONCILE_ANNOTATION)
    if wish is None or wish == status.last_handled_reconcile_at:
        memory = changed(memory, asked=None)
    elif memory.asked is None or memory.asked[0] != wish:
        memory = changed(memory, asked=(wish, now), retry=True, backoff=None)
        memory = changed(memory, refusals={}, repeats={}, missing={}, no_files={})
    if memory.generation not in (0, meta.generation):
        memory = changed(memory, backoff=None, repeats={}, missing={})
    sent = status.kickoff
    key = kick_key(status.id, sent.tries if sent else None, sent.at if sent else None)
    if key != memory.kick_key:
        memory = changed(memory, kick_key=key, kick_seen_at=now, kick_listings=0, kick_look_at=0.0)
    if (last := memory.backoff) is not None and last.looking and _listed_at(sight) > last.since:
        memory = changed(memory, backoff=None)
    return changed(_met_session(memory, status, sight, now), generation=meta.generation)


def _listed_at(sight: Sight) -> float:
    """When the newest began of the listings that were ordered, and came."""
    return max(sight.uploads_at, sight.search.began_at if sight.search is not None else sight.uploads_at)


def _met_claim(memory: Memory, text: str | None, now: float) -> Memory:
    if memory.generation != 0 and text == memory.claim_text:
        return memory
    memory = changed(memory, claim_text=text, claim_seen_at=now, searches=0)
    return changed(memory, permit=None) if memory.permit and text != memory.permit.claim.text else memory


def _met_session(memory: Memory, status: SessionStatus, sight: Sight, now: float) -> Memory:
    if sight.absent is None:
        memory = changed(memory, gone_since=None)
    elif status.id is not None and (memory.gone_since is None or memory.gone_since[0] != status.id):
        memory = changed(memory, gone_since=(status.id, now))
    if memory.interrupted and any(
        r.id == memory.interrupted[0] and not r.busy for r in (sight.remote, *sight.strays) if r is not None
    ):
        memory = changed(memory, interrupted=None)
    if status.id is None:
        return memory
    memory = changed(memory, last_id=status.id)
    if memory.unanswered is not None and memory.unanswered.n <= (status.incarnation or 1):
        memory = changed(memory, unanswered=None)
    made = memory.created
    if made is not None and (status.incarnation or 0) >= made.n and (status.id == made.remote.id or not made.by_post):
        memory = changed(memory, created=None)
    return memory


def looked(memory: Memory, look: Look, seen: Any, *, began: float, now: float, jitter: float, poll: bool) -> Memory:
    """After a look, which began at `began`: how often and when is kept, so that looking backs off.

    `poll` tells that it was one of many.
    """
    if isinstance(seen, Failure):
        return failed(memory, seen, now, jitter, looking=True)
    # What is only ordered was not answered yet: that it is answered, the sight tells.
    if memory.backoff is not None and memory.backoff.looking and not isinstance(look, ORDERED):
        memory = replace(memory, backoff=None)
    if isinstance(look, LookSearch):
        return replace(memory, searches=memory.searches + 1)
    if isinstance(look, LookSession) and isinstance(seen, Absent) and look.id == memory.last_id:
        memory = replace(memory, last_id=None)
    if isinstance(look, LookUploads) and memory.upload_doubt is not None:
        return replace(memory, upload_doubt=(memory.upload_doubt[0], memory.upload_doubt[1] + 1))
    if isinstance(look, LookFile):
        others = {id: at for id, at in memory.no_files.items() if id != look.id}
        return replace(memory, no_files=others if seen else {**others, look.id: now})
    if isinstance(look, LookContents):
        gone = {name: said for name, said in seen.items() if isinstance(said, str)}
        return replace(memory, missing={k: x for k, x in memory.missing.items() if k not in seen} | gone)
    if isinstance(look, LookSession) and poll:
        pause = doubled(0.5, memory.polls, LONGEST_POLL)
        return replace(memory, polls=memory.polls + 1, poll_at=now + pause)
    if isinstance(look, LookKickoff) and isinstance(seen, Delivery):
        pause = doubled(1.0, memory.kick_listings, LONGEST_POLL)
        listings = memory.kick_listings + 1
        return replace(memory, kick_listings=listings, kick_look_at=now + pause, kick_listed_at=began)
    return memory


def stop_read(memory: Memory, look: LookStop, seen: Stop, remote: Remote, now: float) -> Memory:
    """The stop reason was read for the session as it looks now."""
    again = memory.stop_read == looks(remote)
    reads = memory.stop_reads + 1 if again else 0
    due = now + doubled(2.0, reads, LONGEST_PAUSE)
    last = remote.id if remote.terminal else memory.last_stop
    return replace(memory, stop=seen, stop_read=looks(remote), stop_reads=reads, stop_due=due, last_stop=last)


def guarded(memory: Memory, guard: Guard, answer: Session, boot: float, life: float) -> Memory:
    """GUARD was answered. With a token its answer is the permit; its claim has surely made nothing yet."""
    if not guard.token:
        return replace(memory, permit=None, settled=guard.claim.text if guard.fresh else memory.settled)
    permit = Permit(guard.claim, answer, boot + life, guard.files)
    return replace(memory, permit=permit, settled=guard.claim.text, unanswered=None, retry=False)


def failed(memory: Memory, failure: Failure, now: float, jitter: float, *, looking: bool = False) -> Memory:
    """Back-off; where the other side named a time, that time. `jitter` is between 0 and 1."""
    if failure.consequence is Consequence.BLOCKED:
        return replace(memory, backoff=None)
    tries = memory.backoff.tries + 1 if memory.backoff else 1
    pause = doubled(FIRST_PAUSE, tries - 1, LONGEST_PAUSE) * (0.8 + 0.4 * jitter)
    until = max(failure.retry_at or 0.0, now + pause)
    return replace(memory, backoff=Backoff(tries, now, until, failure, looking))


def recorded(memory: Memory, status: Mapping[str, Any], boot: float, life: float) -> Memory:
    """What was known was written. An id of our own POST, and a permitted try, permit one send.

    `status` is as the API server has it now, `boot` the boot clock from before the patch.
    """
    made, allowed = memory.created, memory.facts.get("kickoff") if memory.allows else None
    sent = status.get("kickoff") or {}
    stands = made is not None and status.get("id") == made.remote.id
    permits = bool(stands and made and made.by_post) or (allowed is not None and sent.get("at") == allowed["at"])
    memory = replace(memory, created=None if stands else made, facts={}, allows=False)
    memory = told_of(memory, status)
    if not permits:
        return memory
    key = kick_key(status.get("id"), sent.get("tries"), sent.get("at"))
    return replace(memory, kick_permit=(key, boot + life), kick_settled=key)
