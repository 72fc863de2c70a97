"""`make bench`: the operator at SESSIONS sessions, as a process beside a real API server and the simulator.

Prints a table of the bars and what was measured, and ends with 1 where a count missed its bar. SESSIONS is 1000 unless
it is given, LATENCY_MS (what each call of the API takes) 50; smaller sizes on the way show how costs grow. At 10,000 it
takes half an hour. PARTS names those to run, all of them by default.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from datetime import UTC, datetime

from tests.bench import sides
from tests.bench.growth import Growth
from tests.bench.stage import LIFTED, stage
from tests.bench.table import markdown, missed

SESSIONS = int(os.environ.get("SESSIONS", "1000"))
LATENCY_MS = int(os.environ.get("LATENCY_MS", "50"))
SIZES = [size for size in (100, 1000, 10_000) if size < SESSIONS] + [SESSIONS]


async def growth():
    """One world that grows."""
    async with stage(LATENCY_MS, LIFTED) as (world, crowd):
        return await Growth(world, crowd).run(SIZES)


PARTS = {
    "growth": growth,
    "latencies": lambda: sides.latencies(min(SESSIONS, 1000)),
    "quota": lambda: sides.quota(min(SESSIONS, 100)),
    "kickoffs": lambda: sides.kickoffs(min(SESSIONS, 50)),
    "troubles": sides.troubles,
    "crash": lambda: sides.crash(min(SESSIONS, 2000)),
}


async def main():
    chosen = os.environ.get("PARTS", ",".join(PARTS)).split(",")
    rows = [row for part in chosen for row in await PARTS[part]()]
    where = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {LATENCY_MS} ms a call:"
    sys.stdout.write(f"{where}\n\n{markdown(rows)}\n")
    return missed(rows)


sys.exit(asyncio.run(main()))
