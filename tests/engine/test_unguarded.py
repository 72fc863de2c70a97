"""Rung `unguarded`: finalizer and claim that somebody took away go back before anything else is done."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    FOREIGN,
    ID,
    claim,
    living,
    memory,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.claiming import repair, unguarded
from managed_agents_operator.engine.external import Link

UNGUARDED = [
    ("all is there", view(living()), "passed over"),
    ("finalizer gone: both go back", view(living(guarded=False)), "repair n=1"),
    ("claim gone: both go back", view(living(claimed=None, guarded=True)), "repair n=1"),
    ("claim spoiled: it is written anew", view(living(claimed="{")), "repair n=1"),
    ("a foreign claim is not overwritten here", view(living(claimed=FOREIGN, guarded=False)), "passed over"),
    (
        "the claim of an unanswered POST goes back first",
        view(resource(), memory_=memory(unanswered=claim())),
        "repair n=1",
    ),
    (
        "also over a foreign one, which somebody put there since",
        view(resource(claimed=FOREIGN), memory_=memory(unanswered=claim())),
        "repair n=1",
    ),
    (
        "another process of ours that claimed meanwhile has searched for it",
        view(resource(claimed=claim(by="process-2")), memory_=memory(unanswered=claim())),
        "passed over",
    ),
    (
        "an unanswered POST of a later incarnation: its claim goes back, not that of the session in status",
        view(living(claimed=None), memory_=memory(unanswered=claim(n=2, replaces=ID))),
        "repair n=2",
    ),
    (
        "and over an older claim that somebody put there",
        view(living(), memory_=memory(unanswered=claim(n=2, replaces=ID))),
        "repair n=2",
    ),
    (
        "not over one of the same incarnation, which may be a newer one",
        view(living(claimed=claim(n=2, by="process-9")), memory_=memory(unanswered=claim(n=2, replaces=ID))),
        "passed over",
    ),
    (
        "nor where that incarnation is in status by now",
        view(living(claimed=claim(n=2), status={"incarnation": 2}), memory_=memory(unanswered=claim(n=2, replaces=ID))),
        "passed over",
    ),
    (
        "half adopted after it was observed: the adoption goes on by itself",
        view(resource(wish=spec(sessionId=ID), status={"id": ID})),
        "passed over",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), UNGUARDED, ids=[row[0] for row in UNGUARDED])
def test_unguarded(reason, v, expected):
    assert words(unguarded(v)) == expected


def test_a_finalizer_that_alone_is_missing_keeps_the_text_of_the_claim():
    """Another text would begin the time of doubt anew, and make void what is known of it."""
    standing = claim(n=2, replaces="sesn_0", by="process-0", uploads=True, keys=("team",), files=("f",))
    v = view(living(claimed=standing, guarded=False))
    guard = unguarded(v)
    assert (guard.claim.text, guard.token) == (v.claim_text, False)


def test_the_claim_of_an_unanswered_post_goes_back_as_it_was():
    sent = claim(n=2, replaces=ID, by="process-1")
    guard = unguarded(view(living(claimed=None), memory_=memory(unanswered=sent)))
    assert (guard.claim, guard.fresh) == (sent, False)


def test_a_repaired_claim_is_as_old_as_its_session():
    """Else a search, should status be wiped later, would look at younger sessions only and find nothing."""
    old = living(claimed=None, guarded=True, status={"createdAt": stamp(-86400), "agent": {"id": "agent_7"}})
    repaired = repair(view(old, link=Link(workspace="wrkspc_2"))).claim
    assert repaired.at == stamp(-86400)
    assert repaired.agent == "agent_7"
    assert repaired.workspace == "wrkspc_1"


def test_a_repaired_claim_without_a_known_age_is_as_old_as_the_resource():
    v = view(living(claimed=None, guarded=True, status={"createdAt": None}))
    assert repair(v).claim.made == v.resource.metadata.creation_timestamp
