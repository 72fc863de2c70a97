"""What a connection's health says after each sort of answer, and when it tells so."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.claude.conftest import Request, Script

from managed_agents_operator.claude.errors import (
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
    Unreadable,
    Unsent,
)
from managed_agents_operator.claude.health import Health
from managed_agents_operator.claude.quota import Budget

SESSION = {"id": "sesn_1"}


@pytest.fixture
def health(clock) -> Health:
    return Health(clock.monotonic)


@pytest.mark.parametrize(
    "error",
    [
        Unsent("no connection"),
        Lost("no answer"),
        ServerFault("500", status=500),
        Overloaded("529", status=529),
        Unreadable("a page", status=200),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_a_usable_answer_it_counts_from_the_first_time(clock, health: Health, error: ClaudeError) -> None:
    health.failed(error, error.workspace)
    clock.now += 60
    health.failed(error, error.workspace)
    assert health.unreachable_since == 1000
    health.succeeded(None)
    assert (health.unreachable_since, health.last_success) == (None, 1060)
    assert health.recovered_at == 1060


def test_the_end_of_a_moment_is_no_end_of_an_outage(clock, health: Health) -> None:
    health.failed(Lost("no answer"), None)
    clock.now += 9
    health.succeeded(None)
    assert health.recovered_at == float("-inf")


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized("no", status=401),
        Forbidden("no", status=403),
        NotFound("no", status=404, workspace="wrkspc_1"),
        RateLimited("slow", status=429),
        Conflict("no", status=409),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_is_an_answer_but_no_success(health: Health, error: ClaudeError) -> None:
    health.failed(Lost("no answer"), None)
    health.failed(error, error.workspace)
    assert (health.unreachable_since, health.last_success) == (None, None)
    assert health.workspace == error.workspace


@pytest.mark.parametrize("error", [Unsent("paused", retry_at=1010.0), Unauthorized("bad letters")])
def test_what_was_held_back_here_says_nothing(health: Health, error: ClaudeError) -> None:
    health.failed(error, error.workspace)
    assert health.unreachable_since is None
    health.failed(Lost("no answer"), None)
    health.failed(error, error.workspace)
    assert health.unreachable_since == 1000


def test_listeners_hear_changes_only(health: Health) -> None:
    told: list[tuple[bool, str | None]] = []
    health.on_change(lambda h: told.append((h.unreachable_since is None, h.workspace)))
    health.succeeded("w1")
    health.succeeded("w1")
    health.succeeded(None)
    health.failed(Lost("x"), None)
    health.failed(Lost("x"), None)
    health.succeeded("w1")
    health.succeeded("w2")
    assert told == [(True, "w1"), (False, "w1"), (True, "w1"), (True, "w2")]


def test_a_listener_that_fails_stops_nobody(health: Health, caplog) -> None:
    told: list[str | None] = []

    def fails(_: Health) -> None:
        raise ZeroDivisionError

    health.on_change(fails)
    health.on_change(lambda h: told.append(h.workspace))
    health.succeeded("w1")
    assert told == ["w1"]
    assert "listener" in caplog.text


def test_with_another_key_the_workspace_is_unknown(health: Health) -> None:
    told: list[str | None] = []
    health.on_change(lambda h: told.append(h.workspace))
    health.another_key()
    health.succeeded("w1")
    health.another_key()
    health.succeeded("w1")
    assert told == ["w1", None, "w1"]


async def test_what_answered_to_the_key_before_is_not_taken_for_the_workspace_of_this_one(server, connect) -> None:
    keys = ["sk-ant-one"]
    client = await connect(credentials=lambda: {"x-api-key": keys[-1]})
    server.says(200, SESSION, anthropic_workspace_id="wrkspc_1")
    await client.get_session("s")
    assert client.workspace_now() == "wrkspc_1"
    keys.append("sk-ant-two")
    assert client.workspace_now() is None

    def changed_meanwhile(status: int) -> Script:
        async def script(_: Request, writer: asyncio.StreamWriter) -> None:
            keys.append("sk-ant-three")
            assert client.workspace_now() is None
            writer.write(server.answer(status, SESSION, anthropic_workspace_id="wrkspc_2"))

        return script

    for status in (200, 404):
        keys.append("sk-ant-two")
        server.script = changed_meanwhile(status)
        with contextlib.suppress(NotFound):
            await client.get_session("s")
        assert client.health.workspace is None
    server.says(404, {}, anthropic_workspace_id="wrkspc_3")
    with pytest.raises(NotFound):
        await client.get_session("s")
    assert client.workspace_now() == "wrkspc_3"


@pytest.mark.parametrize("status", [200, 401, 402, 403])
async def test_an_answer_to_the_key_before_says_nothing_of_this_one(server, connect, status) -> None:
    keys = ["sk-ant-one"]
    client = await connect(credentials=lambda: {"x-api-key": keys[-1]})

    async def changed_meanwhile(_: Request, writer: asyncio.StreamWriter) -> None:
        keys.append("sk-ant-two")
        assert client.workspace_now() is None
        writer.write(server.answer(status, SESSION))

    server.script = changed_meanwhile
    with contextlib.nullcontext() if status == 200 else pytest.raises(Unsent, match="the key was changed"):
        await client.get_session("s")
    assert client.health.last_success is None
    server.says(status, SESSION)
    with contextlib.nullcontext() if status == 200 else pytest.raises(Refused):
        await client.get_session("s")


async def test_each_call_keeps_the_health(server, client, clock) -> None:
    server.says(200, SESSION, anthropic_workspace_id="wrkspc_1")
    answer = await client.get_session("s")
    assert (answer.workspace, client.health.workspace, client.health.last_success) == ("wrkspc_1", "wrkspc_1", 1000)
    server.says(404, {}, anthropic_workspace_id="wrkspc_2")
    with pytest.raises(NotFound):
        await client.get_session("s")
    assert client.health.workspace == "wrkspc_2"
    clock.now += 5
    server.says(200, b"<html>")
    with pytest.raises(Unreadable):
        await client.get_session("s")
    assert client.health.unreachable_since == 1005
    clock.now += 5
    server.says(200, {"no": "id"})
    with pytest.raises(Unreadable):
        await client.get_session("s")
    assert (client.health.unreachable_since, client.health.last_success) == (1005, 1000)


async def test_a_429_pauses_its_own_bucket_and_nothing_more_is_sent(server, connect, clock) -> None:
    budget = Budget(clock=clock, jitter=lambda: 1.0)
    client = await connect(budget=budget)
    server.says(429, {}, retry_after="7")
    with pytest.raises(RateLimited):
        await client.create_session({})
    assert (budget.creates.paused_until, budget.requests.paused_until) == (1007, None)
    with pytest.raises(Unsent) as failure:
        await client.create_session({})
    assert failure.value.retry_at == 1007
    assert len(server.requests) == 1
    server.says(200, SESSION)
    await client.get_session("s")
    clock.now += 7
    await client.create_session({})
    assert len(server.requests) == 3


async def test_429s_without_a_time_pause_longer_each_time_until_one_call_goes_through(server, connect, clock) -> None:
    budget = Budget(clock=clock, jitter=lambda: 1.0)
    client = await connect(budget=budget)
    pauses = []
    for answer in (429, 429, 429, 404, 429, 429, 200, 429):
        server.says(answer, SESSION)
        if answer == 200:
            await client.get_session("s")
        else:
            with pytest.raises(ClaudeError):
                await client.get_session("s")
        if answer == 429:
            assert budget.requests.paused_until is not None
            pauses.append(budget.requests.paused_until - clock.now)
            clock.now = budget.requests.paused_until
    assert pauses == [1, 2, 4, 1, 2, 1]
