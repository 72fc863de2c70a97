"""A session is brought to its end: interrupted while it works, then archived, with patience."""

from __future__ import annotations

import pytest
from tests.engine.views import ID, NOW, living, marker, memory, remote, stamp, view
from tests.engine.wording import words

from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.learning import looked, meet
from managed_agents_operator.engine.looks import Absent, LookAgent, LookSession
from managed_agents_operator.engine.retiring import interrupted, poll, retire
from managed_agents_operator.engine.verdict import Ask, Report, Rest

SAID = Report("Replacing", "it ends", "Progressing", "it ends")
OTHER = "sesn_0"
LOOK, LOOK_OTHER = LookSession(ID), LookSession(OTHER)
RUNS = remote(state="running")
THERE = remote(id=OTHER)


def _interrupted(ago=5.0, poll_in=2.0, id=ID):
    return memory(interrupted=(id, NOW - ago), poll_at=NOW + poll_in)


OWN = [
    ("idle", view(living(), remote=remote()), f"archive {ID}"),
    ("an unknown state is no work", view(living(), remote=remote(state="dreaming")), f"archive {ID}"),
    ("nothing seen", view(living()), f"look: Session {ID}"),
    ("an old look", view(living(), remote=remote(seen_at=NOW - 6)), f"look: Session {ID}"),
    (
        "looked at a moment ago, with no use",
        view(living(), memory_=memory(poll_at=NOW + 1)),
        "rest: Replacing/Progressing",
    ),
    (
        "a look of this pass counts however slow it was",
        view(living(), remote=remote(seen_at=NOW - 6), seen={LOOK: remote(seen_at=NOW - 6)}),
        f"archive {ID}",
    ),
    (
        "a look from before the last call does not",
        view(living(), remote=remote(seen_at=NOW - 2), memory_=memory(fresh_after=NOW - 1)),
        f"look: Session {ID}",
    ),
    ("archived", view(living(), remote=remote(archived_at=stamp())), "passed over"),
    ("however long ago that was seen", view(living(), remote=remote(archived_at=stamp(), seen_at=0.0)), "passed over"),
    ("ended by an error", view(living(), remote=remote(state="terminated")), "passed over"),
    ("archived, as status knows", view(living(status={"archivedAt": stamp()})), "passed over"),
    (
        "archived, as status knows, whatever is seen",
        view(living(status={"archivedAt": stamp()}), remote=RUNS),
        "passed over",
    ),
    ("somebody else's", view(living(), remote=remote(marked=marker(uid="uid-x"))), "passed over"),
    (
        "somebody else's that works",
        view(living(), remote=remote(marked=marker(uid="uid-x"), state="running")),
        "passed over",
    ),
    ("a server without metadata", view(living(), remote=remote(marked={})), f"archive {ID}"),
    ("gone by proof", view(living(), absent=Absent("wrkspc_1", NOW)), "passed over"),
    ("gone long ago: asked once more", view(living(), absent=Absent("wrkspc_1", NOW - 60)), f"look: Session {ID}"),
    ("gone for another key", view(living(), absent=Absent("wrkspc_2", NOW)), "rest: WrongWorkspace/Stalled"),
    ("it works", view(living(), remote=RUNS), f"interrupt {ID}"),
    ("it works: patience", view(living(), remote=RUNS, memory_=_interrupted()), "rest: Replacing/Progressing"),
    ("then a look", view(living(), remote=RUNS, memory_=_interrupted(poll_in=0)), f"look: Session {ID}"),
    ("after minutes once more", view(living(), remote=RUNS, memory_=_interrupted(ago=300)), f"interrupt {ID}"),
    ("another one was interrupted", view(living(), remote=RUNS, memory_=_interrupted(id=OTHER)), f"interrupt {ID}"),
]

ANOTHER = [
    ("nothing seen", view(living()), f"look: Session {OTHER}"),
    ("idle", view(living(), seen={LOOK_OTHER: THERE}), f"archive {OTHER}"),
    ("as a sweep shows it", view(living(), strays=(THERE,)), f"archive {OTHER}"),
    (
        "what a listing says is no fresh look",
        view(living(), strays=(remote(id=OTHER, listed=True),)),
        f"look: Session {OTHER}",
    ),
    ("archived", view(living(), seen={LOOK_OTHER: remote(id=OTHER, archived_at=stamp())}), "passed over"),
    (
        "that the one in status has ended says nothing of it",
        view(living(status={"archivedAt": stamp()})),
        f"look: Session {OTHER}",
    ),
    ("nor that it is gone", view(living(), absent=Absent("wrkspc_1", NOW)), f"look: Session {OTHER}"),
    ("gone by proof", view(living(), seen={LOOK_OTHER: Absent("wrkspc_1", NOW)}), "passed over"),
    (
        "gone for another key",
        view(living(), seen={LOOK_OTHER: Absent("wrkspc_2", NOW)}),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "no workspace named: the agent decides",
        view(living(status={"agent": {"id": "agent_7"}}), seen={LOOK_OTHER: Absent(None, NOW)}),
        "look: Agent agent_7",
    ),
    (
        "the key sees the agent",
        view(living(), seen={LOOK_OTHER: Absent(None, NOW), LookAgent("agent_1"): True}),
        "passed over",
    ),
    (
        "somebody else's by now",
        view(living(), seen={LOOK_OTHER: remote(id=OTHER, marked=marker(uid="uid-x"))}),
        "passed over",
    ),
]

ROWS = [*((ID, *row) for row in OWN), *((OTHER, *row) for row in ANOTHER)]


@pytest.mark.parametrize(("id", "reason", "v", "expected"), ROWS, ids=[f"{r[0]}: {r[1]}" for r in ROWS])
def test_retire(id, reason, v, expected):
    assert words(retire(v, id, SAID)) == expected


def test_looks_come_less_and_less_often():
    """And never more often than twice a second, however often somebody rings."""
    pauses, now, kept = [], NOW, memory()
    for _ in range(9):
        kept = looked(kept, LOOK, RUNS, began=now, now=now, jitter=0.5, poll=True)
        pauses.append(kept.poll_at - now)
        now = kept.poll_at
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert poll(view(living(), memory_=memory(poll_at=NOW + 0.1)), ID, SAID) == Rest(SAID, until=NOW + 0.5)


def test_one_look_a_pass():
    v = view(living(), remote=RUNS, seen={LOOK: RUNS}, memory_=_interrupted(poll_in=0))
    assert poll(v, ID, SAID) == Rest(SAID, until=NOW + 0.5)
    assert poll(view(living(), memory_=_interrupted(poll_in=0)), ID, SAID) == Ask(LOOK, SAID, poll=True)


@pytest.mark.parametrize(
    ("reason", "seen", "expected"),
    [
        ("it works still", RUNS, True),
        ("it stopped: another spell of running is interrupted anew", remote(), False),
        ("another one stopped", THERE, True),
        ("nothing seen", None, True),
    ],
)
def test_one_interrupt_a_spell_of_running(reason, seen, expected):
    v = view(living(), remote=seen, link=Link(workspace="wrkspc_1"))
    after = meet(_interrupted(), v.resource, v.sight, NOW)
    assert interrupted(view(living(), memory_=after), ID) is expected, reason
