"""What the kubelet gets to hear."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from managed_agents_operator.kube.probes import Health, Probes
from managed_agents_operator.settings import WrongSettings
from managed_agents_operator.telemetry import LEADING


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


WATCHES = [
    ([("a", True)], 503, 700, "one is not there yet, and too late"),
    ([("a", True), ("b", False)], 503, 0, "one is refused"),
    ([("a", True), ("b", False), ("b", True)], 200, 0, "both are granted"),
    ([("a", True), ("a", True)], 503, 700, "one hides no other"),
]


@pytest.mark.parametrize(("answers", "ready", "age", "reason"), WATCHES, ids=[reason for *_, reason in WATCHES])
def test_every_watch_counts(health, clock, answers, ready, age, reason):
    health.phase = "working"
    health.expect(2)
    clock.now += 700
    for answer in answers:
        health.answered(*answer)
    assert health.ready()["phase"].ok == (ready == 200), reason
    assert health.alive()["watch"].seconds == age, reason
    assert health.alive()["watch"].ok == (age == 0), reason


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(watch_bound=600, clock=clock)


PHASES = [
    ("starting", False, 503),
    ("standby", False, 200),
    ("working", False, 503),
    ("working", True, 200),
    ("draining", True, 503),
]


@pytest.mark.parametrize(("phase", "answered", "status"), PHASES)
async def test_ready_is_who_does_its_part(health, phase, answered, status):
    health.phase = phase
    if answered:
        health.answered("a", True)
    async with Probes(0, health) as probes, aiohttp.ClientSession(f"http://127.0.0.1:{probes.port}") as http:
        async with http.get("/readyz") as answer:
            assert answer.status == status
            assert await answer.json() == {
                "ok": status == 200,
                "checks": {"phase": {"ok": status == 200, "note": phase}},
            }
        async with http.get("/healthz") as answer:
            assert answer.status == 200, "nothing that a restart would mend"


async def test_alive_is_who_has_nothing_grown_too_old(health, clock):
    health.answered("a", True)
    health.watch("sweep", lambda: 5.04, 10)
    health.watch("event", lambda: 10**6)
    health.watch("queue", lambda: None, 10)
    async with Probes(0, health) as probes, aiohttp.ClientSession(f"http://127.0.0.1:{probes.port}") as http:
        clock.now += 600
        async with http.get("/healthz") as answer:
            checks = (await answer.json())["checks"]
        assert checks == {
            "phase": {"ok": True, "note": "starting"},
            "sweep": {"ok": True, "seconds": 5.0},
            "event": {"ok": True, "seconds": 1000000},
            "queue": {"ok": True},
            "watch": {"ok": True, "seconds": 600.0},
        }
        clock.now += 1
        async with http.get("/healthz") as answer:
            assert (answer.status, (await answer.json())["checks"]["watch"]["ok"]) == (503, False)
        health.answered("a", True)
        health.watch("sweep", lambda: 11, 10)
        async with http.get("/healthz") as answer:
            assert (answer.status, (await answer.json())["checks"]["sweep"]["ok"]) == (503, False)


async def test_metrics(health):
    LEADING.set(1)
    async with Probes(0, health) as probes, aiohttp.ClientSession(f"http://127.0.0.1:{probes.port}") as http:
        async with http.get("/metrics") as answer:
            assert "\nmanaged_agents_leading 1.0\n" in await answer.text()
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        # As Prometheus 3 asks, which takes the first that it is given.
        wanted = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3"
        async with http.get("/metrics", headers={"Accept": wanted}) as answer:
            assert (await answer.text()).endswith("# EOF\n")
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        async with http.get("/") as answer:
            assert answer.status == 404


async def test_a_port_that_is_taken_is_said_in_one_line(health):
    async with Probes(0, health) as probes:
        with pytest.raises(
            WrongSettings, match=rf"^MANAGED_AGENTS_HTTP_PORT: {probes.port} can't be used \(.*\): name"
        ):
            async with Probes(probes.port, health):
                await asyncio.sleep(0)
