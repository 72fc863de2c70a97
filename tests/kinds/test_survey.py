"""The way that costs fewest calls, and rests that leave room for both sweeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator.kinds.survey import LIVING, WHOLE_SECONDS, Survey, Way, rest, way

HUNDRED = Survey(0.0, pages=100, items=10_000)

# The last whole listing, for how many sessions one would ask singly, and its age.
WAYS = [
    (None, 3, 0, Way.WHOLE, "nothing was measured yet"),
    (HUNDRED, 10_000, 60, Way.WHOLE, "a hundred to a page are dear singly"),
    (HUNDRED, 100, 60, Way.WHOLE, "as many calls as pages: the listing tells more"),
    (HUNDRED, 99, 60, Way.SINGLY, "few in a crowd"),
    (HUNDRED, 0, 60, Way.SINGLY, "nobody's: one page is enough"),
    (HUNDRED, 3, WHOLE_SECONDS, Way.WHOLE, "orphans are told of by a whole one alone"),
    (Survey(0.0, pages=1, items=0), 0, 60, Way.WHOLE, "a single page is never too dear"),
    (Survey(0.0, pages=1, items=99), 1, 60, Way.WHOLE, "as dear as a single call"),
    (Survey(0.0, pages=100, items=10_000, ended=5_000), 5_000, 60, Way.FILTERED, "half of the pages tell of the dead"),
    (Survey(0.0, pages=100, items=10_000, ended=5_000), 49, 60, Way.SINGLY, "fewer than the pages of those alive"),
    (Survey(0.0, pages=100, items=10_000, ended=50), 9_950, 60, Way.WHOLE, "no page is saved"),
    (Survey(0.0, pages=2, items=120, ended=120), 0, 60, Way.FILTERED, "all have ended"),
    (
        Survey(0.0, pages=100, items=10_000, ended=5_000, known=False),
        5_000,
        60,
        Way.WHOLE,
        "a state that we don't know would be left out",
    ),
    (
        Survey(0.0, pages=100, items=10_000, ended=5_000, filters=False),
        5_000,
        60,
        Way.WHOLE,
        "a server that takes no such filter",
    ),
]


@pytest.mark.parametrize(("last", "singles", "age", "expected", "why"), WAYS)
def test_the_way_that_costs_least(last, singles, age, expected, why):
    assert way(last, singles, age) is expected, why


states = st.sampled_from([*LIVING, "terminated"])
surveys = st.lists(st.lists(states, max_size=20), min_size=1, max_size=20)


def measured(pages: list[list[str]]) -> Survey:
    survey = Survey(0.0)
    for page in pages:
        survey = survey.page([{"id": "x", "status": state} for state in page])
    return survey


@given(surveys, st.integers(0, 400))
def test_no_way_costs_more_than_a_whole_listing(pages, singles):
    survey = measured(pages)
    costs = {
        Way.WHOLE: survey.pages,
        Way.FILTERED: survey.filtered_pages,
        Way.SINGLY: max(singles, 1),
    }
    assert costs[way(survey, singles, 1.0)] <= survey.pages


@given(surveys)
def test_what_one_page_after_the_other_shows_is_what_all_show(pages):
    survey = measured(pages)
    flat = [state for page in pages for state in page]
    assert (survey.pages, survey.items, survey.ended) == (len(pages), len(flat), flat.count("terminated"))
    assert survey.known


@pytest.mark.parametrize("odd", ["paused", None, 7])
def test_a_state_that_nobody_knows_is_noticed(odd):
    assert not Survey(0.0).page([{"id": "a", "status": "idle"}, {"id": "b", "status": odd}]).known


RESTS = [
    (5.0, 1, 0.1, 5.0, 4.9, "one page: as often as wished"),
    (5.0, 100, 20.0, 5.0, 10.0, "a hundred pages, 3.33 a second: thirty seconds from one beginning to the next"),
    (60.0, 100, 20.0, 5.0, 40.0, "the full one has time enough"),
    (60.0, 500, 100.0, 5.0, 50.0, "it would take all there is"),
    (60.0, 100, 90.0, 5.0, 0.2, "it waited for its turns for longer than its interval"),
    (5.0, 100, 2.0, None, 3.0, "without a budget"),
]


@pytest.mark.parametrize(("seconds", "calls", "took", "share", "expected", "why"), RESTS)
def test_how_long_a_sweep_rests(seconds, calls, took, share, expected, why):
    assert rest(seconds, calls, took, share) == pytest.approx(expected), why
