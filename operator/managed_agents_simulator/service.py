"""The simulator as a thing with a life: one world served over HTTP on a loopback port.

Used by the command line and, as an async context manager, by tests in the same process. Joins world, doors and server;
decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from managed_agents_simulator.backstage.stage_door import PREFIX, StageDoor
from managed_agents_simulator.clock import Clock
from managed_agents_simulator.control import Control, ControlError
from managed_agents_simulator.identifiers import Identifiers
from managed_agents_simulator.wire.answering import CONNECTION
from managed_agents_simulator.wire.door import Door
from managed_agents_simulator.wire.errors import ApiError
from managed_agents_simulator.world import DEFAULT_WORKSPACE, OTHER_WORKSPACE, World

_GRACE_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75
"""As long as the gateways in front of the service: shorter, and clients would see connections die under a POST."""


class _Protocol(H11Protocol):
    """HTTP/1.1 that hands its transport to the application, so that a connection can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: transport}


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it, and ends as soon as it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Answer what is under way and end."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Simulator:
    """A running simulator. `base_url` and `key` are what a client needs; `control` steers it without a detour."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        prefix: str = "",
        clock: Clock | None = None,
        database: Path | None = None,
        speed: float = 1.0,
        latency: float = 0.0,
        keys: dict[str, str | None] | None = None,
        seed: int | None = None,
    ) -> None:
        """`port` 0 takes a free one; below the path `prefix` everything is found, as behind a gateway.

        `keys` are API keys and their workspaces (None: the default one). Raises OSError when the address can't be had,
        sqlite3.Error when the database can't.
        """
        self.world = World(clock=clock, identifiers=Identifiers(seed), database=database, speed=speed)
        self.door = Door(self.world, latency=latency)
        self._stage_door = StageDoor(self.door)
        self.control = Control(self._steer)
        self.key = self._open_keys(keys or {})
        self._prefix = prefix.rstrip("/")
        self._socket = _bind(host, port)
        name = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{name}:{self._socket.getsockname()[1]}{self._prefix}"
        self._tasks: list[asyncio.Task[None]] = []
        self._server = _Server(_configuration(self._application))

    @property
    def other_key(self) -> str:
        """A key of the other workspace."""
        return next(key.secret for key in self.world.keys.values() if key.workspace == OTHER_WORKSPACE)

    async def __aenter__(self) -> Self:
        """Serve; requests are answered from now on."""
        self._tasks = [
            asyncio.create_task(self._server.serve(sockets=[self._socket]), name="simulator server"),
            asyncio.create_task(self.world.run(), name="simulator time"),
        ]
        while not self._server.started:
            if self._tasks[0].done():
                await self._tasks[0]
                raise RuntimeError("the server ended before it began")
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: streams are closed, the port is free, the database is written."""
        self.door.faults.remove()
        self.world.end_streams()
        self._server.stop()
        server, ticker = self._tasks
        await server
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
        self.world.ledger.close()
        self._socket.close()

    async def wait(self) -> None:
        """Wait until the server or time itself has failed; raises what ended them."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self._prefix:
            path = path.removeprefix(self._prefix) if path.startswith(f"{self._prefix}/") else "/"
        served = self._stage_door if path.startswith(f"{PREFIX}/") else self.door
        await served({**scope, "path": path}, receive, send)

    def _steer(self, method: str, path: str, query: str, given: Any) -> Any:
        """Carry out a control call in this process, with the same answers and errors as over HTTP."""
        try:
            return json.loads(json.dumps(self._stage_door.serve(method, path, query, given)))
        except KeyError as missing:
            raise ControlError(f"{missing.args[0]} is not known here") from None
        except (ValueError, TypeError, ApiError) as wrong:
            raise ControlError(str(wrong)) from None

    def _open_keys(self, wanted: dict[str, str | None]) -> str:
        """The keys asked for and one of each workspace; gives the one to tell people."""
        world = self.world
        for secret, workspace in wanted.items():
            world.add_key(secret, world.workspace(workspace or DEFAULT_WORKSPACE).id)
        for name in world.workspaces:
            if not any(key.workspace == name and not key.revoked for key in world.keys.values()):
                world.add_key(workspace=name)
        world.ledger.commit()
        return next(iter(wanted), None) or next(
            key.secret for key in world.keys.values() if key.workspace == DEFAULT_WORKSPACE and not key.revoked
        )


def _bind(host: str, port: int) -> socket.socket:
    # asyncio turns off Nagle's algorithm only where the protocol is named; with it each answer waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _configuration(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        interface="asgi3",
        http=_Protocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
