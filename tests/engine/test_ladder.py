"""The ladder as a whole: its order, and what holds a verdict back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engine.anything import SHUT, TRIAL
from tests.engine.views import (
    GONE,
    ID,
    LINK,
    NOW,
    OUTAGE,
    backoff,
    claim,
    digest_of,
    found,
    living,
    memory,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.ladder import RUNGS, decide
from managed_agents_operator.engine.looks import LookSession
from managed_agents_operator.engine.verdict import Rest


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
        "clearing",
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
        "it was an outage, which is over",
        view(resource(), memory_=memory(backoff=backoff(OUTAGE)), link=replace(LINK, recovered_at=NOW - 1)),
        "claim n=1",
    ),
    (
        "it failed after the outage",
        view(resource(), memory_=memory(backoff=backoff(OUTAGE)), link=replace(LINK, recovered_at=NOW - 5)),
        "rest: Creating/Unreachable",
    ),
    (
        "a server that named a time keeps it",
        view(
            resource(),
            memory_=memory(backoff=backoff(replace(OUTAGE, retry_at=NOW + 4))),
            link=replace(LINK, recovered_at=NOW - 1),
        ),
        "rest: Creating/Unreachable",
    ),
    (
        "what has nothing to do with outages waits",
        view(resource(), memory_=memory(backoff=backoff()), link=replace(LINK, recovered_at=NOW - 1)),
        "rest: Creating/RateLimited",
    ),
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


AWAY = replace(LINK, elsewhere=True)
OVER = {"n": 1, "by": "process-1", "at": claim().at, "outcome": "Refused", "generation": 0}
LEAVES = [
    ("nothing was begun: it just leaves", view(resource(), link=AWAY), Rest(None)),
    (
        "a claim of which is known that it made nothing is told to be over",
        view(resource(claimed=claim()), memory_=memory(settled=claim().text), link=AWAY),
        Rest(None, facts={"creation": OVER}),
    ),
    (
        "a session is not marked with a key that spec does not ask for",
        view(
            resource(wish=spec(sessionId=ID), claimed=claim(adopts=ID, digest=digest_of(spec(sessionId=ID)))),
            link=AWAY,
            search=found(began_at=NOW),
            seen={LookSession(ID): remote(marked={})},
        ),
        Rest(None, facts={"creation": OVER}),
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), LEAVES, ids=[row[0] for row in LEAVES])
def test_another_connection_is_asked_for_by_now(reason, v, expected):
    assert decide(v) == expected


STAYS = [
    ("a claim that may have made one is searched for where it was", view(resource(claimed=claim()), link=AWAY)),
    (
        "a POST without an answer, whose claim was wiped, is not forgotten",
        view(resource(), memory_=memory(unanswered=claim()), link=AWAY),
    ),
    ("a session that is there is repaired", view(living(guarded=False), link=AWAY)),
]


@pytest.mark.parametrize(("reason", "v"), STAYS, ids=[row[0] for row in STAYS])
def test_what_is_in_doubt_stays_with_its_connection(reason, v):
    here = replace(v, sight=replace(v.sight, link=LINK))
    assert words(decide(v)) == words(decide(here))


@pytest.mark.parametrize(("reason", "v", "expected"), HELD, ids=[row[0] for row in HELD])
def test_held_back(reason, v, expected):
    assert words(decide(v)) == expected


def test_who_is_held_back_comes_again():
    assert decide(view(resource(), link=SHUT)).until == NOW + 9
    assert decide(view(resource(), memory_=memory(backoff=backoff(until=NOW + 3)))).until == NOW + 3
