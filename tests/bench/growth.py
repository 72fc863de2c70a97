"""The same figures at growing sizes of one world: burst, rest, outside changes, restart."""

from __future__ import annotations

import asyncio
import time

from tests.bench.meter import Meter, megabytes
from tests.bench.stage import LIFTED, say
from tests.bench.table import Row, spread

QUIET_SECONDS, STEADY_SECONDS, RESTART_SECONDS = 10.0, 130.0, 30.0
SOME = 50
"""Sessions that are changed outside, one after the other."""
TURN_SECONDS = 12.0
PAGE = 100


class Growth:
    """One run in one world; its rows are what it found."""

    def __init__(self, world, crowd):
        self.world, self.crowd, self.meter = world, crowd, Meter(world)
        self.rows = []
        self.bare = megabytes(self.meter.pid)
        self._costs = {}
        """What grows, by what it is, then by size."""

    async def run(self, sizes):
        """All of it, at one size after the other."""
        already = 0
        for size in sizes:
            for what in (self.burst, self.rest, self.freshness, self.restart):
                say(f"{size} sessions: {what.__name__}")
                await (what(size, already) if what == self.burst else what(size))
            already = size
        self._compare()
        return self.rows

    def _row(self, size, what, bar, figure, met=None):
        self.rows.append(Row(f"{size:,}: {what}", bar, figure, met))

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
        self._row(size, "writes from apply to Ready", "2 each", f"{writes / count:.2f}", writes <= 2 * count)
        self._row(size, "bytes of them", "", f"{cost.bytes / count:.0f} each")
        self._row(size, f"POSTs for {count:,} sessions", "1 each", f"{posts}", posts == count)
        self._row(size, "other calls meanwhile", "", more or "0")
        self._row(size, f"burst of {count:,}", ">= 50 sessions/s", f"{count / (ended - began):.0f} sessions/s")
        each = 1000 * cost.cpu / count
        self._row(size, "CPU of it", "<= 8 ms a session", f"{each:.1f} ms a session")
        self._costs.setdefault("CPU of a burst", {})[size] = cost.cpu / count * size

    async def rest(self, size):
        """Nothing changes."""
        await asyncio.sleep(QUIET_SECONDS)
        before, began = self.meter.read(), time.monotonic()
        await asyncio.sleep(STEADY_SECONDS)
        cost, seconds = self.meter.since(before), time.monotonic() - began
        sweeps = seconds / 60 + 1
        pages, allowed = cost.calls["full page"], -(-size // PAGE) * sweeps
        hot = cost.calls["hot page"]
        others = sum(n for what, n in cost.calls.items() if not what.endswith("page"))
        memory = megabytes(self.meter.pid, "VmHWM")
        share = 100 * cost.cpu / seconds
        each = (memory - self.bare) / size * 1000
        minute = (pages + hot + others) * 60 / seconds
        self._row(size, "writes while nothing changes", "0", f"{cost.written}", cost.written == 0)
        self._row(size, f"pages of {PAGE} in {seconds:.0f} s", f"<= {allowed:.0f}", f"{pages}", pages <= allowed)
        self._row(size, "calls a minute in all", "<= 300", f"{minute:.0f}", minute <= 300)
        self._row(size, "calls but pages", "0", f"{others}", others == 0)
        self._row(size, "CPU while nothing changes", "<= 3 % at 10,000", f"{share:.2f} % of a core")
        self._row(
            size,
            "peak memory",
            "<= 40 MB per 1,000",
            f"{memory:.0f} MB, {self.bare:.0f} at the start: {each:.0f} MB per 1,000",
        )
        self._costs.setdefault("CPU while nothing changes", {})[size] = share
        self._costs.setdefault("memory", {})[size] = memory - self.bare
        self._costs.setdefault("pages", {})[size] = pages

    async def freshness(self, size):
        """Others change some sessions, one after the other; how long until status shows it."""
        names = [f"s{n * (size // SOME)}" for n in range(min(SOME, size))]
        self.world.control.behaviour(turn_seconds=TURN_SECONDS)
        self.crowd.forget()
        into, out, titled = [], [], []
        before = self.meter.read()

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
        cost = self.meter.since(before)
        self._row(size, "outside change to status, into running", "p50 <= 5 s, p99 <= 15 s", spread(into))
        self._row(size, "out of running", "p50 <= 5 s, p99 <= 15 s", spread(out))
        self._row(size, "another title", "<= 75 s", spread(titled))
        self._row(size, "bytes of a status write", "", f"{cost.bytes / max(cost.written, 1):.0f}")

    async def restart(self, size):
        """The same process anew."""
        self.world.stop_operator()
        await asyncio.to_thread(self.world.start_operator, LIFTED)
        before = self.meter.read()
        await asyncio.sleep(RESTART_SECONDS)
        cost = self.meter.since(before)
        cpu = self.meter.read().cpu
        others = sum(n for what, n in cost.calls.items() if not what.endswith("page"))
        self._row(size, "writes of a restart", "0", f"{cost.written}", cost.written == 0)
        self._row(size, "calls but listings", "0", f"{others}", others == 0)
        self._row(size, "CPU of a restart", "<= 10 s at 10,000", f"{cpu:.1f} s in {RESTART_SECONDS:.0f} s")
        self._row(size, "its peak memory", "", f"{megabytes(self.meter.pid, 'VmHWM'):.0f} MB")
        self._costs.setdefault("CPU of a restart", {})[size] = cpu

    def _compare(self):
        """What is worse than linear shows."""
        for what, by_size in self._costs.items():
            steps = zip(by_size.items(), list(by_size.items())[1:], strict=False)
            for (small, little), (large, much) in steps:
                figure = f"{much / max(little, 0.01):.1f} times"
                self.rows.append(Row(f"{what}, {small:,} to {large:,}", f"<= {large / small:.0f} times", figure))
