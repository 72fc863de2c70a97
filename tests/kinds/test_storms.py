"""Engine and kinds together against the simulator, over minutes of simulated time: what a refusal costs in calls."""

from __future__ import annotations

import pytest
from tests.engine.world.cluster import Cluster
from tests.kinds.whole import Operator

FIFTY = 50
SPEC = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}}


@pytest.fixture
def cluster(clock) -> Cluster:
    cluster = Cluster(clock)
    for n in range(FIFTY):
        cluster.apply(f"session-{n}", SPEC)
    return cluster


@pytest.fixture
def operator(connection, cluster) -> Operator:
    return Operator(connection, cluster)


def posts(control) -> int:
    return len(control.requests(method="POST"))


@pytest.mark.parametrize(("status", "reason"), [(401, "KeyRefused"), (402, "BillingRefused"), (403, "Forbidden")])
async def test_creations_refused_while_listings_go_well(operator, control, cluster, status, reason):
    control.fault("answer", method="POST", status=status, times=None)
    operator.watch()
    await operator.live(600)
    assert posts(control) <= 8, "one at first, then one after each of 15, 30, 60, 120 and 240 seconds"
    assert operator.reasons() == {reason}
    writes = cluster.writes
    await operator.live(300)
    assert cluster.writes - writes <= 2, "what stands there already is not written again"
    control.clear_faults()
    await operator.live(900)
    assert operator.reasons() == {"Idle"}
    assert len(control.sessions()) == FIFTY


async def test_a_key_that_is_refused_altogether(operator, control, simulator):
    control.revoke_key(simulator.key)
    operator.watch()
    await operator.live(600)
    assert posts(control) <= 8
    assert operator.reasons() == {"KeyRefused"}
    control.add_key(simulator.key)
    await operator.live(10)
    assert operator.reasons() == {"Idle"}, "the first listing that goes well is proof enough"
    assert len(control.sessions()) == FIFTY


async def test_settled_ones_are_told_once_and_take_nobodys_turn(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    assert operator.reasons() == {"Idle"}
    control.fault("answer", method="POST", status=403, times=None)
    cluster.apply("late", SPEC)
    operator.watch()
    await operator.live(5)
    assert operator.reasons() == {"Forbidden"}
    control.clear_requests()
    writes = cluster.writes
    for number, session in enumerate(control.sessions()):
        control.edit(session["id"], title=f"edited-{number}")
    await operator.live(300)
    assert operator.reasons() == {"Forbidden"}
    assert 3 <= posts(control) <= 6, "the one that waits gets its turns, although fifty others are passed"
    assert cluster.writes - writes <= FIFTY + 6, "the edits, and a claim for each try"
    control.clear_faults()
    await operator.live(700)
    assert operator.reasons() == {"Idle"}


async def test_the_only_one_that_wrote_is_gone(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    control.fault("answer", method="POST", status=403, times=None)
    cluster.apply("late", SPEC)
    operator.watch()
    await operator.live(5)
    late = cluster.vanish("late")
    operator.cells.pop(late["metadata"]["uid"])
    await operator.live(300)
    assert operator.reasons() == {"Idle"}, "the others are not held for good by one that is not there any more"


# Each is a trouble of searches: what is answered to them for a while.
@pytest.mark.parametrize(
    ("kind", "effect"),
    [("rate_limit", {"retry_after": 3}), ("answer", {"status": 500}), ("garbage", {}), ("answer", {"status": 409})],
)
async def test_a_search_that_fails_is_made_again(operator, control, cluster, kind, effect):
    """Its outcome was lost, and what would tell it is in trouble for a while."""
    control.fault("answer", method="POST", path="^/v1/sessions$", when="after", status=500, times=FIFTY)
    rule = control.fault(kind, method="GET", path="^/v1/sessions$", times=None, **effect)
    operator.watch()
    await operator.live(60)
    asked = len(control.requests(method="GET", path="/v1/sessions"))
    assert asked <= 12 + 60, "twelve sweeps, and no more than a search a second"
    control.remove_fault(rule)
    await operator.live(400)
    assert operator.reasons() == {"Idle"}
    assert len(control.sessions()) == FIFTY


async def test_many_that_go_missing_at_once_are_held_until_a_person_looks(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    gone = [session["id"] for session in control.sessions()][:20]
    for id in gone:
        control.delete(id)
    await operator.live(120)
    reasons = [
        c["reason"] for cell in operator.cells.values() for c in cell.status["conditions"] if c["type"] == "Ready"
    ]
    assert {reason: reasons.count(reason) for reason in reasons} == {"MassLoss": 20, "Idle": FIFTY - 20}
    assert len(control.sessions()) == FIFTY, "none is made in place of them"


async def test_a_few_that_go_missing_are_told_as_lost(operator, control, cluster):
    operator.watch()
    await operator.live(20)
    for session in control.sessions()[:5]:
        control.delete(session["id"])
    await operator.live(120)
    reasons = [
        c["reason"] for cell in operator.cells.values() for c in cell.status["conditions"] if c["type"] == "Ready"
    ]
    assert {reason: reasons.count(reason) for reason in reasons} == {"Lost": 5, "Idle": FIFTY - 5}
