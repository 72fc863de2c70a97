"""How much of an answer is read: never more than can be held, whatever the server says of its length."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from managed_agents_operator.claude import answers, bodies
from managed_agents_operator.claude.errors import (
    BadRequest,
    ClaudeError,
    Lost,
    Overloaded,
    RateLimited,
    ServerFault,
    TooLarge,
    Unauthorized,
    Unreadable,
)
from managed_agents_operator.claude.pages import PAGE_SIZE

SESSION = {"id": "sesn_1", "type": "session"}
BOUND = 100_000
ERRORS = 1_000


@pytest.fixture(autouse=True)
def bounds(monkeypatch):
    """Small ones, so that what goes beyond them is soon made."""
    monkeypatch.setattr(bodies, "LARGEST", BOUND)
    monkeypatch.setattr(bodies, "LARGEST_ERROR", ERRORS)


def whole(size: int) -> bytes:
    """A session of exactly so many bytes."""
    empty = json.dumps(SESSION | {"title": ""}).encode()
    return empty.replace(b'""', b'"' + b"t" * (size - len(empty)) + b'"')


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size)


def endless(head: bytes, piece: bytes) -> Any:
    """Writes for as long as somebody reads."""

    async def script(request, writer) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return script


CHUNKED = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("size", "fits"), [(BOUND - 1, True), (BOUND, True), (BOUND + 1, False), (5 * BOUND, False)])
async def test_an_answer_is_read_up_to_its_bound(server, client, packed: bool, size: int, fits: bool) -> None:
    body = whole(size)
    headers = {"content_encoding": "gzip"} if packed else {}
    server.says(200, gzip.compress(body) if packed else body, anthropic_workspace_id="wrkspc_9", **headers)
    if fits:
        assert (await client.create_session({})).value.id == "sesn_1"
        return
    with pytest.raises(TooLarge, match="larger than anything that can be read") as failure:
        await client.create_session({})
    assert isinstance(failure.value, Unreadable), "nobody knows whether it was carried out"
    assert (failure.value.status, failure.value.workspace) == (200, "wrkspc_9")


NEVER_ENDING = [
    ("of a length that it told", b"HTTP/1.1 200 x\r\ncontent-length: 99999999999\r\n\r\n", b" " * 4096),
    ("piece by piece", CHUNKED, CHUNK),
    ("until it hangs up", b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n", b" " * 4096),
    (
        "compressed, and nothing comes of it",
        b"HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\n\r\n" + GZIP_HEAD,
        EMPTY_BLOCK * 800,
    ),
    (
        "after a whole body that is compressed",
        b"HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
        b" " * 4096,
    ),
]


@pytest.mark.parametrize(("how", "head", "piece"), NEVER_ENDING, ids=[how for how, *_ in NEVER_ENDING])
async def test_an_answer_without_end_is_given_up(server, client, how: str, head: bytes, piece: bytes) -> None:
    server.script = endless(head, piece)
    for call in (client.get_session("s"), client.delete_session("s"), client.create_session({})):
        with pytest.raises(TooLarge):
            await call
    # Each on a connection of its own: what is left of such an answer is read by nobody.
    assert [request.connection for request in server.requests] == [1, 2, 3]
    server.says(200, SESSION)
    assert (await client.get_session("s")).value.id == "sesn_1"


@pytest.mark.parametrize("size", [10 * BOUND, 1000 * BOUND], ids=["small", "large"])
async def test_a_bomb_is_never_unpacked_whole(server, client, size: int) -> None:
    server.says(200, bomb(size), content_encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await client.get_session("s")
        assert tracemalloc.get_traced_memory()[1] < 8 * BOUND + 1_000_000
    finally:
        tracemalloc.stop()


async def test_the_bound_holds_what_can_be_sent_in_one_piece(server, client, monkeypatch) -> None:
    """The API takes requests of 32 MB: a session that tells of all that was in one is no attack."""
    monkeypatch.undo()
    server.says(200, gzip.compress(whole(32 * 10**6), 1), content_encoding="gzip")
    assert len((await client.get_session("s")).value.title or "") > 31 * 10**6
    server.says(200, bomb(40 * 2**20), content_encoding="gzip")
    with pytest.raises(TooLarge):
        await client.get_session("s")


@pytest.mark.parametrize("item", ["[]", "{}", "0", '{"a":0}'])
async def test_values_are_counted_too(server, client, monkeypatch, item: str) -> None:
    """Few bytes may be very many objects: a server of a tenant's own must not use up the memory of all."""
    monkeypatch.setattr(answers, "MOST_VALUES", 1000)
    for count, fits in ((300, True), (1100, False)):
        server.says(200, f'{{"id": "sesn_1", "odd": [{",".join([item] * count)}]}}'.encode())
        if fits:
            assert (await client.get_session("s")).value.id == "sesn_1"
        else:
            with pytest.raises(TooLarge):
                await client.get_session("s")
    prose = {**SESSION, "title": "no sign that values come with, but many letters; " * 100}
    server.says(200, prose)
    assert (await client.get_session("s")).value.title == prose["title"]


ERRORS_BEYOND: list[Any] = [
    (400, BadRequest, "HTTP 400 Bad Request", "a refusal is one however much is said of it"),
    (401, Unauthorized, "HTTP 401 Unauthorized", "the key is wrong"),
    (429, RateLimited, "HTTP 429 Too Many Requests", "the time to wait is in a header"),
    (500, ServerFault, "HTTP 500 Internal Server Error", "nobody knows"),
    (529, Overloaded, "HTTP 529 Overloaded", "the API's own status"),
]


@pytest.mark.parametrize(("status", "kind", "message", "why"), ERRORS_BEYOND)
@pytest.mark.parametrize("ends", [True, False], ids=["long", "endless"])
async def test_an_error_is_what_its_status_says(server, client, status, kind, message, why, ends: bool) -> None:
    """Of a body beyond the bound not a word is repeated: half of an envelope is no message."""
    words = b'{"error": {"message": "' + b"no " * ERRORS + b'"}}'
    server.says(status, words, retry_after="7")
    if not ends:
        server.script = endless(f"HTTP/1.1 {status} x\r\nretry-after: 7\r\n\r\n".encode() + words, words)
    with pytest.raises(ClaudeError) as failure:
        await client.create_session({})
    assert (type(failure.value), failure.value.message) == (kind, message), why
    assert getattr(failure.value, "retry_after", 7) == 7


HEADS: list[Any] = [
    pytest.param(b"HTTP/1.1 200 x\r\n", b"a: b\r\n", id="headers without end"),
    pytest.param(b"HTTP/1.1 200 ", b"x" * 4096, id="a first line without end"),
    pytest.param(b"HTTP/1.1 200 x\r\na: ", b"b" * 4096, id="a header without end"),
]


@pytest.mark.parametrize(("head", "piece"), HEADS)
async def test_headers_without_end_are_no_answer(server, client, head: bytes, piece: bytes) -> None:
    server.script = endless(head, piece)
    with pytest.raises(Lost):
        await client.create_session({})
    assert len(server.requests) == 1


CUT = gzip.compress(whole(5000), 0)
BROKEN: list[Any] = [
    pytest.param(b"not gzip at all", "gzip", Lost, id="not compressed as it says"),
    pytest.param(CUT[:2000], "gzip", Lost, id="cut off"),
    pytest.param(CUT[:3], "gzip", Lost, id="cut off before anything came of it"),
    pytest.param(CUT[:-20] + b"\x00" * 20, "gzip", Lost, id="with a wrong sum at its end"),
    pytest.param(zlib.compress(whole(500)), "deflate", Unreadable, id="compressed as nobody asked for"),
    pytest.param(whole(500), "br", None, id="not compressed although it says so"),
    pytest.param(gzip.compress(whole(500)) + b"more", "GZIP ", None, id="with something behind its end"),
    pytest.param(gzip.compress(whole(500)), "x-gzip", None, id="by the old name"),
]


@pytest.mark.parametrize(("body", "encoding", "kind"), BROKEN)
async def test_compression_that_is_none(server, client, body: bytes, encoding: str, kind: type | None) -> None:
    """Least of all is a broken body an empty one, which a deletion takes for done."""
    server.says(200, body, content_encoding=encoding)
    if kind is None:
        assert (await client.get_session("s")).value.id == "sesn_1"
        return
    for call in (client.delete_session("s"), client.create_session({})):
        with pytest.raises(ClaudeError) as failure:
            await call
        assert type(failure.value) is kind


async def test_only_what_can_be_read_within_a_bound_is_asked_for(server, client) -> None:
    server.says(200, SESSION)
    await client.get_session("s")
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def query(target: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in target.partition("?")[2].split("&"))


async def test_a_list_of_large_items_is_read_in_smaller_pages(server, client) -> None:
    """Each item takes a twentieth of the bound, the third alone most of it."""
    items = [{"id": f"sesn_{n}", "title": "t" * (BOUND // 20 if n != 2 else BOUND * 4 // 5)} for n in range(9)]

    async def script(request, writer) -> None:
        asked = query(request.target)
        start, limit = int(asked.get("page", 0)), int(asked["limit"])
        more = str(start + limit) if start + limit < len(items) else None
        writer.write(server.answer(200, {"data": items[start : start + limit], "next_page": more}))

    server.script = script
    seen = [item["id"] async for page in client.iterate_sessions() for item in page.value.items]
    assert seen == [item["id"] for item in items]
    assert [int(query(r.target)["limit"]) for r in server.requests][:3] == [PAGE_SIZE, 20, 4]


async def test_one_item_that_is_too_large_can_not_be_read_by_any_page(server, client) -> None:
    server.says(200, {"data": [{"id": "sesn_1", "title": "t" * BOUND}], "next_page": None})
    with pytest.raises(TooLarge):
        async for _ in client.iterate_sessions():
            pass
    assert [int(query(r.target)["limit"]) for r in server.requests] == [100, 20, 4, 1]


async def test_a_large_answer_leaves_others_alone(server, client) -> None:
    """They run at the same time, over the same client."""

    async def script(request, writer) -> None:
        writer.write(server.answer(200, whole(BOUND * 3 if "large" in request.target else 500)))

    server.script = script
    names = ["large", "a", "large", "b", "c"]
    outcomes = await asyncio.gather(*(client.get_session(name) for name in names), return_exceptions=True)
    assert [type(outcome) is TooLarge for outcome in outcomes] == [name == "large" for name in names]
