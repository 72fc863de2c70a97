"""A simulator on a clock that stands still, the official SDK, and raw HTTP, for every test of the simulator."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.clock import Clock
from managed_agents_simulator.control import Control

START = 1_790_000_000_000_000
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(clock=Clock.standing(START), seed=7) as running:
        yield running


@pytest.fixture
def control(simulator: Simulator) -> Control:
    return simulator.control


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncAnthropic]:
    """The official SDK, as it comes but for its retries."""
    async with AsyncAnthropic(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def raw(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """Requests as SDK 1.x sends them: the key as x-api-key, beta=true on every path."""
    async with httpx.AsyncClient(
        base_url=simulator.base_url,
        headers={"x-api-key": simulator.key, **HEADERS},
        params={"beta": "true"},
        verify=False,
    ) as http:
        yield http


@pytest.fixture
def message() -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": "Triage the open issues."}]}


@pytest.fixture
def bare() -> dict[str, Any]:
    """The least that a session can be made of."""
    return {"agent": "agent_sample", "environment_id": "env_sample"}
