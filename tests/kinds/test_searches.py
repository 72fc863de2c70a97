"""One listing for many that search, begun after each of them asked, and believed only when it is whole."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kinds.stage import CLUSTER, begun, listings, marker, over, wire

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.looks import LookSearch

BARE = {"agent": "agent_sample", "environment_id": "env_sample"}
LONG_AGO = "2026-01-01T00:00:00Z"


def look(*uids: str, agent: str | None = "agent_sample", since: str = LONG_AGO) -> LookSearch:
    return LookSearch(uids, agent, since, 0.0)


async def make(connection, uid: str, **fields: Any) -> str:
    return (await connection.client.create_session({**BARE, "metadata": marker(uid), **fields})).value.id


async def test_what_is_there_is_found(connection, control):
    id = await make(connection, "uid-1")
    assert connection.searches.want("uid-1", look("uid-1")) is True
    await over(connection.searches)
    found = connection.searches.found("uid-1")
    assert [r.id for r in found.matches] == [id]
    assert found.keeps_metadata
    assert found.any_since
    assert found.workspace == connection.client.health.workspace
    assert connection.told == ["uid-1"]
    assert connection.observatory.snapshot(id) is not None


async def test_a_thousand_share_one_listing(connection, control):
    ids = {f"uid-{n}": await make(connection, f"uid-{n}") for n in range(5)}
    for n in range(1000):
        assert connection.searches.want(f"uid-{n}", look(f"uid-{n}"))
    await over(connection.searches)
    assert len(listings(control, "/v1/sessions")) == 1
    assert {uid: [r.id for r in connection.searches.found(uid).matches] for uid in ids} == {
        uid: [id] for uid, id in ids.items()
    }
    assert connection.searches.found("uid-999").matches == ()
    assert len(connection.told) == 1000


async def test_archived_ones_and_other_pages_are_found_oldest_first(connection, control):
    control.modes(page_maximum=20)
    first = await make(connection, "uid-1")
    for _ in range(25):
        await make(connection, "uid-other")
    control.advance(5)
    last = await make(connection, "uid-1")
    control.archive(first)
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert [(r.id, r.terminal) for r in connection.searches.found("uid-1").matches] == [(first, True), (last, False)]


async def test_a_search_by_two_uids(connection):
    theirs, ours = await make(connection, "uid-old"), await make(connection, "uid-new")
    connection.searches.want("uid-new", look("uid-old", "uid-new"))
    await over(connection.searches)
    assert {r.id for r in connection.searches.found("uid-new").matches} == {theirs, ours}


async def test_one_that_comes_while_a_listing_runs_gets_the_next(connection, control):
    delay = control.fault("delay", path="^/v1/sessions$")
    connection.searches.want("uid-1", look("uid-1"))
    await begun(control, "/v1/sessions")
    asked_at = connection.clock.monotonic()
    assert connection.searches.want("uid-1", look("uid-1")) is False, "its own is under way"
    assert connection.searches.want("uid-2", look("uid-2")) is True
    assert connection.searches.want("uid-2", look("uid-2")) is False
    control.remove_fault(delay)
    await over(connection.searches)
    assert len(listings(control, "/v1/sessions")) == 2
    assert connection.searches.found("uid-1").began_at < asked_at
    assert connection.searches.found("uid-2").began_at > asked_at


async def test_a_result_tells_when_its_listing_began_not_when_it_ended(connection, control):
    """A session made while it ran may be on a page that was read already."""
    delay = control.fault("delay", path="^/v1/sessions$")
    connection.searches.want("uid-1", look("uid-1"))
    await begun(control, "/v1/sessions")
    claimed_at = connection.clock.monotonic()
    control.remove_fault(delay)
    await over(connection.searches)
    assert connection.searches.found("uid-1").began_at < claimed_at


async def test_of_two_wishes_before_a_listing_the_later_counts(connection):
    id = await make(connection, "uid-old")
    connection.searches.want("uid-1", look("uid-1"))
    connection.searches.want("uid-1", look("uid-old", "uid-1"))
    await over(connection.searches)
    assert [r.id for r in connection.searches.found("uid-1").matches] == [id]


# With 400 and 422 other sizes of pages are tried first, since it may be those that are refused.
@pytest.mark.parametrize(
    ("status", "times", "why"), [(400, 3, "no such filter"), (404, 1, "no such agent"), (422, 3, "no such filter")]
)
async def test_a_refused_filter_is_left_out(connection, control, status, times, why):
    id = await make(connection, "uid-1")
    control.fault("answer", path="^/v1/sessions$", method="GET", status=status, times=times)
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert [r.id for r in connection.searches.found("uid-1").matches] == [id], why
    assert "agent_id" not in str(listings(control, "/v1/sessions")[-1]["query"])
    assert "created_at" not in str(listings(control, "/v1/sessions")[-1]["query"])


async def test_the_listing_is_as_narrow_as_all_of_them_allow(connection, control):
    connection.searches.want("uid-1", look("uid-1", since="2026-06-01T00:00:00Z"))
    connection.searches.want("uid-2", look("uid-2", since="2026-05-01T00:00:00Z"))
    await over(connection.searches)
    query = str(listings(control, "/v1/sessions")[-1]["query"])
    assert "agent_sample" in query
    assert "2026-05-01" in query
    connection.searches.want("uid-1", look("uid-1"))
    connection.searches.want("uid-2", look("uid-2", agent="agent_other"))
    await over(connection.searches)
    assert "agent_id" not in str(listings(control, "/v1/sessions")[-1]["query"])


# The rule of the fault plan; what is told; why.
FAILURES = [
    ("rate_limit", {"retry_after": 5}, Consequence.LATER, "RateLimited"),
    ("answer", {"status": 500}, Consequence.UNCLEAR, "Unreachable"),
    ("garbage", {}, Consequence.UNCLEAR, "Unreachable"),
    ("answer", {"status": 401}, Consequence.BLOCKED, "KeyRefused"),
]


@pytest.mark.parametrize(("kind", "effect", "consequence", "reason"), FAILURES)
async def test_a_failure_is_told_once_and_nothing_is_concluded(connection, control, kind, effect, consequence, reason):
    control.modes(page_maximum=20)
    for _ in range(25):
        await make(connection, "uid-1")
    control.fault(kind, path="^/v1/sessions$", method="GET", skip=2, times=1, **effect)
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert connection.searches.found("uid-1") is None
    assert connection.told[-1] == "uid-1"
    told = connection.searches.want("uid-1", look("uid-1"))
    assert isinstance(told, Failure)
    assert (told.consequence, told.reason) == (consequence, reason)
    assert (connection.circuit.failure is not None) == (consequence is Consequence.BLOCKED)
    connection.clock.now += 60
    assert connection.searches.want("uid-1", look("uid-1")) is True
    await over(connection.searches)
    assert len(connection.searches.found("uid-1").matches) == 25


async def test_what_is_forgotten_is_searched_for_anew(connection):
    await make(connection, "uid-1")
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    connection.searches.forget("uid-1")
    assert connection.searches.found("uid-1") is None
    assert connection.searches.want("uid-1", look("uid-1")) is True
    await over(connection.searches)


async def test_results_that_nobody_takes_do_not_pile_up(connection):
    connection.searches.want("uid-gone", look("uid-gone"))
    await over(connection.searches)
    connection.clock.now += 7200
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert connection.searches.found("uid-gone") is None
    assert connection.searches.found("uid-1") is not None


async def test_a_match_is_told_as_it_was_last_seen(connection):
    """It was archived while the listing was on its way."""
    id = await make(connection, "uid-1")
    ended = wire(id=id, metadata=marker("uid-1"), archived_at="2026-11-22T09:30:00Z")
    connection.observatory.put(ended, connection.clock.monotonic() + 100)
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert connection.searches.found("uid-1").matches[0].terminal


# Whether anything at all was made that could be the one in doubt, on a server that keeps no metadata.
COULD_BE = [
    ({}, look("uid-1"), True, "by that agent, since then"),
    ({}, look("uid-1", agent=None), True, "nobody knows by which agent"),
    ({}, look("uid-1", since="2027-01-01T00:00:00Z"), False, "before that time"),
    ({}, look("uid-1", agent="agent_other"), False, "by another agent"),
]


@pytest.mark.parametrize(("fields", "wish", "could", "why"), COULD_BE)
async def test_whether_one_could_be_it(connection, control, fields, wish, could, why):
    control.modes(drop_metadata=True)
    await make(connection, "uid-1", **fields)
    connection.searches.want("uid-1", wish)
    # A second wish keeps the listing from being narrowed by agent and time.
    connection.searches.want("uid-2", look("uid-2", agent="agent_third"))
    await over(connection.searches)
    found = connection.searches.found("uid-1")
    assert found.matches == ()
    assert not found.keeps_metadata
    assert found.any_since == could, why


async def test_it_can_be_ended_in_the_middle(connection, control):
    control.fault("delay", path="^/v1/sessions$")
    connection.searches.want("uid-1", look("uid-1"))
    await begun(control, "/v1/sessions")
    await connection.searches.close()
    assert connection.searches._batches._task.cancelled()


async def test_markers_of_others_are_left_alone(connection):
    await make(connection, "uid-2")
    await connection.client.create_session({**BARE, "metadata": {"k8s_uid": f"uid-1 of {CLUSTER}"}})
    connection.searches.want("uid-1", look("uid-1"))
    await over(connection.searches)
    assert connection.searches.found("uid-1").matches == ()
