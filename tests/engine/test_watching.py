"""Rungs `asked`, `missing`, `unseen`, `stopped` and `rest`: when to look, and what to say."""

from __future__ import annotations

import pytest
from tests.engine.views import ID, LINK, NOW, living, memory, ready, refusal, remote, resource, spec, stamp, view
from tests.engine.wording import words

from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.looks import Absent, LookSession, LookStop, Stop
from managed_agents_operator.engine.watching import asked, looks, missing, rest, stopped, unseen

WISH = {"managedagents.dev/reconcile-requested-at": "today"}
WISHED = memory(asked=("today", NOW - 3))
SENT = {"kickoff": {"state": "Sent", "eventIds": ["sevt_1"]}}
READ = memory(stop_read=looks(remote()))
BUSY = remote(state="running")
LONG_OUT = Link(workspace="wrkspc_1", keeps_metadata=True, unreachable_since=NOW - 301)

ASKED = [
    ("nobody asks", view(living(), remote=remote()), "passed over"),
    (
        "a wish: one look",
        view(living(annotations=WISH), memory_=WISHED, remote=remote(seen_at=NOW - 4)),
        f"look: Session {ID}",
    ),
    (
        "what was seen since then will do",
        view(living(annotations=WISH), memory_=WISHED, remote=remote()),
        "passed over",
    ),
    ("a 404 too", view(living(annotations=WISH), memory_=WISHED, absent=Absent(None, NOW)), "passed over"),
    (
        "heeded already",
        view(living(annotations=WISH, status={"lastHandledReconcileAt": "today"}), memory_=WISHED),
        "passed over",
    ),
    ("without a session there is nothing to look at", view(resource(annotations=WISH), memory_=WISHED), "passed over"),
]

MISSING = [
    ("there it is", view(living(), remote=remote()), "passed over"),
    (
        "a listing does not show it",
        view(living(), remote=remote(seen_at=NOW - 9), missing_at=NOW - 5),
        f"look: Session {ID}",
    ),
    ("seen since", view(living(), remote=remote(), missing_at=NOW - 5), "passed over"),
    ("known to be gone", view(living(), absent=Absent(None, NOW), missing_at=NOW - 5), "passed over"),
    (
        "status knows that it ended, we don't: somebody has newer eyes",
        view(living(status={"archivedAt": stamp()}), remote=remote(seen_at=NOW - 60)),
        f"look: Session {ID}",
    ),
    (
        "also if what we saw is a moment old",
        view(living(status={"archivedAt": stamp()}), remote=remote()),
        f"look: Session {ID}",
    ),
    (
        "now we have them",
        view(living(status={"archivedAt": stamp()}), remote=remote(), seen={LookSession(ID): remote()}),
        "passed over",
    ),
]

UNSEEN = [
    ("seen", view(living(), remote=remote()), "passed over"),
    ("not yet: the sweep brings it", view(living()), "rest: nothing to say"),
    ("but a new spec is answered at once", view(living(generation=2)), f"look: Session {ID}"),
    ("gone is for others to tell", view(living(), absent=Absent(None, NOW)), "passed over"),
    ("a long outage is told", view(living(), link=LONG_OUT), "rest: -/Unreachable"),
]

STOPPED = [
    ("it works", view(living(), remote=BUSY), "passed over"),
    ("never worked: nothing to ask", view(living(status={"usage": {}}), remote=remote()), "passed over"),
    ("just became idle", view(living(status={"state": "running"}), remote=remote()), f"look: Stop {ID}"),
    (
        "read already, and it looks the same",
        view(living(status={"state": "running"}), memory_=READ, remote=remote()),
        "passed over",
    ),
    (
        "used since: it had another turn",
        view(
            living(status={"usage": {"outputTokens": 1}, "stopReason": "end_turn"}),
            remote=remote(usage={"outputTokens": 2}, worked=True),
        ),
        f"look: Stop {ID}",
    ),
    (
        "the turn of the first events is awaited",
        view(living(status=SENT), memory_=READ, remote=remote()),
        f"look: Stop {ID}",
    ),
    (
        "with pauses",
        view(living(status=SENT), memory_=memory(stop_read=looks(remote()), stop_due=NOW + 4), remote=remote()),
        "passed over",
    ),
    (
        "its end is written down",
        view(living(status=SENT), remote=remote(), seen={LookStop(ID): Stop("end_turn", stamp(), own=True)}),
        "rest: nothing to say knowing idleSince, stopReason",
    ),
    (
        "an end from before them is none",
        view(living(status=SENT), remote=remote(), seen={LookStop(ID): Stop("end_turn", stamp(), own=False)}),
        "passed over",
    ),
    (
        "known already",
        view(
            living(status={"stopReason": "end_turn", "idleSince": stamp()}),
            remote=remote(),
            seen={LookStop(ID): Stop("end_turn", stamp())},
        ),
        "passed over",
    ),
    ("no event tells why", view(living(), remote=remote(), seen={LookStop(ID): Stop(None)}), "passed over"),
]


def _stopped(reason, **fields):
    return view(living(status={"stopReason": reason}, **fields), remote=remote())


REST = [
    ("nothing is known", view(living()), "rest: nothing to say"),
    ("idle", view(living(), remote=remote()), "rest: Idle/Synced"),
    ("running", view(living(), remote=BUSY), "rest: Running/Synced"),
    ("rescheduling", view(living(), remote=remote(state="rescheduling")), "rest: Rescheduling/Synced"),
    ("a word from the future", view(living(), remote=remote(state="dreaming")), "rest: Unknown/Synced"),
    ("end of turn", _stopped("end_turn"), "rest: Idle/Synced"),
    ("it wants an answer", _stopped("requires_action"), "rest: ActionRequired/Synced"),
    ("out of money", _stopped("budget_reached"), "rest: BudgetReached/Synced"),
    ("out of patience", _stopped("retries_exhausted"), "rest: RetriesExhausted/Synced"),
    ("it will not", _stopped("refusal"), "rest: Refused/Synced"),
    ("a reason from the future", _stopped("moonrise"), "rest: Idle/Synced"),
    (
        "a change that waits",
        view(
            living(wish=spec(title="new")), remote=BUSY, memory_=memory(refusals={"title": refusal(reason="NotIdle")})
        ),
        "rest: Running/NotIdle",
    ),
    (
        "a long outage: Ready keeps its last truth",
        view(living(), remote=remote(), link=LONG_OUT),
        "rest: Idle/Unreachable",
    ),
    (
        "a short one is no news",
        view(living(), remote=remote(), link=Link(workspace="wrkspc_1", unreachable_since=NOW - 5)),
        "rest: Idle/Synced",
    ),
]

ROWS = [
    (rung, *row)
    for rung, rows in ((asked, ASKED), (missing, MISSING), (unseen, UNSEEN), (stopped, STOPPED), (rest, REST))
    for row in rows
]


@pytest.mark.parametrize(("rung", "reason", "v", "expected"), ROWS, ids=[f"{r[0].__name__}: {r[1]}" for r in ROWS])
def test_watching(rung, reason, v, expected):
    assert words(rung(v)) == expected


def test_an_outage_is_told_when_it_is_long():
    v = view(living(), remote=remote(), link=Link(unreachable_since=NOW - 100))
    assert rest(v).until == NOW + 200


@pytest.mark.parametrize(
    ("reason", "remembered", "told", "expected"),
    [
        ("the events that wait", Stop("requires_action", asked=("sevt_1",)), "", "sevt_1"),
        ("after a restart what stands there stays", None, "the session waits for an answer to sevt_1: …", "sevt_1"),
    ],
)
def test_what_an_action_is_required_for(reason, remembered, told, expected):
    """A message that changes with each restart would be a write for each session."""
    status = {"stopReason": "requires_action", "conditions": [ready("ActionRequired", told)] if told else []}
    v = view(living(status=status), remote=remote(), memory_=memory(stop=remembered), link=LINK)
    assert expected in rest(v).report.message, reason
