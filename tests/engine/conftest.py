"""What tests of whole passes begin with."""

from __future__ import annotations

import asyncio

import pytest
from tests.engine.keeping import Stage
from tests.engine.world.world import World


@pytest.fixture
def world():
    """A cluster, an API and one process between them."""
    return World()


@pytest.fixture
def operator(world):
    """The process."""
    return world.operators[0]


@pytest.fixture
async def stage():
    stage = Stage()
    running = asyncio.create_task(stage.keeper.run())
    yield stage
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
