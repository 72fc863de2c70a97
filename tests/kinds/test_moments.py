"""What gets into a status as a time is one that the API server takes."""

from __future__ import annotations

import pytest

from managed_agents_operator.kinds.moments import instant, moment

TOLD = [
    ("2026-11-22T09:30:00.000001Z", "2026-11-22T09:30:00.000001Z", "as it came, to the last digit"),
    ("2026-11-22T09:30:00+02:00", "2026-11-22T09:30:00+02:00", "an offset is no fault"),
    ("2026-11-22T09:30:00", "2026-11-22T09:30:00Z", "without a zone it is UTC"),
    ("2026-11-22 09:30:00Z", "2026-11-22T09:30:00Z", "a blank for the T"),
    ("2026-11-22", "2026-11-22T00:00:00Z", "a day begins at midnight"),
    ("1790000000", None, "seconds are told by nobody, and guessing is worse than nothing"),
    ("yesterday", None, "no time"),
    ("", None, "nothing"),
    (None, None, "nothing"),
]


@pytest.mark.parametrize(("told", "shown", "why"), TOLD)
def test_a_time_in_one_spelling(told, shown, why):
    assert moment(told) == shown, why


def test_times_without_a_zone_can_be_compared():
    assert instant("2026-11-22T09:30:00") == instant("2026-11-22T10:30:00+01:00")
