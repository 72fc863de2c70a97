"""What tests of whole passes begin with."""

from __future__ import annotations

import pytest
from tests.engine.world.world import World


@pytest.fixture
def world():
    """A cluster, an API and one process between them."""
    return World()


@pytest.fixture
def operator(world):
    """The process."""
    return world.operators[0]
