"""Rung `nothing_yet`: from nothing to one session, each row with its reason."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.engine.views import (
    BOOT,
    ID,
    NOW,
    STARTED,
    UID,
    WALL,
    claim,
    found,
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

from managed_agents_operator.engine.claiming import nothing_yet
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import LookSession, LookTokens
from managed_agents_operator.engine.verdict import Ask, Guard, Record

OLD = {"creationTimestamp": (STARTED - timedelta(hours=1)).isoformat()}
UNSWEPT = Link(workspace="wrkspc_1")
REFUSED = {"n": 1, "by": "process-1", "at": stamp(-60), "outcome": "Refused", "generation": 1}
TOKEN = {
    "resources": [
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        }
    ]
}


def _claimed(**fields):
    return resource(claimed=claim(), **fields)


NOTHING_YET = [
    ("a fresh resource is claimed at once", view(resource()), "claim n=1"),
    (
        "an old one without a trace waits for the first sweep, which may show its session",
        view(resource(**OLD), link=UNSWEPT),
        "rest: nothing to say",
    ),
    ("after that sweep it is as good as new", view(resource(**OLD)), "claim n=1"),
    (
        "in an outage the first sweep does not come, and that is told",
        view(resource(**OLD), link=Link(unreachable_since=NOW - 5)),
        "rest: Pending/Unreachable",
    ),
    (
        "where the API refuses the sweep nothing is made either, and that is told",
        view(resource(**OLD), link=Link(unlisted="no such path")),
        "rest: Pending/CallRefused",
    ),
    (
        "what a sweep showed with our marker goes to status, trace or not",
        view(resource(**OLD), strays=(remote(),)),
        f"record {ID}",
    ),
    (
        "one that has ended too: it is never replaced by itself",
        view(resource(**OLD), strays=(remote(state="terminated"),)),
        f"record {ID}",
    ),
    (
        "even with a permit in hand",
        view(_claimed(), memory_=memory(permit=permit(_claimed())), strays=(remote(),)),
        f"record {ID}",
    ),
    (
        "a session of another incarnation than the claim's is not what the claim made",
        view(_claimed(), strays=(remote(marked=marker(n=2)),)),
        "look: Search",
    ),
    (
        "an id that stood in status a moment ago is looked for first",
        view(resource(), memory_=memory(last_id=ID)),
        f"look: Session {ID}",
    ),
    (
        "and goes back",
        view(resource(), memory_=memory(last_id=ID), seen={LookSession(ID): remote()}),
        f"record {ID}",
    ),
    (
        "unless it is somebody else's by now",
        view(resource(), memory_=memory(last_id=ID), seen={LookSession(ID): remote(marked=marker(uid="uid-x"))}),
        "claim n=1",
    ),
    ("a claim of unknown outcome is searched for", view(_claimed()), "look: Search"),
    ("a finalizer alone is a trace", view(resource(guarded=True)), "look: Search"),
    ("so is a claim that somebody spoiled", view(resource(claimed="{")), "look: Search"),
    ("so is any field of status that only a life leaves", view(resource(status={"incarnation": 1})), "look: Search"),
    ("conditions are no trace", view(resource(status={"conditions": [ready("Pending")]})), "claim n=1"),
    (
        "a match ends the search at any time",
        view(_claimed(), memory_=memory(claim_seen_at=NOW - 1), search=found(remote())),
        f"record {ID}",
    ),
    (
        "nothing found counts only after the whole time of doubt",
        view(_claimed(), memory_=memory(claim_seen_at=NOW - 89), search=found()),
        "rest: Searching/Progressing",
    ),
    (
        "and then only by a listing that began after it",
        view(_claimed(), memory_=memory(claim_seen_at=NOW - 91), search=found(began_at=NOW - 2)),
        "look: Search",
    ),
    ("then it is claimed anew", view(_claimed(), memory_=memory(claim_seen_at=NOW - 91), search=found()), "claim n=1"),
    (
        "a listing from before this claim was seen says nothing of it",
        view(_claimed(), memory_=memory(claim_seen_at=NOW - 1), search=found(remote(), began_at=NOW - 2)),
        "look: Search",
    ),
    (
        "several matches: the oldest living one first",
        view(_claimed(), search=found(remote(id="sesn_0", archived_at=stamp()), remote(id="sesn_2"))),
        "record sesn_2",
    ),
    (
        "matches of the claim's incarnation come first",
        view(_claimed(), search=found(remote(id="sesn_0", marked=marker(n=2)), remote(id="sesn_2"))),
        "record sesn_2",
    ),
    (
        "a claim that this process knows unsent needs no search",
        view(_claimed(), memory_=memory(settled=claim().text)),
        "claim n=1",
    ),
    (
        "a permit that holds is used",
        view(_claimed(), memory_=memory(permit=permit(_claimed()), settled=claim().text)),
        "create",
    ),
    (
        "a permit that is over is not",
        view(_claimed(), memory_=memory(permit=permit(_claimed(), deadline=BOOT), settled=claim().text)),
        "claim n=1",
    ),
    (
        "nor one for another claim than stands there",
        view(resource(claimed=claim(by="process-2")), memory_=memory(permit=permit(_claimed()))),
        "look: Search",
    ),
    (
        "nor one for a spec that was edited since",
        view(_claimed(generation=2), memory_=memory(permit=permit(_claimed()), settled=claim().text)),
        "claim n=1",
    ),
    (
        "a creation that was refused waits for another spec",
        view(_claimed(status={"creation": REFUSED, "conditions": [ready("InvalidSpec", status="False")]})),
        "rest: nothing to say",
    ),
    (
        "and its reason is told again where something else stands there",
        view(_claimed(status={"creation": REFUSED, "conditions": [ready("KeyRefused", status="False")]})),
        "rest: InvalidSpec/Stalled",
    ),
    (
        "another spec is tried at once, without a search",
        view(_claimed(status={"creation": REFUSED}, generation=2)),
        "claim n=1",
    ),
    (
        "so is a wish of somebody",
        view(_claimed(status={"creation": REFUSED}), memory_=memory(retry=True)),
        "claim n=1",
    ),
    (
        "a refusal of another claim proves nothing of this one",
        view(_claimed(status={"creation": {**REFUSED, "by": "process-0"}})),
        "look: Search",
    ),
    ("the Secrets are looked at before the claim", view(resource(wish=spec(**TOKEN))), "look: Tokens"),
    (
        "one that is missing is told, and nothing is claimed",
        view(resource(wish=spec(**TOKEN)), seen={LookTokens(): "Secret team/gh does not exist"}),
        "rest: Pending/SecretMissing",
    ),
    ("all there: on", view(resource(wish=spec(**TOKEN)), seen={LookTokens(): ""}), "claim n=1"),
    (
        "with a permit there is no time to look again",
        view(_claimed(wish=spec(**TOKEN)), memory_=memory(permit=permit(_claimed(wish=spec(**TOKEN))))),
        "create",
    ),
    ("with an id there is nothing to do here", view(living()), "passed over"),
]


@pytest.mark.parametrize(("reason", "v", "expected"), NOTHING_YET, ids=[row[0] for row in NOTHING_YET])
def test_nothing_yet(reason, v, expected):
    assert words(nothing_yet(v)) == expected


def test_a_refused_creation_is_tried_again_after_minutes():
    old = claim(at=stamp(-599))
    refused = {**REFUSED, "at": old.at}
    v = view(resource(claimed=old, status={"creation": refused}), memory_=memory(refusals={"create": refusal()}))
    verdict = nothing_yet(v)
    assert verdict.until == pytest.approx(NOW + 1)
    older = claim(at=stamp(-601))
    again = view(resource(claimed=older, status={"creation": {**refused, "at": older.at}}))
    assert isinstance(nothing_yet(again), Guard)


def test_the_agent_of_the_claim_narrows_the_search():
    """An edit of the spec since then says nothing of what the claim may have made."""
    v = view(resource(claimed=claim(), wish=spec(agent={"id": "agent_2"}), generation=2))
    verdict = nothing_yet(v)
    assert isinstance(verdict, Ask)
    assert verdict.look.agent == "agent_1"


# The claim's incarnation and age, the age of the session in status; since when it is searched (less five minutes); why.
REACHES = [
    (1, -60, None, -120, "its clock may have been ahead: the resource is older, by the API server's clock"),
    (1, -600, None, -600, "of a backup: its resource was another one"),
    (1, -60, -300, -120, "what else stands in status is no claim's"),
    (2, -60, None, -60, "the resource may be years older than what replaces its session"),
    (2, -60, -300, -300, "what it replaces is older, by the API's clock"),
    (2, -600, -300, -600, "whichever is the earlier"),
]


@pytest.mark.parametrize(("n", "claimed", "other", "reaches", "why"), REACHES)
def test_how_far_a_search_reaches(n, claimed, other, reaches, why):
    status = {"createdAt": stamp(other)} if other is not None else {}
    verdict = nothing_yet(view(resource(claimed=claim(n=n, at=stamp(claimed)), status=status)))
    assert verdict.look.since == (WALL + timedelta(seconds=reaches - 300)).isoformat().replace("+00:00", "Z"), why


def test_a_new_claim_says_who_and_what():
    guard = decide(view(resource()))
    assert json.loads(guard.claim.text) == {
        "uid": UID,
        "n": 1,
        "at": stamp(),
        "by": "process-1",
        "agent": "agent_1",
        "connection": "environment",
        "workspace": "wrkspc_1",
        "digest": claim().digest,
        "replaces": None,
    }


def test_what_is_recorded_comes_from_the_marker():
    """The spec may have been edited between claim and id."""
    v = view(resource(claimed=claim(), wish=spec(agent={"id": "agent_2"})), search=found(remote()))
    verdict = nothing_yet(v)
    assert isinstance(verdict, Record)
    assert (verdict.created.n, verdict.created.digest) == (1, claim().digest)
    assert not verdict.created.by_post
