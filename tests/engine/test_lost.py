"""Rung `lost`: a session that is gone, by proof; alone or with many others."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    NOW,
    living,
    memory,
    ready,
    remote,
    resource,
    spec,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.ending import lost
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.looks import Absent, LookAgent, LookSession

GONE = Absent("wrkspc_1", NOW)
SEEN_GONE = {LookSession(ID): GONE}
TOLD_LOST = {"conditions": [ready("Lost", status="False")]}
TOLD_MASS = {"conditions": [ready("MassLoss", status="False")]}
REPLACE = spec(onLost="Replace")
MISSED = memory(gone_since=(ID, NOW - 100))
"""It was missed, and a whole sweep was made since."""
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
    # many at once
    (
        "many are gone at once: nothing is concluded",
        view(living(), absent=GONE, mass_loss=True),
        "rest: MassLoss/Stalled",
    ),
    (
        "nor from a second look",
        view(living(status=TOLD_MASS), absent=GONE, seen=SEEN_GONE, mass_loss=True, memory_=MISSED),
        "rest: MassLoss/Stalled",
    ),
    (
        "after a restart it is held until a whole sweep was made",
        view(living(status=TOLD_MASS), absent=GONE, memory_=memory(gone_since=(ID, NOW))),
        "rest: MassLoss/Stalled",
    ),
    (
        "somebody asks: a look of its own counts",
        view(living(status=TOLD_MASS), absent=GONE, mass_loss=True, memory_=memory(asked=("1", NOW - 1))),
        "rest: Lost/Stalled",
    ),
    (
        "and only a fresh one",
        view(
            living(status=TOLD_MASS),
            absent=Absent("wrkspc_1", NOW - 60),
            mass_loss=True,
            memory_=memory(asked=("1", NOW - 90)),
        ),
        f"look: Session {ID}",
    ),
    (
        "what was called lost before stays so",
        view(living(status=TOLD_LOST), absent=GONE, mass_loss=True),
        "rest: Lost/Stalled",
    ),
    # onLost: Replace
    (
        "Replace: a whole sweep tells first whether many went at once",
        view(living(wish=REPLACE), absent=GONE, memory_=memory(gone_since=(ID, NOW))),
        "rest: Replacing/Progressing",
    ),
    ("Replace: then the next one is claimed", view(living(wish=REPLACE), absent=GONE, memory_=MISSED), "repair n=2"),
    (
        "Replace: not on an old 404",
        view(living(wish=REPLACE), absent=Absent("wrkspc_1", NOW - 60), memory_=MISSED),
        f"look: Session {ID}",
    ),
    (
        "Replace: not for a key of another workspace",
        view(living(wish=REPLACE), absent=Absent("wrkspc_2", NOW), memory_=MISSED),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "Replace: not while many are gone",
        view(living(wish=REPLACE), absent=GONE, mass_loss=True, memory_=MISSED),
        "rest: MassLoss/Stalled",
    ),
    (
        "Replace: many are gone, and somebody asks",
        view(living(wish=REPLACE, status=TOLD_MASS), absent=GONE, mass_loss=True, memory_=memory(asked=("1", NOW - 1))),
        "repair n=2",
    ),
    (
        "Replace, set when it was lost already: proved anew",
        view(living(wish=REPLACE, status=TOLD_LOST), absent=Absent("wrkspc_1", NOW - 60), memory_=MISSED),
        f"look: Session {ID}",
    ),
    (
        "Replace: nothing that is only observed",
        view(living(wish={**REPLACE, "managementPolicy": "Observe"}), absent=GONE, memory_=MISSED),
        "rest: Lost/Stalled",
    ),
    (
        "an archive was wished for: deleted is as good",
        view(living(wish={**REPLACE, "archived": True}), absent=GONE, memory_=MISSED),
        "rest: Archived/RemoteDeleted",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), LOST, ids=[row[0] for row in LOST])
def test_lost(reason, v, expected):
    assert words(lost(v)) == expected


def test_a_wrong_workspace_is_looked_at_again_without_a_bell():
    """As when an agent comes to light that was not there."""
    v = view(living(), absent=Absent(None, NOW), seen={**SEEN_GONE, LookAgent("agent_1"): False})
    assert lost(v).until == NOW + 600
