"""Rungs `suspended`, `changed`, `terminal`, `lost`, `owned_elsewhere`: told, never made good by a new session."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    NOW,
    living,
    marker,
    memory,
    ready,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.ending import changed, lost, owned_elsewhere, suspended, terminal
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.looks import Absent, LookAgent, LookSession

HELD = spec(suspend=True)
EVENTS = spec(initialEvents=[{"type": "user.message", "text": "go"}])
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
]

TOLD_LOST = {"conditions": [ready("Lost", status="False")]}
LOST = [
    ("there it is", view(living(), remote=remote()), "passed over"),
    ("no session", view(resource()), "passed over"),
    ("gone by proof", view(living(), absent=GONE), "rest: Lost/Stalled"),
    ("an old 404 proves nothing", view(living(), absent=Absent("wrkspc_1", NOW - 60)), f"look: Session {ID}"),
    (
        "what was called lost needs no second proof",
        view(living(status=TOLD_LOST), absent=Absent("wrkspc_1", NOW - 60)),
        "rest: Lost/Stalled",
    ),
    ("another workspace answered", view(living(), absent=Absent("wrkspc_2", NOW)), "rest: WrongWorkspace/Stalled"),
    (
        "another workspace answers whatever is asked: told before anything is missed",
        view(living(), remote=remote(), link=Link(workspace="wrkspc_2")),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "no workspace named: the agent decides",
        view(living(), absent=Absent(None, NOW), seen=SEEN_GONE),
        "look: Agent agent_1",
    ),
    (
        "the key sees the agent",
        view(living(), absent=Absent(None, NOW), seen={**SEEN_GONE, LookAgent("agent_1"): True}),
        "rest: Lost/Stalled",
    ),
    (
        "the key does not see the agent",
        view(living(), absent=Absent(None, NOW), seen={**SEEN_GONE, LookAgent("agent_1"): False}),
        "rest: WrongWorkspace/Stalled",
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
        (lost, LOST),
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


def test_a_wrong_workspace_is_looked_at_again_without_a_bell():
    """As when an agent comes to light that was not there."""
    v = view(living(), absent=Absent(None, NOW), seen={**SEEN_GONE, LookAgent("agent_1"): False})
    assert lost(v).until == NOW + 600
