"""The ladder as a whole: its order, what holds a verdict back, and that it has an answer to everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.views import (
    BLOCKED,
    BOOT,
    FOREIGN,
    GONE,
    ID,
    LATER,
    LINK,
    NOW,
    REFUSED,
    UNCLEAR,
    backoff,
    claim,
    created,
    found,
    known,
    living,
    marker,
    memory,
    permit,
    ready,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.conditions import READY, SYNCED
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.ladder import RUNGS, calls, decide
from managed_agents_operator.engine.looks import (
    Absent,
    Delivery,
    LookAgent,
    LookKickoff,
    LookOwner,
    LookSearch,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    Stop,
    Stray,
)
from managed_agents_operator.engine.reconcile import LOOKS
from managed_agents_operator.engine.verdict import Ask, Create, End, Guard, Interrupt, Rest, Send, Update

SHUT = Link(workspace="wrkspc_1", keeps_metadata=True, blocked=BLOCKED, retry_at=NOW + 9)
TRIAL = replace(SHUT, trial=True)


def test_the_order():
    assert [rung.__name__ for rung in RUNGS] == [
        "dispute",
        "deletion",
        "observing",
        "suspended",
        "unguarded",
        "foreign_claim",
        "replacing",
        "stray",
        "asked",
        "missing",
        "changed",
        "terminal",
        "unseen",
        "lost",
        "owned_elsewhere",
        "nothing_yet",
        "archiving",
        "kickoff",
        "drift",
        "mounting",
        "stopped",
        "idled",
        "rest",
    ]


HELD = [
    ("nothing is held", view(resource()), "claim n=1"),
    ("a refused key: no claim", view(resource(), link=SHUT), "rest: KeyRefused/KeyRefused"),
    ("nor a look", view(living(generation=2), link=SHUT), "rest: KeyRefused/KeyRefused"),
    ("its turn to try", view(resource(), link=TRIAL), "claim n=1"),
    ("who rests is told too", view(living(), remote=remote(), link=SHUT), "rest: KeyRefused/KeyRefused"),
    (
        "and has nothing to try: a turn would make nothing of it but a lie",
        view(living(), remote=remote(), link=TRIAL),
        "rest: KeyRefused/KeyRefused",
    ),
    ("also before anything was seen of it", view(living(), link=SHUT), "rest: KeyRefused/KeyRefused"),
    (
        "what has ended needs no key",
        view(living(), remote=remote(archived_at=stamp()), link=SHUT),
        "rest: ArchivedOutside/Stalled",
    ),
    ("nor does who is suspended", view(living(wish=spec(suspend=True)), link=SHUT), "rest: Suspended/Suspended"),
    ("deletion waits, and says so", view(living(deleting=True), link=SHUT), "rest: Deleting/KeyRefused"),
    (
        "deletion by force needs no key",
        view(living(deleting=True, annotations={"managedagents.dev/force-delete": "true"}), link=SHUT),
        "release: released by force: what there is outside stays as it is",
    ),
    ("a repair is a write of ours alone", view(living(guarded=False), link=SHUT), "repair n=1"),
    ("a pause: no claim", view(resource(), memory_=memory(backoff=backoff())), "rest: Creating/RateLimited"),
    ("it is over", view(resource(), memory_=memory(backoff=backoff(until=NOW))), "claim n=1"),
    (
        "a reason that conditions don't know",
        view(resource(), memory_=memory(backoff=backoff(GONE))),
        "rest: Creating/CallRefused",
    ),
    (
        "who rests needs no pause",
        view(living(), remote=remote(), memory_=memory(backoff=backoff())),
        "rest: Idle/Synced",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), HELD, ids=[row[0] for row in HELD])
def test_held_back(reason, v, expected):
    assert words(decide(v)) == expected


def test_who_is_held_back_comes_again():
    assert decide(view(resource(), link=SHUT)).until == NOW + 9
    assert decide(view(resource(), memory_=memory(backoff=backoff(until=NOW + 3)))).until == NOW + 3


# anything at all

EVENTS = [{"type": "user.message", "text": "go"}]
REMOTES = [
    remote(),
    remote(state="running"),
    remote(state="dreaming", seen_at=NOW - 99),
    remote(state="terminated"),
    remote(archived_at=stamp()),
    remote(marked=marker(uid="uid-old")),
    remote(marked=marker(uid="uid-x")),
    remote(marked={}, listed=True),
    remote(usage={"outputTokens": 3}, worked=True, title="t", budget="100"),
]
STRAYS = [remote(id="sesn_2"), remote(id="sesn_3", state="running"), remote(id="sesn_4", archived_at=stamp())]
SPECS = [
    spec(),
    spec(suspend=True),
    spec(initialEvents=EVENTS),
    spec(title="t", metadata={"a": "b"}, budget={"removed": True}),
    spec(agent={"id": "agent_2", "overrides": {"tools": [{"type": "bash"}]}}),
    spec(deletionPolicy="Delete"),
    spec(deletionPolicy="Retain"),
]
STATUSES = [
    {},
    known(),
    known(archivedAt=stamp()),
    known(state="terminated"),
    known(createdFrom="other"),
    known(kickoff={"tries": 1, "at": stamp(-9)}),
    known(kickoff={"state": "Sent"}),
    known(kickoff={"state": "Doubtful"}),
    known(workspaceId=None, incarnation=None),
    {"creation": {"n": 1, "by": "process-1", "at": stamp(-60), "outcome": "Refused", "generation": 1}},
    {"incarnation": 1, "conditions": [ready("WrongWorkspace", status="False")]},
]
RESOURCES = st.builds(
    lambda wish, status, claimed, **more: resource(wish=wish, status=status, claimed=claimed, **more),
    wish=st.sampled_from(SPECS),
    status=st.sampled_from(STATUSES),
    claimed=st.sampled_from([None, claim(), claim(n=2), claim(by="process-2"), FOREIGN, "{"]),
    guarded=st.booleans(),
    deleting=st.booleans(),
    generation=st.integers(1, 2),
    annotations=st.sampled_from([{}, {"managedagents.dev/reconcile-requested-at": "1"}]),
)
MEMORIES = st.builds(
    memory,
    claim_seen_at=st.sampled_from([NOW - 1000, NOW - 5]),
    kick_seen_at=st.sampled_from([None, NOW - 1000, NOW - 5]),
    kick_listings=st.integers(0, 3),
    kick_listed_at=st.sampled_from([NOW - 1, NOW - 2000]),
    settled=st.sampled_from([None, claim().text]),
    unanswered=st.sampled_from([None, claim()]),
    permit=st.sampled_from([None, permit(resource(claimed=claim())), permit(resource(), deadline=BOOT)]),
    created=st.sampled_from([None, created(), created(remote(id="sesn_9")), created(by_post=False)]),
    kick_permit=st.sampled_from([None, (f"{ID}/0/", BOOT + 1)]),
    kick_settled=st.sampled_from([None, f"{ID}/0/"]),
    interrupted=st.sampled_from([None, (ID, NOW - 10), (ID, NOW - 400)]),
    backoff=st.sampled_from([None, backoff(LATER), backoff(UNCLEAR, until=NOW - 1), backoff(REFUSED)]),
    refusals=st.sampled_from([{}, {"title": refusal(), "end": refusal()}, {"create": refusal()}]),
    asked=st.sampled_from([None, ("1", NOW - 4)]),
    poll_at=st.sampled_from([0.0, NOW + 4]),
    fresh_after=st.sampled_from([float("-inf"), NOW]),
    last_id=st.sampled_from([None, ID]),
    retry=st.booleans(),
)


@st.composite
def sights(draw):
    """What may be seen, of any of the looks that a pass may have taken."""
    one = draw(st.sampled_from([None, *REMOTES]))
    gone = draw(st.sampled_from([None, Absent("wrkspc_1", NOW), Absent("wrkspc_2", NOW), Absent(None, NOW - 99)]))
    answers = {
        LookSession(ID): [*REMOTES, GONE],
        LookAgent("agent_1"): [True, False, UNCLEAR],
        LookTokens(): ["", "gh is missing"],
        LookOwner("team", "x"): [True, False],
        LookKickoff(ID): [Delivery(None, False), Delivery(("sevt_1",), False), Delivery(None, True), UNCLEAR],
        LookStop(ID): [Stop(None), Stop("end_turn", stamp(), own=True), UNCLEAR],
        LookStray("sesn_2"): [Stray(STRAYS[0], False), Stray(STRAYS[0], True), Absent(None, NOW)],
    }
    seen = {look: draw(st.sampled_from(options)) for look, options in answers.items() if draw(st.booleans())}
    return {
        "remote": None if gone else one,
        "absent": gone,
        "strays": tuple(draw(st.lists(st.sampled_from(STRAYS), unique_by=lambda r: r.id))),
        "missing_at": draw(st.sampled_from([None, NOW - 3])),
        "search": draw(
            st.sampled_from([None, found(), found(remote()), found(began_at=NOW - 2, workspace=None, any_since=False)])
        ),
        "link": draw(st.sampled_from([LINK, SHUT, TRIAL, Link(), Link(unreachable_since=NOW - 400, swept_at=NOW)])),
        "seen": seen,
    }


VIEWS = st.builds(lambda of, kept, seen: view(of, memory_=kept, **seen), RESOURCES, MEMORIES, sights())


@settings(max_examples=600)
@given(VIEWS)
def test_there_is_an_answer_to_everything(v):
    verdict = decide(v)
    report = getattr(verdict, "report", None)
    if report is not None:
        assert report.ready is None or report.ready in READY
        assert report.synced is None or report.synced in SYNCED
        assert len(report.message) < 1024


@settings(max_examples=600)
@given(VIEWS)
def test_who_rests_comes_again_later_or_never(v):
    """Never at once: that would be a pass without end."""
    verdict = decide(v)
    if isinstance(verdict, Rest) and verdict.until is not None:
        assert verdict.until > v.now


@settings(max_examples=600)
@given(VIEWS, st.data())
def test_a_pass_never_looks_for_ever(v, data):
    """Each look is asked for once, and there are fewer of them than a pass may take."""
    asked = []
    verdict = decide(v)
    while isinstance(verdict, Ask) and not isinstance(verdict.look, LookSearch):
        assert verdict.look not in asked, "asked for again although it was answered"
        asked.append(verdict.look)
        assert len(asked) <= LOOKS
        v = _answered(v, verdict.look, data)
        verdict = decide(v)


def _answered(v, look, data):
    """As the reconciler does it: what is seen goes into the sight, and into what is known of the session."""
    answers = {
        LookSession: lambda: data.draw(
            st.sampled_from([*(replace(r, id=look.id, seen_at=NOW) for r in REMOTES), None])
        ),
        LookAgent: lambda: data.draw(st.booleans()),
        LookTokens: lambda: data.draw(st.sampled_from(["", "missing"])),
        LookOwner: lambda: data.draw(st.booleans()),
        LookKickoff: lambda: data.draw(st.sampled_from([Delivery(None, False), Delivery(("sevt_1",), True)])),
        LookStop: lambda: data.draw(st.sampled_from([Stop(None), Stop("end_turn", stamp(), own=True)])),
        LookStray: lambda: data.draw(
            st.sampled_from([Stray(remote(id=look.id), False), Stray(remote(id=look.id), True)])
        ),
    }
    seen = answers[type(look)]()
    sight = v.sight
    if isinstance(look, LookSession):
        gone = Absent("wrkspc_1", NOW) if seen is None else None
        seen = replace(seen, listed=False) if seen is not None else gone
        if look.id == v.id:
            sight = replace(sight, remote=None if gone else seen, absent=gone)
        elif not gone:
            sight = replace(sight, strays=tuple(seen if r.id == look.id else r for r in sight.strays))
        else:
            sight = replace(sight, strays=tuple(r for r in sight.strays if r.id != look.id))
    return replace(v, sight=replace(sight, seen={**sight.seen, look: seen}))


@settings(max_examples=600)
@given(VIEWS)
def test_nothing_is_sent_without_a_permit(v):
    verdict = decide(v)
    if isinstance(verdict, Create):
        assert v.permitted is not None
        assert v.id is None
    if isinstance(verdict, Send):
        assert v.memory.kick_permit is not None
        assert v.boot < v.memory.kick_permit[1]
        assert v.memory.kick_permit[0] == v.kick_key


@settings(max_examples=600)
@given(VIEWS)
def test_whoever_is_suspended_or_deleted_makes_nothing(v):
    verdict = decide(v)
    if v.deleting or (v.resource.spec.suspend and not v.deleting):
        assert not isinstance(verdict, Create | Send)
        assert not (isinstance(verdict, Guard) and verdict.token)


@settings(max_examples=600)
@given(VIEWS)
def test_nothing_is_called_while_the_key_is_refused(v):
    if v.sight.link.blocked is not None and not v.sight.link.trial:
        assert not calls(decide(v))


@settings(max_examples=600)
@given(VIEWS)
def test_nobody_elses_session_is_touched(v):
    verdict = decide(v)
    if isinstance(verdict, Update | Interrupt | End | Send) and v.remote and verdict.id == v.remote.id:
        assert v.ours(v.remote)
