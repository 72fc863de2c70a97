"""The newest sight counts, whichever answer came last, and each change rings once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.stage import CLUSTER, UID, Board, Roll, marker, wire

from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.projection import project

ID = "sesn_1"


class Stage:
    def __init__(self, *namespaces: str) -> None:
        self.roll, self.board = Roll({ID: {"id": ID}}, {UID}), Board()
        self.observatory = Observatory(self.roll, self.board.bells, CLUSTER, namespaces)

    def lists(self, at: float, id: str = ID, **fields: Any) -> None:
        self.observatory.listed(item(id, **fields), at)

    @property
    def rang(self) -> list[str]:
        rang = list(self.board.sessions)
        self.board.clear()
        return rang


def item(id: str = ID, **fields: Any) -> dict[str, Any]:
    return {"id": id, "status": "idle", "metadata": marker(), "updated_at": "2026-11-22T09:30:00Z", **fields}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_did_not_change_is_not_read_and_rings_nobody(stage):
    stage.lists(1, title="A", stats={"duration_seconds": 1})
    first = stage.observatory.snapshot(ID)
    assert stage.rang == [ID]
    stage.lists(2, title="A", stats={"duration_seconds": 60})
    seen = stage.observatory.snapshot(ID)
    assert seen.seen_at == 2
    assert seen.wire is first.wire, "it was not parsed again"
    stage.lists(3, title="B")
    assert stage.observatory.snapshot(ID).title == "B"
    assert stage.rang == [ID]


def test_a_listing_that_says_what_a_single_call_said_is_no_news(stage):
    stage.observatory.put(wire(title="A", metadata=marker(), stats={"duration_seconds": 1}), 1)
    stage.observatory.listed({"id": ID, "status": "idle", "metadata": marker(), "title": "A"}, 2)
    assert stage.rang == []
    assert stage.observatory.snapshot(ID).listed, "it may have left out what a single call shows"
    assert stage.observatory.snapshot(ID).seen_at == 2
    stage.observatory.listed({"id": ID, "status": "idle", "metadata": marker(), "title": "B"}, 3)
    assert stage.rang == [ID]


def test_one_that_was_gone_is_news_although_it_looks_the_same(stage):
    stage.observatory.put(wire(metadata=marker()), 1)
    stage.observatory.gone(ID, None, 2)
    stage.observatory.listed({"id": ID, "status": "idle", "metadata": marker()}, 3)
    assert stage.rang == [ID]


def test_sessions_of_one_agent_share_its_snapshot(stage):
    agent = {"id": "agent_1", "version": 3, "system": "be brief", "tools": [{"type": "bash"}]}
    for id in ("sesn_a", "sesn_b"):
        stage.roll.statuses[id] = {"id": id}
        stage.lists(1, id, agent=json.loads(json.dumps(agent)))
    first, second = (stage.observatory.snapshot(id).wire.agent for id in ("sesn_a", "sesn_b"))
    assert first is second
    assert first.system == "be brief"
    shown = [project(stage.observatory.snapshot(id).wire)["agent"] for id in ("sesn_a", "sesn_b")]
    assert shown[0] is shown[1]
    assert agent.items() <= shown[0].items()


def test_a_change_rings_session_and_resource(stage):
    stage.lists(1)
    assert stage.board.resources == [UID]


# Sights as (asked at, title) in the order in which they arrive; the title that stands in the end.
RACES = [
    ([("list", 1, "old"), ("get", 2, "new")], "new", "as it was asked"),
    ([("get", 2, "new"), ("list", 1, "old")], "new", "a page asked for before the answer of a change"),
    ([("get", 1, "old"), ("list", 2, "new")], "new", "a page that is younger"),
    ([("list", 2, "new"), ("get", 1, "old")], "new", "a slow answer"),
    ([("list", 2, "new"), ("list", 1, "old")], "new", "pages of two sweeps"),
    ([("get", 1, "old"), ("get", 1, "new")], "new", "asked at the same time: what came last"),
]


@pytest.mark.parametrize(("sights", "title", "why"), RACES)
def test_the_newest_sight_counts(stage, sights, title, why):
    for how, at, told in sights:
        if how == "list":
            stage.lists(at, title=told)
        else:
            stage.observatory.put(wire(title=told), at)
    assert stage.observatory.snapshot(ID).title == title, why


def test_an_older_page_rings_nobody(stage):
    stage.observatory.put(wire(title="new"), 2)
    stage.lists(1, title="old")
    assert stage.rang == []


def test_gone_is_gone_until_a_younger_sight(stage):
    stage.observatory.put(wire(), 1)
    assert isinstance(stage.observatory.gone(ID, "w", 2), Absent)
    assert stage.observatory.snapshot(ID) is None
    stage.lists(1.5)
    assert stage.observatory.snapshot(ID) is None, "a page that is older than the 404"
    stage.observatory.put(wire(), 3)
    assert stage.observatory.absence(ID) is None
    assert stage.observatory.snapshot(ID) is not None


def test_a_slow_404_hides_nothing_that_was_seen_since(stage):
    """As with a wrong key that was mended while a call was under way."""
    stage.observatory.put(wire(title="there"), 5)
    answer = stage.observatory.gone(ID, "w", 1)
    assert isinstance(answer, Remote)
    assert stage.observatory.absence(ID) is None


def test_of_two_404s_the_younger_counts(stage):
    stage.observatory.gone(ID, "right", 5)
    assert stage.observatory.gone(ID, "wrong", 1) == Absent("right", 5)


# What was known before; whether a whole listing from 10 on that does not show it asks for a look; why.
MISSED = [
    (lambda o: None, True, "never seen: as after a restart"),
    (lambda o: o.put(wire(), 9), True, "seen before it began"),
    (lambda o: o.put(wire(), 10.5), False, "made or read while the listing ran"),
    (lambda o: o.gone(ID, None, 9), False, "known to be gone"),
    (lambda o: o.put(wire(archived_at="2026-11-22T09:30:00Z"), 9), False, "it has ended, and is not listed"),
    (lambda o: o.put(wire(status="terminated"), 9), False, "it has ended"),
]


@pytest.mark.parametrize(("before", "asks", "why"), MISSED)
def test_what_a_whole_listing_does_not_show(stage, before, asks, why):
    before(stage.observatory)
    stage.observatory.missed([ID], {}, 10)
    assert stage.observatory.missing_at(ID) == (10 if asks else None), why
    assert stage.rang == ([ID] if asks else [])


def test_one_that_is_missing_is_found_by_what_is_younger_only(stage):
    stage.lists(1)
    stage.observatory.missed([ID], {}, 10)
    stage.lists(9)
    assert stage.observatory.missing_at(ID) == 10, "a page of the sweep before, that came late"
    stage.lists(11)
    assert stage.observatory.missing_at(ID) is None


def test_fields_that_a_listing_leaves_out_stay(stage):
    stage.observatory.put(wire(title="T", resources=[{"id": "sesrsc_1", "type": "file"}]), 1)
    stage.lists(2, title="New")
    seen = stage.observatory.snapshot(ID)
    assert seen.title == "New"
    assert [r.id for r in seen.wire.resources] == ["sesrsc_1"]
    assert seen.listed


# Whose session it is; whether anything of it is kept.
KEPT = [
    ({"metadata": {}}, False, "nobody's"),
    ({"metadata": None}, False, "nobody's"),
    ({"metadata": "text"}, False, "a server with ideas of its own"),
    ({"metadata": {"team": "x"}}, False, "somebody's who is not us"),
    ({"metadata": {"k8s_uid": "spoiled"}}, False, "a marker that nobody can read"),
    ({"metadata": {"k8s_uid": f"{UID}/{'9' * 5000}/d"}}, False, "a number that Python would not even read"),
    ({"metadata": marker("uid-far", owner="cluster-2/team/x")}, False, "another cluster's"),
    ({"metadata": marker("uid-far", owner=None)}, False, "of nobody knows whom"),
    ({"metadata": marker("uid-gone")}, True, "of this cluster: its resource may come back"),
    ({"metadata": marker(UID, owner="cluster-2/team/x")}, True, "of a resource that is here"),
    ({"metadata": {"k8s_uid": f"{UID}/1/d", "n": 7}}, True, "a number beside our pairs"),
]


@pytest.mark.parametrize(("fields", "kept", "why"), KEPT)
def test_of_other_peoples_sessions_nothing_is_kept(stage, fields, kept, why):
    stage.lists(1, id="sesn_other", **fields)
    assert (stage.observatory.snapshot("sesn_other") is not None) == kept, why
    assert stage.observatory.keeps_metadata == bool(isinstance(fields["metadata"], dict) and fields["metadata"])


def test_strays_are_those_whose_marker_says_so_now(stage):
    stage.lists(1, id="sesn_2", metadata=marker(UID))
    stage.lists(1, id="sesn_3", metadata=marker(UID), archived_at="2026-11-22T09:30:00Z")
    assert {r.id for r in stage.observatory.strays(UID, ID)} == {"sesn_2", "sesn_3"}
    stage.lists(2, id="sesn_2", metadata=marker("uid-other"))
    assert [r.id for r in stage.observatory.strays(UID, ID)] == ["sesn_3"]
    assert [r.id for r in stage.observatory.strays("uid-other", None)] == ["sesn_2"]


ORPHANS = [
    (marker("uid-gone"), (), True, "its resource is not there"),
    (marker(UID), (), False, "its resource is there"),
    (marker("uid-gone", owner="cluster-2/team/x"), (), False, "another cluster's"),
    (marker("uid-gone", owner=f"{CLUSTER}/other/x"), ("team",), False, "a namespace that others look after"),
    (marker("uid-gone"), ("team",), True, "a namespace of ours"),
]


@pytest.mark.parametrize(("metadata", "namespaces", "told", "why"), ORPHANS)
def test_whose_resource_is_gone(metadata, namespaces, told, why):
    stage = Stage(*namespaces)
    stage.lists(1, id="sesn_2", metadata=metadata)
    found = stage.observatory.of_nobody({"sesn_2": 1.0})
    assert found == ({"sesn_2": metadata["k8s_owner"]} if told else {}), why


def test_nothing_is_kept_of_what_nobody_has_any_more(stage):
    observatory = stage.observatory
    stage.lists(1)
    stage.lists(1, id="sesn_2", metadata=marker("uid-gone"))
    observatory.gone("sesn_3", None, 1)
    observatory.missed(["sesn_4"], {}, 1)
    stage.roll.statuses.clear()
    observatory.put(wire(id="sesn_young", metadata=marker("uid-new")), 20)
    observatory.forget({"sesn_2": 11.0}, 10)
    assert observatory.snapshot(ID) is None
    assert observatory.snapshot("sesn_2") is not None, "still listed"
    assert observatory.snapshot("sesn_young") is not None, "made while the listing ran"
    observatory.forget({}, 30)
    left = (observatory._entries, observatory._absent, observatory._missing, observatory._by_uid)
    assert left == ({}, {}, {}, {})


def test_what_is_tracked_stays_although_no_listing_shows_it(stage):
    stage.lists(1, archived_at="2026-11-22T09:30:00Z")
    stage.observatory.forget({}, 10)
    assert stage.observatory.snapshot(ID) is not None


def test_an_item_that_can_not_be_read_harms_no_other(stage):
    odd = {"status": 5, "agent": 7, "usage": "none", "resources": {}, "created_at": {}}
    stage.observatory.listed({**item(), **odd}, 1)
    stage.lists(2, title="fine")
    assert stage.observatory.snapshot(ID).title == "fine"


SIGHTS = st.lists(
    st.tuples(st.sampled_from(["list", "get", "gone"]), st.integers(0, 9), st.sampled_from("AB")), max_size=20
)


@given(SIGHTS)
def test_in_whatever_order_answers_come_nothing_older_wins(sights):
    stage = Stage()
    newest = -1
    for how, at, title in sights:
        if how == "list":
            stage.lists(at, title=title)
        elif how == "get":
            stage.observatory.put(wire(title=title), at)
        else:
            stage.observatory.gone(ID, None, at)
        newest = max(newest, at)
        seen = stage.observatory.snapshot(ID) or stage.observatory.absence(ID)
        assert seen.seen_at == newest
        assert not (stage.observatory.snapshot(ID) and stage.observatory.absence(ID))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["status", "agent", "usage", "stats", "metadata", "resources", "budget", "created_at", "title", "vault_ids"]


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK))
def test_no_item_takes_a_sweep_down(fields):
    stage = Stage()
    odd = {"id": ID, **fields}
    stage.observatory.listed(odd, 1)
    stage.observatory.listed(json.loads(json.dumps(odd)), 2)
    stage.observatory.of_nobody({ID: 1.0})
    stage.observatory.strays(UID, None)
