"""How many sessions may go missing at once before nothing is believed, and when it is believed again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator.kinds.losses import Losses


def ids(count: int, start: int = 0) -> set[str]:
    return {f"sesn_{number}" for number in range(start, start + count)}


def held(losses: Losses, among: set[str]) -> set[str]:
    return {id for id in among if losses.holds(id)}


# How many live; how many go missing; whether they are held; why.
BOUNDS = [
    (1, 1, False, "one alone is one deletion"),
    (5, 5, False, "few, although all of them"),
    (6, 6, True, "all of them"),
    (59, 6, True, "more than a tenth"),
    (60, 6, False, "no more than a tenth"),
    (1000, 100, False, "no more than a tenth"),
    (1000, 101, True, "more than a tenth"),
    (0, 0, False, "nothing at all"),
]


@pytest.mark.parametrize(("living", "missing", "expected", "why"), BOUNDS)
@pytest.mark.parametrize("known", [True, False], ids=["seen before", "first sweep"])
def test_bounds(living, missing, expected, why, known):
    losses = Losses()
    if known:
        losses.swept(ids(living), set())
    losses.swept(ids(living), ids(missing))
    assert held(losses, ids(living)) == (ids(missing) if expected else set()), why


@pytest.mark.parametrize(("living", "missing", "expected", "why"), BOUNDS)
def test_bounds_of_404s_between_sweeps(living, missing, expected, why):
    losses = Losses()
    losses.swept(ids(living), set())
    for id in ids(missing):
        losses.gone(id)
    assert held(losses, ids(living)) == (ids(missing) if expected else set()), why
    losses.swept(ids(living), ids(missing))
    assert held(losses, ids(living)) == (ids(missing) if expected else set()), "the sweep says the same"


def test_the_few_that_went_before_the_many_are_held_with_them():
    losses = Losses()
    losses.swept(ids(20), set())
    for id in ids(3):
        losses.gone(id)
    assert held(losses, ids(20)) == set()
    losses.swept(ids(20), ids(10))
    assert held(losses, ids(20)) == ids(10)


def test_a_few_each_sweep_are_never_too_many():
    losses = Losses()
    for sweep in range(1, 20):
        losses.swept(ids(100), ids(5 * sweep))
        assert held(losses, ids(100)) == set()


def test_what_is_held_stays_so():
    losses = Losses()
    losses.swept(ids(20), set())
    for _ in range(5):
        losses.swept(ids(20), ids(10))
        assert held(losses, ids(20)) == ids(10)


def test_one_that_is_shown_again_is_held_no_more():
    losses = Losses()
    losses.swept(ids(20), ids(10))
    losses.shown("sesn_0")
    assert held(losses, ids(20)) == ids(9, start=1)


def test_when_most_came_back_the_rest_is_believed():
    losses = Losses()
    losses.swept(ids(100), ids(50))
    for id in ids(40):
        losses.shown(id)
    assert held(losses, ids(100)) == ids(10, start=40), "they may be on the next page"
    assert losses.swept(ids(100), ids(10, start=40)) == ids(10, start=40), "those must be looked at now"
    assert held(losses, ids(100)) == set()
    losses.swept(ids(100), ids(10, start=40))
    assert held(losses, ids(100)) == set(), "they are no news any more"


def test_a_sweep_that_shows_most_again_frees_the_rest():
    losses = Losses()
    losses.swept(ids(100), ids(50))
    assert losses.swept(ids(100), ids(4)) == ids(4)
    assert held(losses, ids(100)) == set()


def test_those_without_a_resource_or_known_to_be_lost_count_no_more():
    losses = Losses()
    losses.swept(ids(100), ids(50))
    assert losses.swept(ids(60, start=40), ids(50)) == set()
    assert held(losses, ids(100)) == ids(10, start=40), "ten of sixty are too many still"
    losses.swept(ids(55, start=45), ids(50))
    assert held(losses, ids(100)) == set()


def test_one_that_came_back_and_went_again_is_news():
    losses = Losses()
    losses.swept(ids(100), ids(11))
    for id in ids(11):
        losses.shown(id)
    losses.swept(ids(100), set())
    losses.swept(ids(100), ids(11))
    assert held(losses, ids(100)) == ids(11)


def test_our_own_deletions_are_no_losses():
    losses = Losses()
    losses.swept(ids(20), set())
    for id in ids(10):
        losses.ended(id)
        losses.gone(id)
    losses.swept(ids(20), ids(11))
    assert held(losses, ids(20)) == set()


def test_of_nobody_nothing_is_held():
    losses = Losses()
    for id in ids(50):
        losses.gone(id)
    assert held(losses, ids(50)) == set()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("swept"), st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30))),
        st.tuples(st.sampled_from(["gone", "shown", "ended"]), st.integers(0, 30), st.none()),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_whatever_happens_none_is_held_for_few(steps: list[tuple[str, Any, Any]]) -> None:
    losses, everything = Losses(), ids(31)
    for what, first, second in steps:
        if what == "swept":
            living, missing = ({f"sesn_{n}" for n in numbers} for numbers in (first, second))
            freed = losses.swept(living, missing)
            assert held(losses, everything) <= living & missing
        else:
            freed = set()
            getattr(losses, what)(f"sesn_{first}")
            assert what == "gone" or not losses.holds(f"sesn_{first}")
        assert not held(losses, freed)
        assert what != "swept" or len(held(losses, everything)) not in range(1, 6)
