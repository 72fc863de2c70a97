"""Following a session of the simulator over a wire that is cut again and again."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest

from managed_agents_kubectl.following import Reader
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.feed import Feed
from managed_agents_simulator import Simulator
from managed_agents_simulator.clock import Clock

START = 1_790_000_000_000_000


class RealClock:
    def monotonic(self):
        return asyncio.get_running_loop().time()

    def wall(self):
        return datetime.now(UTC)


class Wire:
    """A way to a server that can be cut: those who are connected then are on their own."""

    def __init__(self, port):
        self._port = port
        self._ends = set()
        self._tasks = set()
        self.streams = 0

    async def carry(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        there = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, there[1]}
        self._ends |= ends
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        for end in ends:
            end.close()
        self._tasks.discard(task)

    async def _pump(self, source, sink):
        while piece := await source.read(65536):
            self.streams += b"/events/stream" in piece
            sink.write(piece)
            await sink.drain()
        sink.close()

    def cut(self):
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def close(self):
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def simulator():
    async with Simulator(clock=Clock.standing(START), seed=7) as running:
        yield running


@pytest.fixture
async def wire(simulator):
    wire = Wire(int(simulator.base_url.rsplit(":", 1)[1]))
    listening = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield wire
    listening.close()
    await wire.close()


async def until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for rings no bell
            await asyncio.sleep(0.01)


async def test_each_event_is_shown_once_and_in_order_whatever_is_cut(simulator, wire):
    control = simulator.control
    shown = []
    async with Client(wire.url, lambda: {"x-api-key": simulator.key}, clock=RealClock()) as client:
        id = (await client.create_session({"agent": "agent_sample", "environment_id": "env_sample"})).value.id
        reader = Reader(Feed(client), id, lambda event: True)

        async def over():
            return (await client.get_session(id)).value.archived_at is not None

        async def at_once(_):
            await asyncio.sleep(0)

        async def follow():
            async for event in reader.follow(reader.past, over, at_once):
                shown.append(event["id"])  # noqa: PERF401 - it is looked at while it grows

        emitted = 0

        def happens(times):
            for _ in range(times):
                control.emit(id, "agent.message", content=[])
            return emitted + times

        emitted = happens(3)
        following = asyncio.create_task(follow())
        for turn in range(5):
            await until(lambda: len(shown) == emitted and wire.streams > turn)  # noqa: B023 - called at once
            wire.cut()
            # Of these nobody is told: the next stream begins after them.
            emitted = happens(turn * 40)
        await until(lambda: len(shown) == emitted and wire.streams > 5)
        control.archive(id)
        async with asyncio.timeout(30):
            await following
        listed = [event["id"] async for page in Feed(client).pages(id) for event in page.value.items]
    assert shown == listed
    assert len(shown) > emitted
