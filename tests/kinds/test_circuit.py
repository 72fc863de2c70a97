"""A key that is refused costs a call now and then, whoever asks, and all goes on by itself when it works again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.stage import HandClock

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.kinds.circuit import FIRST_PAUSE, LONGEST_PAUSE, TRIAL_LIFE, UNCLAIMED, Circuit

KEY = Failure(Consequence.BLOCKED, "KeyRefused", "the key is wrong (401)")
RIGHT = Failure(Consequence.BLOCKED, "Forbidden", "no right (403)")
OTHERS = [c for c in Consequence if c is not Consequence.BLOCKED]


class Stage:
    def __init__(self) -> None:
        self.clock = HandClock(tick=0.0)
        self.changes = 0
        self.circuit = Circuit(self.clock.monotonic, self.changed)

    def changed(self) -> None:
        self.changes += 1

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def lets(self, *uids: str) -> list[str]:
        """Those that may call, each of which then does."""
        through = []
        for uid in uids:
            if self.circuit.blocks(uid) is None:
                self.circuit.enter(uid)
                through.append(uid)
        return through


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("consequence", OTHERS)
def test_only_what_a_person_must_mend_opens_it(stage, consequence):
    stage.circuit.failed(Failure(consequence, "X", "x"), "write")
    assert stage.circuit.failure is None
    assert stage.lets("a", "b") == ["a", "b"]


def test_one_at_a_time_after_growing_pauses(stage):
    stage.circuit.failed(RIGHT, "write")
    pauses = []
    for _ in range(8):
        assert stage.lets("a", "b", "c") == []
        pauses.append(stage.circuit.retry_at - stage.clock.now)
        stage.wait(pauses[-1])
        assert stage.lets("a", "b", "c") == ["a"]
        stage.circuit.failed(RIGHT, "write")
    assert pauses == [15, 30, 60, 120, 240, 480, 600, 600]
    assert stage.changes == 1, "nobody is told again what stands there already"


def test_looking_on_is_no_turn(stage):
    """A resource that has nothing to call must not use up the turn of one that has."""
    stage.circuit.failed(RIGHT, "write")
    stage.wait(FIRST_PAUSE)
    assert stage.circuit.blocks("settled") is None
    assert stage.circuit.blocks("settled") is None
    assert stage.lets("waiting", "settled") == ["waiting"]


def test_one_whose_turn_it_is_and_that_disappears_makes_room(stage):
    stage.circuit.failed(RIGHT, "write")
    stage.wait(FIRST_PAUSE)
    assert stage.lets("gone") == ["gone"]
    assert stage.lets("next") == []
    stage.wait(TRIAL_LIFE)
    assert stage.lets("next", "gone") == ["next"]


# What was refused; what then goes through in a turn or without one; whether it closes.
PROOFS = [
    ("write", "sweep", False, False, "that listings are answered says nothing of writes"),
    ("write", "read", True, False, "nor does a read"),
    ("write", "write", True, True, "the very thing works again"),
    ("write", "write", False, False, "it was under way when the other one was refused"),
    ("read", "sweep", False, False, "listings may be allowed and events not"),
    ("read", "read", True, True, "the very thing works again"),
    ("read", "read", False, False, "it was under way before"),
    ("read", "write", True, True, "who may write may read"),
    ("sweep", "sweep", False, True, "the very thing works again, and sweeps go on by themselves"),
    ("sweep", "read", True, False, "a session may be readable where the list is not"),
    ("sweep", "write", True, True, "the key is good"),
]


@pytest.mark.parametrize(("refused", "works", "in_turn", "closes", "why"), PROOFS)
@pytest.mark.parametrize("failure", [KEY, RIGHT])
def test_what_proves_that_it_works_again(stage, failure, refused, works, in_turn, closes, why):
    stage.circuit.failed(failure, refused)
    if in_turn:
        stage.wait(FIRST_PAUSE)
        assert stage.lets("a") == ["a"]
    stage.circuit.succeeded(works)
    assert (stage.circuit.failure is None) == closes, why
    assert stage.changes == 1 + closes


def test_a_key_refused_everywhere_is_back_with_the_first_sweep(stage):
    stage.circuit.failed(KEY, "write")
    stage.circuit.failed(KEY, "sweep")
    stage.circuit.succeeded("sweep")
    assert stage.circuit.failure is None


def test_what_was_under_way_makes_no_pause_longer(stage):
    stage.circuit.failed(KEY, "write")
    for _ in range(16):
        stage.circuit.failed(KEY, "write")
    stage.wait(FIRST_PAUSE)
    assert stage.lets("a") == ["a"]


def test_another_trouble_is_told(stage):
    stage.circuit.failed(KEY, "sweep")
    stage.wait(FIRST_PAUSE)
    stage.circuit.failed(RIGHT, "sweep")
    assert stage.circuit.failure == RIGHT
    assert stage.changes == 2


def test_a_turn_that_nobody_wants_closes_it(stage):
    """The only one that wrote was deleted: nothing would ever prove that writes work again."""
    stage.circuit.failed(RIGHT, "write")
    stage.wait(FIRST_PAUSE + UNCLAIMED - 1)
    stage.circuit.succeeded("sweep")
    assert stage.circuit.failure == RIGHT
    stage.wait(1)
    stage.circuit.succeeded("sweep")
    assert stage.circuit.failure is None


def test_one_that_opens_again_and_again_tells_all_resources_less_and_less(stage):
    """Each time each of ten thousand resources gets two writes."""
    told_within_an_hour = 0
    while stage.clock.now < 1000 + 3600:
        stage.circuit.failed(RIGHT, "read")
        stage.wait(stage.circuit.retry_at - stage.clock.now)
        stage.lets("a")
        stage.circuit.succeeded("read")
        told_within_an_hour += 2
    assert told_within_an_hour < 2 * 40
    stage.wait(LONGEST_PAUSE)
    stage.circuit.failed(RIGHT, "read")
    assert stage.circuit.retry_at == stage.clock.now + FIRST_PAUSE


def test_fifty_that_may_read_and_not_write_are_no_storm(stage):
    """Ten minutes, each of them at every second, with listings that go well all the while."""
    calls = 0
    for second in range(600):
        if second % 5 == 0:
            stage.circuit.succeeded("sweep")
        for uid in (f"uid-{n}" for n in range(50)):
            if stage.lets(uid):
                calls += 1
                stage.circuit.failed(RIGHT, "write")
        stage.wait(1)
    assert calls <= 7


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 700)),
    st.tuples(st.just("failed"), st.sampled_from(["sweep", "read", "write"])),
    st.tuples(st.just("succeeded"), st.sampled_from(["sweep", "read", "write"])),
    st.tuples(st.just("lets"), st.sampled_from("abc")),
)


@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_one_has_the_turn_and_a_next_one_comes(steps):
    stage = Stage()
    for step, what in steps:
        if step == "wait":
            stage.wait(what)
        elif step == "lets":
            stage.lets(what)
        elif step == "failed":
            stage.circuit.failed(RIGHT, what)
        else:
            stage.circuit.succeeded(what)
        circuit = stage.circuit
        assert (circuit.retry_at is None) == (circuit.failure is None)
        if circuit.failure is not None and circuit._holder is not None:
            assert [u for u in "abc" if circuit.blocks(u) is None] in ([circuit._holder], [])
    if stage.circuit.failure is not None:
        stage.wait(max(0.0, stage.circuit.retry_at - stage.clock.now))
        assert stage.circuit.retry_at - stage.clock.now <= 0
        assert len(stage.lets("a", "b", "c")) == 1
