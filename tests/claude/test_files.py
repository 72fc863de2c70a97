"""Files: what goes out is what was given, what comes back may be odd, and nothing of a content is ever told."""

from __future__ import annotations

import hashlib
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import (
    BadRequest,
    ClaudeError,
    CursorRefused,
    Lost,
    NotFound,
    ServerFault,
    Unreadable,
)
from managed_agents_operator.claude.quota import Budget
from managed_agents_simulator.control import Control

CANARY = b"canary-of-the-content"
EVERY_BYTE = bytes(range(256)) * 9 + b"\r\n--boundary\r\n"


async def ids(client: Client, **options: Any) -> list[str]:
    return [file.id async for page in client.files.iterate(**options) for file in page.value.items]


# against a server that keeps what it is told


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"", EVERY_BYTE], ids=["text", "nothing", "every byte"])
async def test_a_file_from_upload_to_deletion(live: Client, control: Control, content: bytes) -> None:
    made = await live.files.upload("k8s-c-u-data-0123", content, "text/csv")
    file = made.value
    assert (file.filename, file.mime_type, file.size_bytes) == ("k8s-c-u-data-0123", "text/csv", len(content))
    assert made.workspace == live.health.workspace
    [kept] = [one for one in control.files() if one["id"] == file.id]
    assert kept["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await live.files.get(file.id)).value == file
    assert file.id in await ids(live)
    await live.files.delete(file.id)
    assert file.id not in await ids(live)
    for call in (live.files.get, live.files.delete):
        with pytest.raises(NotFound):
            await call(file.id)


async def test_files_are_asked_for_with_the_headers_of_all_calls(server, client) -> None:
    server.says(200, {"id": "file_1", "data": []})
    await client.files.upload("name", b"x", "text/plain")
    await client.files.get("file_1")
    await client.files.delete("file_1")
    await client.files.list()
    for request in server.requests:
        assert request.headers["anthropic-beta"] == "managed-agents-2026-04-01"
        assert "beta=true" in request.target
    upload = server.requests[0]
    assert (upload.method, urlsplit(upload.target).path) == ("POST", "/v1/files")
    assert upload.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="name"' in upload.body
    assert b"content-type: text/plain" in upload.body.lower()
    assert [request.method for request in server.requests[1:]] == ["GET", "DELETE", "GET"]


async def test_copies_of_sessions_are_told_from_uploads(live: Client, control: Control) -> None:
    session = (await live.create_session({"agent": "agent_sample", "environment_id": "env_sample"})).value
    mounted = (await live.resources.add(session.id, {"type": "file", "file_id": "file_sample"})).value
    assert mounted is not None
    assert mounted.file_id is not None
    copy = (await live.files.get(mounted.file_id)).value
    assert copy.scope is not None
    assert (copy.scope.type, copy.scope.id) == ("session", session.id)
    assert (await live.files.get("file_sample")).value.scope is None


LOSSES: list[Any] = [
    pytest.param({"kind": "cut"}, Lost, id="cut"),
    pytest.param({"kind": "answer", "status": 500}, ServerFault, id="500"),
    pytest.param({"kind": "answer", "status": 202, "body": ""}, Unreadable, id="202 without a word"),
    pytest.param({"kind": "truncate"}, Lost, id="half an answer"),
]


@pytest.mark.parametrize(("effect", "error"), LOSSES)
async def test_an_upload_that_was_stored_without_our_knowing_is_sent_once(
    live: Client, control: Control, effect: dict[str, Any], error: type[ClaudeError]
) -> None:
    await live.get_agent("agent_sample")
    control.fault(**{"when": "after", "method": "POST", "path": "^/v1/files$", **effect})
    with pytest.raises(error):
        await live.files.upload("mine", b"x", "text/plain")
    assert len(control.requests(method="POST", path="/v1/files")) == 1
    assert len([file for file in control.files() if file["filename"] == "mine"]) == 1


# against one that does as it likes


@pytest.mark.parametrize("status", [200, 400, 404, 409, 413, 418, 429, 500, 529])
async def test_nothing_of_a_content_is_told(server, client, caplog, status: int) -> None:
    """Not even a piece of it, which no list of secrets would know."""
    caplog.set_level(logging.DEBUG)
    said = f"file: '{CANARY.decode()[:12]}' is no CSV"
    server.says(status, said.encode() if status == 200 else {"error": {"message": said}})
    with pytest.raises(ClaudeError) as failure:
        await client.files.upload("name", CANARY, "text/csv")
    assert not [text for text in (failure.value.message, repr(failure.value), caplog.text) if "canary" in text]
    if status != 200:
        assert failure.value.message.startswith(f"HTTP {status}")


async def test_an_upload_is_of_the_budget_of_requests(server, connect, clock) -> None:
    budget = Budget(clock=clock)
    client = await connect(budget=budget)
    server.says(429, {}, retry_after="7")
    with pytest.raises(ClaudeError):
        await client.files.upload("name", b"x", "text/plain")
    assert budget.requests.paused_until == clock.now + 7
    assert budget.creates.paused_until is None


async def test_a_list_that_names_its_next_page(server, client) -> None:
    server.says_in_turn(
        (200, {"data": [{"id": "file_1"}], "next_page": "page_2", "has_more": True, "last_id": "file_1"}),
        (200, {"data": [{"id": "file_2"}], "next_page": None}),
    )
    assert await ids(client) == ["file_1", "file_2"]
    first, second = [parse_qs(urlsplit(request.target).query) for request in server.requests]
    assert first == {"limit": ["1000"], "beta": ["true"]}
    assert second == {"limit": ["1000"], "page": ["page_2"], "beta": ["true"]}


@pytest.mark.parametrize("last_id", ["file_1", None], ids=["with its last id", "without"])
async def test_a_list_that_only_says_that_there_is_more(server, client, last_id: str | None) -> None:
    server.says_in_turn(
        (200, {"data": [{"id": "file_0"}, {"id": "file_1"}], "has_more": True, "last_id": last_id}),
        (200, {"data": [{"id": "file_2"}], "has_more": False, "last_id": "file_2"}),
    )
    assert await ids(client) == ["file_0", "file_1", "file_2"]
    assert parse_qs(urlsplit(server.requests[1].target).query)["after_id"] == ["file_1"]


async def test_a_size_that_is_refused_is_made_smaller(server, client) -> None:
    refusal = (400, {"error": {"message": "limit: too large"}})
    server.says_in_turn(refusal, refusal, (200, {"data": [{"id": "file_1"}]}))
    assert await ids(client) == ["file_1"]
    assert [parse_qs(urlsplit(r.target).query)["limit"] for r in server.requests] == [["1000"], ["100"], ["20"]]


async def test_a_list_is_refused_for_good(server, client) -> None:
    server.says(400, {})
    with pytest.raises(BadRequest):
        await ids(client)
    assert len(server.requests) == 4


async def test_a_cursor_that_expired(server, client) -> None:
    server.says_in_turn((200, {"data": [{"id": "file_1"}], "next_page": "p"}), (400, {}))
    with pytest.raises(CursorRefused):
        await ids(client)


NO_LISTS = [
    {"data": None},
    [],
    {"data": [{"filename": "x"}]},
    {"data": ["file_1"]},
    {"data": [], "next_page": {"after": 1}},
    {"data": [], "has_more": True},
    {"data": [{"id": "file_1"}], "has_more": True, "last_id": "file_1"},
]


@pytest.mark.parametrize("body", NO_LISTS, ids=str)
async def test_what_is_no_list_or_has_no_end_is_not_believed(server, client, body: Any) -> None:
    server.says(200, body)
    with pytest.raises(Unreadable):
        await ids(client)


async def test_a_page_waits_for_its_ticket(server, client) -> None:
    server.says_in_turn((200, {"data": [{"id": "file_1"}], "next_page": "p"}), (200, {"data": []}))
    turns = []

    async def turn() -> None:
        turns.append(len(server.requests))

    await ids(client, before_page=turn)
    assert turns == [0, 1]


@pytest.mark.parametrize("id", ["", "..", "a/b"])
async def test_an_id_stays_a_part_of_the_path(server, client, id: str) -> None:
    for call in (client.files.get, client.files.delete):
        with pytest.raises(BadRequest):
            await call(id)
    assert server.requests == []
