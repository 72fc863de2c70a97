"""Every interleaving within small bounds, by the real reconciler; and that what is broken on purpose is found.

`make explore` does the same within larger bounds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engine.explore.explorer import Explorer
from tests.engine.explore.scenarios import SCENARIOS
from tests.engine.explore.telling import told

from managed_agents_operator.engine import claiming, deletion, kickoff, ladder, watching
from managed_agents_operator.engine.terms import Terms
from managed_agents_operator.engine.verdict import Allow, Release, Report, Rest

NAMED = {one.name: one for one in SCENARIOS}
P, UID = "process-1", "uid-1"
PASS = ("pass", P, UID)
CLAIMED = (PASS, ("begin", P, UID))
"""Its claim is written, and the pass that creates stands before its first call."""
MADE = (PASS, PASS, PASS)
"""Its session is there, and was told its first events."""
SMALL = [
    ("creation", {"crash": 1, "lost": 1}, (), "a claim, a POST and an id are written in the presence of death"),
    ("kick-off", {"lost": 1}, (PASS, PASS), "first events whose answer is lost are not sent twice"),
    ("refused creation and kick-off", {"refused": 1}, (), "what is refused is told, and tried again where it may be"),
    ("deletion", {"delete": 1}, (), "at any moment: nothing may stay behind"),
    ("wiped status and replace", {"wipe": 1}, (), "status gone: the session is found again"),
    ("wiped status and replace", {"replace": 1}, (), "finalizer and claim gone: both come back"),
    ("restored backup", {"backup": 1, "restore": 1}, (*MADE, ("act", "backup", 0)), "another uid takes it over"),
    ("two processes", {"freeze": 1, "second": 1}, (*CLAIMED, ("freeze", P)), "a permit is over for who slept"),
    ("replaced on change", {"edit": 1, "crash": 1}, MADE, "the old one ends, one new one comes"),
    ("edits", {"edit": 1}, (PASS,), "an edit meets a creation"),
    ("ended outside", {"outside": 1}, MADE, "a terminal session is told, never made anew"),
    ("replaced when lost", {"outside": 1}, MADE, "but for one that is to be replaced"),
    ("lag beyond the grace", {"crash": 1}, (PASS,), "violated: a double comes to light and is archived, or told"),
    ("flight beyond the time-out", {"crash": 1}, CLAIMED, "violated: the same for what arrives too late"),
]


@pytest.mark.parametrize(("name", "bounds", "start", "why"), SMALL, ids=[row[-1] for row in SMALL])
def test_every_interleaving_keeps_the_laws(name, bounds, start, why):
    scenario = replace(NAMED[name], bounds=bounds, start=start)
    report = Explorer(scenario).run()
    assert report.violation is None, "\n".join(told(scenario, report.violation))
    assert report.complete
    assert report.judged > 0
    assert bool(report.doubled) == scenario.violated


def broken(name, start=(), **bounds):
    """What is found in a scenario within these bounds, as it is told."""
    scenario = replace(NAMED[name], bounds=bounds, start=start)
    violation = Explorer(scenario).run().violation
    assert violation is not None
    return "\n".join(told(scenario, violation)), violation


def test_a_creation_that_is_not_searched_for_after_a_crash_is_found(monkeypatch):
    monkeypatch.setattr(claiming, "searched", lambda v, report: ())
    said, violation = broken("creation", crash=1)
    assert "two living sessions of one resource" in violation.what
    assert len(violation.choices) <= 12
    assert "process-1 dies, another one starts" in said
    assert "sesn_2: idle, of uid-1/1" in said


def test_a_permit_that_lasts_too_long_is_found(monkeypatch):
    monkeypatch.setattr(Terms, "permit_life", property(lambda terms: 1000.0))
    said, violation = broken("two processes", (*CLAIMED, ("freeze", P)), freeze=1, second=1)
    assert "two living sessions of one resource" in violation.what
    assert said.index("another process starts beside it") < said.index("process-1 wakes up after it stood still")


def test_first_events_that_are_sent_again_on_doubt_are_found(monkeypatch):
    monkeypatch.setattr(kickoff, "_doubt", lambda v, *_: Allow({"tries": 2, "at": v.stamp}, kickoff.PENDING))
    said, violation = broken("kick-off", lost=1)
    assert "was told ['go', 'go']" in violation.what
    assert "it is done, and the answer is lost" in said


def test_a_resource_that_goes_before_its_session_has_ended_is_found(monkeypatch):
    def hasty(v):
        return Release(None) if v.deleting and v.guarded else None

    rungs = tuple(hasty if rung is deletion.deletion else rung for rung in ladder.RUNGS)
    monkeypatch.setattr(ladder, "RUNGS", rungs)
    _, violation = broken("deletion", delete=1)
    assert violation.at_rest
    assert "was left behind" in violation.what


def test_a_resource_that_waits_for_nothing_is_found(monkeypatch):
    rungs = tuple((lambda v: Rest(None)) if rung is claiming.nothing_yet else rung for rung in ladder.RUNGS)
    monkeypatch.setattr(ladder, "RUNGS", rungs)
    _, violation = broken("creation")
    assert violation.at_rest
    assert "nothing is said" in violation.what


def test_a_status_that_is_written_without_end_is_found(monkeypatch):
    def restless(v):
        return Rest(Report("Idle", f"it is {v.now}", "Synced", "as the spec says"), until=v.now + 1)

    rungs = tuple(restless if rung is watching.rest else rung for rung in ladder.RUNGS)
    monkeypatch.setattr(ladder, "RUNGS", rungs)
    _, violation = broken("creation")
    assert violation.at_rest
    assert "passes and no end" in violation.what


def test_what_is_not_followed_any_more_is_told():
    report = Explorer(NAMED["kick-off"], seconds=0.0).run()
    assert not report.complete
    assert report.troubles < 0
    assert "states were not followed any more" in str(report)


def test_no_more_troubles_come_together_than_was_said():
    scenario = replace(NAMED["creation"], bounds={"crash": 1, "lost": 1}, start=(PASS,))
    both, one = (Explorer(replace(scenario, together=together)).run() for together in (2, 1))
    assert both.complete
    assert one.complete
    assert (both.troubles, one.troubles) == (2, 1)
    assert one.states < both.states
