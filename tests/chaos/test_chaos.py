"""A small part of `make chaos`, the same each time but for the races."""

from __future__ import annotations

import pytest
from tests.chaos import points
from tests.chaos.cycle import Cycle
from tests.chaos.stage import Stage

from managed_agents_local.processes import NotReady

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def test_a_round_of_trouble(stage):
    """With a key of another workspace for a while, and a cluster that is put back to a backup."""
    cycle = Cycle(stage, 18, 0)
    try:
        cycle.run()
    except (AssertionError, NotReady) as broken:
        raise AssertionError(f"{broken}\n{cycle.trace()}\n{stage.log.read_text()[-8000:]}") from broken
    assert cycle.faults, "nothing was broken"


@pytest.mark.parametrize(("point", "death"), [("create", "kill in"), ("mount", "kill after")])
def test_death_at_a_write(stage, point, death):
    points.run(stage, point, death, list(points.POINTS).index(point))
