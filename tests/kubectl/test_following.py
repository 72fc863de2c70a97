"""Each event once, and none lost, however the stream is cut: over a session in memory that goes on meanwhile."""

from __future__ import annotations

import pytest

from managed_agents_kubectl.following import FIRST_PAUSE, MOST_FAILURES, Reader
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.errors import CursorRefused, Lost, NotFound, RateLimited, Unauthorized
from managed_agents_operator.claude.models import Page

SIZE = 3


def event(id, type_="agent.message", at="2026-11-28T12:00:00Z"):
    return {"id": id, "type": type_, "processed_at": at}


class Session:
    """A session's events, in pages of three; `plan` says for each stream what comes on it and how it ends."""

    def __init__(self, *ids, plan=()):
        self.settled = [event(id) for id in ids]
        self.queue = []
        self.plan = list(plan)
        self.over = False
        self.pages_read = 0
        self.open = 0

    def happens(self, *ids):
        self.settled += [event(id) for id in ids]

    async def pages(self, id, order="asc"):
        events = [*self.settled, *self.queue]
        events = events[::-1] if order == "desc" else events
        for at in range(0, max(len(events), 1), SIZE):
            self.pages_read += 1
            yield Answer(Page(events[at : at + SIZE], "more" if at + SIZE < len(events) else None), None)

    async def stream(self, id):
        # A session that has been looked at for longer than its plan is over.
        step = self.plan.pop(0) if self.plan else [self.end]
        self.open += 1
        try:
            for one in step:
                if isinstance(one, Exception):
                    raise one
                yield one() if callable(one) else one
        finally:
            self.open -= 1

    def end(self):
        self.over = True


async def follow(session, reader, *, pauses=None):
    async def over():
        return session.over

    async def sleep(seconds):
        if pauses is not None:
            pauses.append(seconds)

    return [one["id"] async for one in reader.follow(reader.past, over, sleep)]


def everything(_):
    return True


async def test_what_was_there_comes_before_what_happens():
    session = Session("1", "2", "3", "4", plan=[[None, event("5"), None, event("6", "session.deleted")]])
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2", "3", "4", "5", "6"]


async def test_what_happens_while_the_list_is_read_is_shown_once():
    session = Session("1", plan=[[None, event("1"), event("2"), event("3", "session.status_terminated")]])
    session.happens("2")
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2", "3"]


async def test_after_a_cut_nothing_is_missing_and_nothing_doubled():
    session = Session("1", "2")

    def meanwhile():
        session.happens("3", "4", "5", "6", "7")

    def cut():
        meanwhile()
        raise Lost("cut")

    session.plan = [[None, event("3"), cut], [None, event("7"), event("8", "session.deleted")]]
    pauses = []
    shown = await follow(session, Reader(session, "s", everything), pauses=pauses)
    assert shown == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert pauses == [FIRST_PAUSE * 2]


async def test_a_stream_that_ends_by_itself_is_opened_again():
    session = Session("1", plan=[[None, event("2")], [None, event("3", "session.deleted")]])
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2", "3"]


async def test_an_event_that_was_queued_is_not_shown_again_when_it_is_taken_in():
    """It gets its place in the order only then, behind others that nobody has seen."""
    session = Session("1")
    session.queue = [event("q", "user.message", None)]

    def taken_in():
        session.queue = []
        session.happens("2", "3", "q", "4")
        raise Lost("cut")

    session.plan = [[None, event("q", "user.message", None), taken_in], [None, event("5", "session.deleted")]]
    assert await follow(session, Reader(session, "s", everything)) == ["1", "q", "2", "3", "4", "5"]


async def test_an_end_that_no_event_tells_of_is_found_out():
    """Some servers archive in silence; pings are the time to ask."""
    session = Session("1")
    session.plan = [[None, event("2"), session.end]]
    session.happens("2")
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2"]


async def test_of_a_session_that_is_over_all_is_shown_and_nothing_waited_for():
    session = Session("1", "2", plan=[[None, AssertionError("nobody reads on")]])
    session.over = True
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2"]


async def test_an_old_end_is_not_the_end_of_one_that_goes_on():
    """A server may let a terminated session go on after an interrupt."""
    session = Session("1", plan=[[None, event("3", "session.deleted")]])
    session.settled.append(event("2", "session.status_terminated"))
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2", "3"]


async def test_a_session_that_is_deleted_meanwhile_ends_it():
    session = Session("1", plan=[[None, Lost("cut")], [NotFound("gone", status=404)]])
    assert await follow(session, Reader(session, "s", everything)) == ["1"]


@pytest.mark.parametrize("refusal", [NotFound("no", status=404), Unauthorized("no", status=401)])
async def test_what_nothing_mends_comes_out_at_once(refusal):
    session, pauses = Session("1", plan=[[refusal]]), []
    with pytest.raises(type(refusal)):
        await follow(session, Reader(session, "s", everything), pauses=pauses)
    assert pauses == []


async def test_an_outage_is_waited_for_with_growing_pauses_and_not_for_ever():
    session, pauses = Session("1", plan=[[None], *[[RateLimited("slow", status=429)]] * 20]), []
    with pytest.raises(RateLimited):
        await follow(session, Reader(session, "s", everything), pauses=pauses)
    assert len(pauses) == MOST_FAILURES + 1
    assert pauses == sorted(pauses)


async def test_a_list_whose_cursor_expires_is_read_again_and_shown_once():
    session = Session("1", "2", "3", "4")
    whole = session.pages

    async def expiring(id, order="asc"):
        session.pages = whole
        async for page in whole(id, order):
            yield page
            raise CursorRefused("expired", status=400)

    session.pages = expiring
    assert [one["id"] async for one in Reader(session, "s", everything).past()] == ["1", "2", "3", "4"]


async def test_previews_are_not_shown():
    preview = {"type": "event_delta", "event_id": "2"}
    session = Session("1", plan=[[None, preview, event("2", "session.deleted")]])
    assert await follow(session, Reader(session, "s", everything)) == ["1", "2"]


async def test_the_last_ones_are_found_without_reading_all():
    session = Session(*map(str, range(30)))
    reader = Reader(session, "s", everything)
    assert [one["id"] for one in await reader.latest(tail=4)] == ["26", "27", "28", "29"]
    assert session.pages_read == 2


async def test_the_last_ones_are_of_those_that_are_wanted():
    session = Session(*map(str, range(30)))
    reader = Reader(session, "s", lambda one: int(one["id"]) % 10 == 0)
    assert [one["id"] for one in await reader.latest(tail=2)] == ["10", "20"]
    assert await Reader(session, "s", everything).latest(tail=0) == []


async def test_the_young_ones_are_found_without_reading_all():
    session = Session(*map(str, range(30)))
    young = await Reader(session, "s", everything).latest(since=lambda one: int(one["id"]) >= 25)
    assert [one["id"] for one in young] == ["25", "26", "27", "28", "29"]
    assert session.pages_read == 2


async def test_what_was_passed_over_at_first_is_not_shown_after_a_cut():
    session = Session("1", "2", "3", "4")
    session.plan = [[None, Lost("cut")], [None, event("6", "session.deleted")]]
    reader = Reader(session, "s", everything)

    async def first():
        for one in await reader.latest(tail=1):
            yield one
        session.happens("5")

    async def over():
        return False

    async def sleep(_):
        return None

    assert [one["id"] async for one in reader.follow(first, over, sleep)] == ["4", "5", "6"]


async def test_who_stops_reading_leaves_no_stream_open():
    """As `logs -f NAME | head -1` does: what is still open when its client goes is told as a lost connection."""
    session = Session("1", plan=[[None, event("2"), event("3")]])
    reader = Reader(session, "sesn_1", everything)

    async def over():
        return False

    async def sleep(_):
        raise AssertionError("nothing was cut")

    events = reader.follow(reader.past, over, sleep)
    assert [(await anext(events))["id"], (await anext(events))["id"]] == ["1", "2"]
    assert session.open == 1
    await events.aclose()
    assert session.open == 0
