"""A whole operator in this process, with its real parts, beside a simulator and an API server that has a memory.

For what is done to it from inside: a task is cancelled, breaks, or never goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time

import yaml
from tests.kube.conftest import eventually
from tests.supervision.apiserver import ApiServer

from managed_agents_operator.app import Operator
from managed_agents_operator.composition import join
from managed_agents_operator.settings import Settings
from managed_agents_simulator import Simulator

OURS = "managed_agents_operator"


class Broken(Exception):
    """What a task that waits for something gets in its place."""


class Stage:
    """`async with opened(...) as stage`: it works, and nothing has been done to it."""

    def __init__(self, operator, server):
        self.operator, self.server = operator, server
        self.health = operator._health
        self._hung = []
        self.running = asyncio.create_task(operator.run(), name="the operator of a test")

    def tasks(self):
        """The operator's own tasks by name, of which each keeper has its own, and the framework's watches.

        All but what one call or event takes.
        """
        found = {}
        for task in asyncio.all_tasks():
            code = getattr(task.get_coro(), "cr_code", None)
            ours = code is not None and OURS in code.co_filename
            if (ours or task.get_name().startswith("watcher for ")) and task is not self.running:
                found.setdefault(task.get_name(), []).append(task)
        return found

    async def task(self, name):
        return (await eventually(lambda: self.tasks().get(name)))[0]

    def _ready(self):
        return all(check.ok for check in self.health.ready().values())

    async def working(self):
        """Until every task is there and every watch was answered."""
        await eventually(lambda: self.running.done() or (self.health.phase == "working" and self._ready()))
        assert not self.running.done(), self.running
        await self.task("hot sweep")

    async def hang(self, name):
        """What all of this name wait for comes, and they are never told, until all is over."""
        await self.task(name)
        for task in self.tasks()[name]:
            waiter = await waits(task)
            [wakes] = [call for call, _ in waiter._callbacks if getattr(call, "__self__", None) is task]
            waiter.remove_done_callback(wakes)
            self._hung.append((waiter, wakes))

    async def end(self):
        for waiter, wakes in self._hung:
            waiter.add_done_callback(wakes)
        self.operator._stop.asked.set()
        await asyncio.wait((self.running,))

    def reason(self, name):
        """Why a Session is Ready or not."""
        [body] = [body for path, body in self.server.objects.items() if path.endswith(f"/sessions/{name}")]
        conditions = body.get("status", {}).get("conditions", [])
        return next((one["reason"] for one in conditions if one["type"] == "Ready"), None)

    def busy(self):
        """The names of the workers that have a pass under way."""
        workers = [(name, task) for name, tasks in self.tasks().items() if "worker" in name for task in tasks]
        return [name for name, task in workers if getattr(task.get_coro().cr_await, "__name__", "") == "_pass"]

    async def rests(self):
        """Until no pass is under way and none follows: in one, a leap of the clock is a call without an answer."""
        calm = 0
        while calm < 20:
            calm = 0 if self.busy() else calm + 1
            await asyncio.sleep(0.005)

    def unwell(self):
        """The names of the checks that say that a restart would help."""
        return {name for name, check in self.health.alive().items() if not check.ok}


async def waits(task):
    """What a task waits for, once it does."""
    return await eventually(lambda: task._fut_waiter)


async def cancelled(task):
    """Somebody cancels it who is none of those that may."""
    task.cancel()


async def broken(task):
    """What it waits for raises in its place, and so in the midst of its own code."""
    (await waits(task)).set_exception(Broken("it broke"))


def _now():
    # Looked up at each call: a test may let time leap.
    return time.monotonic()


@contextlib.asynccontextmanager
async def opened(monkeypatch, folder, **environment):
    """An operator at work."""
    # The last resort ends the whole process.
    monkeypatch.setattr("threading.Timer.start", lambda _: None)
    level = logging.getLogger("kopf").level
    thresholds = gc.get_threshold()
    async with Simulator(seed=7) as simulator, ApiServer() as server:
        config = folder / "kubeconfig"
        config.write_text(
            yaml.safe_dump(
                {
                    "current-context": "it",
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                    "clusters": [{"name": "it", "cluster": {"server": server.url}}],
                    "users": [{"name": "it", "user": {"token": "t"}}],
                }
            )
        )
        settings = {
            "KUBECONFIG": str(config),
            "ANTHROPIC_API_KEY": simulator.key,
            "ANTHROPIC_BASE_URL": simulator.base_url,
            "MANAGED_AGENTS_HTTP_PORT": "0",
            "MANAGED_AGENTS_WORKERS": "1",
            "MANAGED_AGENTS_OPERATOR_NAMESPACE": "system",
        }
        for name, value in (settings | environment).items():
            monkeypatch.setenv(name, value)
        stage = Stage(Operator(Settings(), join, clock=_now), server)
        try:
            await stage.working()
            yield stage
        finally:
            await stage.end()
            logging.getLogger("kopf").setLevel(level)
            gc.unfreeze()
            gc.set_threshold(*thresholds)
