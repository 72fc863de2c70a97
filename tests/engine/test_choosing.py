"""Which connection a resource gets, and which it can't leave."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator.engine.choosing import ENVIRONMENT, Place, bound, chosen, wished

OWN, TEAM = Place("Connection", "team", "default"), Place("Connection", "team", "other")
SHARED, PLATFORM = Place("ClusterConnection", "", "default"), Place("ClusterConnection", "", "platform")
CLAIM = {"uid": "u", "n": 1, "at": "2026-01-01T00:00:00Z", "by": "me", "digest": "d"}


@dataclass
class Known:
    """A cluster with these connections; `allowed` are those that namespace `team` may use."""

    places: set[Place] = field(default_factory=set)
    allowed: set[Place] = field(default_factory=set)
    environment: bool = False
    silent: set[Place] = field(default_factory=set)
    going: set[Place] = field(default_factory=set)
    seen: bool = True

    def exists(self, place):
        return place in self.places

    def withheld(self, place):
        return "is being deleted" if place in self.going else self.keyless(place)

    def barred(self, place, namespace):
        return place in self.places and place.kind == "ClusterConnection" and place not in self.allowed

    def unseen(self, namespace):
        return not self.seen

    def unread(self, place):
        return False

    def keyless(self, place):
        return "no key" if place in self.silent else None


def session(ref=None, status=None, claim=None, **meta):
    annotations = {"managedagents.dev/claim": json.dumps(CLAIM | {"connection": claim})} if claim else {}
    spec = {"connectionRef": ref} if ref else {}
    return {
        "metadata": {"namespace": "team", "name": "s", "annotations": annotations, **meta},
        "spec": spec,
        "status": status or {},
    }


WISHES = [
    (None, Known(), None, "KeyMissing", "there is nothing at all"),
    (None, Known(environment=True), ENVIRONMENT, None, "the key of the environment is the last resort"),
    (None, Known({OWN}, environment=True), OWN, None, "the own default comes first"),
    (None, Known({OWN, SHARED}, {SHARED}), OWN, None, "the own one before the shared one"),
    (None, Known({SHARED}, {SHARED}, environment=True), SHARED, None, "the shared default before the environment"),
    (None, Known({SHARED}, environment=True), ENVIRONMENT, None, "a shared default that others may use is none"),
    (None, Known({SHARED}), None, "KeyMissing", "and without a key in the environment there is none left"),
    (None, Known({TEAM}), None, "KeyMissing", "only one called default is a default"),
    (None, Known({OWN}, environment=True, silent={OWN}), None, "KeyMissing", "no other key steps in for a missing one"),
    (None, Known({OWN}, environment=True, going={OWN}), None, "KeyMissing", "nor for a default that is being deleted"),
    ({"kind": "Connection", "name": "other"}, Known({OWN, TEAM}), TEAM, None, "the spec says which"),
    ({"name": "other"}, Known({OWN, TEAM}), TEAM, None, "a Connection where the kind is left out"),
    ({"name": "gone"}, Known({OWN}, environment=True), None, "KeyMissing", "one that is named has no stand-in"),
    ({"kind": "ClusterConnection", "name": "platform"}, Known({PLATFORM}, {PLATFORM}), PLATFORM, None, "allowed"),
    (
        {"kind": "ClusterConnection", "name": "platform"},
        Known({PLATFORM, OWN}, environment=True),
        None,
        "ConnectionNotAllowed",
        "one that is not allowed has no stand-in either",
    ),
]


@pytest.mark.parametrize(("ref", "known", "place", "reason", "why"), WISHES, ids=[row[-1] for row in WISHES])
def test_what_is_wished_for(ref, known, place, reason, why):
    choice = chosen(session(ref), known)
    assert choice.place == place, why
    assert (choice.trouble.reason if choice.trouble else None) == reason, why


BOUND = [
    (session(), None, "nothing was begun"),
    (session(status={"id": "sesn_1"}), ENVIRONMENT, "a session without a record is that of the environment's key"),
    (session(status={"id": "s", "connectionRef": {"kind": "Connection", "name": "other"}}), TEAM, "as recorded"),
    (
        session(status={"id": "s", "connectionRef": {"kind": "ClusterConnection", "name": "platform"}}),
        PLATFORM,
        "a shared one has no namespace",
    ),
    (
        session(status={"id": "s"}, claim="ClusterConnection/platform"),
        ENVIRONMENT,
        "an annotation, which anybody may write, moves no session",
    ),
    (
        session(status={"id": "s", "connectionRef": {"kind": "Connection", "name": "other"}}, claim="environment"),
        TEAM,
        "nor to the key of the environment",
    ),
    (session(claim="Robot/other"), None, "nobody of us claimed with a robot"),
    (session(claim=f"Connection/{'x' * 254}"), None, "nor with a name that no connection can have"),
    (session(claim="nonsense"), None, "nor with no name at all"),
    (session(claim="environment"), ENVIRONMENT, "a claim may have made one"),
    (session(claim="Connection/other"), TEAM, "in the namespace of the resource, whatever it was copied from"),
    (session({"name": "default"}, claim="Connection/other"), TEAM, "an edit does not undo a claim"),
    (
        session(claim="Connection/other", status={"creation": {"outcome": "Refused", "by": "me", "at": CLAIM["at"]}}),
        None,
        "but one that was refused is over",
    ),
    (
        session(claim="Connection/other", status={"creation": {"outcome": "Refused", "by": "me", "at": "before"}}),
        TEAM,
        "another claim was refused than this one",
    ),
]


@pytest.mark.parametrize(("body", "place", "why"), BOUND, ids=[row[-1] for row in BOUND])
def test_what_can_not_be_left(body, place, why):
    assert bound(body) == place, why


def test_a_namespace_that_lost_its_right_is_told_and_may_still_end_its_sessions():
    has = {"id": "s", "connectionRef": {"kind": "ClusterConnection", "name": "platform"}}
    lost = chosen(session(status=has), Known({PLATFORM}))
    assert (lost.place, lost.trouble.reason) == (PLATFORM, "ConnectionNotAllowed")
    assert "allowedNamespaces" in lost.trouble.message
    assert chosen(session(status=has, deletionTimestamp="now"), Known({PLATFORM})).trouble is None


def test_a_claim_that_anybody_may_have_written_opens_nothing_that_is_barred():
    for more in ({}, {"deletionTimestamp": "now"}):
        forged = chosen(session(claim="ClusterConnection/platform", **more), Known({PLATFORM}))
        assert (forged.place, forged.trouble.reason) == (None, "ConnectionNotAllowed")


def test_what_was_not_there_is_looked_for_before_anything_else_is_taken():
    assert chosen(session(), Known(environment=True)).unsure == (OWN, SHARED)
    assert chosen(session(), Known({SHARED}, {SHARED})).unsure == (OWN,)
    assert chosen(session(), Known({OWN})).unsure == ()
    assert chosen(session({"name": "gone"}), Known()).unsure == (Place("Connection", "team", "gone"),)
    assert Place("Namespace", "", "team") in chosen(session(), Known({SHARED}, seen=False)).unsure
    assert chosen(session(status={"id": "s"}), Known()).unsure == ()


places = st.sampled_from([OWN, TEAM, SHARED, PLATFORM])
refs = st.none() | st.builds(
    lambda kind, name: {"kind": kind, "name": name},
    st.sampled_from(["Connection", "ClusterConnection"]),
    st.sampled_from(["default", "other", "platform", "gone"]),
)
cluster = st.builds(Known, st.sets(places), st.sets(places), st.booleans(), st.sets(places))


@given(refs, cluster)
def test_a_choice_is_one_that_is_there_and_may_be_used_or_says_why_not(ref, known):
    choice = wished(session(ref), known)
    if choice.place is None:
        assert choice.trouble is not None
    elif choice.place == ENVIRONMENT:
        assert known.environment
        assert ref is None
    else:
        assert known.exists(choice.place)
        assert not known.barred(choice.place, "team")
        assert choice.place.namespace in ("", "team")
