"""What is told, when, and how often."""

from __future__ import annotations

import pytest
from tests.engine.views import ID, remote

from managed_agents_operator.engine.external import Discarded, Made, Uploaded
from managed_agents_operator.engine.looks import OwnFile
from managed_agents_operator.engine.telling import BURST, Pace, concerned
from managed_agents_operator.engine.verdict import Create, Discard, Report, Unmount, Upload

SAID = Report(None, "", "Progressing", "on its way")
UPLOADED = Uploaded(OwnFile("f1", "conf", "d1"))


@pytest.mark.parametrize(
    ("reason", "verdict", "outcome", "expected"),
    [
        ("what was made", Create(SAID), Made(remote()), ID),
        (
            "what was uploaded",
            Upload("conf", "d1", SAID),
            Uploaded(OwnFile("f1", "conf", "d1")),
            "f1",
        ),
        ("what was removed", Discard("f1", SAID), Discarded("f1"), "f1"),
        ("what was changed", Unmount(ID, "r1", "data", SAID), remote(), ID),
    ],
)
def test_the_log_names_what_a_call_was_about(reason, verdict, outcome, expected):
    assert concerned(verdict, outcome) == expected, reason


def test_usage_of_one_resource_is_written_now_and_then():
    pace = Pace(10.0, 1000.0)
    assert pace.due(float("-inf"), 100.0) == 100.0
    assert pace.due(100.0, 103.0) == 110.0
    assert pace.due(100.0, 110.0) == 110.0


def test_usage_of_many_is_written_in_turn():
    """Two a second: the third of them waits a second, and asking again does not push it back."""
    pace = Pace(10.0, 2.0)
    first = [pace.due(float("-inf"), 100.0) for _ in range(2)]
    assert first == [100.0, 100.5]
    assert pace.due(float("-inf"), 100.2) == 100.5
    assert pace.due(float("-inf"), 100.5) == 100.5


@pytest.mark.parametrize(
    ("reason", "burst", "now", "expected"),
    [
        ("never written", (float("-inf"), 0), 100.0, 100.0),
        ("a life has a few writes in a row", (99.0, BURST - 1), 100.0, 100.0),
        ("more of them are a quarrel", (99.0, BURST), 100.0, 109.0),
        ("which is taken up again later", (99.0, BURST), 109.0, 109.0),
    ],
)
def test_a_quarrel_with_another_writer_is_slow(reason, burst, now, expected):
    assert Pace(10.0, 1000.0).calm(burst, now) == expected, reason


def test_writes_are_counted_by_bursts():
    pace = Pace(10.0, 1000.0)
    burst = pace.counted((float("-inf"), 0), 100.0)
    assert burst == (100.0, 1)
    assert pace.counted(burst, 105.0) == (100.0, 2)
    assert pace.counted((100.0, 7), 110.0) == (110.0, 1)
