"""Sweeps in a workspace where a whole listing tells little: they make fewer calls, and miss nothing."""

from __future__ import annotations

import pytest
from tests.kinds.stage import calls, last, marker

from managed_agents_operator.claude.errors import CursorRefused, ServerFault, Unauthorized
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.survey import WHOLE_SECONDS

BARE = {"agent": "agent_sample", "environment_id": "env_sample"}
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}
PAGE = 20


@pytest.fixture
def crowd(connection, control):
    """A workspace with pages of twenty, and so many sessions in it of ours and of others."""
    control.modes(page_maximum=PAGE)

    async def make(ours: int, others: int) -> list[str]:
        for _ in range(others):
            await connection.client.create_session(BARE)
        ids = []
        for n in range(ours):
            metadata = marker(f"uid-{n}")
            made = (await connection.client.create_session({**BARE, "metadata": metadata})).value
            connection.track(made.id, f"uid-{n}")
            ids.append(made.id)
        await connection.sweeps.full()
        connection.board.clear()
        return ids

    return make


async def swept(connection, control, sweep) -> list[tuple[str, str]]:
    """What a sweep asked, where it asked it again with smaller pages only the second time."""
    since = last(control)
    await sweep()
    return calls(control, since)


async def test_few_of_ours_in_a_crowd_are_asked_for_singly(connection, control, crowd):
    ids = await crowd(2, 70)
    connection.clock.now += 60
    asked = await swept(connection, control, connection.sweeps.full)
    assert sorted(asked) == sorted(("GET", f"/v1/sessions/{id}") for id in ids)
    assert connection.board.sessions == [], "a single answer shows more than a listing, and nothing new"


async def test_a_whole_listing_is_made_again_from_time_to_time(connection, control, crowd):
    await crowd(2, 70)
    connection.clock.now += WHOLE_SECONDS
    stranger = (await connection.client.create_session({**BARE, "metadata": marker("uid-0", n=2)})).value.id
    asked = await swept(connection, control, connection.sweeps.full)
    assert {path for _, path in asked} == {"/v1/sessions"}
    assert [one.id for one in connection.observatory.strays("uid-0", None) if one.id == stranger] == [stranger]


async def test_what_changes_gets_known_and_rings_once(connection, control, crowd):
    kept, titled, archived, deleted = await crowd(4, 120)
    control.edit(titled, title="another")
    control.archive(archived)
    control.delete(deleted)
    swept_at = connection.observatory.swept_at
    for _ in range(2):
        connection.clock.now += 60
        await connection.sweeps.full()
    assert sorted(connection.board.sessions) == sorted([titled, archived, deleted, deleted])
    assert connection.observatory.snapshot(titled).title == "another"
    assert connection.observatory.snapshot(archived).terminal
    assert connection.observatory.missing_at(deleted) is not None, "it is looked at once more before it is lost"
    assert connection.observatory.missing_at(kept) is None
    assert connection.observatory.swept_at > swept_at


async def test_one_that_is_known_to_be_gone_rings_no_more(connection, control, crowd):
    (id,) = await crowd(1, 50)
    control.delete(id)
    connection.observatory.gone(id, None, connection.clock.monotonic())
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.board.sessions == []


async def test_many_of_few_gone_at_once_are_held(connection, control, crowd):
    ids = await crowd(7, 180)
    for id in ids:
        control.delete(id)
    connection.clock.now += 60
    await connection.sweeps.full()
    assert all(connection.observatory.mass_loss(id) for id in ids)


async def test_one_that_can_not_be_read_hides_no_other(connection, control, crowd):
    ids = sorted(await crowd(3, 120))
    control.edit(ids[2], title="another")
    control.fault("garbage", path=f"^/v1/sessions/{ids[0]}$", times=1)
    control.fault("answer", path=f"^/v1/sessions/{ids[1]}$", times=1, status=403)
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.board.sessions == [ids[2]]
    assert not any(connection.observatory.missing_at(id) for id in ids)


async def test_an_outage_among_single_calls_concludes_nothing(connection, control, crowd):
    ids = sorted(await crowd(3, 120))
    control.delete(ids[0])
    control.fault("answer", path=f"^/v1/sessions/{ids[1]}$", times=5, status=500)
    connection.clock.now += 60
    with pytest.raises(ServerFault):
        await connection.sweeps.full()
    assert connection.board.sessions == []
    assert connection.observatory.missing_at(ids[0]) is None


async def test_without_sessions_one_page_tells_that_the_key_is_good(connection, control, crowd):
    await crowd(0, 70)
    connection.clock.now += 60
    asked = await swept(connection, control, connection.sweeps.full)
    assert asked == [("GET", "/v1/sessions")]
    connection.circuit.failed(failure(Unauthorized("no"), 0.0), "sweep")
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.circuit.failure is None


# the hot sweep


async def test_few_of_ours_among_many_at_work_are_asked_for_singly(connection, control, crowd):
    ids = sorted(await crowd(2, 0))
    for _ in range(70):
        other = (await connection.client.create_session(BARE)).value.id
        await connection.client.send_events(other, [MESSAGE])
    await connection.sweeps.hot()
    asked = await swept(connection, control, connection.sweeps.hot)
    assert asked == [("GET", f"/v1/sessions/{id}") for id in ids]
    assert connection.board.sessions == []
    await connection.client.send_events(ids[1], [MESSAGE])
    await connection.sweeps.hot()
    assert connection.board.sessions == [ids[1]]
    control.finish(ids[1])
    await connection.sweeps.hot()
    assert connection.board.sessions == [ids[1], ids[1]]
    assert connection.observatory.snapshot(ids[1]).state == "idle"


async def test_back_to_listings_nothing_is_missing(connection, control, crowd):
    ids = await crowd(2, 0)
    others = [(await connection.client.create_session(BARE)).value.id for _ in range(70)]
    for other in others:
        await connection.client.send_events(other, [MESSAGE])
    for _ in range(2):
        await connection.sweeps.hot()
    for other in others:
        control.finish(other)
    connection.clock.now += WHOLE_SECONDS
    asked = await swept(connection, control, connection.sweeps.hot)
    assert {path for _, path in asked} == {"/v1/sessions"}
    assert connection.board.sessions == []
    assert not any(connection.observatory.missing_at(id) for id in ids)


# those that have ended


@pytest.fixture
async def cemetery(connection, control, crowd):
    """Fifty of ours that live, and many more that have ended."""
    dead = []
    for n in range(70):
        made = (await connection.client.create_session({**BARE, "metadata": marker(f"uid-d{n}")})).value.id
        connection.track(made, f"uid-d{n}", state="terminated")
        control.terminate(made)
        dead.append(made)
    return await crowd(30, 0), dead


async def test_sessions_that_have_ended_take_no_pages(connection, control, cemetery):
    _, dead = cemetery
    connection.clock.now += 60
    await connection.sweeps.full()
    listed = control.requests(method="GET", path="/v1/sessions")
    pages = [entry for entry in listed if "statuses" in str(entry["query"])]
    assert len(pages) == 3, "one of a hundred that is refused, two of twenty; five without the filter"
    assert connection.board.sessions == []
    assert all(connection.observatory.snapshot(id) is not None for id in dead), "they are still known"


async def test_one_that_ends_is_looked_at_once(connection, control, cemetery):
    living, _ = cemetery
    control.terminate(living[0])
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.board.sessions == [living[0]]
    seen = (await connection.client.get_session(living[0])).value
    connection.observatory.put(seen, connection.clock.monotonic())
    connection.track(living[0], "uid-0", state="terminated")
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.board.sessions == [living[0]]


async def test_a_server_that_takes_no_such_filter_is_asked_without_it(connection, control, cemetery):
    living, _ = cemetery
    control.edit(living[0], title="another")
    control.fault("answer", path="^/v1/sessions$", times=3, status=400)
    connection.clock.now += 60
    await connection.sweeps.full()
    assert connection.board.sessions == [living[0]]
    since = last(control)
    connection.clock.now += 60
    await connection.sweeps.full()
    assert not any("statuses" in str(entry["query"]) for entry in control.requests(since=since))


async def test_a_cursor_that_expires_says_nothing_of_the_filter(connection, control, cemetery):
    # One of a hundred is refused, then there are two pages of twenty.
    control.fault("answer", path="^/v1/sessions$", skip=2, times=1, status=400)
    connection.clock.now += 60
    with pytest.raises(CursorRefused):
        await connection.sweeps.full()
    since = last(control)
    connection.clock.now += 60
    await connection.sweeps.full()
    assert all("statuses" in str(entry["query"]) for entry in control.requests(since=since))
