"""Claim and marker: what is written is read back, and what others wrote is taken for what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import claim, digest_of, marker, spec

from managed_agents_operator.engine.claim import Claim, Marker, digest

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(WORDS, st.integers(1, 99), WORDS | st.none())
def test_a_claim_is_read_as_it_was_written(uid, n, agent):
    one = claim(uid=uid, n=n, agent=agent)
    assert Claim.parse(one.text) == one


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"uid": "x"}', '{"uid": 3, "n": "x"}'])
def test_what_is_no_claim(text):
    assert Claim.parse(text) is None


def test_a_later_release_may_say_more():
    more = claim().text[:-1] + ',"moon":"full"}'
    assert Claim.parse(more) == claim()


@pytest.mark.parametrize("at", ["yesterday", "", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none(at):
    assert claim(at=at).made is None


def test_a_marker_is_read_as_it_was_written():
    pairs = marker(uid="uid-x", n=3, digest="abc", owner="cluster-1/team/a b")
    assert Marker.parse(pairs) == Marker("uid-x", 3, "abc", "cluster-1/team/a b")


@pytest.mark.parametrize("value", ["", "x", "/1/d", "u/one/d", "u/1", "u/1/d/e", "u/-1/d"])
def test_what_is_no_marker(value):
    assert Marker.parse({"k8s_uid": value}) is None


@pytest.mark.parametrize("owner", [None, "", "cluster-1", "cluster-1/team", "cluster-1//a", "cluster-1/team/a/b"])
def test_an_owner_that_is_no_place(owner):
    assert Marker("uid-x", 1, "abc", owner).place is None
    assert Marker("uid-x", 1, "abc", "cluster-1/team/a b").place == ("cluster-1", "team", "a b")


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})


@pytest.mark.parametrize(
    ("reason", "wish", "same"),
    [
        ("a title may change", spec(title="t"), True),
        ("so may metadata", spec(metadata={"a": "b"}), True),
        ("so may tools", spec(agent={"id": "agent_1", "overrides": {"tools": []}}), True),
        ("first events are not part of a session", spec(initialEvents=[{"type": "user.message", "text": "x"}]), True),
        ("another agent is another session", spec(agent={"id": "agent_2"}), False),
        ("so is another version", spec(agent={"id": "agent_1", "version": 2}), False),
        ("another environment", spec(environment={"id": "env_2"}), False),
        ("other vaults", spec(vaults=[{"id": "vlt_1"}]), False),
    ],
)
def test_what_a_session_was_made_from(reason, wish, same):
    assert (digest_of(wish) == digest_of()) is same, reason
