"""Rungs `suspended`, `changed`, `terminal`, `owned_elsewhere`: told, never made good by a new session."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    NOW,
    claim,
    living,
    marker,
    memory,
    ready,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.ending import changed, owned_elsewhere, suspended, terminal
from managed_agents_operator.engine.looks import Absent, LookSession, LookStop, Stop

HELD = spec(suspend=True)
EVENTS = spec(initialEvents=[{"type": "user.message", "text": "go"}])
WISHED = spec(archived=True)
TURN = {"kickoff": {"state": "Sent"}}
ARCHIVED = {"archivedAt": stamp(-5)}
GONE = Absent("wrkspc_1", NOW)
SEEN_GONE = {LookSession(ID): GONE}
TOLD_DELETED = {"conditions": [ready("RemoteDeleted", type_="Synced", status="False")]}

SUSPENDED = [
    ("not suspended", view(living(), remote=remote()), "passed over"),
    ("nothing is created", view(resource(wish=HELD)), "rest: Suspended/Suspended"),
    ("nothing is done", view(living(wish=HELD), remote=remote()), "rest: Suspended/Suspended"),
    (
        "but it is looked at where a listing does not show it",
        view(living(wish=HELD), missing_at=NOW - 1),
        f"look: Session {ID}",
    ),
    (
        "and where somebody asks",
        view(
            living(wish=HELD, annotations={"managedagents.dev/reconcile-requested-at": "1"}),
            memory_=memory(asked=("1", NOW)),
        ),
        f"look: Session {ID}",
    ),
]

CHANGED = [
    (
        "half-way through a replacement it is no news",
        view(living(claimed=claim(n=2, replaces=ID), status={"createdFrom": "other"})),
        "passed over",
    ),
    (
        "an archive is wished for: no other spec hinders it",
        view(living(wish=WISHED, status={"createdFrom": "other"})),
        "passed over",
    ),
    ("made from this very spec", view(living()), "passed over"),
    ("made from another one", view(living(status={"createdFrom": "other"})), "rest: ImmutableChanged/Stalled"),
    ("an unknown origin is no change", view(living(status={"createdFrom": None})), "passed over"),
    ("nothing made yet: anything may be mended", view(resource(status={"createdFrom": "other"})), "passed over"),
]

TERMINAL = [
    ("alive", view(living(), remote=remote()), "passed over"),
    ("no session", view(resource()), "passed over"),
    (
        "archived, as just seen",
        view(living(), remote=remote(archived_at=stamp())),
        "rest: ArchivedOutside/Stalled",
    ),
    ("archived, as status knows", view(living(status=ARCHIVED)), "rest: ArchivedOutside/Stalled"),
    (
        "archived servers may call idle",
        view(living(), remote=remote(state="idle", archived_at=stamp())),
        "rest: ArchivedOutside/Stalled",
    ),
    ("terminated", view(living(), remote=remote(state="terminated")), "rest: Terminated/Stalled"),
    ("terminated, as status knows", view(living(status={"state": "terminated"})), "rest: Terminated/Stalled"),
    (
        "terminated by an error, and then it lives again: the truth is told",
        view(living(status={"state": "terminated"}), remote=remote()),
        "passed over",
    ),
    (
        "archived once stays archived, whatever is seen",
        view(living(status=ARCHIVED), remote=remote()),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "deleted after that",
        view(living(status=ARCHIVED), absent=GONE, seen=SEEN_GONE),
        "rest: ArchivedOutside/RemoteDeleted",
    ),
    (
        "a 404 for another key is no deletion",
        view(living(status=ARCHIVED), absent=Absent("wrkspc_2", NOW)),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "what was told once of a deletion stays",
        view(living(status={**ARCHIVED, **TOLD_DELETED})),
        "rest: ArchivedOutside/RemoteDeleted",
    ),
    (
        "first events that may have gone out can't be asked after any more",
        view(living(wish=EVENTS, status=ARCHIVED)),
        "rest: ArchivedOutside/Stalled knowing kickoff",
    ),
    (
        "nor does the next process know what this one knows",
        view(living(wish=EVENTS, status=ARCHIVED), memory_=memory(kick_settled=f"{ID}/0/")),
        "rest: ArchivedOutside/Stalled knowing kickoff",
    ),
    (
        "or they are known to have been sent",
        view(living(wish=EVENTS, status={**ARCHIVED, "kickoff": {"state": "Sent"}})),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "archived, and that is the wish",
        view(living(wish=WISHED), remote=remote(archived_at=stamp())),
        "rest: Archived/Synced",
    ),
    ("as status knows", view(living(wish=WISHED, status=ARCHIVED)), "rest: Archived/Synced"),
    (
        "archived because its time was over",
        view(living(wish=spec(ttlSecondsAfterCreation=40)), remote=remote(archived_at=stamp(-5))),
        "rest: Archived/Synced",
    ),
    (
        "archived before its time: by somebody else",
        view(living(wish=spec(ttlSecondsAfterCreation=3600)), remote=remote(archived_at=stamp(-5))),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "archived on wish and deleted since",
        view(living(wish=WISHED, status=ARCHIVED), absent=GONE, seen=SEEN_GONE),
        "rest: Archived/RemoteDeleted",
    ),
    (
        "an observer wished for nothing",
        view(living(wish={**WISHED, "managementPolicy": "Observe"}, status=ARCHIVED)),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "ended by an error, and an archive is wished for: tried",
        view(living(wish=WISHED), remote=remote(state="terminated")),
        f"archive {ID}",
    ),
    (
        "on a fresh look",
        view(living(wish=WISHED), remote=remote(state="terminated", seen_at=NOW - 60)),
        f"look: Session {ID}",
    ),
    (
        "perhaps by the process before, and no listing shows it: looked at",
        view(living(wish=WISHED, status={"state": "terminated"})),
        f"look: Session {ID}",
    ),
    (
        "once it is known to be gone there is nothing to look at",
        view(living(wish=WISHED, status={"state": "terminated", **TOLD_DELETED}), absent=GONE, seen=SEEN_GONE),
        "rest: Terminated/RemoteDeleted",
    ),
    (
        "once: taken, and no time of archiving is shown",
        view(living(wish=WISHED), remote=remote(state="terminated"), memory_=memory(ended=ID)),
        "rest: Terminated/Stalled",
    ),
    (
        "once: refused",
        view(living(wish=WISHED), remote=remote(state="terminated"), memory_=memory(refusals={"end": refusal()})),
        "rest: Terminated/Stalled",
    ),
    (
        "not for an observer",
        view(living(wish={**WISHED, "managementPolicy": "Observe"}), remote=remote(state="terminated")),
        "rest: Terminated/Stalled",
    ),
    (
        "nor in somebody else's",
        view(living(wish=WISHED), remote=remote(state="terminated", marked=marker(uid="uid-x"))),
        "rest: Terminated/Stalled",
    ),
    (
        "how its turn ended is read once more",
        view(living(wish=EVENTS, status=TURN), remote=remote(archived_at=stamp())),
        f"look: Stop {ID}",
    ),
    (
        "and goes to status",
        view(
            living(wish=EVENTS, status=TURN),
            remote=remote(archived_at=stamp()),
            seen={LookStop(ID): Stop("end_turn", stamp(-9), own=True)},
        ),
        "rest: nothing to say knowing stopReason",
    ),
    (
        "a stop from before the first events tells nothing of their turn",
        view(
            living(wish=EVENTS, status=TURN),
            remote=remote(archived_at=stamp()),
            seen={LookStop(ID): Stop("end_turn", stamp(-9))},
        ),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "read once by each process",
        view(living(wish=EVENTS, status=TURN), remote=remote(archived_at=stamp()), memory_=memory(last_stop=ID)),
        "rest: ArchivedOutside/Stalled",
    ),
    (
        "not at all where it is known",
        view(
            living(wish=EVENTS, status={**TURN, "conditions": [ready("EndTurn", type_="Finished")]}),
            remote=remote(archived_at=stamp()),
        ),
        "rest: ArchivedOutside/Stalled",
    ),
]

OWNED = [
    ("ours", view(living(), remote=remote()), "passed over"),
    ("nobody's: a server without metadata", view(living(), remote=remote(marked={})), "passed over"),
    (
        "somebody else's",
        view(living(), remote=remote(marked=marker(uid="uid-x"))),
        "rest: OwnedElsewhere/Stalled",
    ),
    (
        "a marker that is not in our form is somebody else's too",
        view(living(), remote=remote(marked={"k8s_uid": "mine"})),
        "rest: OwnedElsewhere/Stalled",
    ),
    (
        "seen before the claim changed: looked at again",
        view(
            living(),
            remote=remote(marked=marker(uid="uid-x"), seen_at=NOW - 60),
            memory_=memory(claim_seen_at=NOW - 1),
        ),
        f"look: Session {ID}",
    ),
]

ROWS = [
    (rung, *row)
    for rung, rows in (
        (suspended, SUSPENDED),
        (changed, CHANGED),
        (terminal, TERMINAL),
        (owned_elsewhere, OWNED),
    )
    for row in rows
]


@pytest.mark.parametrize(("rung", "reason", "v", "expected"), ROWS, ids=[f"{r[0].__name__}: {r[1]}" for r in ROWS])
def test_ending(rung, reason, v, expected):
    assert words(rung(v)) == expected


def test_a_doubtful_kickoff_keeps_what_was_known():
    v = view(living(wish=EVENTS, status={**ARCHIVED, "kickoff": {"tries": 2, "at": stamp(-20)}}))
    assert terminal(v).facts == {"kickoff": {"tries": 2, "at": stamp(-20), "state": "Doubtful"}}
