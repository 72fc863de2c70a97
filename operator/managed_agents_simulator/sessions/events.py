"""GET /v1/sessions/{id}/events and the stream of what happens from now on; the threads' events are the same.

The list is paged by an event's rank. The stream replays nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from itertools import islice

from managed_agents_simulator.sessions.history import Event, Watcher
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import invalid

PREVIEWS = ("agent.message", "agent.thinking")
_PING_SECONDS = 15.0
_PAGE = 1000
_CURSOR = "page_e"


def index(call: Call) -> Reply:
    """One page of a session's events, oldest first unless asked otherwise."""
    session = call.world.session(call.workspace, call.path["session_id"])
    descending = call.query.word("order", ("asc", "desc"), "asc") == "desc"
    limit = call.query.number("limit", 1, _PAGE) or _PAGE
    within = call.query.range("created_at")
    types = call.query.all("types")

    def keep(event: Event) -> bool:
        if types and event.type not in types:
            return False
        return not within.bounded or (event.processed is not None and within.holds(event.processed))

    walk = session.history.walk(descending=descending, after=_position(call.query.one("page"), descending))
    found = list(islice(filter(keep, walk), limit + 1))
    following = f"{_CURSOR}{'d' if descending else 'a'}{found[limit - 1].rank}" if len(found) > limit else None
    return Reply({"data": [event.wire() for event in found[:limit]], "next_page": following})


def stream(call: Call) -> Reply:
    """Everything that happens to the session from now on, as server-sent events."""
    session = call.world.session(call.workspace, call.path["session_id"])
    wanted = call.query.words("event_deltas", PREVIEWS)
    if len(wanted) > 100:
        raise invalid("event_deltas: at most 100 values")
    watcher = Watcher(frozenset(wanted))
    session.history.watchers.add(watcher)
    return Reply(stream=_frames(session, watcher), content_type="text/event-stream")


async def _frames(session: Session, watcher: Watcher) -> AsyncGenerator[bytes, None]:
    """Frames until the session is deleted or the reader goes away."""
    try:
        while True:
            try:
                event = await asyncio.wait_for(watcher.queue.get(), _PING_SECONDS)
            except TimeoutError:
                yield b'event: ping\ndata: {"type": "ping"}\n\n'
                continue
            if event is None:
                return
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    finally:
        session.history.watchers.discard(watcher)


def _position(page: str | None, descending: bool) -> int | None:
    if page is None:
        return None
    direction, rank = page.removeprefix(_CURSOR)[:1], page.removeprefix(_CURSOR)[1:]
    if not page.startswith(_CURSOR) or not rank.isdigit() or direction not in ("a", "d"):
        raise invalid(f"page: Invalid cursor {page!r}")
    if (direction == "d") != descending:
        raise invalid("page: The cursor was made with another order; start again without it")
    return int(rank)
