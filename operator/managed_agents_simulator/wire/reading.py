"""Request bodies: read whole within the API's limits, and taken apart when they are forms."""

from __future__ import annotations

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from managed_agents_simulator.wire.call import Upload
from managed_agents_simulator.wire.errors import ApiError

MAXIMUM_BODY = 32 * 1024 * 1024
MAXIMUM_FILE = 500 * 1024 * 1024


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises 413 when it is larger than the API takes; the rest is then read and dropped."""
    allowed = MAXIMUM_FILE if scope["path"] == "/v1/files" else MAXIMUM_BODY
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        piece = message.get("body", b"")
        size += len(piece)
        if size <= allowed:
            pieces.append(piece)
        if not message.get("more_body", False):
            break
    if size > allowed:
        raise ApiError(413, f"Request exceeds the maximum size of {allowed} bytes.")
    return b"".join(pieces)


async def read_form(headers: Headers, raw: bytes) -> dict[str, str | Upload]:
    """The parts of a multipart body by name. Raises 400 when it is malformed."""

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": headers.raw}
    parts: dict[str, str | Upload] = {}
    try:
        async with Request(scope, receive).form() as form:
            for name, part in form.multi_items():
                if isinstance(part, UploadFile):
                    parts[name] = Upload(part.filename or "", part.content_type, await part.read())
                else:
                    parts[name] = part
    except (MultiPartException, KeyError) as wrong:
        raise ApiError(400, f"The multipart body is malformed: {wrong}") from None
    return parts
