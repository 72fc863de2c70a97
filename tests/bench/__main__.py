"""`make bench`: the operator at SESSIONS sessions, as a process beside a real API server and the simulator.

Prints a table of the bars and what was measured, and ends with 1 where a count missed its bar. SESSIONS is 1000 unless
it is given, LATENCY_MS (what each call of the API takes) 50; smaller sizes on the way show how costs grow.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.crowd import Crowd
from tests.bench.meter import Meter, megabytes
from tests.bench.table import Row, markdown, spread

from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.world import World

SESSIONS = int(os.environ.get("SESSIONS", "1000"))
LATENCY_MS = int(os.environ.get("LATENCY_MS", "50"))
SIZES = [size for size in (100, 1000, 10_000) if size < SESSIONS] + [SESSIONS]
LIFTED = {"MANAGED_AGENTS_CREATES_PER_MINUTE": "1000000"}
QUIET_SECONDS, STEADY_SECONDS, RESTART_SECONDS = 10.0, 130.0, 30.0
SOME = 50
"""Sessions that are changed outside, one after the other."""
TURN_SECONDS = 12.0
PAGE = 100


class Bench:
    """One run; its rows are what it found."""

    def __init__(self, world, crowd):
        self.world, self.crowd, self.meter = world, crowd, Meter(world)
        self.rows, self.steady = [], []
        self.bare = megabytes(self.meter.pid)

    def say(self, text):
        sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")

    async def burst(self, size, already):
        """So many at once, with the quota of creations lifted."""
        names = [f"s{n}" for n in range(already, size)]
        before = self.meter.read()
        began = await self.crowd.make(names)
        ended = await self.crowd.all_ready(names, 60 + len(names) / 2)
        await asyncio.sleep(1)
        cost, count = self.meter.since(before), len(names)
        posts, writes = cost.calls["POST /v1/sessions"], cost.written
        more = ", ".join(f"{n} {what}" for what, n in cost.calls.items() if what != "POST /v1/sessions")
        self.rows += [
            Row(
                f"{size}: Kubernetes writes from apply to Ready", "2 each", f"{writes / count:.2f}", writes <= 2 * count
            ),
            Row(f"{size}: Events meanwhile", "", f"{cost.events}"),
            Row(f"{size}: POSTs for {count} sessions", "1 each", f"{posts}", posts == count),
            Row(f"{size}: other calls meanwhile", "", more or "0"),
            Row(f"{size}: burst of {count}", ">= 50 sessions/s", f"{count / (ended - began):.0f} sessions/s"),
            Row(f"{size}: CPU of the operator", "<= 8 ms a session", f"{1000 * cost.cpu / count:.1f} ms a session"),
        ]

    async def rest(self, size):
        """Nothing changes."""
        await asyncio.sleep(QUIET_SECONDS)
        before, began = self.meter.read(), time.monotonic()
        await asyncio.sleep(STEADY_SECONDS)
        cost, seconds = self.meter.since(before), time.monotonic() - began
        sweeps = seconds / 60 + 1
        pages, allowed = cost.calls["full page"], -(-size // PAGE) * sweeps
        others = sum(n for what, n in cost.calls.items() if not what.endswith("page"))
        memory = megabytes(self.meter.pid, "VmHWM")
        share = 100 * cost.cpu / seconds
        self.steady.append((size, share))
        self.rows += [
            Row(f"{size}: writes while nothing changes", "0", f"{cost.written}", cost.written == 0),
            Row(f"{size}: pages of {PAGE} in {seconds:.0f} s", f"<= {allowed:.0f}", f"{pages}", pages <= allowed),
            Row(f"{size}: pages of running sessions", "", f"{cost.calls['hot page']}"),
            Row(f"{size}: other calls", "0", f"{others}", others == 0),
            Row(f"{size}: CPU while nothing changes", "<= 3 % at 10,000", f"{share:.2f} % of a core"),
            Row(f"{size}: peak memory", "<= 40 MB per 1,000", f"{memory:.0f} MB, {self.bare:.0f} of it at the start"),
        ]

    async def freshness(self, size):
        """Others change some sessions, one after the other; how long until status shows it."""
        names = [f"s{n * (size // SOME)}" for n in range(min(SOME, size))]
        self.world.control.behaviour(turn_seconds=TURN_SECONDS)
        self.crowd.forget()
        into, out, titled = [], [], []

        async def works(name):
            at = await self.crowd.speak(name)
            into.append(await self.crowd.seen(name, "running") - at)
            out.append(await self.crowd.seen(name, "idle") - at - TURN_SECONDS)

        async def other(name):
            title = f"at {size}"
            at = await self.crowd.retitle(name, title)
            titled.append(await self.crowd.seen(name, title) - at)

        async with asyncio.timeout(300):
            tasks = []
            for name in names:
                tasks += [asyncio.create_task(works(name)), asyncio.create_task(other(f"s{int(name[1:]) + 1}"))]
                await asyncio.sleep(0.7)
            await asyncio.gather(*tasks)
        self.rows += [
            Row(f"{size}: outside change to status, into running", "p50 <= 5 s, p99 <= 15 s", spread(into)),
            Row(f"{size}: out of running", "p50 <= 5 s, p99 <= 15 s", spread(out)),
            Row(f"{size}: another title", "<= 75 s", spread(titled)),
        ]

    async def restart(self, size):
        """The same process anew."""
        self.world.stop_operator()
        await asyncio.to_thread(self.world.start_operator, LIFTED)
        before = self.meter.read()
        await asyncio.sleep(RESTART_SECONDS)
        cost = self.meter.since(before)
        cpu = self.meter.read().cpu
        others = sum(n for what, n in cost.calls.items() if not what.endswith("page"))
        self.rows += [
            Row(f"{size}: writes of a restart", "0", f"{cost.written}", cost.written == 0),
            Row(f"{size}: other calls than listings", "0", f"{others}", others == 0),
            Row(f"{size}: CPU of a restart", "<= 10 s at 10,000", f"{cpu:.1f} s in {RESTART_SECONDS:.0f} s"),
            Row(f"{size}: its peak memory", "", f"{megabytes(self.meter.pid, 'VmHWM'):.0f} MB"),
        ]

    async def run(self):
        already = 0
        for size in SIZES:
            self.say(f"{size} sessions: burst")
            await self.burst(size, already)
            already = size
            self.say(f"{size} sessions: nothing changes")
            await self.rest(size)
            self.say(f"{size} sessions: outside changes")
            await self.freshness(size)
            self.say(f"{size} sessions: restart")
            await self.restart(size)
        for (small, little), (large, much) in zip(self.steady, self.steady[1:], strict=False):
            what = f"growth of CPU at rest from {small} to {large} sessions"
            self.rows.append(Row(what, f"<= {large / small:.0f} times", f"{much / max(little, 0.01):.1f} times"))


async def main():
    with tempfile.TemporaryDirectory(prefix="managed-agents-bench-") as folder, ControlPlane() as cluster:
        options = [f"--latency-ms={LATENCY_MS}"]
        with World(cluster, Path(folder), simulator_options=options) as world:
            world.start_operator(LIFTED)
            async with Crowd(world) as crowd:
                bench = Bench(world, crowd)
                await bench.run()
    where = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {LATENCY_MS} ms a call:"
    sys.stdout.write(f"{where}\n\n{markdown(bench.rows)}\n")
    return any(row.met is False for row in bench.rows)


sys.exit(asyncio.run(main()))
