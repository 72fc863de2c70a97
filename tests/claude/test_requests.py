"""What goes out: address, headers, query and body of every call, and nothing that should not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from managed_agents_operator import __version__, logs
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, ClaudeError, ServerFault, Unauthorized
from managed_agents_operator.logs import hide, set_up_logging

KEY = "sk-ant-test-0123456789abcdef"
SESSION = {"id": "sesn_1", "type": "session"}


async def test_each_call_carries_the_headers_of_the_api(server, client) -> None:
    server.says(200, SESSION)
    await client.get_session("sesn_1")
    headers = server.requests[0].headers
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "managed-agents-2026-04-01"
    assert headers["user-agent"] == f"managed-agents-operator/{__version__}"
    assert "anthropic-workspace-id" not in headers
    assert "authorization" not in headers


async def test_the_workspace_is_sent_when_it_is_known(server, connect) -> None:
    server.says(200, SESSION)
    client = await connect(workspace="wrkspc_1")
    await client.get_session("sesn_1")
    assert server.requests[0].headers["anthropic-workspace-id"] == "wrkspc_1"


async def test_what_may_change_of_a_connection_counts_from_the_next_call_on(server, connect) -> None:
    server.says(200, SESSION)
    client = await connect(workspace="wrkspc_1", betas=("one-2026-01-01", "managed-agents-2026-04-01"))
    await client.get_session("sesn_1")
    client.configure(workspace=None, betas=("two-2026-01-01",))
    await client.get_session("sesn_1")
    first, second = (request.headers for request in server.requests)
    assert first["anthropic-beta"] == "managed-agents-2026-04-01,one-2026-01-01"
    assert second["anthropic-beta"] == "managed-agents-2026-04-01,two-2026-01-01"
    assert "anthropic-workspace-id" not in second


async def test_credentials_are_read_for_each_call(server, connect) -> None:
    """A rotated key counts at once, and the blanks that Secrets tend to end in do no harm."""
    server.says(200, SESSION)
    keys = iter(["key-one\n", "key-two"])
    client = await connect(credentials=lambda: {"authorization": f"Bearer {next(keys)}"})
    await client.get_session("sesn_1")
    await client.get_session("sesn_1")
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer key-one", "Bearer key-two"]


@pytest.mark.parametrize("key", ["naïve-key-123", "two\nlines", "zero\x00"])
async def test_a_key_that_no_header_can_carry_is_told_and_not_sent(server, connect, key: str) -> None:
    client = await connect(credentials=lambda: {"x-api-key": key})
    with pytest.raises(Unauthorized) as failure:
        await client.get_session("sesn_1")
    assert failure.value.status is None
    assert key not in failure.value.message
    assert server.requests == []


CALLS: list[Any] = [
    pytest.param(lambda c: c.create_session({"agent": "a"}), "POST", "/v1/sessions", {"agent": "a"}, id="create"),
    pytest.param(lambda c: c.get_session("s"), "GET", "/v1/sessions/s", None, id="get"),
    pytest.param(
        lambda c: c.update_session("s", {"title": "t"}), "POST", "/v1/sessions/s", {"title": "t"}, id="update"
    ),
    pytest.param(lambda c: c.archive_session("s"), "POST", "/v1/sessions/s/archive", None, id="archive"),
    pytest.param(lambda c: c.delete_session("s"), "DELETE", "/v1/sessions/s", None, id="delete"),
    pytest.param(
        lambda c: c.send_events("s", [{"type": "user.interrupt"}]),
        "POST",
        "/v1/sessions/s/events",
        {"events": [{"type": "user.interrupt"}]},
        id="send",
    ),
    pytest.param(lambda c: c.list_sessions(), "GET", "/v1/sessions", None, id="list sessions"),
    pytest.param(lambda c: c.list_events("s"), "GET", "/v1/sessions/s/events", None, id="list events"),
    pytest.param(lambda c: c.get_agent("a"), "GET", "/v1/agents/a", None, id="agent"),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS)
async def test_each_method_is_one_call_of_its_endpoint(
    server, client, call: Callable[[Client], Any], method: str, path: str, body: object
) -> None:
    server.says(200, {**SESSION, "data": [], "next_page": None})
    await call(client)
    (request,) = server.requests
    assert request.method == method
    assert urlsplit(request.target).path == path
    assert ("beta", "true") in parse_qsl(urlsplit(request.target).query)
    assert (request.json if request.body else None) == body
    assert request.headers.get("content-type") == (None if body is None else "application/json")


async def test_a_path_before_the_api_is_kept(server, connect) -> None:
    server.says(200, SESSION)
    client = await connect(base_url=server.url + "/api/v1/agentstudio/")
    await client.get_session("sesn_1")
    assert server.requests[0].target == "/api/v1/agentstudio/v1/sessions/sesn_1?beta=true"


async def test_filters_and_cursors_arrive_as_they_were_given(server, client) -> None:
    server.says(200, {"data": []})
    await client.list_sessions(
        statuses=["running", "rescheduling"],
        agent_id="agent_1",
        created_at_gte="2026-11-23T10:00:00+00:00",
        include_archived=True,
        order="asc",
        limit=50,
        page="a+b/c=&d %2F",
    )
    assert parse_qsl(urlsplit(server.requests[0].target).query) == [
        ("statuses[]", "running"),
        ("statuses[]", "rescheduling"),
        ("include_archived", "true"),
        ("agent_id", "agent_1"),
        ("created_at[gte]", "2026-11-23T10:00:00+00:00"),
        ("order", "asc"),
        ("page", "a+b/c=&d %2F"),
        ("limit", "50"),
        ("beta", "true"),
    ]


async def test_events_and_agents_take_their_own_filters(server, client) -> None:
    server.says(200, {"data": []})
    await client.list_events("s", types=["session.status_idle"], order="desc", limit=1, page="p")
    await client.get_agent("a", version=3)
    assert parse_qsl(urlsplit(server.requests[0].target).query) == [
        ("types[]", "session.status_idle"),
        ("order", "desc"),
        ("limit", "1"),
        ("page", "p"),
        ("beta", "true"),
    ]
    assert parse_qsl(urlsplit(server.requests[1].target).query) == [("version", "3"), ("beta", "true")]


@pytest.mark.parametrize("id", ["", ".", "..", "../agents", "a/../../agents", "a/archive", "..\\x", "a\nb", "a\x00"])
async def test_an_id_that_is_no_part_of_a_path_is_refused_here(server, client, id: str) -> None:
    with pytest.raises(BadRequest) as failure:
        await client.delete_session(id)
    assert failure.value.status is None
    assert server.requests == []


@pytest.mark.parametrize(
    "id",
    ["a?b=c", "a#b", "a%2Fb", "a%2e%2e", "%2e%2e", "..a", "a..", "a b", "a+b", "a;b", "ä", "a&beta=false", "a:b@c"],
)
async def test_any_other_id_stays_one_part_of_the_path(server, client, id: str) -> None:
    server.says(200, {**SESSION, "id": id})
    await client.get_session(id)
    path = urlsplit(server.requests[0].target).path
    assert path.count("/") == 3
    assert path.startswith("/v1/sessions/")
    assert unquote(path.removeprefix("/v1/sessions/")) == id
    assert urlsplit(server.requests[0].target).query == "beta=true"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server, client, status: int) -> None:
    """Not even on the same server, and the key goes to no other origin."""
    server.says(status, b"", location=server.url.replace("127.0.0.1", "localhost") + "/elsewhere")
    for call in (client.get_session("s"), client.create_session({}), client.delete_session("s")):
        with pytest.raises(ServerFault) as failure:
            await call
        assert failure.value.status == status
    assert len(server.requests) == 3
    assert not any("elsewhere" in request.target for request in server.requests)


async def test_cookies_are_not_kept(server, connect) -> None:
    # By name, because cookies of bare addresses are dropped anyway.
    client = await connect(base_url=server.url.replace("127.0.0.1", "localhost"))
    server.says(200, SESSION, set_cookie="a=b; Path=/")
    await client.get_session("s")
    await client.get_session("s")
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "http://x:secret-word",
        "http://x:0",
        "http://me:secret-word@\u2100",
        "",
        "api.anthropic.com",
        "ftp://x",
        "https://",
        "https://me:secret-word@x",
        "https://x?secret-word",
        "http://x#y",
    ],
)
def test_a_base_url_that_is_none_is_refused_without_telling_it(clock, url: str) -> None:
    with pytest.raises(ValueError, match="the base URL") as failure:
        Client(url, dict, clock=clock)
    assert "secret-word" not in str(failure.value)


async def test_the_key_is_in_no_repr_log_or_exception(server, client, caplog) -> None:
    """Not even where the server throws it back at us."""
    caplog.set_level(logging.DEBUG)
    failures: list[BaseException] = []
    server.says(401, {"error": {"message": f"wrong key {KEY}"}}, request_id=KEY)
    failures.append((await asyncio.gather(client.get_session("s"), return_exceptions=True))[0])
    server.says(500, f"x-api-key: {KEY}".encode())
    failures.append((await asyncio.gather(client.get_session("s"), return_exceptions=True))[0])
    server.sends(b"HTTP/1.1 200 OK\r\ncontent-le", then_close=True)
    failures.append((await asyncio.gather(client.create_session({}), return_exceptions=True))[0])
    for failure in failures:
        assert isinstance(failure, ClaudeError)
        assert KEY not in repr(failure) + str(failure) + failure.message
        assert failure.__cause__ is None
        assert failure.__context__ is None
    assert KEY not in repr(client)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("managed_agents")]
    assert ours
    assert not any(KEY in message for message in ours)


async def test_a_key_in_use_is_cut_out_of_every_line(server, connect, capsys) -> None:
    """Also of those that others write, and however many keys came and went since it was first used."""
    server.says(200, SESSION)
    key = "gl-key-of-nobody-elses-form"
    client = await connect(credentials=lambda: {"authorization": f"Bearer {key}"})
    handlers, level = list(logging.root.handlers), logging.root.level
    try:
        set_up_logging("text", "warning")
        for n in range(3):
            hide(*(f"key-of-others-{n}-{m}" for m in range(3000)))
            await client.get_session("sesn_1")
            logging.getLogger("somebody.else").warning("authorization: Bearer %s", key)
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        forget()
    told = capsys.readouterr().err
    assert told.count("authorization: Bearer ***") == 3
    assert key not in told


def forget() -> None:
    """The other tests of this process need not search their lines for all these."""
    logs._HIDDEN.clear()
    logs._CUT.clear()
