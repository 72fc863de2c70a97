"""Each task of a working operator stands still instead of ending: /healthz tells within its bound, by the right check.

Time goes on by a leap of the clock that all of them read. Those that are alive survive it: they take their next step.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.kube.conftest import eventually
from tests.supervision.stage import opened
from tests.supervision.test_ends import TASKS, WATCHES

from managed_agents_operator import handlers
from managed_agents_operator.kube.backoffs import Backoffs

BOUND = 2000.0
"""Seconds, and more than any check allows: half an hour until the next listing of the resync is due, and its bound."""
SESSIONS = "/apis/managedagents.dev/v1alpha1/namespaces/team/sessions"
CONNECTIONS = "/apis/managedagents.dev/v1alpha1/namespaces/team/connections"
SPEC = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}}


def rings(stage):
    stage.server.put(f"{SESSIONS}/rung", {"metadata": {}, "spec": SPEC})


def wrong(stage):
    stage.server.put(f"{SESSIONS}/wrong", {"metadata": {}, "spec": SPEC | {"agent": {"id": "agent_nobody"}}})


def homeless(stage):
    stage.server.put(f"{SESSIONS}/lost", {"metadata": {}, "spec": SPEC | {"connectionRef": _ref("nowhere")}})


def connects(stage):
    spec = {"baseURL": "http://127.0.0.1:1", "apiKeySecretRef": {"name": "key", "key": "apiKey"}}
    stage.server.put(f"{CONNECTIONS}/one", {"metadata": {}, "spec": spec})


def _ref(name):
    return {"kind": "Connection", "name": name}


def nothing(stage):
    """It goes round by itself."""


HANGS = [
    ("ConfigMaps of all namespaces", nothing, "sources"),
    ("Secrets of all namespaces", nothing, "sources"),
    ("comparison", nothing, "resync"),
    ("looks", homeless, "connections"),
    ("connections by bell", connects, "connections"),
    ("connections, each minute", nothing, "connections"),
    ("keeper worker 0", rings, "queue"),
    ("full sweep", nothing, "sweep"),
    ("hot sweep", nothing, "sweep"),
    *((watch, nothing, "watch") for watch in WATCHES),
]
SUPERVISORS = {
    "sources": "waits for the end of its parts, which are above",
    "resync": "the same",
    "keeper": "the same",
    "keeper of those without a connection": "the same",
    "those that wait for a connection": "the same",
    "connections": "the same",
    "line of the key of the operator's environment": "the same",
    "keeper of a connection": "the same",
    "sweeps": "the same",
    "framework": "the same",
    "events": "test_hanging_events_are_told",
    "keeper clock": "test_a_clock_that_stands_still_is_told",
}


@pytest.fixture
def leap(monkeypatch):
    """Lets so many seconds go by for everybody."""
    real, gone = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + gone[0])
    # Whoever lost its connection by the leap is back at once.
    monkeypatch.setattr(handlers, "Backoffs", lambda: Backoffs(first=0.02, most=0.02))

    def seconds(count):
        gone[0] += count

    return seconds


async def only(stage, *checks):
    """Until these are unwell and all others have recovered, and stay so."""
    calm = 0
    while calm < 20:
        calm = calm + 1 if stage.unwell() == set(checks) else 0
        await asyncio.sleep(0.005)


def test_each_task_that_can_hang_is_here():
    assert {name for name, *_ in HANGS} | set(SUPERVISORS) == {*TASKS, *WATCHES}


async def test_those_that_are_alive_survive_the_leap(monkeypatch, tmp_path, leap):
    async with opened(monkeypatch, tmp_path) as stage:
        for prod in (rings, homeless, connects):
            prod(stage)
        assert stage.unwell() == set()
        leap(BOUND)
        await only(stage)


@pytest.mark.parametrize(("name", "prod", "check"), HANGS, ids=[name for name, *_ in HANGS])
async def test_what_hangs_is_told(monkeypatch, tmp_path, leap, name, prod, check):
    async with opened(monkeypatch, tmp_path) as stage:
        await stage.hang(name)
        prod(stage)
        await asyncio.sleep(0.05)
        assert stage.unwell() == set()
        leap(BOUND)
        await only(stage, check)


async def test_hanging_events_are_told(monkeypatch, tmp_path, leap):
    async with opened(monkeypatch, tmp_path) as stage:
        await stage.hang("events")
        wrong(stage)
        await eventually(lambda: stage.reason("wrong") == "InvalidSpec")
        await stage.rests()
        leap(BOUND)
        await only(stage, "events")


async def test_a_clock_that_stands_still_is_told(monkeypatch, tmp_path, leap):
    async with opened(monkeypatch, tmp_path) as stage:
        wrong(stage)
        # It is to be looked at again after minutes.
        await eventually(lambda: stage.reason("wrong") == "InvalidSpec")
        await stage.rests()
        await stage.hang("keeper clock")
        leap(BOUND)
        await only(stage, "queue")


async def test_a_pass_that_hangs_is_told_though_others_go_on(monkeypatch, tmp_path, leap):
    async with opened(monkeypatch, tmp_path, MANAGED_AGENTS_WORKERS="2") as stage:
        async with stage.server.held("PATCH"):
            rings(stage)
            await eventually(lambda: stage.server.holding)
            busy, *_ = stage.busy()
            await stage.hang(busy)
        wrong(stage)
        await eventually(lambda: stage.reason("wrong") == "InvalidSpec")
        leap(BOUND)
        await only(stage, "pass")
