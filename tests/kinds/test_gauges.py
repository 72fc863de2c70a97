"""What is told of one connection is there while it is open, and as it is at that moment."""

from __future__ import annotations

import pytest
from tests.engine.keeping import obj
from tests.kinds.stage import HandClock

from managed_agents_operator.claude.errors import Lost, Unauthorized
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.kinds.gauges import Gauges, of_calls, of_keeper, of_sweeps, working
from managed_agents_operator.kinds.rounds import Rounds
from managed_agents_operator.telemetry import REGISTRY, exposition

NAME = "team/Connection/gauges"


def number(name, **labels):
    return REGISTRY.get_sample_value(f"managed_agents_{name}", {"connection": NAME} | labels)


@pytest.fixture
def keeper(connection):
    connection.clock.tick = 0
    return Keeper(connection.clock)


@pytest.fixture
def gauges(connection, keeper):
    calls = of_calls(connection.client.health, connection.circuit, connection.budget)
    shown = Gauges(NAME, *of_keeper(keeper), *calls, *of_sweeps(connection.sweeps))
    shown.show()
    yield shown
    shown.hide()


def test_nothing_is_left_of_one_that_is_closed(gauges):
    assert f'"{NAME}"' in exposition()[0].decode()
    gauges.hide()
    assert f'"{NAME}"' not in exposition()[0].decode()


def test_calls(connection, gauges):
    assert number("circuit_open") == number("api_unreachable") == 0
    connection.circuit.failed(Failure(Consequence.BLOCKED, "KeyRefused", "no"), "read")
    connection.client.health.failed(Lost("no answer"), None)
    assert number("circuit_open") == number("api_unreachable") == 1


async def test_quota(connection, gauges):
    bucket = connection.budget.requests
    bucket.take(int(bucket.remaining) + 2)
    bucket.ask("u1", "team", Priority.USER, lambda: None)
    assert number("quota_waiting", budget="requests") == 1
    assert number("quota_remaining", budget="requests") < 0
    assert number("quota_waiting", budget="creates") == 0
    connection.clock.now += 3
    assert number("quota_oldest_wait_seconds", budget="requests") == 3


async def test_how_long_calls_waited_is_told_by_what_they_were_for(connection):
    connection.clock.tick = 0

    def waits(priority):
        labels = {"budget": "creates", "priority": priority}
        return [REGISTRY.get_sample_value(f"managed_agents_quota_wait_seconds_{of}", labels) for of in ("count", "sum")]

    before, others = waits("user"), waits("look")
    bucket = connection.budget.creates
    assert bucket.ask("u1", "team", Priority.USER, lambda: None).granted
    bucket.pause(7)
    ticket = bucket.ask("u2", "team", Priority.USER, lambda: None)
    connection.clock.now += 7
    bucket._pump()
    assert ticket.granted
    assert [now - then for now, then in zip(waits("user"), before, strict=True)] == [2, 7]
    assert waits("look") == others


async def test_sweeps_and_orphans(connection, control, gauges):
    connection.clock.now += 5
    assert number("sweep_age_seconds", sweep="full") == 5, "the first one has not come to its end"
    connection.sweeps._orphans = {"sesn_1", "sesn_2"}
    assert number("orphans") == 2


def test_a_sweep_is_as_old_as_its_last_success():
    clock = HandClock(tick=0)
    rounds = Rounds(clock.monotonic)
    failures = sweep_number("failures_total")
    clock.now += 10
    rounds.failed(Priority.FULL_SWEEP)
    assert rounds.age(Priority.FULL_SWEEP) == 10
    assert sweep_number("failures_total") == failures + 1
    count, total = sweep_number("duration_seconds_count") or 0, sweep_number("duration_seconds_sum") or 0
    rounds.done(Priority.FULL_SWEEP, clock.monotonic() - 4)
    clock.now += 1
    assert (rounds.age(Priority.FULL_SWEEP), rounds.age(Priority.HOT_SWEEP)) == (1, 11)
    assert (sweep_number("duration_seconds_count"), sweep_number("duration_seconds_sum")) == (count + 1, total + 4)


def sweep_number(name):
    return REGISTRY.get_sample_value(f"managed_agents_sweep_{name}", {"sweep": "full"})


def test_passes_and_the_queue(keeper, connection, gauges):
    for n in range(3):
        keeper.see("ADDED", obj(f"u{n}"))
    connection.clock.now += 2
    assert number("queue_depth") == 3
    assert number("queue_oldest_wait_seconds") == 2
    assert number("passes_total") == 0


async def test_how_long_a_pass_took(keeper, connection, gauges):
    def passes(of):
        return REGISTRY.get_sample_value(f"managed_agents_pass_duration_seconds_{of}")

    keeper.see("ADDED", obj("u1"))
    count, total = passes("count"), passes("sum")
    uid = await keeper.passes.begin(connection.clock.monotonic)
    connection.clock.now += 0.5
    keeper.passes.end(uid, connection.clock.monotonic())
    assert (passes("count"), passes("sum")) == (count + 1, total + 0.5)
    assert (number("passes_total"), number("queue_depth")) == (1, 0)


def test_a_process_that_works_says_so_and_how_often_it_sweeps():
    working(5, 60)
    assert REGISTRY.get_sample_value("managed_agents_leading") == 1
    assert REGISTRY.get_sample_value("managed_agents_sweep_interval_seconds", {"sweep": "full"}) == 60


def test_a_key_that_is_refused_is_no_silence(connection, gauges):
    connection.client.health.failed(Unauthorized("no"), None)
    assert number("api_unreachable") == 0
