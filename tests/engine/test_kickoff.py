"""Rung `kickoff`: the first events go out once, or it is said that nobody knows."""

from __future__ import annotations

import pytest
from tests.engine.views import BOOT, ID, NOW, living, memory, ready, refusal, remote, resource, spec, stamp, view
from tests.engine.wording import words

from managed_agents_operator.engine.external import Sent
from managed_agents_operator.engine.kickoff import events_digest, kickoff, sent_status
from managed_agents_operator.engine.looks import Delivery, LookKickoff

EVENTS = [{"type": "user.message", "text": "go"}]
LOOK = LookKickoff(ID)
UNSEEN = Delivery(None, worked=False)
FIRST = f"{ID}/0/"
TRIED = {"kickoff": {"tries": 1, "at": stamp(-200)}}
TWICE = {"kickoff": {"tries": 2, "at": stamp(-200)}}


def _going(wish=EVENTS, **fields):
    return living(wish=spec(initialEvents=wish), **fields)


def _digest(wish=EVENTS):
    return events_digest(view(_going(wish)))


OVER = memory(kick_seen_at=NOW - 100, kick_listings=2, kick_listed_at=NOW - 1)
REFUSED = {"kickoff": {"state": "Refused", "digest": _digest(), "tries": 1}}
ROWS = [
    ("no events, nothing to do", view(living(), remote=remote()), "passed over"),
    ("no session yet", view(resource(wish=spec(initialEvents=EVENTS))), "passed over"),
    ("sent", view(_going(status={"kickoff": {"state": "Sent"}})), "passed over"),
    (
        "sent, whatever was edited since",
        view(_going([{"type": "user.message", "text": "other"}], status={"kickoff": {"state": "Sent", "digest": "x"}})),
        "passed over",
    ),
    (
        "nobody knows, and a person is asked",
        view(_going(status={"kickoff": {"state": "Doubtful"}})),
        "rest: KickoffUnknown/Stalled",
    ),
    ("refused as they stand there", view(_going(status=REFUSED)), "rest: KickoffRefused/Stalled"),
    (
        "refused, and mended since",
        view(_going([{"type": "user.message", "text": "better"}], status=REFUSED)),
        "allow try 1",
    ),
    (
        "the patch that recorded our own POST permits one send",
        view(_going(), memory_=memory(kick_permit=(FIRST, BOOT + 5))),
        f"send to {ID}",
    ),
    ("in its time", view(_going(), memory_=memory(kick_permit=(FIRST, BOOT))), "look: Kickoff sesn_1"),
    (
        "for that very session",
        view(_going(), memory_=memory(kick_permit=("sesn_2/0/", BOOT + 5))),
        "look: Kickoff sesn_1",
    ),
    (
        "and only while nobody else wrote a try of his own",
        view(_going(status=TWICE), memory_=memory(kick_permit=(FIRST, BOOT + 5))),
        "look: Kickoff sesn_1",
    ),
    (
        "known not to be on its way: the next try is written first",
        view(_going(), memory_=memory(kick_settled=FIRST)),
        "allow try 1",
    ),
    (
        "unless another process has written one since",
        view(_going(status=TWICE), memory_=memory(kick_settled=FIRST)),
        "look: Kickoff sesn_1",
    ),
    ("in doubt the events are asked for", view(_going(), memory_=memory(kick_seen_at=NOW)), "look: Kickoff sesn_1"),
    (
        "not more often than the pauses say",
        view(_going(), memory_=memory(kick_seen_at=NOW, kick_look_at=NOW + 2)),
        "rest: KickoffPending/Progressing",
    ),
    (
        "found among its events",
        view(_going(), seen={LOOK: Delivery(("sevt_1",), worked=False)}),
        "rest: KickoffPending/Progressing knowing kickoff",
    ),
    (
        "any sign of work is proof enough",
        view(_going(), seen={LOOK: Delivery(None, worked=True)}),
        "rest: KickoffPending/Progressing knowing kickoff",
    ),
    (
        "not found counts only after the time of doubt",
        view(
            _going(),
            memory_=memory(kick_seen_at=NOW - 80, kick_listings=5, kick_listed_at=NOW - 1),
            seen={LOOK: UNSEEN},
        ),
        "rest: KickoffPending/Progressing",
    ),
    (
        "by a listing that began after it",
        view(
            _going(),
            memory_=memory(kick_seen_at=NOW - 91, kick_listings=5, kick_listed_at=NOW - 3),
            seen={LOOK: UNSEEN},
        ),
        "rest: KickoffPending/Progressing",
    ),
    (
        "and by two of them",
        view(
            _going(),
            memory_=memory(kick_seen_at=NOW - 100, kick_listings=1, kick_listed_at=NOW - 1),
            seen={LOOK: UNSEEN},
        ),
        "rest: KickoffPending/Progressing",
    ),
    ("then a second send is permitted", view(_going(), memory_=OVER, seen={LOOK: UNSEEN}), "allow try 2"),
    ("also after a first permitted try", view(_going(status=TRIED), memory_=OVER, seen={LOOK: UNSEEN}), "allow try 2"),
    (
        "never a third",
        view(_going(status=TWICE), memory_=OVER, seen={LOOK: UNSEEN}),
        "rest: KickoffUnknown/Stalled knowing kickoff",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_kickoff(reason, v, expected):
    assert words(kickoff(v)) == expected


def test_what_is_written_once_they_are_sent():
    v = view(_going(status={"kickoff": {"tries": 2, "at": stamp(-3)}}))
    assert sent_status(v, Sent(("sevt_1",), stamp())) == {
        "digest": _digest(),
        "tries": 2,
        "at": stamp(-3),
        "eventIds": ["sevt_1"],
        "sentAt": stamp(),
        "state": "Sent",
    }


def test_a_refusal_is_told_in_its_own_words_as_long_as_they_are_known():
    known = view(_going(status=REFUSED), memory_=memory(refusals={"kickoff": refusal(message="text is too long")}))
    assert kickoff(known).report.message == "text is too long"


def test_after_a_restart_the_words_in_status_stay():
    status = {**REFUSED, "conditions": [ready("KickoffRefused", "text is too long", status="False")]}
    assert kickoff(view(_going(status=status))).report.message == "text is too long"
