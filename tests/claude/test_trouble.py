"""What comes of answers that went wrong on the way: nothing sent, a clear no, or nobody knows.

The last is what matters most: a POST whose answer is lost must never look as if it had not been sent, and must never be
sent twice.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import (
    BadRequest,
    BillingRequired,
    ClaudeError,
    Conflict,
    Forbidden,
    Lost,
    NotFound,
    Overloaded,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
    Unclear,
    Unreadable,
    Unsent,
)

SESSION = {"id": "sesn_1", "type": "session"}

STATUSES: list[Any] = [
    pytest.param(400, BadRequest, Refused, id="400 is refused"),
    pytest.param(401, Unauthorized, Refused, id="401 is refused"),
    pytest.param(402, BillingRequired, Refused, id="402 is refused"),
    pytest.param(403, Forbidden, Refused, id="403 is refused"),
    pytest.param(404, NotFound, Refused, id="404 is refused"),
    pytest.param(409, Conflict, Unclear, id="409 is unclear: the SDKs repeat it, so servers can't mean it surely"),
    pytest.param(413, BadRequest, Refused, id="413 is refused"),
    pytest.param(422, BadRequest, Refused, id="422 is refused"),
    pytest.param(429, RateLimited, Refused, id="429 is refused"),
    pytest.param(408, ServerFault, Unclear, id="408 is unclear"),
    pytest.param(418, ServerFault, Unclear, id="a 4xx that nobody promised is unclear"),
    pytest.param(499, ServerFault, Unclear, id="a proxy's own status is unclear"),
    pytest.param(500, ServerFault, Unclear, id="500 may have been stored"),
    pytest.param(502, ServerFault, Unclear, id="502 may have been stored"),
    pytest.param(503, ServerFault, Unclear, id="503 may have been stored"),
    pytest.param(504, ServerFault, Unclear, id="504 may have been stored"),
    pytest.param(529, Overloaded, Unclear, id="529 may have been stored"),
    pytest.param(599, ServerFault, Unclear, id="a 5xx without a name"),
]


@pytest.mark.parametrize(("status", "kind", "branch"), STATUSES)
async def test_each_status_has_its_error(server, client, status: int, kind: type, branch: type) -> None:
    server.says(
        status,
        {"type": "error", "error": {"type": "some_error", "message": "no, not so"}, "request_id": "req_011"},
        anthropic_workspace_id="wrkspc_9",
        request_id="req_011",
    )
    with pytest.raises(ClaudeError) as failure:
        await client.create_session({})
    assert type(failure.value) is kind
    assert isinstance(failure.value, branch)
    assert failure.value.status == status
    assert failure.value.message == "no, not so"
    assert failure.value.workspace == "wrkspc_9"
    assert failure.value.request_id == "req_011"
    assert len(server.requests) == 1


async def test_a_refused_connection_is_unsent(connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        client = await connect(base_url=f"http://127.0.0.1:{port}")
        with pytest.raises(Unsent, match=f"no connection to 127.0.0.1:{port}"):
            await client.create_session({})


async def test_a_name_that_does_not_resolve_is_unsent(connect) -> None:
    client = await connect(base_url="http://no-such-name.invalid")
    with pytest.raises(Unsent, match="does not resolve"):
        await client.create_session({})


async def test_a_server_without_tls_is_unsent(connect) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = await connect(base_url=f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    with pytest.raises(Unsent, match=r"no (TLS )?connection"):
        await client.create_session({})
    listening.close()


async def test_a_certificate_that_nobody_vouches_for_is_unsent(connect, own_certificate) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own_certificate)
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(100))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    client = await connect(base_url=f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    with pytest.raises(Unsent, match=r"certificate of 127.0.0.1:.* is not trusted"):
        await client.create_session({})
    listening.close()
    assert came == []


@pytest.fixture
def own_certificate(tmp_path):
    """A self-signed certificate and its key in one file."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    path = tmp_path / "own.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


LOST: list[Any] = [
    pytest.param(b"", id="closed without a word"),
    pytest.param(b"HTTP/1.1 200 OK\r\nconte", id="closed within the headers"),
    pytest.param(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id": "sesn_1"}', id="shorter than promised"),
    pytest.param(
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"id": "sesn_1"}', id="chunks without an end"
    ),
    pytest.param(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{"id": "s"}\r\n', id="broken chunks"),
    pytest.param(b"NONSENSE\r\n\r\n", id="no HTTP"),
    pytest.param(b"HTTP/1.1 999999 x\r\n\r\n", id="a status that is none"),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", id="a length that is none"),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", id="not gzip at all"),
]


@pytest.mark.parametrize("raw", LOST)
@pytest.mark.parametrize("call", ["create", "send", "archive", "update"])
async def test_an_answer_that_breaks_is_lost_and_the_post_is_not_repeated(
    server, client, raw: bytes, call: str
) -> None:
    server.sends(raw, then_close=True)
    with pytest.raises(Lost) as failure:
        await CALLS[call](client)
    assert failure.value.status is None
    assert len(server.requests) == 1


CALLS: dict[str, Callable[[Client], Any]] = {
    "create": lambda client: client.create_session({"agent": "a"}),
    "send": lambda client: client.send_events("s", [{"type": "user.message"}]),
    "archive": lambda client: client.archive_session("s"),
    "update": lambda client: client.update_session("s", {"title": "t"}),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_post_on_a_connection_that_the_server_closes_is_lost_and_sent_once(server, client, call: str) -> None:
    """Kept-alive connections are the tempting case: the transport repeats a GET on them by itself, never a POST."""

    async def script(request, writer) -> None:
        if request.method == "GET":
            writer.write(server.answer(200, {**SESSION, "data": []}))
        else:
            writer.transport.abort()

    server.script = script
    await client.get_session("s")
    with pytest.raises(Lost):
        await CALLS[call](client)
    assert [request.method for request in server.requests] == ["GET", "POST"]
    assert server.requests[1].connection == server.requests[0].connection


async def test_a_read_on_a_connection_that_was_closed_comes_through(server, client) -> None:
    async def script(request, writer) -> None:
        if len(server.requests) == 2:
            writer.transport.abort()
        else:
            writer.write(server.answer(200, SESSION))

    server.script = script
    await client.get_session("s")
    assert (await client.get_session("s")).value.id == "sesn_1"
    assert len(server.requests) == 3


async def test_a_post_after_the_server_closed_goes_out_on_a_new_connection(server, client) -> None:
    """A close that was seen before the call costs nothing."""

    async def script(request, writer) -> None:
        writer.write(server.answer(200, SESSION, connection="close"))
        await writer.drain()
        writer.close()

    server.script = script
    for _ in range(3):
        await client.create_session({})
    assert [request.connection for request in server.requests] == [1, 2, 3]


async def test_connections_are_kept(server, client) -> None:
    server.says(200, SESSION)
    for _ in range(5):
        await client.create_session({})
    assert server.connections == 1


@pytest.mark.parametrize("slow_part", [b"", b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"id"'])
async def test_an_answer_that_does_not_come_in_time_is_lost(server, connect, slow_part: bytes) -> None:
    client = await connect(create_timeout=0.05, read_timeout=0.05)

    async def script(request, writer) -> None:
        writer.write(slow_part)
        await writer.drain()
        await asyncio.sleep(3600)

    server.script = script
    for call in (client.create_session({}), client.get_session("s"), client.send_events("s", [])):
        with pytest.raises(Lost, match="in time"):
            await call
    assert len(server.requests) == 3


async def test_an_answer_that_trickles_for_ever_ends_all_the_same(server, connect) -> None:
    """Each byte comes in time, but nobody can wait for all of them: a creation must be known to be over."""
    client = await connect(create_timeout=0.2)

    async def script(request, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.script = script
    with pytest.raises(Lost, match="in time"):
        await client.create_session({})
    assert len(server.requests) == 1


UNREADABLE: list[Any] = [
    pytest.param(b"", id="empty"),
    pytest.param(b"<html>Please log in</html>", id="a page"),
    pytest.param(b'{"id": "sesn_1", "status": "id', id="cut JSON of the promised length"),
    pytest.param(b'{"id": "sesn_1"} trailing', id="more than JSON"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"null", id="null"),
    pytest.param(b'"sesn_1"', id="a text"),
    pytest.param(b"{}", id="without an id"),
    pytest.param(b'{"id": null}', id="id null"),
    pytest.param(b'{"id": ""}', id="id empty"),
    pytest.param(b'{"id": 7}', id="id a number"),
    pytest.param(b'{"id": "\xff"}', id="not UTF-8"),
    pytest.param(b"[" * 5000, id="nested beyond reason"),
]


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", UNREADABLE)
async def test_a_creation_answered_without_an_id_is_unreadable(server, client, status: int, body: bytes) -> None:
    server.says(status, body, anthropic_workspace_id="wrkspc_9")
    with pytest.raises(Unreadable) as failure:
        await client.create_session({})
    assert (failure.value.status, failure.value.workspace) == (status, "wrkspc_9")
    assert len(server.requests) == 1


async def test_a_creation_answered_by_204_is_unreadable(server, client) -> None:
    server.sends(b"HTTP/1.1 204 No Content\r\n\r\n")
    with pytest.raises(Unreadable):
        await client.create_session({})


@pytest.mark.parametrize("status", [200, 201, 202, 203])
async def test_any_2xx_with_an_id_is_a_session(server, client, status: int) -> None:
    """However little it says, and whatever shape the rest of it has: the id must not be lost."""
    server.says(status, {"id": "sesn_1", "created_at": {"odd": 1}, "resources": 7, "new": [1]})
    session = (await client.create_session({})).value
    assert (session.id, session.created_at, session.resources) == ("sesn_1", None, [])


async def test_compressed_answers_are_read(server, client) -> None:
    server.says(200, gzip.compress(json.dumps(SESSION).encode()), content_encoding="gzip")
    assert (await client.get_session("s")).value.id == "sesn_1"
    assert "gzip" in server.requests[0].headers["accept-encoding"]


@pytest.mark.parametrize("body", [b"", b"{}", b" \n"])
async def test_calls_that_change_may_be_answered_by_nothing(server, client, body: bytes) -> None:
    server.says(202, body, anthropic_workspace_id="wrkspc_9")
    for answer in (
        await client.archive_session("s"),
        await client.update_session("s", {}),
        await client.delete_session("s"),
    ):
        assert (answer.value, answer.workspace) == (None, "wrkspc_9")


async def test_a_send_may_be_answered_by_nothing(server, client) -> None:
    server.says(202, b"")
    assert (await client.send_events("s", [])).value == []


@pytest.mark.parametrize("call", [*list(CALLS), "delete", "get", "list", "events", "agent"])
async def test_a_page_for_people_with_200_is_no_success(server, client, call: str) -> None:
    """A proxy's log-in page must not pass for a deleted session."""
    calls = CALLS | {
        "delete": lambda client: client.delete_session("s"),
        "get": lambda client: client.get_session("s"),
        "list": lambda client: client.list_sessions(),
        "events": lambda client: client.list_events("s"),
        "agent": lambda client: client.get_agent("a"),
    }
    server.says(200, b"<html>Please log in</html>", content_type="text/html")
    with pytest.raises(Unreadable):
        await calls[call](client)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"data": null}', b'{"data": {}}', b'{"data": [1]}', b'{"data": [], "next_page": {}}']
)
async def test_a_list_that_is_none_is_unreadable(server, client, body: bytes) -> None:
    """An empty list would be a proof of absence."""
    server.says(200, body)
    with pytest.raises(Unreadable):
        await client.list_sessions()
    with pytest.raises(Unreadable):
        await client.list_events("s")


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": 3}])
async def test_a_list_with_an_item_without_id_is_unreadable(server, client, item: dict[str, Any]) -> None:
    server.says(200, {"data": [SESSION, item]})
    with pytest.raises(Unreadable):
        await client.list_sessions()


async def test_a_call_that_is_cancelled_leaves_the_client_usable(server, client) -> None:
    came = asyncio.Event()

    async def script(request, writer) -> None:
        if len(server.requests) == 1:
            came.set()
            await asyncio.sleep(3600)
        writer.write(server.answer(200, SESSION))

    server.script = script
    call = asyncio.create_task(client.create_session({}))
    await came.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await client.get_session("s")).value.id == "sesn_1"


async def test_a_client_that_is_not_open_says_so(clock) -> None:
    with pytest.raises(RuntimeError, match="outside of its context"):
        await Client("http://127.0.0.1:1", dict, clock=clock).get_session("s")
