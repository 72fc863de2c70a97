"""Whose wish an archive was: that of the resource, or somebody else's."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    living,
    memory,
    ready,
    remote,
    spec,
    stamp,
    view,
)

from managed_agents_operator.engine.ending import terminal
from managed_agents_operator.engine.expiring import as_wished


def _wished(**fields):
    return living(wish=spec(archived=True), **fields)


def _old(ttl, **fields):
    """It was made 50 s ago."""
    return living(wish=spec(ttlSecondsAfterCreation=ttl), **fields)


def _idle(ttl=30, since=-40, reason="end_turn", wish=None, **status):
    known = {"idleSince": stamp(since), "stopReason": reason, **status}
    return living(wish=spec(ttlSecondsAfterIdle=ttl, **(wish or {})), status=known)


WISHED = [
    ("nobody wished it", living(), -5, None),
    ("spec.archived", _wished(), -5, "spec.archived is true"),
    ("after its time", _old(40), -5, "spec.ttlSecondsAfterCreation is over"),
    ("within five minutes of its time: clocks may differ", _old(46), -5, "spec.ttlSecondsAfterCreation is over"),
    ("at the very edge of that", _old(345), -5, "spec.ttlSecondsAfterCreation is over"),
    ("a second before it: somebody else", _old(346), -5, None),
    ("an hour before its time: somebody else", _old(45 + 3600), -5, None),
    ("idle for long enough", _idle(), -5, "spec.ttlSecondsAfterIdle is over"),
    ("idle for almost long enough: clocks may differ", _idle(ttl=36), -5, "spec.ttlSecondsAfterIdle is over"),
    ("an hour too early: somebody else", _idle(ttl=35 + 3600), -5, None),
    ("nobody knows when", _old(40), None, None),
    (
        "once told it stays, although the time was taken out of the spec",
        living(
            status={"conditions": [ready("Archived", "the session was archived: spec.ttlSecondsAfterIdle is over")]}
        ),
        -5,
        "spec.ttlSecondsAfterIdle is over",
    ),
    (
        "that somebody else did it stays too, although it would have been time since",
        _old(46, status={"conditions": [ready("ArchivedOutside", status="False")]}),
        -5,
        None,
    ),
]


@pytest.mark.parametrize(("reason", "of", "at", "expected"), WISHED, ids=[row[0] for row in WISHED])
def test_whose_wish_it_was(reason, of, at, expected):
    assert as_wished(view(of), stamp(at) if at is not None else "at noon") == expected


ENDED = [
    ("by us: our own clock counts", _old(50), -3600, ID, "spec.ttlSecondsAfterCreation is over"),
    ("whenever the API says", _old(50), None, ID, "spec.ttlSecondsAfterCreation is over"),
    ("by us, of idleness", _idle(), -3600, ID, "spec.ttlSecondsAfterIdle is over"),
    ("another one was: nothing of this one", _old(50), -3600, "sesn_9", None),
    ("not even by our clock is it over", _old(50 + 3600), -5, ID, None),
    (
        "what was told as somebody else's stays theirs",
        _old(50, status={"conditions": [ready("ArchivedOutside", status="False")]}),
        -5,
        ID,
        None,
    ),
]


@pytest.mark.parametrize(("reason", "of", "at", "ended", "expected"), ENDED, ids=[row[0] for row in ENDED])
def test_what_this_process_ended(reason, of, at, ended, expected):
    v = view(of, memory_=memory(ended=ended))
    assert as_wished(v, stamp(at) if at is not None else "at noon") == expected


def test_the_same_is_told_over_and_over():
    """From what stands in the conditions, the same message follows."""
    v = view(_idle(), remote=remote(archived_at=stamp(-5)))
    report = terminal(v).report
    told = {"conditions": [ready(report.ready, report.message)], "archivedAt": stamp(-5)}
    assert terminal(view(living(status=told))).report.message == report.message
