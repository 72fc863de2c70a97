"""How the broken way answers: whole, in part, slowly, as it once was, or not at all.

Used by the proxy alone.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiohttp import web

OURS = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding", "keep-alive"})
"""What each of the two connections has of its own."""
PIECES = 5
EXPIRED = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)
"""How a watch ends that was interrupted for too long."""
PAGE = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>\x1b[31m<h1>502</h1></body></html>"


def carried(headers: Any) -> Any:
    """What of an answer's headers is handed on."""
    kept = [(name, value) for name, value in headers.items() if name.lower() not in OURS]
    return aiohttp.typedefs.CIMultiDict(kept)


def abort(request: web.Request) -> web.StreamResponse:
    """End the connection."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def truncated(request: web.Request, status: int, headers: Any, answer: bytes) -> web.StreamResponse:
    """Half of it, and the end of the connection."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(answer) + 1
    await response.prepare(request)
    await response.write(answer[: len(answer) // 2])
    return abort(request)


async def slowly(request: web.Request, status: int, headers: Any, answer: bytes, seconds: float) -> web.StreamResponse:
    """All of it, in pieces."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(answer)
    await response.prepare(request)
    size = max(len(answer) // PIECES, 1)
    for at in range(0, len(answer), size):
        await response.write(answer[at : at + size])
        await asyncio.sleep(seconds / PIECES)
    return response
