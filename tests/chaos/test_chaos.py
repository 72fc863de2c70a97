"""A small part of `make chaos`, the same each time."""

from __future__ import annotations

import pytest
from tests.chaos import points
from tests.chaos.cycle import Cycle
from tests.chaos.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("number", [1, 2])
def test_a_round_of_trouble(stage, number):
    cycle = Cycle(stage, 2026, number)
    try:
        cycle.run()
    except AssertionError as broken:
        raise AssertionError(f"{broken}\n{cycle.trace()}\n{stage.log.read_text()[-8000:]}") from broken
    assert cycle.faults, "nothing was broken"


@pytest.mark.parametrize(("point", "death"), [("create", "kill in"), ("status", "kill"), ("mount", "kill after")])
def test_death_at_a_write(stage, point, death):
    points.run(stage, point, death, list(points.POINTS).index(point))
