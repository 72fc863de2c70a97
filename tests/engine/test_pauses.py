"""Pauses grow and end, however often something was tried."""

from __future__ import annotations

import pytest

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.learning import LONGEST_PAUSE, failed
from managed_agents_operator.engine.memory import Backoff, Memory
from managed_agents_operator.engine.pauses import doubled

PAUSES = [
    (1.0, -1, 16.0, 1.0, "before the first"),
    (1.0, 0, 16.0, 1.0, "the first"),
    (0.5, 3, 16.0, 4.0, "doubled each time"),
    (5.0, 4, 16.0, 16.0, "never longer"),
    (1.0, 100_000, 16.0, 16.0, "tried for weeks"),
]


@pytest.mark.parametrize(("first", "times", "longest", "pause", "why"), PAUSES)
def test_a_pause(first, times, longest, pause, why):
    assert doubled(first, times, longest) == pause, why


def test_a_call_that_fails_for_weeks_is_tried_on():
    later = Failure(Consequence.LATER, "RateLimited", "the API asks to wait (429)")
    tried = Memory(backoff=Backoff(5000, 0.0, 0.0, later))
    assert failed(tried, later, 100.0, 0.5).backoff.until == 100.0 + LONGEST_PAUSE
