"""Conditions: how a report is written down, and that nothing moves which did not change."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import WALL

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, IN_SYNC, SYNCED
from managed_agents_operator.engine.conditions import MESSAGE_LIMIT, STOPS, conditions, find
from managed_agents_operator.engine.verdict import Report

LATER = WALL + timedelta(minutes=5)
IDLE = Report("Idle", "it waits", "Synced", "all is there")


def _after(*reports, finished=None, generation=1):
    """What stands there after these reports, one minute apart."""
    rows, now = (), WALL
    for report in reports:
        rows = conditions(rows, report, finished, generation, now)
        now += timedelta(minutes=1)
    return rows


def _told(rows):
    return {c.type: f"{c.status} {c.reason}" for c in rows}


ROWS = [
    ("all is well", [IDLE], {"Ready": "True Idle", "Synced": "True Synced"}),
    (
        "work under way is Reconciling for kstatus",
        [Report("Creating", "", "Progressing", "")],
        {"Ready": "False Creating", "Synced": "False Progressing", "Reconciling": "True Creating"},
    ),
    (
        "what only a person can mend is Stalled",
        [Report("Lost", "", "Stalled", "")],
        {"Ready": "False Lost", "Synced": "False Stalled", "Stalled": "True Lost"},
    ),
    (
        "both go when they are over",
        [Report("Creating", "", "Progressing", ""), IDLE],
        {"Ready": "True Idle", "Synced": "True Synced"},
    ),
    (
        "a change that fails says nothing of Ready",
        [IDLE, Report(None, "", "UpdateRefused", "no")],
        {"Ready": "True Idle", "Synced": "False UpdateRefused", "Stalled": "True UpdateRefused"},
    ),
    (
        "a spec that is not carried out yet is no Current resource for kstatus, however ready the session is",
        [IDLE, Report(None, "", "NotIdle", "later")],
        {"Ready": "True Idle", "Synced": "False NotIdle", "Reconciling": "True NotIdle"},
    ),
    (
        "an end that was wished for is one, whatever became of the session then",
        [Report("Archived", "", "RemoteDeleted", "")],
        {"Ready": "True Archived", "Synced": "False RemoteDeleted"},
    ),
    (
        "what is stalled stays so while something else is said",
        [Report("Lost", "", "Stalled", ""), Report(None, "", "Unreachable", "")],
        {"Ready": "False Lost", "Synced": "False Unreachable", "Stalled": "True Lost"},
    ),
    (
        "suspended is neither",
        [Report("Suspended", "", "Suspended", "")],
        {"Ready": "False Suspended", "Synced": "False Suspended"},
    ),
    ("nothing known, nothing said", [Report(None, "", "Progressing", "")], {"Synced": "False Progressing"}),
]


@pytest.mark.parametrize(("reason", "reports", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_stands_there(reason, reports, expected):
    assert _told(_after(*reports)) == expected


@pytest.mark.parametrize(("finished", "status"), [("EndTurn", "True"), ("BudgetReached", "True"), ("Running", "False")])
def test_finished(finished, status):
    assert _told(_after(IDLE, finished=finished))["Finished"] == f"{status} {finished}"


def test_a_transition_is_a_change_of_status_alone():
    first = _after(IDLE)
    same = conditions(first, Report("Running", "it works", "Synced", "all is there"), None, 2, LATER)
    assert find(same, "Ready").last_transition_time == WALL
    assert find(same, "Ready").observed_generation == 2
    moved = conditions(first, Report("Lost", "gone", "Stalled", ""), None, 2, LATER)
    assert find(moved, "Ready").last_transition_time == LATER


def test_a_message_has_bounds():
    rows = _after(Report("InvalidSpec", "x" * 5000, "Stalled", ""))
    assert len(find(rows, "Ready").message) == MESSAGE_LIMIT


REPORTS = st.builds(
    Report,
    ready=st.sampled_from([None, *READY]),
    message=st.sampled_from(["", "a", "b"]),
    synced=st.sampled_from([None, *SYNCED]),
    synced_message=st.sampled_from(["", "c"]),
)


@given(st.lists(REPORTS, max_size=4), REPORTS, st.sampled_from([None, *FINISHED]))
def test_saying_the_same_again_changes_nothing(before, report, finished):
    """A changing condition would wake the watch, and each pass would cause the next."""
    rows = conditions(_after(*before), report, finished, 3, WALL)
    assert conditions(rows, report, finished, 3, LATER) == rows


@given(st.lists(REPORTS, max_size=4), REPORTS)
def test_what_kstatus_reads_follows_from_ready_and_synced(before, report):
    """Never both. All is well: neither. Something is wrong or missing: one of them, in the words of what is wrong."""
    rows = conditions(_after(*before), report, None, 1, WALL)
    told = {c.type: c for c in rows}
    effects = told.keys() & {"Reconciling", "Stalled"}
    assert len(effects) <= 1
    ready, synced = told.get("Ready"), told.get("Synced")
    if ready is None:
        assert not effects
        return
    decides = ready if ready.status == "False" or synced is None else synced
    fine = (*IN_SYNC, "RemoteDeleted", "Suspended")
    assert bool(effects) == (decides.status == "False" and decides.reason not in fine)
    for effect in effects:
        assert told[effect].reason == decides.reason
        assert told[effect].message in {decides.message, synced.message if synced else decides.message}


def test_what_kstatus_shows_names_what_is_waited_for():
    """Of a resource in progress nothing but this one message is shown by Flux."""
    rows = _after(Report("Pending", "before a Secret is there", "SecretMissing", "Secret team/gh is not there"))
    assert (find(rows, "Reconciling").reason, find(rows, "Reconciling").message) == (
        "Pending",
        "Secret team/gh is not there",
    )
    working = _after(Report("Creating", "it is being made", "Progressing", "it is being brought to the spec"))
    assert find(working, "Reconciling").message == "it is being made"


def test_a_reason_means_the_same_whichever_condition_has_it():
    for reason in set(SYNCED) & set(READY) - {"Suspended"}:
        assert SYNCED[reason].effect == READY[reason].effect, f"{reason} means the same in both"


@pytest.mark.parametrize("table", [READY, SYNCED, FINISHED])
def test_reasons_are_words_for_programs(table):
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", reason) for reason in table)


def test_every_stop_reason_leads_to_reasons_that_there_are():
    for ready, finished in STOPS.values():
        assert ready in READY
        assert finished is None or finished in FINISHED


WORDS = [
    ("it waits for an answer: Bash (sevt_1)", "it waits for an answer: Bash (sevt_1)", "as it is"),
    ("sevt_1\nReady: True", "sevt_1 Ready: True", "a line break"),
    ("\x1b[2Jsevt_1\x07", "[2Jsevt_1", "what moves a terminal"),
    ("a\u2028b\u202ec\x85d", "a b c d", "what is a line break to some, or turns the reading round"),
    ("Nächtlich  夜間", "Nächtlich  夜間", "what is printable stays, to the last blank"),
    ("x" * 5000, "x" * MESSAGE_LIMIT, "no message is longer"),
]


@pytest.mark.parametrize(("text", "told", "why"), WORDS)
def test_a_message_is_one_line_whatever_others_wrote(text, told, why):
    rows = _after(Report("Idle", text, "Synced", text))
    assert [row.message for row in rows] == [told] * 2, why
    assert rows == conditions(rows, Report("Idle", text, "Synced", text), None, 1, WALL), "and stays the same"
