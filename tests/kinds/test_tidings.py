"""Ten thousand resources are passed for what lasts, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.kinds.stage import HandClock

from managed_agents_operator.claude.errors import Lost
from managed_agents_operator.claude.health import Health
from managed_agents_operator.kinds.tidings import Tidings


class Stage:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.health = Health(self.clock.monotonic)
        self.timers: list[Callable[[], None]] = []
        self.rung, self.since = 0, 0.0
        Tidings(self.health, self.ring_all, self.clock.monotonic, lambda _, callback: self.timers.append(callback))

    def ring_all(self, since: float) -> None:
        self.rung += 1
        self.since = since

    def settle(self) -> int:
        """Let the moment go by; how often all were rung."""
        timers, self.timers = self.timers, []
        for timer in timers:
            timer()
        rung, self.rung = self.rung, 0
        return rung


@pytest.fixture
def stage() -> Stage:
    return Stage()


def fails(health: Health) -> None:
    health.failed(Lost("no answer"), None)


def works(health: Health, workspace: str = "wrkspc_1") -> None:
    health.succeeded(workspace)


def test_an_outage_and_its_end_are_told_once_each(stage):
    fails(stage.health)
    fails(stage.health)
    assert stage.settle() == 1
    fails(stage.health)
    assert stage.settle() == 0
    works(stage.health)
    assert stage.settle() == 1


def test_one_call_in_a_hundred_that_fails_tells_nobody(stage):
    works(stage.health)
    stage.settle()
    for _ in range(100):
        fails(stage.health)
        works(stage.health)
        assert stage.settle() == 0


def test_many_changes_in_a_moment_are_one(stage):
    for _ in range(9):
        fails(stage.health)
        works(stage.health)
    fails(stage.health)
    assert len(stage.timers) == 1
    assert stage.settle() == 1


def test_whoever_was_passed_since_knows_it(stage):
    before = stage.clock.monotonic()
    works(stage.health)
    after = stage.clock.monotonic()
    stage.settle()
    assert before < stage.since < after


def test_a_key_of_another_workspace_is_news(stage):
    works(stage.health)
    assert stage.settle() == 1
    works(stage.health)
    assert stage.settle() == 0
    works(stage.health, "wrkspc_2")
    assert stage.settle() == 1
