"""A simulator, a client of it, and everything of one connection joined to that."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.kinds.stage import Connection, HandClock

from managed_agents_operator.claude.client import Client
from managed_agents_simulator import Simulator
from managed_agents_simulator.clock import Clock
from managed_agents_simulator.control import Control

START = 1_790_000_000_000_000


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(clock=Clock.standing(START), seed=7) as running:
        yield running


@pytest.fixture
def control(simulator: Simulator) -> Control:
    return simulator.control


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def client(simulator: Simulator, clock: HandClock) -> AsyncIterator[Client]:
    async with Client(simulator.base_url, lambda: {"x-api-key": simulator.key}, clock=clock) as open_client:
        yield open_client


@pytest.fixture
async def connection(client: Client, clock: HandClock) -> AsyncIterator[Connection]:
    joined = Connection(client, clock)
    yield joined
    await joined.searches.close()
    await joined.uploads.close()
