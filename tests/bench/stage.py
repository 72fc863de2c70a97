"""A world of its own for each part of the benchmark, and what the operator in it is started with."""

from __future__ import annotations

import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.crowd import Crowd

from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.world import World

LIFTED = {"MANAGED_AGENTS_CREATES_PER_MINUTE": "1000000"}
"""No quota of creations."""


@asynccontextmanager
async def stage(latency_ms, env):
    """A cluster, the simulator with this latency, and an operator: `(world, crowd)`."""
    options = [f"--latency-ms={latency_ms}"]
    with (
        tempfile.TemporaryDirectory(prefix="managed-agents-bench-") as folder,
        ControlPlane() as cluster,
        World(cluster, Path(folder), simulator_options=options) as world,
    ):
        world.start_operator(env)
        async with Crowd(world) as crowd:
            yield world, crowd


def say(text):
    """Tell how far it is."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
