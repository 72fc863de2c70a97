"""Events as clients see them: sent, listed in pages, and watched on a stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator.control import Control


@pytest.fixture
async def session(client: AsyncAnthropic, bare: Any) -> str:
    return (await client.beta.sessions.create(**bare)).id


async def frames(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Name and data of every frame until the stream ends."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def test_sent_events_come_back_with_ids(client: AsyncAnthropic, session: str, message: Any) -> None:
    sent = await client.beta.sessions.events.send(session, events=[message, message])

    assert sent.data is not None
    assert [event.type for event in sent.data] == ["user.message", "user.message"]
    assert len({event.id for event in sent.data}) == 2
    assert all(event.id.startswith("sevt_") for event in sent.data)
    assert (await client.beta.sessions.retrieve(session)).status == "running"


REFUSED = [
    ({}, "events", "events are required"),
    ({"events": []}, "events", "at least one"),
    ({"events": [{"type": "agent.message", "content": []}]}, "events.0.type", "the agent's events are its own"),
    ({"events": [{"type": "user.message", "content": []}]}, "content", "a message says something"),
    ({"events": [{"type": "user.message", "text": "x"}]}, "events.0", "a message is made of blocks"),
    (
        {"events": [{"type": "user.interrupt", "session_thread_id": "sthr_unknown"}]},
        "sthr_unknown",
        "the thread must exist",
    ),
    (
        {"events": [{"type": "system.message", "content": [{"type": "text", "text": "x"}]}]},
        "system.message",
        "a system message follows a message",
    ),
    (
        {
            "events": [
                {
                    "type": "user.message",
                    "content": [{"type": "document", "source": {"type": "file", "file_id": "file_unknown"}}],
                }
            ]
        },
        "file_unknown",
        "files must exist",
    ),
]


@pytest.mark.parametrize(("body", "named", "reason"), REFUSED, ids=[row[2] for row in REFUSED])
async def test_batches_that_are_refused_leave_nothing(
    raw: httpx.AsyncClient, session: str, body: Any, named: str, reason: str
) -> None:
    response = await raw.post(f"/v1/sessions/{session}/events", json=body)

    assert response.status_code == 400, reason
    assert named in response.json()["error"]["message"]
    assert (await raw.get(f"/v1/sessions/{session}/events")).json()["data"] == []


async def test_a_batch_is_taken_whole_or_not_at_all(raw: httpx.AsyncClient, session: str, message: Any) -> None:
    response = await raw.post(
        f"/v1/sessions/{session}/events", json={"events": [message, {"type": "user.message", "content": []}]}
    )

    assert response.status_code == 400
    assert (await raw.get(f"/v1/sessions/{session}")).json()["status"] == "idle"


async def test_the_list_filters_and_pages(client: AsyncAnthropic, control: Control, session: str, message: Any) -> None:
    await client.beta.sessions.events.send(session, events=[message])
    control.advance(10)
    every = [event async for event in client.beta.sessions.events.list(session)]

    paged = [event async for event in client.beta.sessions.events.list(session, limit=4)]
    assert paged == every
    backwards = [event async for event in client.beta.sessions.events.list(session, order="desc", limit=5)]
    assert backwards == every[::-1]
    spoken = [event.type async for event in client.beta.sessions.events.list(session, types=["agent.message"])]
    assert spoken == ["agent.message"]
    middle = every[6].processed_at
    later = [event async for event in client.beta.sessions.events.list(session, created_at_gt=middle)]
    assert later == [event for event in every if event.processed_at > middle]
    page = await client.beta.sessions.events.list(session, limit=4)
    with pytest.raises(anthropic.BadRequestError, match="order"):
        await client.beta.sessions.events.list(session, order="desc", page=page.next_page or "")
    with pytest.raises(anthropic.BadRequestError, match="page"):
        await client.beta.sessions.events.list(session, page="garbage")


async def test_the_sdk_watches_a_turn(client: AsyncAnthropic, control: Control, session: str, message: Any) -> None:
    async with await client.beta.sessions.events.stream(session) as stream:
        sent = await client.beta.sessions.events.send(session, events=[message])
        control.advance(10)
        seen = []
        async for event in stream:
            seen.append(event)
            if event.type == "session.status_idle":
                break

    assert sent.data
    mine = [event for event in seen if event.id == sent.data[0].id]
    assert [event.processed_at is None for event in mine] == [True, False], "queued, then processed"
    assert seen[-1].stop_reason.type == "end_turn"  # type: ignore[union-attr]
    assert seen[-2].type == "session.usage"


async def test_a_stream_replays_nothing(
    client: AsyncAnthropic, raw: httpx.AsyncClient, control: Control, session: str, message: Any
) -> None:
    await client.beta.sessions.events.send(session, events=[message])
    control.advance(10)
    async with raw.stream("GET", f"/v1/sessions/{session}/events/stream") as response:
        assert response.headers["content-type"] == "text/event-stream"
        control.edit(session, title="Later")
        name, data = await anext(frames(response))

    assert name == data["type"] == "session.updated"


async def test_deltas_for_those_who_ask(raw: httpx.AsyncClient, control: Control, session: str, message: Any) -> None:
    path = f"/v1/sessions/{session}/events/stream"
    async with (
        raw.stream("GET", path, params={"event_deltas[]": ["agent.message", "agent.thinking"]}) as asking,
        raw.stream("GET", path) as plain,
    ):
        await raw.post(f"/v1/sessions/{session}/events", json={"events": [message]})
        control.advance(10)
        control.delete(session)
        wanted = [frame async for frame in frames(asking)]
        others = [frame async for frame in frames(plain)]

    text = "".join(data["delta"]["content"]["text"] for name, data in wanted if name == "event_delta")
    spoken = next(data for name, data in wanted if name == "agent.message")
    assert text.strip() == spoken["content"][0]["text"]
    started = [data["event"] for name, data in wanted if name == "event_start"]
    assert [event["type"] for event in started] == ["agent.thinking", "agent.message"]
    assert started[1]["id"] == spoken["id"]
    assert not {name for name, _ in others} & {"event_start", "event_delta"}
    assert others[-1][0] == "session.deleted"


async def test_unknown_deltas_are_refused(raw: httpx.AsyncClient, session: str) -> None:
    path = f"/v1/sessions/{session}/events/stream"

    assert (await raw.get(path, params={"event_deltas[]": "agent.tool_use"})).status_code == 400
    assert (await raw.get(path, params={"event_deltas[]": ["agent.message"] * 101})).status_code == 400


async def test_a_stream_ends_with_its_session(client: AsyncAnthropic, session: str) -> None:
    async with await client.beta.sessions.events.stream(session) as stream:
        await client.beta.sessions.delete(session)
        seen = [event.type async for event in stream]

    assert seen == ["session.deleted"]


async def test_time_passes_for_those_who_only_watch(
    client: AsyncAnthropic, control: Control, session: str, message: Any
) -> None:
    """Nobody asks anything after the message: the ticker alone brings the events."""
    async with await client.beta.sessions.events.stream(session) as stream:
        await client.beta.sessions.events.send(session, events=[message])
        control.advance(10)
        async with asyncio.timeout(30):
            async for event in stream:
                if event.type == "session.status_idle":
                    return
    pytest.fail("the stream ended before the session was idle")


async def test_no_reader_no_watcher(raw: httpx.AsyncClient, simulator: Any, session: str) -> None:
    """A reader that goes away is forgotten."""
    (workspace,) = [w for w in simulator.world.workspaces.values() if session in w.sessions]
    history = workspace.sessions[session].history
    async with raw.stream("GET", f"/v1/sessions/{session}/events/stream"):
        assert len(history.watchers) == 1
    async with asyncio.timeout(30):
        while history.watchers:  # noqa: ASYNC110 (nothing tells when the server has noticed)
            await asyncio.sleep(0.01)


async def test_the_threads_stream_shows_the_same(
    raw: httpx.AsyncClient, control: Control, session: str, message: Any
) -> None:
    thread = (await raw.get(f"/v1/sessions/{session}/threads")).json()["data"][0]["id"]
    async with raw.stream("GET", f"/v1/sessions/{session}/threads/{thread}/stream") as response:
        await raw.post(f"/v1/sessions/{session}/events", json={"events": [message]})
        name, _ = await anext(frames(response))

    assert name == "user.message"
