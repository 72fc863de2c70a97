"""`make profile`: where the time goes, as flame graphs of the operator's process: start, burst and rest.

SESSIONS is 1000 unless it is given. Writes `.profile/*.svg`, and prints the functions that most samples are in.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.bench.stage import LIFTED, say, stage

SESSIONS = int(os.environ.get("SESSIONS", "1000"))
LATENCY_MS = int(os.environ.get("LATENCY_MS", "50"))
FOLDER = Path(".profile")
SPY = Path(sys.executable).with_name("py-spy")
START_SECONDS, REST_SECONDS = 25, 130
RATE = 100
"""Samples a second."""


class Spy:
    """`async with Spy(pid, "burst")`: samples a process while the block runs, and writes a picture of it."""

    def __init__(self, pid, name):
        self._file = FOLDER / f"{name}.svg"
        self._command = [SPY, "record", "--pid", str(pid), "--rate", str(RATE), "--duration", "unlimited"]
        self._command += ["--output", self._file]

    async def __aenter__(self):
        quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.PIPE}
        self._process = await asyncio.create_subprocess_exec(*self._command, **quiet)
        return self

    async def __aexit__(self, *_):
        self._process.send_signal(2)
        _, told = await self._process.communicate()
        if not self._file.exists():
            raise RuntimeError(f"py-spy made no picture: {told.decode()}")
        say(f"{self._file}")


async def main():
    async with stage(LATENCY_MS, LIFTED) as (world, crowd):
        pid = world.operator.process.pid
        names = [f"s{n}" for n in range(SESSIONS)]
        async with Spy(pid, "burst"):
            await crowd.make(names)
            await crowd.all_ready(names, 60 + len(names) / 2)
        await asyncio.sleep(10)
        async with Spy(pid, "rest"):
            await asyncio.sleep(REST_SECONDS)
        world.stop_operator()
        await asyncio.to_thread(world.start_operator, LIFTED, wait=False)
        async with Spy(world.operator.process.pid, "start"):
            await asyncio.sleep(START_SECONDS)


FOLDER.mkdir(exist_ok=True)
asyncio.run(main())
