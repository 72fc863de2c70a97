"""Rung `observing`: status follows the session, and nothing is done to it."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    FOREIGN,
    ID,
    NOW,
    claim,
    found,
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

from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import Absent, LookSession, LookStop, Stop
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.observing import OBSERVING, observing
from managed_agents_operator.engine.verdict import Ask, Record, Release, Rest

NEW = "sesn_2"
LOOKS_ON = {"managementPolicy": "Observe"}
WISH = spec(sessionId=ID, **LOOKS_ON)
THEIRS = marker(uid="uid-x")
GONE = Absent("wrkspc_1", NOW)
FORGOTTEN = "archivedAt, cost, deploymentId, id, idleSince, kickoff, stats, stopReason, usage, workspaceId"
"""What an earlier session left in status goes."""


def _sees(*, wish=WISH, status=None, **fields):
    """One that never did anything but look."""
    return resource(
        wish=wish, status={"id": ID, "state": "idle", "workspaceId": "wrkspc_1", **(status or {})}, **fields
    )


def _did(**fields):
    """One with a session of its own, which is only looked at since an edit; its finalizer has gone already."""
    return living(**{"wish": spec(**LOOKS_ON), "guarded": False, **fields})


FIRST = [
    ("another policy", view(living(), remote=remote()), "passed over"),
    ("a look before the id is written", view(resource(wish=WISH)), f"look: Session {ID}"),
    (
        "seen: it goes to status",
        view(resource(wish=WISH), seen={LookSession(ID): remote(marked={})}),
        f"rest: nothing to say knowing {FORGOTTEN}",
    ),
    (
        "whosever it is",
        view(resource(wish=WISH), seen={LookSession(ID): remote(marked=THEIRS)}),
        f"rest: nothing to say knowing {FORGOTTEN}",
    ),
    (
        "not there: told",
        view(resource(wish=WISH), seen={LookSession(ID): Absent("wrkspc_1", NOW)}),
        "rest: InvalidSpec/Observing",
    ),
    (
        "another one in spec: it is looked for",
        view(_sees(wish=spec(sessionId=NEW, **LOOKS_ON))),
        f"look: Session {NEW}",
    ),
    (
        "unless the one in status is that of the resource",
        view(_did(wish=spec(sessionId=NEW, **LOOKS_ON)), remote=remote()),
        "rest: Idle/Observing",
    ),
    ("neither id nor wish, and no trace", view(resource(wish=spec(**LOOKS_ON))), "rest: nothing to say"),
]

BEFORE = [
    ("our finalizer goes", view(_did(guarded=True), remote=remote()), "release"),
    ("it needs no look for that", view(_did(guarded=True)), "release"),
    (
        "but not before it is known what a creation made",
        view(resource(wish=WISH, claimed=claim())),
        "look: Search",
    ),
    (
        "for the whole time of doubt",
        view(resource(wish=WISH, claimed=claim()), memory_=memory(claim_seen_at=NOW - 5), search=found()),
        "rest: Searching/Progressing",
    ),
    (
        "what it made is recorded and watched",
        view(resource(wish=WISH, claimed=claim()), search=found(remote())),
        f"record {ID}",
    ),
    ("it made nothing", view(resource(wish=WISH, claimed=claim()), search=found()), "release"),
    (
        "half-way through a replacement too",
        view(_did(claimed=claim(n=2, replaces=ID), guarded=True), remote=remote()),
        "look: Search",
    ),
    (
        "and what is found is recorded",
        view(
            _did(claimed=claim(n=2, replaces=ID), guarded=True),
            remote=remote(),
            search=found(remote(id=NEW, marked=marker(n=2))),
        ),
        f"record {NEW}",
    ),
    (
        "half adopted: the finalizer goes, whatever marker was set",
        view(resource(wish=WISH, claimed=claim(adopts=ID))),
        "release",
    ),
]

WATCHES = [
    ("idle", view(_sees(), remote=remote(marked={})), "rest: Idle/Observing"),
    ("running", view(_sees(), remote=remote(state="running")), "rest: Running/Observing"),
    ("somebody else's: no matter", view(_sees(), remote=remote(marked=THEIRS)), "rest: Idle/Observing"),
    ("a state that nobody knows", view(_sees(), remote=remote(state="dreaming")), "rest: Unknown/Observing"),
    ("why it is idle is read", view(_sees(), remote=remote(worked=True)), f"look: Stop {ID}"),
    (
        "and goes to status",
        view(
            _sees(),
            remote=remote(worked=True),
            seen={LookStop(ID): Stop("budget_reached", stamp(-4))},
        ),
        "rest: nothing to say knowing idleSince, stopReason",
    ),
    (
        "and is told",
        view(_sees(status={"stopReason": "budget_reached", "usage": {}}), remote=remote(worked=True)),
        "rest: BudgetReached/Observing",
    ),
    ("archived by whomever", view(_sees(), remote=remote(archived_at=stamp())), "rest: ArchivedOutside/Observing"),
    ("ended by an error", view(_sees(), remote=remote(state="terminated")), "rest: Terminated/Observing"),
    ("gone by proof", view(_sees(), absent=GONE), "rest: Lost/Observing"),
    ("an old 404 proves nothing", view(_sees(), absent=Absent("wrkspc_1", NOW - 60)), f"look: Session {ID}"),
    ("a listing does not show it", view(_sees(), missing_at=NOW - 1), f"look: Session {ID}"),
    ("many are gone at once", view(_sees(), absent=GONE, mass_loss=True), "rest: MassLoss/Observing"),
    (
        "somebody asks",
        view(
            _sees(annotations={"managedagents.dev/reconcile-requested-at": "1"}),
            remote=remote(),
            memory_=memory(asked=("1", NOW)),
        ),
        f"look: Session {ID}",
    ),
    (
        "an outage is no observation",
        view(_sees(), link=Link(workspace="wrkspc_1", unreachable_since=NOW - 400)),
        "rest: -/Unreachable",
    ),
]

TOUCHES_NOTHING = [
    ("gone, and Replace", view(_did(wish=spec(onLost="Replace", **LOOKS_ON)), absent=GONE)),
    (
        "made from another spec, and Replace",
        view(_did(wish=spec(agent={"id": "a_2"}, onImmutableChange="Replace", **LOOKS_ON)), remote=remote()),
    ),
    ("an archive is wished for", view(_did(wish=spec(archived=True, **LOOKS_ON)), remote=remote())),
    ("and it ended by an error", view(_did(wish=spec(archived=True, **LOOKS_ON)), remote=remote(state="terminated"))),
    ("its time is over", view(_did(wish=spec(ttlSecondsAfterCreation=10, **LOOKS_ON)), remote=remote())),
    ("its time of being idle is over", view(_did(wish=spec(ttlSecondsAfterIdle=10, **LOOKS_ON)), remote=remote())),
    ("another title", view(_did(wish=spec(title="new", **LOOKS_ON)), remote=remote(title="old"))),
    ("other metadata", view(_did(wish=spec(metadata={"team": "a"}, **LOOKS_ON)), remote=remote())),
    ("its marker was taken off", view(_did(), remote=remote(marked={}))),
    ("a second session", view(_did(), remote=remote(), strays=(remote(id=NEW),))),
    ("claim and finalizer are gone", view(_did(claimed=None), remote=remote())),
    ("a claim of another resource", view(_did(claimed=FOREIGN), remote=remote())),
    (
        "first events in doubt",
        view(_did(wish=spec(initialEvents=[{"type": "user.message", "text": "go"}], **LOOKS_ON)), remote=remote()),
    ),
    (
        "first events in doubt in one that has ended",
        view(
            _did(wish=spec(initialEvents=[{"type": "user.message", "text": "go"}], **LOOKS_ON)),
            remote=remote(archived_at=stamp()),
        ),
    ),
    (
        "a file of the spec is not there",
        view(
            _did(wish=spec(resources=[{"name": "data", "file": {"fileId": "file_1"}}], **LOOKS_ON)),
            remote=remote(mounts=()),
        ),
    ),
    ("uploads that nothing uses", view(_did(claimed=claim(uploads=True)), remote=remote(mounts=()), uploads=())),
    ("it is deleted", view(_did(deleting=True, guarded=True), remote=remote(state="running"))),
]


ROWS = [*FIRST, *BEFORE, *WATCHES]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_observing(reason, v, expected):
    assert words(observing(v)) == expected, reason


@pytest.mark.parametrize(("reason", "v"), TOUCHES_NOTHING, ids=[row[0] for row in TOUCHES_NOTHING])
def test_nothing_is_done(reason, v):
    """Not in any pass, with the memory of weeks or with none."""
    for kept in (v.memory, Memory(), memory(refusals={"end": refusal()}, ended=NEW)):
        verdict = decide(type(v)(**{**vars(v), "memory": kept}))
        assert isinstance(verdict, Rest | Ask | Release | Record), reason
        if isinstance(verdict, Rest):
            assert "kickoff" not in verdict.facts


@pytest.mark.parametrize(
    ("reason", "v", "expected"),
    [
        ("its session lives on", view(_did(deleting=True, guarded=True), remote=remote()), "release"),
        ("no search either", view(resource(wish=WISH, claimed=claim(), deleting=True)), "release"),
        ("nor a second one", view(_did(deleting=True, guarded=True), strays=(remote(id=NEW),)), "release"),
    ],
)
def test_deletion_needs_nobody(reason, v, expected):
    assert words(decide(v)) == expected, reason


def test_what_is_not_as_the_spec_says_is_no_matter():
    """Ready is by the remote state alone, and Synced says that nothing is brought there."""
    rest = observing(view(_did(wish=spec(title="new", **LOOKS_ON)), remote=remote(title="old", state="running")))
    assert (rest.report.ready, rest.report.synced, rest.report.synced_message) == ("Running", "Observing", OBSERVING)


def test_what_was_lost_stays_lost_without_a_look_each_pass():
    told = {"conditions": [ready("Lost", status="False")]}
    assert words(observing(view(_sees(status=told), absent=Absent("wrkspc_1", NOW - 900)))) == "rest: Lost/Observing"
