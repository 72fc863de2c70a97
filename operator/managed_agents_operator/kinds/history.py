"""What the events of a session tell: whether the first ones arrived, why it is idle, whether anybody ever spoke to it.

Used by the session kind. Lists are read to their end or to the event that decides; a server that does not take a filter
is asked without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Literal

from managed_agents_operator.api.status import Kickoff
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, NotFound
from managed_agents_operator.claude.models import Event
from managed_agents_operator.engine.drift import subset
from managed_agents_operator.engine.external import Absent, Delivery, Remote, Stop

FIRST = ("user.message", "user.define_outcome")
IDLE = "session.status_idle"
STARTED = "session.status_running"


async def _events(client: Client, id: str, types: Sequence[str], order: Literal["asc", "desc"]) -> AsyncIterator[Event]:
    try:
        async for page in client.iterate_events(id, types=types, order=order):
            for event in page.value.items:
                yield event
    except BadRequest:
        pass
    else:
        return
    async for page in client.iterate_events(id, order=order):
        for event in page.value.items:
            if event.type in types:
                yield event


async def delivery(
    client: Client, look: Awaitable[Remote | Absent], id: str, declared: Sequence[Mapping[str, Any]]
) -> Delivery:
    """Whether the declared events are among those of the session, or it shows any sign of work."""
    seen: list[Event] = [event async for event in _events(client, id, (*FIRST, STARTED), "asc")]
    ids, at = [], None
    rest = [event for event in seen if event.type in FIRST]
    for wish in declared:
        found = next((e for e in rest if subset(wish, e.model_dump(mode="json"))), None)
        if found is None:
            break
        rest.remove(found)
        ids.append(found.id or "")
        at = found.processed_at or at
    one = await look
    worked = any(e.type == STARTED for e in seen) or (isinstance(one, Remote) and (one.worked or one.state != "idle"))
    whole = len(ids) == len(declared)
    # They go out all together or not at all, so that one of them proves the others.
    return Delivery(tuple(i for i in ids if i) if ids else None, worked or (bool(ids) and not whole), at)


async def stop(client: Client, id: str, kickoff: Kickoff | None) -> Stop:
    """The last idle event, and whether it came after our own first events."""
    sent = set(kickoff.event_ids or ()) if kickoff else set()
    last: Event | None = None
    try:
        async for event in _events(client, id, (IDLE, *FIRST), "desc"):
            if event.type == IDLE:
                last = last or event
            elif event.id in sent or not sent:
                return _stop(last, own=last is not None)
    except (NotFound, BadRequest):
        return Stop(None)
    return _stop(last, own=False)


def _stop(event: Event | None, *, own: bool) -> Stop:
    if event is None or event.stop_reason is None:
        return Stop(None, own=own)
    return Stop(event.stop_reason.type, event.processed_at, own, tuple(event.stop_reason.event_ids))


async def spoken_to(client: Client, id: str) -> bool:
    """Whether any client ever sent it an event."""
    types = (*FIRST, "user.interrupt", "user.tool_confirmation", "user.custom_tool_result", "user.tool_result")
    async for _ in _events(client, id, types, "asc"):
        return True
    return False
