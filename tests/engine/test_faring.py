"""What the status of a connection says, and when it is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from managed_agents_operator.api.reasons.fares import FARES
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.faring import Facts, Fare, another_workspace, status, told

NOW = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=UTC)
WELL = Facts(3, deleting=False, sessions=2, keyless=None, wanted_workspace=None, fare=Fare("wrkspc_1", called=True))
REFUSED = Failure(Consequence.BLOCKED, "KeyRefused", "the API does not accept the key (401)")

ROWS = [
    (WELL, "Connected", "Closed", "an answer to the key"),
    (replace(WELL, fare=Fare()), "Pending", "Closed", "no answer yet"),
    (replace(WELL, fare=None), "Pending", None, "no line yet"),
    (replace(WELL, keyless="Secret x does not exist"), "KeyMissing", "Closed", "the Secret went, the key is kept"),
    (replace(WELL, keyless="no", fare=None), "KeyMissing", None, "there never was one"),
    (replace(WELL, fare=Fare(failure=REFUSED)), "KeyRefused", "Open", "what opened the circuit"),
    (replace(WELL, fare=Fare(unreachable=True, called=True)), "Unreachable", "Closed", "an outage"),
    (replace(WELL, wanted_workspace="wrkspc_2"), "WrongWorkspace", "Closed", "another workspace than the spec says"),
    (replace(WELL, wanted_workspace="wrkspc_1"), "Connected", "Closed", "that very workspace"),
    (replace(WELL, wanted_workspace="w", fare=Fare(called=True)), "Connected", "Closed", "a server that names none"),
    (replace(WELL, fare=Fare(called=True, refused="not found")), "ListingRefused", "Closed", "a wrong path, say"),
    (replace(WELL, deleting=True, keyless="no"), "Deleting", "Closed", "going is said before all else"),
]


@pytest.mark.parametrize(("facts", "reason", "circuit", "why"), ROWS, ids=[row[-1] for row in ROWS])
def test_what_it_says(facts, reason, circuit, why):
    after = status({}, facts, NOW)
    ready, *behind = after["conditions"]
    assert (ready["reason"], ready["status"]) == (reason, "True" if reason == "Connected" else "False"), why
    assert after.get("circuit") == circuit
    assert (after["sessions"], after["observedGeneration"], ready["observedGeneration"]) == (2, 3, 3)
    effects = {"Connected": [], "Pending": ["Reconciling"], "Unreachable": ["Reconciling"], "Deleting": ["Reconciling"]}
    assert [c["type"] for c in behind] == effects.get(reason, ["Stalled"]), "what kstatus reads"
    assert all(c | {"type": "Ready", "status": ready["status"]} == ready for c in behind), "in the same words"
    assert reason in FARES
    assert status(after, facts, NOW + timedelta(hours=1)) == after, "nothing changes by time alone"


def test_the_time_of_a_transition_moves_with_the_status_alone():
    first = status({}, WELL, NOW)
    worse = status(first, replace(WELL, fare=Fare(failure=REFUSED)), NOW + timedelta(minutes=1))
    still = status(worse, replace(WELL, keyless="no"), NOW + timedelta(minutes=2))
    times = [s["conditions"][0]["lastTransitionTime"] for s in (first, worse, still)]
    assert [c["lastTransitionTime"] for c in still["conditions"]] == [times[2]] * 2
    assert times == ["2026-11-24T12:00:00Z", "2026-11-24T12:01:00Z", "2026-11-24T12:01:00Z"]
    assert worse["workspaceId"] == "wrkspc_1", "what was seen last stays"


@pytest.mark.parametrize(
    ("seen", "wanted", "expected"),
    [("w1", "w1", None), (None, "w1", None), ("w1", None, None), ("w2", "w1", "WrongWorkspace")],
)
def test_answers_of_another_workspace(seen, wanted, expected):
    trouble = another_workspace(seen, wanted)
    assert (trouble and trouble.reason) == expected
    assert trouble is None or trouble.consequence is Consequence.BLOCKED


def test_what_is_news():
    fine, shut, new = (
        status({}, f, NOW) for f in (WELL, replace(WELL, fare=Fare(failure=REFUSED)), replace(WELL, fare=None))
    )
    assert [(n.type, n.reason) for n in told({}, fine)] == [("Normal", "Connected")]
    assert [(n.type, n.reason) for n in told(fine, shut)] == [("Warning", "KeyRefused")]
    assert list(told(fine, fine | {"sessions": 7})) == []
    assert list(told({}, new)) == []
