"""What does not depend on how many there are: quotas, slow answers, resources in trouble, a crash in a burst."""

from __future__ import annotations

import asyncio

from tests.bench.meter import Meter
from tests.bench.stage import LIFTED, say, stage
from tests.bench.table import Row

GO = [{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}]
TROUBLED_SECONDS = 60.0
TRIES = 8
"""Steps of a backoff that begins with a second, in that time."""
LISTINGS = 6
"""A single claim in doubt asks for 5, with growing pauses until its 90 s are over; who comes during one waits for the
next."""
CREATES_PER_SECOND = 5
"""The quota that an operator begins with."""


async def latencies(count):
    """A burst where answers are quick and where they are slow, and one more resource behind it."""
    rows = []
    for latency in (30, 200):
        say(f"burst of {count}, {latency} ms a call")
        async with stage(latency, LIFTED) as (world, crowd):
            world.kubectl("create", "namespace", "late")
            names = [f"s{n}" for n in range(count)]
            began = await crowd.make(names)
            late = await crowd.make(["late"], namespace="late")
            ended = await crowd.all_ready([*names, "late"], 60 + count)
            bar = f"<= 20 s for 1,000{', the peer 123 s' if latency == 30 else ''}"
            rows.append(Row(f"{count:,} applied, {latency} ms a call: all Ready", bar, f"{ended - began:.1f} s"))
            bar = "the peer 162 s" if latency == 200 else ""
            rows.append(Row(f"one more behind them, {latency} ms a call", bar, f"{crowd.ready['late'] - late:.1f} s"))
    return rows


async def quota(count):
    """A burst within the quota of creations."""
    say(f"burst of {count} within the quota")
    async with stage(50, {}) as (world, crowd):
        names, meter = [f"s{n}" for n in range(count)], Meter(world)
        before = meter.read()
        began = await crowd.make(names)
        ended = await crowd.all_ready(names, 60 + count)
        cost = meter.since(before)
        least = (count - CREATES_PER_SECOND) / CREATES_PER_SECOND
        posts = cost.calls["POST /v1/sessions"]
        return [
            Row(f"{count} applied within 300 creations a minute", f"{least:.0f} s", f"{ended - began:.1f} s"),
            Row("writes of it", "2 each", f"{cost.written / count:.2f}", cost.written <= 2 * count),
            Row("POSTs of it", "1 each", f"{posts}", posts == count),
        ]


async def kickoffs(count):
    """Sessions with first events."""
    say(f"{count} with first events")
    async with stage(50, LIFTED) as (world, crowd):
        world.control.behaviour(turn_seconds=600.0)
        names, meter = [f"s{n}" for n in range(count)], Meter(world)
        before = meter.read()
        await crowd.make(names, initialEvents=GO)
        await crowd.all_ready(names, 60 + count)
        written = meter.since(before).written
        return [Row("writes from apply to Ready with a kick-off", "3", f"{written / count:.2f}", written <= 3 * count)]


async def troubles():
    """One that can't be made, and one that is deleted while it works and will not be interrupted."""
    say("resources in trouble")
    async with stage(50, LIFTED) as (world, crowd):
        world.control.behaviour(turn_seconds=10_000.0, interrupt_seconds=10_000.0)
        meter = Meter(world)
        await crowd.make(["busy"], initialEvents=GO)
        await crowd.all_ready(["busy"], 60)
        before = meter.read()
        await crowd.make(["never"], agent={"id": "agent_nowhere"})
        world.kubectl("delete", "session", "busy", "--wait=false")
        await asyncio.sleep(TROUBLED_SECONDS)
        calls = world.control.requests(since=before.call)
        posts = sum(1 for call in calls if (call["method"], call["path"]) == ("POST", "/v1/sessions"))
        interrupts = sum(1 for call in calls if "user.interrupt" in str(call["body"]))
        archives = sum(1 for call in calls if call["path"].endswith("/archive") or call["method"] == "DELETE")
        written = meter.since(before).written
        name = f"in {TROUBLED_SECONDS:.0f} s"
        return [
            Row(f"one that can't be created: POSTs {name}", "1", f"{posts}", posts == 1),
            Row(f"one running that is deleted: interrupts {name}", "1", f"{interrupts}", interrupts == 1),
            Row(f"its tries to end it {name}", f"<= {TRIES}", f"{archives}", archives <= TRIES),
            Row(f"writes for both {name}", "", f"{written}"),
        ]


async def crash(count):
    """Killed in the middle of a burst, with many answers under way."""
    say(f"killed in a burst of {count}")
    many = {**LIFTED, "MANAGED_AGENTS_WORKERS": "256"}
    async with stage(200, many) as (world, crowd):
        names = [f"s{n}" for n in range(count)]
        making = asyncio.create_task(crowd.make(names))
        await crowd.so_many_ready(count // 3)
        world.kill_operator()
        await making
        known = sum(1 for name in names if name in crowd.ids)
        doubt = len(world.control.sessions(alive=True)) - known
        mark = max(call["n"] for call in world.control.requests())
        await asyncio.to_thread(world.start_operator, LIFTED)
        await crowd.all_ready(names, 300 + count)
        searches = [call for call in world.control.requests(since=mark) if "include_archived" in str(call["query"])]
        listings = sum(1 for call in searches if "page=" not in str(call["query"]))
        alive = len(world.control.sessions(alive=True))
        return [
            Row(f"killed in a burst of {count:,}: sessions in the end", f"{count}", f"{alive}", alive == count),
            Row("answers that it did not hear", "", f"{doubt}"),
            Row(
                "listings that resolved its claims",
                f"<= {LISTINGS}, as for one alone",
                f"{listings}, {len(searches)} pages",
                listings <= LISTINGS,
            ),
        ]
