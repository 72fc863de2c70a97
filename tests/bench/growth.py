"""The same figures at growing sizes of one world: burst, rest, outside changes, restart."""

from __future__ import annotations

import asyncio
import time

from tests.bench.meter import Meter, megabytes
from tests.bench.stage import LIFTED, say
from tests.bench.table import Grown, quantile, spread

QUIET_SECONDS, STEADY_SECONDS, RESTART_SECONDS = 10.0, 130.0, 30.0
SOME = 50
"""Sessions that are changed outside, one after the other."""
TURN_SECONDS = 12.0
PAGE = 100


class Growth:
    """One run in one world; its rows are what it found."""

    def __init__(self, world, crowd):
        self.world, self.crowd, self.meter = world, crowd, Meter(world)
        self.rows = {}
        self.bare = megabytes(self.meter.pid)

    async def run(self, sizes):
        """All of it, at one size after the other."""
        already = 0
        for size in sizes:
            for what in (self.burst, self.rest, self.freshness, self.restart):
                say(f"{size} sessions: {what.__name__}")
                await (what(size, already) if what == self.burst else what(size))
            already = size
        return list(self.rows.values())

    def _row(self, size, what, bar, figure, grows, met=None):
        """`grows` is what would be ten times as much at ten times the size, were it linear."""
        self.rows.setdefault(what, Grown(what, bar)).add(size, figure, grows, met)

    async def burst(self, size, already):
        """So many at once, with the quota of creations lifted."""
        names = [f"s{n}" for n in range(already, size)]
        before = self.meter.read()
        began = await self.crowd.make(names)
        ended = await self.crowd.all_ready(names, 60 + len(names) / 2)
        await asyncio.sleep(1)
        cost, count = self.meter.since(before), len(names)
        posts, writes = cost.calls["POST /v1/sessions"], cost.written
        whole = size / count
        self._row(
            size, "writes from apply to Ready", "2 each", f"{writes / count:.2f}", writes * whole, writes <= 2 * count
        )
        self._row(size, "bytes of them, each", "", f"{cost.bytes / count:.0f}", cost.bytes * whole)
        self._row(size, "POSTs", "1 each", f"{posts / count:.2f}", posts * whole, posts == count)
        others = sum(n for what, n in cost.calls.items() if what != "POST /v1/sessions")
        self._row(size, "listings meanwhile", "", f"{others}", others)
        seconds = ended - began
        self._row(size, "sessions a second", ">= 50", f"{count / seconds:.0f}", seconds * whole)
        self._row(size, "CPU each", "<= 8 ms", f"{1000 * cost.cpu / count:.1f} ms", cost.cpu * whole)

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
        minute = (pages + hot + others) * 60 / seconds
        written, grown = cost.written, memory - self.bare
        self._row(size, "at rest: writes", "0", f"{written}", written, written == 0)
        self._row(
            size, f"pages of {PAGE} in {seconds:.0f} s", "a whole sweep a minute", f"{pages}", pages, pages <= allowed
        )
        self._row(size, "calls a minute", "<= 300", f"{minute:.0f}", minute, minute <= 300)
        self._row(size, "calls but pages", "0", f"{others}", others, others == 0)
        self._row(size, "CPU", "<= 3 % of a core", f"{share:.2f} %", share)
        each = f"{grown / size * 1000:.0f} for 1,000"
        self._row(size, "peak memory", "<= 40 MB for 1,000", f"{memory:.0f} MB: {each}", grown)

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
        worst = [quantile(values, 0.99) for values in (into, out, titled)]
        self._row(size, "seen outside: into running", "p50 <= 5 s, p99 <= 15 s", spread(into), worst[0])
        self._row(size, "out of running", "p50 <= 5 s, p99 <= 15 s", spread(out), worst[1])
        self._row(size, "another title", "<= 75 s", spread(titled), worst[2])
        each = cost.bytes / max(cost.written, 1)
        self._row(size, "bytes of a status write", "", f"{each:.0f}", each)

    async def restart(self, size):
        """The same process anew."""
        self.world.stop_operator()
        await asyncio.to_thread(self.world.start_operator, LIFTED)
        before = self.meter.read()
        await asyncio.sleep(RESTART_SECONDS)
        cost = self.meter.since(before)
        cpu = self.meter.read().cpu
        others = sum(n for what, n in cost.calls.items() if not what.endswith("page"))
        memory = megabytes(self.meter.pid, "VmHWM")
        self._row(size, "a restart: writes", "0", f"{cost.written}", cost.written, cost.written == 0)
        self._row(size, "calls but listings", "0", f"{others}", others, others == 0)
        self._row(size, f"CPU in {RESTART_SECONDS:.0f} s", "<= 10 s", f"{cpu:.1f} s", cpu)
        self._row(size, "peak memory after it", "", f"{memory:.0f} MB", memory - self.bare)
