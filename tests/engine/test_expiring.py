"""Rungs `archiving` and `idled`: the resource itself wishes an end; and how such an end is told from others'."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.engine.views import (
    ID,
    NOW,
    REFUSED,
    UNCLEAR,
    WALL,
    known,
    living,
    marker,
    memory,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.expiring import archiving, idle_until, idled, wakes_at
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import LookStop, Stop
from managed_agents_operator.engine.outcomes import learn
from managed_agents_operator.engine.status import conclude
from managed_agents_operator.engine.terms import instant
from managed_agents_operator.engine.verdict import End, Report

EVENTS = [{"type": "user.message", "text": "go"}]
SENT = {"kickoff": {"state": "Sent", "tries": 1}}


def _wished(**fields):
    return living(wish=spec(archived=True), **fields)


def _old(ttl, **fields):
    """It was made 50 s ago."""
    return living(wish=spec(ttlSecondsAfterCreation=ttl), **fields)


def _idle(ttl=30, since=-40, reason="end_turn", wish=None, **status):
    known = {"idleSince": stamp(since), "stopReason": reason, **status}
    return living(wish=spec(ttlSecondsAfterIdle=ttl, **(wish or {})), status=known)


def _stopped(reason="end_turn", at=-40, own=True):
    return {LookStop(ID): Stop(reason, stamp(at) if at is not None else None, own)}


ARCHIVING = [
    ("no wish, no time", view(living(), remote=remote()), "passed over"),
    ("no session", view(resource(wish=spec(archived=True))), "passed over"),
    ("on wish", view(_wished(), remote=remote()), f"archive {ID}"),
    ("on a fresh look alone", view(_wished(), remote=remote(seen_at=NOW - 60)), f"look: Session {ID}"),
    ("a listing is no fresh look", view(_wished(), remote=remote(listed=True)), f"look: Session {ID}"),
    ("it works: interrupted", view(_wished(), remote=remote(state="running")), f"interrupt {ID}"),
    ("it will go on by itself: interrupted", view(_wished(), remote=remote(state="rescheduling")), f"interrupt {ID}"),
    (
        "interrupted: patience",
        view(_wished(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 9), poll_at=NOW + 3)),
        "rest: -/Progressing",
    ),
    (
        "and a look now and then",
        view(_wished(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 9), poll_at=NOW)),
        f"look: Session {ID}",
    ),
    (
        "after minutes once more",
        view(_wished(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 300))),
        f"interrupt {ID}",
    ),
    ("not ours to touch", view(_wished(), remote=remote(marked=marker(uid="uid-x"))), "passed over"),
    ("it is archived already", view(_wished(), remote=remote(archived_at=stamp())), "passed over"),
    ("so old it may not be yet", view(_old(51), remote=remote()), "passed over"),
    ("so old it is", view(_old(50), remote=remote()), f"archive {ID}"),
    ("and works", view(_old(50), remote=remote(state="running")), f"interrupt {ID}"),
    (
        "how old is told by status where nothing was seen",
        view(_old(50)),
        f"look: Session {ID}",
    ),
    ("nobody knows how old", view(_old(50, status={"createdAt": None}), remote=remote(created_at="")), "passed over"),
    (
        "a time that is none",
        view(_old(50, status={"createdAt": None}), remote=remote(created_at="soon")),
        "passed over",
    ),
]

IDLED = [
    ("no such time", view(living(), remote=remote()), "passed over"),
    ("nothing seen", view(_idle()), "passed over"),
    ("not for so long yet", view(_idle(ttl=41), remote=remote()), "passed over"),
    ("on a fresh look alone", view(_idle(), remote=remote(seen_at=NOW - 9)), f"look: Session {ID}"),
    ("its last idle event is read once more", view(_idle(), remote=remote()), f"look: Stop {ID}"),
    ("idle for so long", view(_idle(), remote=remote(), seen=_stopped()), f"archive {ID}"),
    (
        "it was busy meanwhile: the time begins anew",
        view(_idle(), remote=remote(), seen=_stopped(at=-5)),
        "rest: nothing to say knowing idleSince, stopReason",
    ),
    (
        "it waits for an answer: that is not idle",
        view(_idle(), remote=remote(), seen=_stopped("requires_action")),
        "rest: nothing to say knowing idleSince, stopReason",
    ),
    ("as status knows", view(_idle(reason="requires_action"), remote=remote()), "passed over"),
    ("it never interrupts", view(_idle(), remote=remote(state="running")), "passed over"),
    ("rescheduling is no idleness", view(_idle(), remote=remote(state="rescheduling")), "passed over"),
    (
        "one without any idle event: since its creation",
        view(_idle(), remote=remote(), seen=_stopped(None, None)),
        f"archive {ID}",
    ),
    (
        "an idle event from before our own first events does not count",
        view(_idle(wish={"initialEvents": EVENTS}, **SENT), remote=remote(), seen=_stopped(own=False)),
        "passed over",
    ),
    (
        "one that came after them does",
        view(_idle(wish={"initialEvents": EVENTS}, **SENT), remote=remote(), seen=_stopped()),
        f"archive {ID}",
    ),
    (
        "at the budget it is idle",
        view(_idle(reason="budget_reached"), remote=remote(), seen=_stopped("budget_reached")),
        f"archive {ID}",
    ),
]

ARCHIVE = End(ID, "Archive", Report())


@pytest.mark.parametrize("failure", [REFUSED, UNCLEAR], ids=["400", "409"])
def test_an_archive_that_is_refused_since_it_works_again_changes_nothing(failure):
    """The time to live counts from its next idle, whenever that comes."""
    first = view(_idle(), remote=remote(), seen=_stopped())
    kept = learn(first, first.memory, ARCHIVE, failure, NOW, 0.5)
    assert (kept.facts, kept.refusals, kept.interrupted, kept.ended) == ({}, {}, None, None)
    assert words(idled(view(_idle(), remote=remote(), memory_=kept))) == f"look: Session {ID}"
    told = known(idleSince=stamp(-40), stopReason="end_turn")
    works = view(_idle(), remote=remote(state="running", seen_at=NOW), memory_=kept)
    assert idled(works) is None
    after = conclude(told, works, None, {"state": "running"})
    assert "idleSince" not in after
    again = living(wish=spec(ttlSecondsAfterIdle=30), status={"stopReason": "end_turn", "idleSince": stamp(-5)})
    idle = view(again, remote=remote(seen_at=NOW), memory_=kept, seen=_stopped(at=-5))
    assert (idled(idle), wakes_at(idle)) == (None, NOW + 25)
    assert words(idled(replace(idle, wall=WALL + timedelta(seconds=25)))) == f"archive {ID}"


ROWS = [(rung, *row) for rung, rows in ((archiving, ARCHIVING), (idled, IDLED)) for row in rows]


@pytest.mark.parametrize(("rung", "reason", "v", "expected"), ROWS, ids=[f"{r[0].__name__}: {r[1]}" for r in ROWS])
def test_expiring(rung, reason, v, expected):
    assert words(rung(v)) == expected


@pytest.mark.parametrize(
    ("reason", "v", "expected"),
    [
        (
            "first events on their way are waited for",
            view(_idle(wish={"initialEvents": EVENTS}), remote=remote(), memory_=memory(kick_look_at=NOW + 9)),
            "rest: KickoffPending/Progressing",
        ),
        (
            "but not for longer than it may be there",
            view(living(wish=spec(ttlSecondsAfterCreation=10, initialEvents=EVENTS)), remote=remote()),
            f"archive {ID}",
        ),
        (
            "what is suspended stays",
            view(living(wish=spec(archived=True, suspend=True)), remote=remote()),
            "rest: Suspended/Suspended",
        ),
        (
            "somebody else's stays",
            view(_wished(), remote=remote(marked=marker(uid="uid-x"))),
            "rest: OwnedElsewhere/Stalled",
        ),
        (
            "a title comes too late",
            view(living(wish=spec(archived=True, title="new")), remote=remote(title="old")),
            f"archive {ID}",
        ),
        (
            "another spec is no hindrance",
            view(living(wish=spec(archived=True, agent={"id": "agent_2"})), remote=remote()),
            f"archive {ID}",
        ),
        (
            "an archive is not taken for a lost session",
            view(_wished(), remote=remote(archived_at=stamp())),
            "rest: Archived/Synced",
        ),
        (
            "it ended by an error before: archived too, once",
            view(_wished(), remote=remote(state="terminated")),
            f"archive {ID}",
        ),
        (
            "which the API may refuse",
            view(_wished(), remote=remote(state="terminated"), memory_=memory(refusals={"end": refusal()})),
            "rest: Terminated/Stalled",
        ),
    ],
)
def test_among_the_others(reason, v, expected):
    assert words(decide(v)) == expected, reason


@pytest.mark.parametrize(
    ("reason", "of", "seen", "seconds"),
    [
        ("no time is due", living(), remote(), None),
        ("by age", _old(60), remote(), 10),
        ("by idleness", _idle(ttl=70), remote(), 30),
        ("the first of both", living(wish=spec(ttlSecondsAfterIdle=100, ttlSecondsAfterCreation=60)), remote(), 10),
        ("idleness does not count while it works", _idle(ttl=70), remote(state="running"), None),
        ("nor while it waits for an answer", _idle(ttl=70, reason="requires_action"), remote(), None),
    ],
)
def test_when_to_come_again(reason, of, seen, seconds):
    due = wakes_at(view(of, remote=seen))
    assert due == (None if seconds is None else NOW + seconds), reason


def test_since_its_creation_where_it_never_was_busy():
    v = view(living(wish=spec(ttlSecondsAfterIdle=60)), remote=remote())
    assert idle_until(v) == WALL + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("reason", "memory_", "told"),
    [
        ("at first", memory(), "spec.archived is true: it is being archived"),
        (
            "interrupted",
            memory(interrupted=(ID, NOW - 1)),
            "spec.archived is true: it was interrupted and has not stopped yet",
        ),
    ],
)
def test_what_is_told_meanwhile(reason, memory_, told):
    v = view(_wished(), remote=remote(state="running"), memory_=replace(memory_, poll_at=NOW + 1))
    report = archiving(v).report
    assert (report.ready, report.synced, report.synced_message) == (None, "Progressing", told), reason


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, None), ("", None), ("soon", None), ("2026-11-20T12:00:00Z", WALL), ("2026-11-20T12:00:00", WALL)],
)
def test_a_time_that_was_told(told, expected):
    assert instant(told) == expected
