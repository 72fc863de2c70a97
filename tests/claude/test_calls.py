"""Each call is counted once, by its route and by what became of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from managed_agents_operator.claude.calls import ROUTES, route
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.telemetry import REGISTRY

CALLS: list[tuple[Any, str, str]] = [
    (lambda c: c.create_session({"agent": "a"}), "POST", "/v1/sessions"),
    (lambda c: c.list_sessions(), "GET", "/v1/sessions"),
    (lambda c: c.get_session("sesn_canary"), "GET", "/v1/sessions/{id}"),
    (lambda c: c.update_session("sesn_canary", {}), "POST", "/v1/sessions/{id}"),
    (lambda c: c.delete_session("sesn_canary"), "DELETE", "/v1/sessions/{id}"),
    (lambda c: c.archive_session("sesn_canary"), "POST", "/v1/sessions/{id}/archive"),
    (lambda c: c.list_events("sesn_canary"), "GET", "/v1/sessions/{id}/events"),
    (lambda c: c.send_events("sesn_canary", []), "POST", "/v1/sessions/{id}/events"),
    (lambda c: c.resources.add("sesn_canary", {}), "POST", "/v1/sessions/{id}/resources"),
    (lambda c: c.resources.rotate("sesn_canary", "r_canary", "t"), "POST", "/v1/sessions/{id}/resources/{id}"),
    (lambda c: c.resources.remove("sesn_canary", "r_canary"), "DELETE", "/v1/sessions/{id}/resources/{id}"),
    (lambda c: c.files.upload("canary", b"canary", "text/plain"), "POST", "/v1/files"),
    (lambda c: c.files.list(), "GET", "/v1/files"),
    (lambda c: c.files.get("file_canary"), "GET", "/v1/files/{id}"),
    (lambda c: c.files.delete("file_canary"), "DELETE", "/v1/files/{id}"),
    (lambda c: c.get_agent("agent_canary"), "GET", "/v1/agents/{id}"),
]


def counted() -> dict[tuple[str, str, str], float]:
    """Calls by method, endpoint and code."""
    return {
        (s.labels["method"], s.labels["endpoint"], s.labels["code"]): s.value
        for family in REGISTRY.collect()
        for s in family.samples
        if s.name == "managed_agents_api_requests_total"
    }


def timed(method: str, endpoint: str) -> float:
    labels = {"method": method, "endpoint": endpoint}
    return REGISTRY.get_sample_value("managed_agents_api_request_duration_seconds_count", labels) or 0


def news(before: dict[tuple[str, str, str], float]) -> dict[tuple[str, str, str], float]:
    """What was counted since."""
    return {key: value - before.get(key, 0) for key, value in counted().items() if value != before.get(key, 0)}


def test_every_route_is_known_from_the_start() -> None:
    assert [(method, endpoint) for _, method, endpoint in CALLS] == list(ROUTES)


@pytest.mark.parametrize(("call", "method", "endpoint"), CALLS, ids=[f"{m} {e}" for _, m, e in CALLS])
async def test_a_call_counts_by_its_route(server, client, call, method, endpoint) -> None:
    server.says(200, {"id": "sesn_canary", "data": []})
    before, took = counted(), timed(method, endpoint)
    await call(client)
    assert news(before) == {(method, endpoint, "200"): 1}
    assert timed(method, endpoint) == took + 1
    assert not any("canary" in label for key in counted() for label in key)


ENDS = [
    (404, "404", "a refusal"),
    (529, "529", "too much to do"),
    (499, "4xx", "a status that nobody knows"),
    (302, "302", "a redirect, which is not followed"),
]


@pytest.mark.parametrize(("status", "code", "reason"), ENDS)
async def test_a_call_counts_by_its_status(server, client, status, code, reason) -> None:
    server.says(status, {})
    before = counted()
    with pytest.raises(ClaudeError):
        await client.get_session("s")
    assert news(before) == {("GET", "/v1/sessions/{id}", code): 1}, reason


async def test_an_answer_that_can_not_be_read_is_one_all_the_same(server, client) -> None:
    server.says(200, b"<html>")
    before = counted()
    with pytest.raises(ClaudeError):
        await client.get_session("s")
    assert news(before) == {("GET", "/v1/sessions/{id}", "200"): 1}


async def test_a_call_without_an_answer_is_lost(server, client) -> None:
    server.sends(b"HTTP/1.1 200 OK\r\n", then_close=True)
    before = counted()
    with pytest.raises(ClaudeError):
        await client.get_session("s")
    assert news(before) == {("GET", "/v1/sessions/{id}", "lost"): 1}


async def test_a_call_that_finds_nobody_is_unsent(connect) -> None:
    client = await connect(base_url="http://127.0.0.1:1")
    before = counted()
    with pytest.raises(ClaudeError):
        await client.get_session("s")
    assert news(before) == {("GET", "/v1/sessions/{id}", "unsent"): 1}


async def test_a_call_that_was_called_off_is_cancelled(server, client) -> None:
    asked = asyncio.Event()

    async def silent(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    server.script = silent
    before = counted()
    calling = asyncio.create_task(client.get_session("s"))
    await asked.wait()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert news(before) == {("GET", "/v1/sessions/{id}", "cancelled"): 1}


async def test_what_is_not_even_tried_is_no_call(server, connect) -> None:
    def no_key() -> dict[str, str]:
        return {"x-api-key": "two\nlines"}

    client, before = await connect(credentials=no_key), counted()
    for id in ("s", ".."):
        with pytest.raises(ClaudeError):
            await client.get_session(id)
    assert news(before) == {}


def test_every_second_part_of_a_path_is_an_id() -> None:
    assert route(["sessions", "resources", "resources", "sessions"]) == "/v1/sessions/{id}/resources/{id}"
