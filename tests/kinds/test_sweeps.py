"""Sweeps: whole listings conclude, halves do not, and nothing that happens meanwhile is taken for a loss."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import pytest
from tests.kinds.stage import marker, wire

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.errors import CursorRefused, Lost, NotFound, RateLimited, Unauthorized, Unreadable
from managed_agents_operator.claude.models import Page
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.kinds import sweeps
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.sweeps import Sweeps

BARE = {"agent": "agent_sample", "environment_id": "env_sample"}
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}


async def make(connection, uid: str, **fields: Any) -> str:
    """A session of a resource that is there."""
    made = (await connection.client.create_session({**BARE, "metadata": marker(uid), **fields})).value
    connection.track(made.id, uid)
    return made.id


async def test_the_first_sweep_shows_all_and_tells(connection, control):
    control.modes(page_maximum=100)
    ids = [await make(connection, f"uid-{n}") for n in range(120)]
    await connection.sweeps.full()
    assert connection.told == ["first sweep"]
    assert sorted(connection.board.sessions) == sorted(ids)
    assert connection.observatory.swept_at is not None
    connection.board.clear()
    await connection.sweeps.full()
    assert connection.told == ["first sweep"]
    assert connection.board.sessions == []
    assert not any(connection.observatory.missing_at(id) for id in ids)


async def test_what_is_archived_or_gone_outside_is_to_be_looked_at(connection, control):
    kept, archived, deleted = [await make(connection, f"uid-{n}") for n in range(3)]
    await connection.sweeps.full()
    control.archive(archived)
    control.delete(deleted)
    connection.board.clear()
    await connection.sweeps.full()
    assert sorted(connection.board.sessions) == sorted([archived, deleted])
    assert connection.observatory.snapshot(archived) is not None, "nothing is concluded: it is looked at"
    assert connection.observatory.absence(deleted) is None
    assert connection.observatory.missing_at(kept) is None


async def test_what_has_ended_by_its_status_is_not_looked_for(connection, control):
    ended = await make(connection, "uid-1")
    connection.track(ended, archivedAt="2026-11-22T09:30:00Z")
    control.archive(ended)
    await connection.sweeps.full()
    assert connection.board.sessions == []


@pytest.mark.parametrize("skip", [0, 1], ids=["first page", "second page"])
@pytest.mark.parametrize(
    ("kind", "effect", "error"),
    [
        ("cut", {}, Lost),
        ("garbage", {}, Unreadable),
        ("rate_limit", {"retry_after": 1}, RateLimited),
        ("answer", {"status": 401}, Unauthorized),
    ],
)
async def test_half_a_listing_concludes_nothing(connection, control, skip, kind, effect, error):
    control.modes(page_maximum=20)
    ids = [await make(connection, f"uid-{n}") for n in range(30)]
    await connection.sweeps.full()
    swept_at = connection.observatory.swept_at
    connection.board.clear()
    control.archive(ids[0])
    # The first page is asked for twice, since pages of a hundred are refused here, and a cut read once more below us.
    control.fault(kind, path="^/v1/sessions$", skip=skip + 1, times=2, **effect)
    with pytest.raises(error):
        await connection.sweeps.full()
    assert connection.board.sessions == []
    assert connection.observatory.swept_at == swept_at
    assert not any(connection.observatory.missing_at(id) for id in ids)


class Pages:
    """A client whose list is played: each page is items, something that happens before it is asked for, or an error."""

    budget = None

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)

    def iterate_sessions(self, *, statuses=(), before_page, **_):
        return self._iterate(before_page)

    async def _iterate(self, before_page):
        for step in self.steps:
            if callable(step):
                step()
                continue
            await before_page()
            if isinstance(step, Exception):
                raise step
            yield Answer(Page(step, "next"), None)


def item(id: str, uid: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "status": "idle", "metadata": marker(uid), **fields}


@pytest.fixture
def play(connection):
    """Sweeps over a played list."""

    def sweeps(*steps: Any) -> Sweeps:
        return Sweeps(
            Pages(*steps),
            connection.circuit,
            connection.observatory,
            connection.roll,
            connection.clock.monotonic,
            lambda: None,
        )

    return sweeps


async def test_a_session_made_while_the_listing_runs_is_not_missing(connection, play):
    def made() -> None:
        connection.observatory.put(wire(id="sesn_new"), connection.clock.monotonic())
        connection.track("sesn_new", "uid-new")

    connection.track("sesn_1", "uid-1")
    await play([item("sesn_1", "uid-1")], made, []).full()
    assert connection.observatory.missing_at("sesn_new") is None


async def test_an_item_that_moves_between_pages_and_is_shown_twice_is_one(connection, play):
    connection.track("sesn_1", "uid-1")
    await play([item("sesn_1", "uid-1", title="old")], [item("sesn_1", "uid-1", title="new")]).full()
    assert connection.observatory.snapshot("sesn_1").title == "new"
    assert connection.observatory.missing_at("sesn_1") is None


async def test_an_item_that_slips_between_pages_is_looked_at_and_not_lost(connection, play):
    connection.track("sesn_1", "uid-1")
    await play([item("sesn_2", "uid-2")], []).full()
    assert connection.observatory.missing_at("sesn_1") is not None
    assert connection.observatory.absence("sesn_1") is None
    connection.observatory.put(wire(id="sesn_1"), connection.clock.monotonic())
    assert connection.observatory.missing_at("sesn_1") is None


async def test_an_answer_that_came_while_a_page_was_under_way_stands(connection, play):
    connection.track("sesn_1", "uid-1")

    class Late(Pages):
        async def _iterate(self, before_page):
            await before_page()
            connection.observatory.put(wire(id="sesn_1", title="new"), connection.clock.monotonic())
            yield Answer(Page([item("sesn_1", "uid-1", title="old")], None), None)

    sweeps = play()
    sweeps._client = Late()
    await sweeps.full()
    assert connection.observatory.snapshot("sesn_1").title == "new"


async def test_the_hot_sweep_sees_what_begins_and_what_ends(connection, control):
    idle, busy = [await make(connection, f"uid-{n}") for n in range(2)]
    await connection.sweeps.full()
    connection.board.clear()
    await connection.client.send_events(busy, [MESSAGE])
    await connection.sweeps.hot()
    assert connection.board.sessions == [busy]
    connection.board.clear()
    control.finish(busy)
    await connection.sweeps.hot()
    assert connection.board.sessions == [busy]
    assert connection.observatory.missing_at(busy) is not None
    assert connection.observatory.missing_at(idle) is None


async def test_one_that_was_seen_at_work_by_a_single_look_is_noticed_when_it_stops(connection, control):
    """It began and ended between two hot sweeps."""
    id = await make(connection, "uid-1")
    await connection.client.send_events(id, [MESSAGE])
    seen = (await connection.client.get_session(id)).value
    connection.observatory.put(seen, connection.clock.monotonic())
    control.finish(id)
    await connection.sweeps.hot()
    assert connection.observatory.missing_at(id) is not None


async def test_without_sessions_there_is_nothing_to_sweep_hot(connection, control):
    await connection.sweeps.hot()
    assert control.requests() == []


async def test_sessions_of_nobody_are_told_once(connection, control, caplog):
    caplog.set_level(logging.WARNING)
    await connection.client.create_session({**BARE, "metadata": marker("uid-gone")})
    await connection.client.create_session({**BARE, "metadata": marker("uid-far", owner="cluster-2/team/x")})
    await connection.client.create_session(BARE)
    for _ in range(3):
        await connection.sweeps.full()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "cluster-1/team/nightly" in told[0]


class Outage:
    """Fails so many times, then answers; ends the sweeps when it was asked often enough."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.left, self.error, self.slept = failures, error, []

    async def sweep(self) -> None:
        if self.left:
            self.left -= 1
            raise self.error

    async def sleep(self, wake: asyncio.Event, seconds: float) -> bool:
        self.slept.append(seconds)
        if not self.left:
            raise asyncio.CancelledError
        woken = wake.is_set()
        wake.clear()
        return woken


async def test_a_first_sweep_that_fails_is_waited_for_no_longer(connection, monkeypatch):
    outage = Outage(3, Lost("no answer"))
    monkeypatch.setattr(sweeps, "_woken", outage.sleep)
    with pytest.raises(asyncio.CancelledError):
        await connection.sweeps._repeat(Priority.FULL_SWEEP, outage.sweep, 60.0)
    assert connection.told == ["first sweep"], "once, not with each failure"
    await connection.sweeps.full()
    assert connection.told == ["first sweep"] * 2, "and again when there is one"


async def test_a_week_of_outage_ends_nothing(connection, monkeypatch, caplog):
    """Pauses that double without an end overflow after a thousand failures."""
    outage = Outage(20_000, Lost("no answer"))
    monkeypatch.setattr(sweeps, "_woken", outage.sleep)
    with pytest.raises(asyncio.CancelledError):
        await connection.sweeps._repeat(Priority.HOT_SWEEP, outage.sweep, 5.0)
    assert outage.slept[:9] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert len(caplog.records) == 1


async def test_another_key_is_tried_at_once_also_when_it_comes_while_the_old_one_fails(connection, monkeypatch):
    outage = Outage(8, Unauthorized("no"))

    async def sweep() -> None:
        if outage.left == 2:
            connection.sweeps.hurry()
        await outage.sweep()

    monkeypatch.setattr(sweeps, "_woken", outage.sleep)
    with pytest.raises(asyncio.CancelledError):
        await connection.sweeps._repeat(Priority.FULL_SWEEP, sweep, 60.0)
    assert outage.slept == [0.5, 1, 2, 4, 8, 16, 32, 0.5], "after the seventh it was woken, and tells of a new failure"


async def test_both_sweeps_are_woken(connection, monkeypatch):
    made = asyncio.Queue()
    for name in ("full", "hot"):
        monkeypatch.setattr(connection.sweeps, name, functools.partial(made.put, name))
    running = asyncio.create_task(connection.sweeps.run(3600.0, 3600.0))
    for _ in range(3):
        assert {await made.get(), await made.get()} == {"full", "hot"}
        connection.sweeps.hurry()
    running.cancel()
    await asyncio.wait([running])


async def test_sweeps_that_fail_are_alive_and_one_that_hangs_is_not(connection, monkeypatch):
    clock = connection.clock
    clock.now += 1000
    assert connection.sweeps.age > 900

    async def fails() -> None:
        raise Lost("no answer")

    async def once(wake: asyncio.Event, seconds: float) -> bool:
        raise asyncio.CancelledError

    monkeypatch.setattr(sweeps, "_woken", once)
    for which in (Priority.HOT_SWEEP, Priority.FULL_SWEEP):
        with pytest.raises(asyncio.CancelledError):
            await connection.sweeps._repeat(which, fails, 5.0)
    assert connection.sweeps.age < 1
    clock.now += 1000
    with pytest.raises(asyncio.CancelledError):
        await connection.sweeps._repeat(Priority.HOT_SWEEP, fails, 5.0)
    assert connection.sweeps.age > 900, "the full sweep stands still, whatever the other one does"


async def test_a_rest_that_is_long_is_no_standing_still(connection, monkeypatch):
    """MANAGED_AGENTS_FULL_SWEEP_SECONDS may be more than what is too long for a step."""

    async def once(wake: asyncio.Event, seconds: float) -> bool:
        raise asyncio.CancelledError

    async def nothing() -> None:
        pass

    monkeypatch.setattr(sweeps, "_woken", once)
    for which in (Priority.HOT_SWEEP, Priority.FULL_SWEEP):
        with pytest.raises(asyncio.CancelledError):
            await connection.sweeps._repeat(which, nothing, 3600.0)
    connection.clock.now += 3500
    assert connection.sweeps.age == 0
    connection.clock.now += 1100
    assert connection.sweeps.age > 900


async def test_a_listing_that_is_refused_is_kept_in_mind_until_one_is_not(connection, control, monkeypatch):
    outage = Outage(1, NotFound("no such path", status=404))
    monkeypatch.setattr(sweeps, "_woken", outage.sleep)
    with pytest.raises(asyncio.CancelledError):
        await connection.sweeps._repeat(Priority.FULL_SWEEP, outage.sweep, 60.0)
    assert connection.sweeps.refused == "no such path"
    await connection.sweeps.full()
    assert connection.sweeps.refused is None


async def test_a_refused_key_opens_the_circuit_and_the_next_listing_closes_it(connection, control, simulator):
    connection.circuit.failed(_refused(), "sweep")
    await connection.sweeps.full()
    assert connection.circuit.failure is None


async def test_listings_that_go_well_do_not_close_what_a_creation_opened(connection):
    connection.circuit.failed(_refused(), "write")
    await connection.sweeps.full()
    assert connection.circuit.failure is not None


def _refused():
    return failure(Unauthorized("no"), 0.0)


@pytest.mark.parametrize("error", [CursorRefused("expired"), Unreadable("the same pages again and again")])
async def test_a_list_without_an_end_concludes_nothing(connection, play, error):
    connection.track("sesn_1", "uid-1")
    with pytest.raises(type(error)):
        await play([item("sesn_2", "uid-2")], error).full()
    assert connection.observatory.missing_at("sesn_1") is None


async def test_ten_thousand_unchanged_sessions_are_neither_parsed_nor_rung(connection, play):
    pages = [[item(f"sesn_{page}-{n}", f"uid-{page}-{n}") for n in range(100)] for page in range(100)]
    for page in pages:
        for one in page:
            connection.track(one["id"], one["metadata"]["k8s_uid"].split("/")[0])
    sweeps = play(*pages)
    await sweeps.full()
    before = {id: connection.observatory.snapshot(id).wire for id in connection.roll.statuses}
    connection.board.clear()
    await sweeps.full()
    assert connection.board.sessions == []
    assert all(connection.observatory.snapshot(id).wire is seen for id, seen in before.items())


# losses of many at once


async def test_when_all_go_missing_at_once_none_is_believed_to_be_lost(connection, control):
    ids = [await make(connection, f"uid-{n}") for n in range(20)]
    await connection.sweeps.full()
    for id in ids[:10]:
        control.delete(id)
    connection.board.clear()
    await connection.sweeps.full()
    assert [connection.observatory.mass_loss(id) for id in ids] == [True] * 10 + [False] * 10
    assert sorted(connection.board.sessions) == sorted(ids[:10]), "they are looked at all the same"


async def test_when_most_are_shown_again_the_rest_is_looked_at(connection, play):
    ids = [f"sesn_{n}" for n in range(20)]
    for n, id in enumerate(ids):
        connection.track(id, f"uid-{n}")
    items = [item(id, f"uid-{n}") for n, id in enumerate(ids)]
    await play(items).full()
    await play(items[10:]).full()
    assert connection.observatory.mass_loss(ids[0])
    for id in ids[:10]:
        connection.observatory.gone(id, None, connection.clock.monotonic())
    connection.board.clear()
    await play(items[2:]).full()
    assert not any(map(connection.observatory.mass_loss, ids))
    assert set(connection.board.sessions) >= set(ids[:2]), "they were held, and may be lost now"


async def test_404s_between_two_sweeps_count_like_a_sweep(connection, play):
    ids = [f"sesn_{n}" for n in range(20)]
    for n, id in enumerate(ids):
        connection.track(id, f"uid-{n}")
    await play([item(id, f"uid-{n}") for n, id in enumerate(ids)]).full()
    for id in ids[:6]:
        connection.observatory.gone(id, None, connection.clock.monotonic())
    assert [connection.observatory.mass_loss(id) for id in ids] == [True] * 6 + [False] * 14


# What status says of a session that is not shown; why it does not count.
NO_LOSSES = [
    ({"archivedAt": "2026-11-22T09:30:00Z"}, "it was archived"),
    ({"state": "terminated"}, "it has ended"),
    ({"conditions": [{"type": "Ready", "status": "False", "reason": "Lost"}]}, "it is known to be lost"),
]


@pytest.mark.parametrize(("status", "why"), NO_LOSSES)
async def test_what_is_known_to_be_over_is_no_loss(connection, play, status, why):
    for n in range(20):
        connection.track(f"sesn_{n}", f"uid-{n}", **(status if n < 10 else {}))
    await play([item(f"sesn_{n}", f"uid-{n}") for n in range(11, 20)]).full()
    assert not any(connection.observatory.mass_loss(f"sesn_{n}") for n in range(20)), why


async def test_sessions_made_while_the_listing_runs_are_no_loss(connection, play):
    def made() -> None:
        for n in range(10):
            connection.observatory.put(wire(id=f"sesn_new_{n}"), connection.clock.monotonic())
            connection.track(f"sesn_new_{n}", f"uid-{n}")

    await play(made, []).full()
    await play([]).full()
    assert connection.observatory.mass_loss("sesn_new_0"), "but if the next does not show them, they are"


async def test_what_was_archived_in_between_is_no_loss(connection, play):
    for n in range(10):
        connection.track(f"sesn_{n}", f"uid-{n}")
        ended = wire(id=f"sesn_{n}", archived_at="2026-11-22T09:30:00Z")
        connection.observatory.put(ended, connection.clock.monotonic())
    await play([]).full()
    assert not connection.observatory.mass_loss("sesn_0")


async def test_what_we_deleted_ourselves_is_no_loss(connection, control):
    ids = [await make(connection, f"uid-{n}") for n in range(10)]
    await connection.sweeps.full()
    for id in ids:
        await connection.kind.delete(id, "Delete")
    await connection.sweeps.full()
    assert not any(map(connection.observatory.mass_loss, ids))
