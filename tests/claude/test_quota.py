"""The budget of calls: never too many, in the right order, and nobody is forgotten. Time is a fake throughout."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from managed_agents_operator.claude.queueing import Priority, Ticket
from managed_agents_operator.claude.quota import Bucket, Budget

USER, KICKOFF, LOOK, HOT, FULL = Priority
NOTHING: Callable[[], None] = lambda: None  # noqa: E731


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


@dataclass
class Loop:
    """A clock and the timers that hang on it; `advance` rings them in order, each at its time."""

    now: float = 1000.0
    early: float = 0.0
    """Seconds by which timers ring too soon, as those of a coarse clock do."""
    rung: int = 0
    timers: list[tuple[float, int, FakeTimer]] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self.timers, (max(self.now, self.now + seconds - self.early), next(self.count), timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self.timers)
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                self.rung += 1
                callback()
        self.now = end

    @property
    def ringing(self) -> int:
        return sum(timer.callback is not None for _, _, timer in self.timers)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def bucket(loop: Loop) -> Bucket:
    """60 a minute: one a second, one at once."""
    return Bucket(60, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)


def queue(bucket: Bucket, granted: list[str], *wishes: tuple[str, str, Priority]) -> list[Ticket]:
    return [
        bucket.ask(key, namespace, priority, lambda key=key: granted.append(key))  # type: ignore[misc]
        for key, namespace, priority in wishes
    ]


def empty(bucket: Bucket) -> None:
    """Take what can be had at once."""
    while (ticket := bucket.ask("first", "n", USER, NOTHING)).granted:
        pass
    ticket.give_back()


@pytest.mark.parametrize(
    ("per_minute", "at_once"), [(1, 1), (60, 1), (300, 5), (600, 10), (1200, 20)], ids="{}-a-minute".format
)
def test_about_a_second_s_worth_is_there_at_once(loop: Loop, per_minute: int, at_once: int) -> None:
    bucket = Bucket(per_minute, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    tickets = [bucket.ask(str(number), "n", USER, NOTHING) for number in range(50)]
    assert sum(ticket.granted for ticket in tickets) == at_once


def test_another_rate_counts_from_now_on(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, *((str(number), "n", USER) for number in range(3)))
    bucket.configure(120)
    loop.advance(1.1)
    assert granted == ["0", "1"]
    bucket.configure(6)
    loop.advance(7)
    assert granted == ["0", "1"]
    loop.advance(2)
    assert granted == ["0", "1", "2"]


def test_what_remains_is_told(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    assert bucket.remaining == 10
    bucket.take(12)
    assert bucket.remaining == -2
    bucket.pause(30)
    assert bucket.remaining == 0


@pytest.mark.parametrize("per_minute", [0, -1, float("nan")])
def test_a_bucket_needs_a_rate(loop: Loop, per_minute: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Bucket(per_minute, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)


def test_the_defaults_are_the_published_limits(loop: Loop) -> None:
    budget = Budget(clock=loop, call_later=loop.call_later)
    for bucket, at_once in ((budget.creates, 5), (budget.requests, 10)):
        tickets = [bucket.ask(str(number), "n", USER, NOTHING) for number in range(50)]
        assert sum(ticket.granted for ticket in tickets) == at_once


def test_a_ticket_granted_at_once_does_not_ring(bucket: Bucket) -> None:
    granted: list[str] = []
    (ticket,) = queue(bucket, granted, ("a", "n", USER))
    assert (ticket.granted, granted) == (True, [])


def test_a_ticket_that_waits_rings_once_when_its_time_has_come(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    (ticket,) = queue(bucket, granted, ("a", "n", USER))
    loop.advance(0.9)
    assert (ticket.granted, granted) == (False, [])
    loop.advance(0.2)
    assert (ticket.granted, granted) == (True, ["a"])
    loop.advance(100)
    assert granted == ["a"]


def test_the_more_urgent_goes_first(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, *((priority.name, "n", priority) for priority in reversed(Priority)))
    loop.advance(10)
    assert granted == ["USER", "KICKOFF", "LOOK", "HOT_SWEEP", "FULL_SWEEP"]


def test_namespaces_take_turns(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, *((f"big{n}", "big", USER) for n in range(4)), ("s0", "small", USER), ("t0", "third", USER))
    loop.advance(10)
    assert granted == ["big0", "s0", "t0", "big1", "big2", "big3"]


def test_a_newcomer_waits_for_one_turn_of_the_others(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, *((f"{space}{n}", space, USER) for n in range(3) for space in "ab"))
    loop.advance(1.1)
    queue(bucket, granted, ("c0", "c", USER))
    loop.advance(10)
    assert granted == ["a0", "b0", "a1", "c0", "b1", "a2", "b2"]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.sampled_from(list(Priority)))
def test_no_namespace_with_work_gets_two_more_than_another(wishes: list[str], priority: Priority) -> None:
    loop = Loop()
    bucket = Bucket(60, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, *((f"{space}:{number}", space, priority) for number, space in enumerate(wishes)))
    total, had = Counter(wishes), Counter(dict.fromkeys(wishes, 0))
    while sum(had.values()) < len(wishes):
        before = len(granted)
        loop.advance(0.5)
        for key in granted[before:]:
            had[key.split(":")[0]] += 1
        hungry = [space for space in had if had[space] < total[space]]
        assert all(had[other] - had[space] <= 1 for space in hungry for other in had)


def test_sweeps_get_half_when_they_are_alone(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    granted: list[str] = []
    queue(bucket, granted, *((str(number), "n", HOT if number % 2 else FULL) for number in range(2000)))
    loop.advance(100)
    assert 499 <= len(granted) <= 505


def test_others_are_not_held_up_by_sweeps_that_have_had_their_share(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    sweeps = [bucket.ask(f"s{number}", "n", HOT, NOTHING) for number in range(50)]
    assert sum(ticket.granted for ticket in sweeps) == 5
    looks = [bucket.ask(f"l{number}", "n", LOOK, NOTHING) for number in range(50)]
    assert sum(ticket.granted for ticket in looks) == 5


@pytest.mark.parametrize("calls_a_pass", [1, 2, 4, 8])
def test_a_long_burst_of_user_work_never_ends_observation(loop: Loop, calls_a_pass: int) -> None:
    """Nor anything else, and not even when each pass makes more calls than it has tickets."""
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    had: Counter[Priority] = Counter()

    def again(priority: Priority) -> None:
        def granted() -> None:
            had[priority] += 1
            if priority is USER:
                bucket.take(calls_a_pass - 1)
            again(priority)

        number = next(numbers)
        if bucket.ask(f"{priority}:{number}", f"n{number % 7}", priority, granted).granted:
            granted()

    numbers = itertools.count()
    for priority in Priority:
        again(priority)
    loop.advance(600)
    assert min(had.values()) >= 6000 * 0.1 / calls_a_pass * 0.9
    assert had[USER] >= max(had.values()) - 1


def test_user_work_gets_what_is_left_of_the_floors(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    granted: list[str] = []
    queue(bucket, granted, *((f"{p.name}:{n}", "n", p) for p in (USER, FULL) for n in range(2000)))
    loop.advance(100)
    had = Counter(key.split(":")[0] for key in granted)
    assert 90 <= had["FULL_SWEEP"] <= 110
    assert had["USER"] >= 880


def test_a_ticket_given_back_is_there_for_the_next(bucket: Bucket) -> None:
    first = bucket.ask("a", "n", USER, NOTHING)
    assert not bucket.ask("b", "n", USER, NOTHING).granted
    first.give_back()
    assert bucket.waiting == (0, 0.0)


def test_a_ticket_given_back_rings_the_next(loop: Loop, bucket: Bucket) -> None:
    granted: list[str] = []
    first, second, third = queue(bucket, granted, ("a", "n", USER), ("b", "n", USER), ("c", "n", USER))
    first.give_back()
    assert (granted, second.granted, third.granted) == (["b"], True, False)


def test_a_ticket_is_given_back_once(loop: Loop, bucket: Bucket) -> None:
    ticket = bucket.ask("a", "n", USER, NOTHING)
    ticket.give_back()
    assert bucket.ask("b", "n", USER, NOTHING).granted
    ticket.give_back()
    assert not bucket.ask("c", "n", USER, NOTHING).granted


def test_no_more_comes_back_than_was_taken(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    tickets = [bucket.ask(str(number), "n", USER, NOTHING) for number in range(10)]
    for ticket in tickets[:3]:
        ticket.give_back()
    assert sum(bucket.ask(f"again{number}", "n", USER, NOTHING).granted for number in range(10)) == 3


def test_a_spent_ticket_is_not_given_back(bucket: Bucket) -> None:
    ticket = bucket.ask("a", "n", USER, NOTHING)
    ticket.spend()
    ticket.give_back()
    assert not bucket.ask("b", "n", USER, NOTHING).granted


def test_a_sweep_given_back_returns_its_share(loop: Loop) -> None:
    bucket = Bucket(120, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    ticket = bucket.ask("a", "n", HOT, NOTHING)
    assert not bucket.ask("b", "n", HOT, NOTHING).granted
    ticket.give_back()
    assert bucket.waiting[0] == 0


def test_a_wait_that_is_called_off_costs_nothing(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    first, second = queue(bucket, granted, ("a", "n", USER), ("b", "n", USER))
    first.give_back()
    loop.advance(1.1)
    assert (granted, first.granted, second.granted) == (["b"], False, True)


def test_a_key_waits_once(loop: Loop, bucket: Bucket) -> None:
    """A pass that is rung for something else meanwhile asks again, and must not lose or double its place."""
    empty(bucket)
    granted: list[str] = []
    ticket = bucket.ask("a", "n", LOOK, lambda: granted.append("old"))
    other = bucket.ask("b", "n", LOOK, lambda: granted.append("b"))
    assert bucket.ask("a", "n", FULL, lambda: granted.append("new")) is ticket
    assert bucket.waiting[0] == 2
    loop.advance(10)
    assert (granted, other.granted) == (["new", "b"], True)


def test_a_key_that_grows_urgent_moves_up(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, ("a", "n", LOOK), ("b", "n", KICKOFF), ("a", "n", USER))
    assert bucket.waiting[0] == 2
    loop.advance(10)
    assert granted == ["a", "b"]


def test_a_granted_key_may_ask_for_the_next_call(loop: Loop, bucket: Bucket) -> None:
    first = bucket.ask("a", "n", USER, NOTHING)
    second = bucket.ask("a", "n", USER, NOTHING)
    assert (first.granted, second.granted, first is second) == (True, False, False)


def test_take_goes_into_debt_that_all_pay_off(loop: Loop, bucket: Bucket) -> None:
    bucket.take(4)
    granted: list[str] = []
    queue(bucket, granted, ("a", "n", USER))
    loop.advance(3.9)
    assert granted == []
    loop.advance(0.2)
    assert granted == ["a"]


def test_a_pause_holds_and_then_ends(loop: Loop, bucket: Bucket) -> None:
    granted: list[str] = []
    bucket.pause(30)
    assert bucket.paused_until == 1030
    queue(bucket, granted, ("a", "n", USER))
    loop.advance(29.9)
    assert granted == []
    loop.advance(0.2)
    assert (granted, bucket.paused_until) == (["a"], None)


def test_a_pause_after_the_wait_began_holds_too(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, ("a", "n", USER))
    bucket.pause(30)
    loop.advance(29.9)
    assert granted == []
    loop.advance(0.2)
    assert granted == ["a"]


def test_a_pause_is_never_made_shorter(bucket: Bucket) -> None:
    bucket.pause(30)
    bucket.pause(5)
    bucket.pause(None)
    assert bucket.paused_until == 1030
    bucket.pause(60)
    assert bucket.paused_until == 1060


@pytest.mark.parametrize("nothing", [None, 0.0, -1.0])
def test_pauses_without_a_time_grow_up_to_a_minute(loop: Loop, bucket: Bucket, nothing: float | None) -> None:
    pauses = []
    for _ in range(9):
        bucket.pause(nothing)
        bucket.pause(nothing)
        assert bucket.paused_until is not None
        pauses.append(bucket.paused_until - loop.now)
        loop.advance(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    bucket.calm()
    bucket.pause(nothing)
    assert bucket.paused_until == loop.now + 1


def test_a_success_of_a_call_from_before_the_pause_does_not_calm(loop: Loop, bucket: Bucket) -> None:
    bucket.pause(None)
    bucket.calm()
    loop.advance(1)
    bucket.pause(None)
    assert bucket.paused_until == loop.now + 2


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 0.5), (0.5, 0.75), (0.999, 0.9995)])
def test_pauses_without_a_time_are_jittered(loop: Loop, jitter: float, seconds: float) -> None:
    bucket = Bucket(60, clock=loop, jitter=lambda: jitter, call_later=loop.call_later)
    bucket.pause(None)
    assert bucket.paused_until == pytest.approx(1000 + seconds)


def test_waiting_tells_how_many_and_how_long(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    bucket.pause(100)
    tickets = queue(bucket, [], ("a", "n", FULL))
    loop.advance(3)
    queue(bucket, [], ("b", "n", USER))
    loop.advance(2)
    assert bucket.waiting == (2, 5.0)
    tickets[0].give_back()
    assert bucket.waiting == (1, 2.0)


def test_no_timer_runs_while_nobody_waits(loop: Loop, bucket: Bucket) -> None:
    bucket.ask("a", "n", USER, NOTHING)
    assert loop.ringing == 0
    ticket = bucket.ask("b", "n", USER, NOTHING)
    assert loop.ringing == 1
    bucket.take()
    bucket.pause(5)
    assert loop.ringing == 1
    ticket.give_back()
    assert loop.ringing == 0


def test_timers_that_ring_early_do_not_spin(loop: Loop, bucket: Bucket) -> None:
    loop.early = 0.0005
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, ("a", "n", USER))
    loop.advance(1.1)
    assert granted == ["a"]
    assert loop.rung <= 5


def test_sweeps_that_have_had_their_share_are_not_looked_at_in_vain(loop: Loop) -> None:
    bucket = Bucket(600, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    granted: list[str] = []
    queue(bucket, granted, *((str(number), "n", FULL) for number in range(105)))
    loop.advance(30)
    assert len(granted) == 100
    assert loop.rung <= 105


def test_a_time_that_was_told_twice_counts_as_one_pause(loop: Loop, bucket: Bucket) -> None:
    bucket.pause(5)
    bucket.pause(5)
    loop.advance(5)
    bucket.pause(None)
    assert bucket.paused_until == loop.now + 2


def test_a_key_that_asks_again_in_the_moment_of_its_grant_is_not_rung(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    queue(bucket, granted, ("a", "n", USER))
    loop.now += 2
    (ticket,) = queue(bucket, granted, ("a", "n", USER))
    loop.advance(10)
    assert (ticket.granted, granted) == (True, [])


def test_a_callback_that_fails_stops_nobody(loop: Loop, bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    empty(bucket)
    granted: list[str] = []
    bucket.ask("a", "n", USER, fails)
    queue(bucket, granted, ("b", "n", USER))
    loop.advance(10)
    assert granted == ["b"]
    assert "granted" in caplog.text


def test_a_callback_may_ask_and_give_back(loop: Loop, bucket: Bucket) -> None:
    empty(bucket)
    granted: list[str] = []
    tickets: list[Ticket] = []

    def again() -> None:
        granted.append("a")
        tickets[0].give_back()
        tickets.append(bucket.ask("c", "n", USER, lambda: granted.append("c")))

    tickets.append(bucket.ask("a", "n", USER, again))
    bucket.ask("b", "n", USER, lambda: granted.append("b"))
    loop.advance(10)
    assert granted == ["a", "b", "c"]


async def test_wait_returns_a_granted_ticket(bucket: Bucket, loop: Loop) -> None:
    assert (await bucket.wait("a", "n", HOT)).granted
    waiting = asyncio.create_task(bucket.wait("b", "n", HOT))
    await asyncio.sleep(0)
    assert not waiting.done()
    loop.advance(2.1)
    assert (await waiting).granted


async def test_a_cancelled_wait_leaves_no_ticket(bucket: Bucket, loop: Loop) -> None:
    empty(bucket)
    waiting = asyncio.create_task(bucket.wait("b", "n", LOOK))
    await asyncio.sleep(0)
    assert bucket.waiting[0] == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert bucket.waiting[0] == 0


async def test_a_wait_cancelled_in_the_moment_of_its_grant_gives_it_back(bucket: Bucket, loop: Loop) -> None:
    empty(bucket)
    waiting = asyncio.create_task(bucket.wait("b", "n", LOOK))
    await asyncio.sleep(0)
    loop.advance(1.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert bucket.ask("c", "n", LOOK, NOTHING).granted


async def test_the_event_loop_s_own_timers_do(loop: Loop) -> None:
    class Real(Loop):
        def monotonic(self) -> float:
            return time.monotonic()

    budget = Budget(6000, 6000, clock=Real())
    for number in range(110):
        await budget.creates.wait(str(number), "n", USER)


@dataclass
class Grant:
    at: float
    ticket: Ticket


class Life(RuleBasedStateMachine):
    """Anything may happen to a bucket in any order; what must hold, holds after each step."""

    tickets = Bundle("tickets")

    @initialize(per_minute=st.sampled_from([6, 60, 90, 300, 600]))
    def start(self, per_minute: int) -> None:
        self.loop = Loop()
        self.rate = per_minute / 60
        self.bucket = Bucket(per_minute, clock=self.loop, jitter=lambda: 0.5, call_later=self.loop.call_later)
        self.grants: list[Grant] = []
        self.returned: set[int] = set()
        self.waiting: dict[int, Ticket] = {}
        self.rung: Counter[int] = Counter()
        self.numbers = itertools.count()
        self.paused_until = 0.0
        self.taken = 0

    @rule(target=tickets, namespace=st.sampled_from("abc"), priority=st.sampled_from(list(Priority)))
    def ask(self, namespace: str, priority: Priority) -> Ticket:
        number = next(self.numbers)

        def granted() -> None:
            self.rung[number] += 1
            self._granted(self.waiting.pop(number))

        ticket = self.bucket.ask(f"k{number}", namespace, priority, granted)
        if ticket.granted:
            self._granted(ticket)
        else:
            self.waiting[number] = ticket
        return ticket

    def _granted(self, ticket: Ticket) -> None:
        assert ticket.granted
        assert self.loop.now >= self.paused_until - 1e-6
        self.grants.append(Grant(self.loop.now, ticket))

    @rule(ticket=consumes(tickets))
    def give_back(self, ticket: Ticket) -> None:
        if not ticket.granted:
            self.waiting = {number: other for number, other in self.waiting.items() if other is not ticket}
        self.returned.add(id(ticket))
        ticket.give_back()

    @rule(ticket=consumes(tickets))
    def spend(self, ticket: Ticket) -> None:
        if ticket.granted:
            ticket.spend()
            ticket.give_back()

    @rule(seconds=st.floats(0, 20))
    def advance(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @rule(count=st.integers(1, 3))
    def take(self, count: int) -> None:
        self.bucket.take(count)
        self.taken += count

    @rule(seconds=st.none() | st.floats(0.1, 30))
    def pause(self, seconds: float | None) -> None:
        self.bucket.pause(seconds)
        assert self.bucket.paused_until is not None
        self.paused_until = self.bucket.paused_until

    @invariant()
    def never_too_many_are_granted(self) -> None:
        kept = [grant for grant in self.grants if id(grant.ticket) not in self.returned]
        sweeps = [grant for grant in kept if grant.ticket.priority.is_sweep]
        elapsed = self.loop.now - 1000
        assert len(kept) <= self.rate * elapsed + max(1, self.rate) + 1e-6
        assert len(sweeps) <= self.rate / 2 * elapsed + max(1, self.rate / 2) + 1e-6

    @invariant()
    def each_wait_is_counted_and_rung_once(self) -> None:
        assert self.bucket.waiting[0] == len(self.waiting)
        assert all(times == 1 for times in self.rung.values())
        assert self.loop.ringing == (1 if self.waiting else 0)

    def teardown(self) -> None:
        if hasattr(self, "bucket"):
            waiting = list(self.waiting.values())
            self.loop.advance(60 + (len(waiting) * 2 + self.taken + 2) / self.rate * 2)
            assert all(ticket.granted for ticket in waiting), "nobody is forgotten"
            assert self.loop.ringing == 0


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.sampled_from(list(Priority)), st.floats(0, 0.5)), min_size=20, max_size=120))
def test_in_any_stretch_of_time_no_more_than_the_rate_and_what_was_saved(steps: list[tuple[Priority, float]]) -> None:
    loop = Loop()
    bucket = Bucket(300, clock=loop, jitter=lambda: 1.0, call_later=loop.call_later)
    times: list[tuple[float, Priority]] = []
    for number, (priority, pause) in enumerate(steps):

        def granted(priority: Priority = priority) -> None:
            times.append((loop.now, priority))

        if bucket.ask(str(number), "n", priority, granted).granted:
            granted()
        loop.advance(pause)
    loop.advance(60)
    assert len(times) == len(steps)
    for kind, rate in ((times, 5.0), ([grant for grant in times if grant[1].is_sweep], 2.5)):
        for first, last in itertools.combinations(range(len(kind)), 2):
            assert last - first + 1 <= rate * (kind[last][0] - kind[first][0]) + rate + 1e-6
