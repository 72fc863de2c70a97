"""The events of a session as they came, word for word: all of them page by page, and those that happen from now on.

Used by whoever shows them to people; the operator itself reads its events through `Client`, typed. What was shown
already, and what to do when a stream is cut, is for the reader. The stream replays nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Literal

from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic_core import from_json

from managed_agents_operator.claude.answers import Answer, Received
from managed_agents_operator.claude.bodies import read_body
from managed_agents_operator.claude.bounds import cursor
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError, Unreadable
from managed_agents_operator.claude.models import Page
from managed_agents_operator.claude.pages import sized, walk
from managed_agents_operator.claude.transport import timeouts, what_failed

SILENCE_SECONDS = 60.0
"""Without a byte before a stream counts as cut: servers send a ping every few seconds."""

RawEvent = dict[str, Any]


class Feed:
    """The events of one connection's sessions, for calls within the context of its client."""

    def __init__(self, client: Client) -> None:
        self._exchange = client.exchange

    def pages(self, id: str, order: Literal["asc", "desc"] = "asc") -> AsyncIterator[Answer[Page[RawEvent]]]:
        """All pages of `GET /v1/sessions/{id}/events`, with the care and errors of `Client.iterate_events`."""

        async def fetch(limit: int | None, page: str | None) -> Answer[Page[RawEvent]]:
            query = [("order", order), *sized(limit), *([("page", page)] if page is not None else [])]
            return await self._exchange.call("GET", ["sessions", id, "events"], query=query, read=_page)

        return walk(fetch, lambda event: event["id"] if isinstance(event.get("id"), str) else None, None)

    async def stream(self, id: str) -> AsyncIterator[RawEvent | None]:
        """`GET /v1/sessions/{id}/events/stream`: None once it is open and at each ping, then what happens.

        Ends when the server ends it, and raises a `ClaudeError` when it is refused or cut.
        """
        path = ["sessions", id, "events", "stream"]
        call = self._exchange.opening(path, [], accept="text/event-stream", accept_encoding="identity")
        trouble: ClaudeError
        try:
            async with call.http.stream(
                "GET", call.url, headers=call.headers, timeout=timeouts(SILENCE_SECONDS)
            ) as answer:
                if not answer.is_success:
                    told = await read_body(answer)
                    Received(answer.status_code, answer.headers, told, call.secrets).answer(bool, _now)
                yield None
                async for frame in EventSource(answer).aiter_sse():
                    yield _event(frame)
        except ClaudeError:
            raise
        except SSEError:
            trouble = Unreadable("the answer is no stream of events")
        except Exception as failure:  # noqa: BLE001 - whatever came, the stream is over
            trouble = what_failed(failure, call.server)
        else:
            return
        # Raised out here, so that no exception that holds the request and its key hangs on to it.
        raise trouble


def _now() -> datetime:
    return datetime.now(UTC)


def _page(raw: Any) -> Page[RawEvent]:
    items = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("the answer is no list of events")
    return Page(items, cursor(raw.get("next_page")))


def _event(frame: ServerSentEvent) -> RawEvent | None:
    if frame.event == "error":
        raise Unreadable("the API ended the stream with an error")
    try:
        event = from_json(frame.data) if frame.data else None
    except ValueError:
        return None
    return event if isinstance(event, dict) and "ping" not in (frame.event, event.get("type")) else None
