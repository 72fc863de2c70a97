"""What the events of a session tell: whether the first ones arrived, why it is idle, whether anybody ever spoke to it.

Used by the session kind. Lists are read to their end or to the event that decides; a server that does not take a filter
is asked without it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from managed_agents_operator.api.status import Kickoff
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, CursorRefused, NotFound
from managed_agents_operator.claude.models import Event
from managed_agents_operator.engine.drift import subset
from managed_agents_operator.engine.looks import Absent, Delivery, Stop
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds.moments import moment

FIRST = ("user.message", "user.define_outcome")
IDLE = "session.status_idle"
STARTED = "session.status_running"
FROM_CLIENTS = ("user.", "system.message")
TOOLS = ("agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use")
QUESTIONS = 100
"""Uses of tools that are read for those that wait for an answer: they are the youngest."""
_NAME = re.compile(r"[\w.:-]{1,128}", re.ASCII)

Order = Literal["asc", "desc"]


async def _events(client: Client, id: str, types: Sequence[str], order: Order) -> AsyncIterator[Event]:
    filtered = client.iterate_events(id, types=types, order=order)
    try:
        first = await anext(filtered, None)
    except BadRequest:
        filtered = client.iterate_events(id, order=order)
        first = await anext(filtered, None)
    for event in first.value.items if first is not None else ():
        if event.type in types:
            yield event
    async for page in filtered:
        for event in page.value.items:
            if event.type in types:
                yield event


async def delivery(
    client: Client, look: Callable[[], Awaitable[Remote | Absent]], id: str, declared: Sequence[Mapping[str, Any]]
) -> Delivery:
    """Whether the declared events are among those of the session, or it shows any sign of work."""
    seen = [event async for event in _events(client, id, (*FIRST, STARTED), "asc")]
    rest = [(event, event.model_dump(mode="json")) for event in seen if event.type in FIRST]
    found = []
    for wish in declared:
        place = next((n for n, (_, told) in enumerate(rest) if subset(wish, told)), None)
        if place is not None:
            found.append(rest.pop(place)[0])
    one = await look()
    worked = any(e.type == STARTED for e in seen) or (isinstance(one, Remote) and (one.worked or one.state != "idle"))
    # They go out all together or not at all, so that one of them proves the others.
    ids = tuple(event.id for event in found if event.id) if found else None
    at = next((stamp for event in reversed(found) if (stamp := moment(event.processed_at))), None)
    return Delivery(ids, worked or 0 < len(found) < len(declared), at)


async def stop(client: Client, id: str, kickoff: Kickoff | None, *, over: bool = False) -> Stop:
    """The last idle event, and whether it came after our own first events; `over` tells that one that did was seen.

    What it waits for is told by the names of the tools, never by what they were given.
    """
    seen = await _last_stop(client, id, kickoff, over=over)
    if seen.reason != "requires_action" or not seen.asked:
        return seen
    names = await _tools(client, id, set(seen.asked))
    return replace(seen, asked=tuple(f"{names[event]} ({event})" if event in names else event for event in seen.asked))


async def _tools(client: Client, id: str, wanted: set[str]) -> dict[str, str]:
    """The tools by the ids of the events that use them, as far as those are found."""
    found: dict[str, str] = {}
    read = 0
    try:
        async for event in _events(client, id, TOOLS, "desc"):
            read += 1
            if event.id in wanted and (name := _tool(event)):
                found[event.id] = name
            if len(found) == len(wanted) or read == QUESTIONS:
                break
    except CursorRefused:
        raise
    except (NotFound, BadRequest):
        return {}
    return found


def _tool(event: Event) -> str | None:
    """Its name, with that of its server; None where it is no name that belongs into a message."""
    words = [event.name or "", *([event.mcp_server_name] if event.mcp_server_name else [])]
    return "/".join(reversed(words)) if all(map(_NAME.fullmatch, words)) else None


async def _last_stop(client: Client, id: str, kickoff: Kickoff | None, *, over: bool) -> Stop:
    sent = set(kickoff.event_ids or ()) if kickoff else set()
    last: Event | None = None
    try:
        async for event in _events(client, id, (IDLE, *FIRST), "desc"):
            if event.type == IDLE:
                last = last or event
                if over:
                    return _stop(last, own=True)
            elif event.id in sent or not sent:
                return _stop(last, own=last is not None and not _queued(event, last))
    except CursorRefused:
        raise
    except (NotFound, BadRequest):
        return Stop(None)
    return _stop(last, own=False)


def _queued(event: Event, idle: Event) -> bool:
    """Wherever a server lists what it has not begun with: no idle event came of it yet."""
    return event.processed_at is None and idle.processed_at is not None


def _stop(event: Event | None, *, own: bool) -> Stop:
    if event is None or event.stop_reason is None:
        return Stop(None, own=own)
    return Stop(event.stop_reason.type, moment(event.processed_at), own, tuple(event.stop_reason.event_ids))


async def spoken_to(client: Client, id: str) -> bool:
    """Whether any client ever sent it an event, of whatever type: a filter would leave out the types we don't know."""
    async for page in client.iterate_events(id):
        if any(event.type.startswith(FROM_CLIENTS) for event in page.value.items):
            return True
    return False
