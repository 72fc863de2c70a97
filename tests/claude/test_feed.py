"""Events word for word, by pages and as they happen: against the simulator, and a server that breaks what it can."""

from __future__ import annotations

import pytest

from managed_agents_operator.claude.errors import BadRequest, Lost, NotFound, Unauthorized, Unreadable
from managed_agents_operator.claude.feed import Feed

BARE = {"agent": "agent_sample", "environment_id": "env_sample"}
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}


@pytest.fixture
async def session(live):
    return (await live.create_session(BARE)).value.id


async def test_pages_hold_events_as_they_came(live, control, session):
    await live.send_events(session, [MESSAGE] * 30)
    control.advance(60)
    control.modes(page_size=5)
    forth = [event async for page in Feed(live).pages(session) for event in page.value.items]
    back = [event async for page in Feed(live).pages(session, "desc") for event in page.value.items]
    assert len(forth) > 30
    assert back == forth[::-1]
    message = next(event for event in forth if event["type"] == "user.message")
    assert set(message) == {"id", "type", "content", "processed_at"}


async def test_a_stream_tells_what_happens_from_its_opening_on(live, control, session):
    stream = Feed(live).stream(session)
    assert await anext(stream) is None
    await live.send_events(session, [MESSAGE])
    control.delete(session)
    seen = [event async for event in stream]
    assert seen[-1]["type"] == "session.deleted"
    assert "user.message" in [event["type"] for event in seen]


async def test_what_is_refused_comes_out_as_from_any_call(live, connect, simulator):
    with pytest.raises(NotFound):
        await anext(Feed(live).stream("sesn_nobody"))
    with pytest.raises(BadRequest, match="slashes"):
        await anext(Feed(live).stream("../agents"))
    stranger = await connect(base_url=simulator.base_url, credentials=lambda: {"x-api-key": "sk-wrong"})
    with pytest.raises(Unauthorized) as refused:
        await anext(Feed(stranger).stream("sesn_nobody"))
    assert "sk-wrong" not in str(refused.value)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(text):
    raw = text.encode()
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"


FRAMES = [
    ('event: ping\ndata: {"type": "ping"}\n\n', [None], "a ping is a sign of life and no event"),
    ('data: {"type": "ping"}\n\n', [None], "whoever names it"),
    (": a comment\n\n", [], "nor is a comment"),
    ('event: x\ndata: {"type": "x",\ndata: "id": "1"}\n\n', [{"type": "x", "id": "1"}], "an event of two lines"),
    ("event: x\ndata: no json\n\n", [None], "what is none is passed over"),
    ("event: x\ndata: [1]\n\n", [None], "as is what can't be one"),
    ('data: {"type": "x"}\n\n', [{"type": "x"}], "a frame without a name"),
    ('event: x\ndata: {"type": "x"}', [], "half an event is none"),
]


@pytest.mark.parametrize(("frames", "events", "reason"), FRAMES, ids=[row[2] for row in FRAMES])
async def test_frames_are_read(server, client, frames, events, reason):
    server.sends(HEAD + chunk(frames) + b"0\r\n\r\n")
    assert [event async for event in Feed(client).stream("s")] == [None, *events], reason
    request = server.requests[0]
    assert request.target.startswith("/v1/sessions/s/events/stream?")
    assert request.headers["accept"] == "text/event-stream"


BROKEN = [
    (HEAD + chunk('event: x\ndata: {"type": "x"}\n\n'), Lost, "a cut"),
    (HEAD + chunk("event: error\ndata: {}\n\n") + b"0\r\n\r\n", Unreadable, "an error in the midst of it"),
    (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi",
        Unreadable,
        "another kind of answer",
    ),
]


@pytest.mark.parametrize(("raw", "error", "reason"), BROKEN, ids=[row[2] for row in BROKEN])
async def test_a_stream_that_breaks_says_so(server, client, raw, error, reason):
    server.sends(raw, then_close=True)
    with pytest.raises(error):
        [event async for event in Feed(client).stream("s")]
