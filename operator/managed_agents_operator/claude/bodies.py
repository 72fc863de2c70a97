"""The body of an answer, read as it comes, and no more of it than this process can bear.

Used by `Exchange` alone. Whoever may make a Connection names the server, and a server may answer anything: without a
bound one of them could end the process that works for all. What the bytes mean is for `answers`.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import httpx

ACCEPTED = "gzip"
"""What servers are asked to compress with: the one that every server has, and that can be read within a bound."""

LARGEST = 32 * 2**20
"""Bytes of an answer, decompressed. The API takes requests of at most 32 MB, so that nothing that was sent to it in one
piece is larger; a list that is gets smaller pages. Parsed, it has to fit into the 512 MiB of the Deployment."""

LARGEST_ERROR = 64 * 2**10
"""The same for an answer that is no success: some words for people, or a page for their browser."""

_GZIP = 16 + zlib.MAX_WBITS


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


async def read_body(answer: httpx.Response) -> bytearray | None:
    """The whole body, decompressed; None for one that is larger than its bound, of which the rest may still come.

    Raises what the connection raises, and `httpx.DecodingError` for what is not compressed as it says, or was cut off.
    """
    most = LARGEST if answer.is_success else LARGEST_ERROR
    inflate = _decompressor(answer.headers.get("content-encoding", ""))
    body, came = bytearray(), 0
    async for piece in answer.aiter_raw():
        came += len(piece)
        # What follows a compressed body is none of it, and nothing may come of what came: both have their bound too.
        if not inflate.eof:
            try:
                # One byte more than may be is enough to know.
                body += inflate.decompress(piece, most + 1 - len(body))
            except zlib.error:
                raise httpx.DecodingError("not what it says to be compressed with") from None
        if max(came, len(body)) > most:
            return None
    if came and not (inflate.eof or isinstance(inflate, _Plain)):
        raise httpx.DecodingError("cut off")
    return body


class _Plain:
    """What is not compressed, in the words of what decompresses."""

    eof = False

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return data[:max_length]


def _decompressor(encoding: str) -> _Decompressor:
    """An encoding that was not asked for is left as it is: whoever parses it will say that it is no JSON."""
    return zlib.decompressobj(_GZIP) if encoding.strip().lower() in ("gzip", "x-gzip") else _Plain()
