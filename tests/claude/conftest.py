"""A server that does to its callers what its script says, and a client that is called by no other.

The server speaks raw bytes over a real socket, because what is tested is how the client takes answers that no decent
server library would give. Time in the client's own bookkeeping is a fake; the sockets live in real time, and no test
asserts anything about how long something took.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_simulator import Simulator
from managed_agents_simulator.clock import Clock
from managed_agents_simulator.control import Control

START = 1_790_000_000_000_000
KEY = "sk-ant-test-0123456789abcdef"


@dataclass
class FakeClock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.now - 1000)


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """`script` is called for each request and writes the answer; `requests` is what came. `before` runs on connect."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    script: Script | None = None

    def says(self, status: int = 200, body: object = None, **headers: str) -> None:
        """Answer everything with this. Bytes go out as they are, anything else as JSON."""

        async def script(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(self.answer(status, body, **headers))

        self.script = script

    def says_in_turn(self, *answers: tuple[int, object]) -> None:
        """One answer a request; the last one stays."""
        left = list(answers)

        async def script(request: Request, writer: asyncio.StreamWriter) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            writer.write(self.answer(status, body))

        self.script = script

    def sends(self, raw: bytes, *, then_close: bool = False) -> None:
        """Answer everything with exactly these bytes."""

        async def script(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(raw)
            await writer.drain()
            if then_close:
                writer.close()

        self.script = script

    @staticmethod
    def answer(status: int = 200, body: object = None, **headers: str) -> bytes:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} x", f"content-length: {len(raw)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + raw

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                exact = dict(line.split(": ", 1) for line in head[1:] if line)
                headers |= {name.lower(): value for name, value in exact.items()}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(method, target, headers, body, connection)
                self.requests.append(request)
                assert self.script is not None
                await self.script(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def connect(server: Server, clock: FakeClock) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Builds clients of the server; all options of `Client` may be given."""
    clients: list[Client] = []

    async def connect(**options: Any) -> Client:
        base_url = options.pop("base_url", server.url)
        credentials = options.pop("credentials", lambda: {"x-api-key": KEY})
        client = Client(base_url, credentials, **{"clock": clock, **options})
        clients.append(await client.__aenter__())
        return client

    yield connect
    for client in clients:
        await client.__aexit__(None, None, None)


@pytest.fixture
async def client(connect: Callable[..., Awaitable[Client]]) -> Client:
    return await connect()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A server that keeps what it is told."""
    async with Simulator(clock=Clock.standing(START), seed=7) as running:
        yield running


@pytest.fixture
def control(simulator: Simulator) -> Control:
    return simulator.control


@pytest.fixture
async def live(simulator: Simulator, connect: Callable[..., Awaitable[Client]]) -> Client:
    """A client of it."""
    return await connect(base_url=simulator.base_url, credentials=lambda: {"x-api-key": simulator.key})
