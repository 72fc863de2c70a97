"""Rung `deletion`: what must be done before a resource may go."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    BLOCKED,
    FOREIGN,
    ID,
    NOW,
    UNCLEAR,
    backoff,
    claim,
    found,
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

from managed_agents_operator.engine.deletion import deletion
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import Absent, LookAgent, LookSession
from managed_agents_operator.engine.memory import Memory

REFUSED = {"n": 1, "by": "process-1", "at": stamp(-60), "outcome": "Refused", "generation": 1}
FORCED = {"managedagents.dev/force-delete": "true"}
OTHER = "sesn_2"
SEEN_GONE = {LookSession(ID): Absent(None, NOW)}


def _going(**fields):
    return living(deleting=True, **fields)


def _never(**fields):
    """A claim, and no session known."""
    return resource(deleting=True, **{"claimed": claim(), **fields})


def _policy(policy):
    return {"wish": spec(deletionPolicy=policy)}


ROWS = [
    ("not deleted", view(living(), remote=remote()), "passed over"),
    ("our finalizer is gone: others decide", view(_going(guarded=False)), "rest: nothing to say"),
    (
        "by force, whatever there is",
        view(_going(annotations=FORCED), remote=remote(state="running")),
        "release: released by force: what there is outside stays as it is",
    ),
    ("Retain leaves the session", view(_going(**_policy("Retain")), remote=remote()), "release"),
    ("Retain needs no search", view(_never(**_policy("Retain"))), "release"),
    ("suspend holds edits, not deletion", view(_going(wish=spec(suspend=True)), remote=remote()), f"archive {ID}"),
    # without an id
    ("the very claim was refused: nothing to look for", view(_never(status={"creation": REFUSED})), "release"),
    ("this process knows its claim unsent", view(_never(), memory_=memory(settled=claim().text)), "release"),
    ("a claim of unknown outcome is searched for first", view(_never()), "look: Search"),
    (
        "for the whole time of doubt",
        view(_never(), memory_=memory(claim_seen_at=NOW - 10), search=found()),
        "rest: Deleting/Progressing",
    ),
    ("a match is recorded, then ended", view(_never(), search=found(remote())), f"record {ID}"),
    ("one that has ended is no reason to stay", view(_never(), search=found(remote(archived_at=stamp()))), "release"),
    ("nothing found in all that time", view(_never(), search=found()), "release"),
    ("a finalizer without claim: searched by uid alone", view(_never(claimed=None, guarded=True)), "look: Search"),
    (
        "an unanswered POST is searched for although its claim was wiped",
        view(_never(claimed=None, guarded=True), memory_=memory(unanswered=claim())),
        "look: Search",
    ),
    (
        "no search is possible: the resource goes, and that is told",
        view(_never(), link=Link(workspace="wrkspc_1"), search=found(keeps_metadata=False)),
        "release: PossibleOrphan",
    ),
    (
        "another workspace answered: it stays",
        view(_never(), link=Link(workspace="wrkspc_2"), search=found(workspace="wrkspc_2")),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "a restored one ends what was made for its name",
        view(_never(claimed=FOREIGN), search=found(remote(marked=marker(uid="uid-old")))),
        f"record {ID}",
    ),
    (
        "a copy leaves the session of its original",
        view(_never(claimed=FOREIGN), search=found(remote(marked=marker(uid="uid-old", owner="cluster-1/team/x")))),
        "release",
    ),
    # with an id
    ("idle: as the policy says", view(_going(), remote=remote()), f"archive {ID}"),
    ("Delete", view(_going(**_policy("Delete")), remote=remote()), f"delete {ID}"),
    ("only on a fresh look", view(_going(), remote=remote(seen_at=NOW - 60)), f"look: Session {ID}"),
    ("nothing seen yet", view(_going()), f"look: Session {ID}"),
    (
        "what this pass read counts, however slow the answer was",
        view(_going(), remote=remote(seen_at=NOW - 60), seen={LookSession(ID): remote()}),
        f"archive {ID}",
    ),
    ("archived already", view(_going(), remote=remote(archived_at=stamp())), "release"),
    ("known to be archived: no look is needed", view(_going(status={"archivedAt": stamp()})), "release"),
    (
        "Delete ends an archived one too",
        view(_going(**_policy("Delete")), remote=remote(archived_at=stamp())),
        f"delete {ID}",
    ),
    ("running: interrupted first", view(_going(), remote=remote(state="running")), f"interrupt {ID}"),
    (
        "interrupted: patience",
        view(_going(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 10), poll_at=NOW + 3)),
        "rest: Deleting/Progressing",
    ),
    (
        "then a look",
        view(_going(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 10), poll_at=NOW)),
        f"look: Session {ID}",
    ),
    (
        "running on for minutes: once more",
        view(_going(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 300))),
        f"interrupt {ID}",
    ),
    (
        "that another one was interrupted does not count",
        view(_going(), remote=remote(state="running"), memory_=memory(interrupted=(OTHER, NOW))),
        f"interrupt {ID}",
    ),
    ("terminated can still be archived", view(_going(), remote=remote(state="terminated")), f"archive {ID}"),
    (
        "refused, and it has ended: enough",
        view(_going(), remote=remote(state="terminated"), memory_=memory(refusals={"end": refusal()})),
        "release",
    ),
    (
        "accepted, and no time of archiving is shown: enough",
        view(_going(), remote=remote(state="terminated"), memory_=memory(ended=ID)),
        "release",
    ),
    (
        "somebody else's session is never touched",
        view(_going(), remote=remote(marked=marker(uid="uid-x"))),
        f"release: session {ID} belongs to another resource and stays as it is",
    ),
    ("gone by proof", view(_going(), absent=Absent("wrkspc_1", NOW)), "release"),
    (
        "an old 404 may be the answer to another key",
        view(_going(), absent=Absent("wrkspc_1", NOW - 60)),
        f"look: Session {ID}",
    ),
    (
        "gone in another workspace proves nothing",
        view(_going(), absent=Absent("wrkspc_2", NOW)),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "no workspace named: the agent decides",
        view(_going(), absent=Absent(None, NOW), seen=SEEN_GONE),
        "look: Agent agent_1",
    ),
    (
        "the key does not see it",
        view(_going(), absent=Absent(None, NOW), seen={**SEEN_GONE, LookAgent("agent_1"): False}),
        "rest: WrongWorkspace/Stalled",
    ),
    # others with our marker
    (
        "a second one is looked at before it is ended",
        view(_going(), remote=remote(archived_at=stamp()), strays=(remote(id=OTHER, seen_at=NOW - 60),)),
        f"look: Session {OTHER}",
    ),
    (
        "a second one does not live on",
        view(_going(), remote=remote(archived_at=stamp()), strays=(remote(id=OTHER),)),
        f"archive {OTHER} as a stray",
    ),
    (
        "whatever it does",
        view(_going(), remote=remote(archived_at=stamp()), strays=(remote(id=OTHER, state="running"),)),
        f"interrupt {OTHER}",
    ),
    (
        "interrupted: patience for it too",
        view(
            _going(),
            remote=remote(archived_at=stamp()),
            strays=(remote(id=OTHER, state="running"),),
            memory_=memory(interrupted=(OTHER, NOW - 1), poll_at=NOW + 3),
        ),
        "rest: Deleting/Progressing",
    ),
    (
        "ended ones are no matter",
        view(_going(), remote=remote(archived_at=stamp()), strays=(remote(id=OTHER, archived_at=stamp()),)),
        "release",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_deletion(reason, v, expected):
    assert words(deletion(v)) == expected


@pytest.mark.parametrize(
    ("reason", "v"),
    [
        ("the key is refused", view(_going(), link=Link(blocked=BLOCKED))),
        ("the API does not answer", view(_going(), memory_=memory(backoff=backoff(UNCLEAR)))),
        ("another workspace", view(_going(), absent=Absent("wrkspc_2", NOW))),
        (
            "another workspace, nothing known",
            view(_never(), link=Link(workspace="wrkspc_2"), search=found(workspace="wrkspc_2")),
        ),
        (
            "no answer to a search",
            view(_never(), memory_=memory(claim_seen_at=NOW - 10), search=found()),
        ),
        (
            "it runs",
            view(_going(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW), poll_at=NOW + 3)),
        ),
    ],
)
def test_whoever_waits_is_told_the_way_out(reason, v):
    """Nobody has to read the source to get rid of a resource."""
    report = decide(v).report
    assert "managedagents.dev/force-delete" in report.message + report.synced_message, reason


def test_nothing_is_known_after_a_restart():
    """The first pass over a resource that is being deleted only looks."""
    assert words(decide(view(_going(), memory_=Memory()))) == f"look: Session {ID}"
