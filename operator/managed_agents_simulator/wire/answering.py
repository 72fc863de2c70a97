"""Sending answers, straight or bent: status line, headers, body, streams, and what faults do to them.

Called by the door. A connection is cut by dropping its transport, which the server hands over in the request's state;
see `service`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from managed_agents_simulator.wire.call import Reply
from managed_agents_simulator.wire.errors import TYPES, ApiError
from managed_agents_simulator.wire.faults import Effect, Rule
from managed_agents_simulator.wire.logbook import Entry

if TYPE_CHECKING:
    from managed_agents_simulator.world import World

CONNECTION = "connection"
"""Where in the request's state the transport is found."""

_PIECES = 10
_PAGE = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request on its connection, and its entry in the log."""

    scope: Scope
    receive: Receive
    send: Send
    entry: Entry

    async def answer(self, reply: Reply) -> None:
        """Send the whole answer."""
        if reply.stream is not None:
            await self._stream(reply, reply.stream)
            return
        body = payload(reply)
        await self.start(reply, len(body))
        await self.send({"type": "http.response.body", "body": body})

    async def start(self, reply: Reply, length: int | None) -> None:
        """Send status and headers; `length` is the body's, None for a stream."""
        self.entry.status = reply.status
        headers = {"content-type": reply.content_type, **reply.headers}
        if length is not None:
            headers["content-length"] = str(length)
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": reply.status, "headers": raw})

    async def cut(self) -> None:
        """Drop the connection, whatever was sent before."""
        transport = self.scope["state"][CONNECTION]
        transport.abort()
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _stream(self, reply: Reply, stream: AsyncGenerator[bytes, None]) -> None:
        await self.start(reply, None)
        pump = asyncio.ensure_future(self._pump(stream))
        gone = asyncio.ensure_future(self._gone())
        await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (pump, gone):
            task.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)
        await stream.aclose()

    async def _pump(self, stream: AsyncGenerator[bytes, None]) -> None:
        async for frame in stream:
            await self.send({"type": "http.response.body", "body": frame, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})

    async def _gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


def payload(reply: Reply) -> bytes:
    """The bytes of a reply that is not a stream."""
    return reply.raw if reply.raw is not None else json.dumps(reply.body, separators=(",", ":")).encode()


def dressed(world: World, reply: Reply, request_id: str, workspace: str | None) -> Reply:
    """The reply with the headers that every answer carries."""
    headers = {"request-id": request_id, "anthropic-organization-id": world.organization, **reply.headers}
    if workspace is not None and world.modes.workspace_header:
        headers["anthropic-workspace-id"] = workspace
    return replace(reply, headers=headers)


async def befall(visit: Visit, rule: Rule) -> bool:
    """Carry out what a rule does instead of the true answer. False: it only took time, or only bends the answer."""
    effect = rule.effect
    if effect.kind == "delay":
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(rule.removed.wait(), effect.seconds)
        return False
    if effect.kind == "cut":
        await visit.cut()
        return True
    if effect.kind in ("answer", "rate_limit"):
        await visit.answer(_given(effect, visit.entry.request_id))
        return True
    if effect.kind == "garbage":
        await visit.answer(Reply(raw=_PAGE.encode(), content_type="text/html", status=effect.status))
        return True
    return False


async def distort(visit: Visit, reply: Reply, effect: Effect) -> None:
    """Send the true answer in a bent way, or straight when the effect bends nothing."""
    if effect.kind not in ("truncate", "slow") or reply.stream is not None:
        await visit.answer(reply)
        return
    body = payload(reply)
    await visit.start(reply, len(body))
    if effect.kind == "truncate":
        await visit.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await visit.cut()
        return
    size = max(1, -(-len(body) // _PIECES))
    for start in range(0, len(body), size):
        await visit.send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
        await asyncio.sleep((effect.seconds or 0.0) / _PIECES)
    await visit.send({"type": "http.response.body", "body": b""})


def _given(effect: Effect, request_id: str) -> Reply:
    headers = {"request-id": request_id, **effect.headers}
    status = effect.status
    if effect.kind == "rate_limit":
        status = 429
        headers["anthropic-ratelimit-requests-remaining"] = "0"
        if effect.retry_after is not None:
            headers["retry-after"] = f"{effect.retry_after:g}"
    body: Any = effect.body
    if body is None:
        kind = TYPES.get(status, "api_error")
        body = ApiError(status, kind.replace("_", " ").capitalize(), kind=kind).envelope(request_id)
    if isinstance(body, str):
        return Reply(raw=body.encode(), content_type="text/plain", status=status, headers=headers)
    return Reply(body, status=status, headers=headers)
