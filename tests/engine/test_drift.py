"""Rung `drift`: a live session is brought to its spec, in few calls, and never by one that changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import ID, NOW, living, marker, memory, refusal, remote, resource, spec, view
from tests.engine.wording import words

from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.drift import difference, drift, held_until, notes, subset
from managed_agents_operator.engine.external import Link

TITLED = spec(title="new")
BOTH = spec(title="new", metadata={"team": "a"})
TOOLS = {"overrides": {"tools": [{"type": "bash"}]}}
RETOOLED = spec(agent={"id": "agent_1", **TOOLS})
CAP = {"maxListCost": {"amount": "2500", "currency": "USD"}}
DROPS = Link(workspace="wrkspc_1", keeps_metadata=False)
BUSY = {"state": "running"}


def _wish(wish, memory_=None, link=None, status=None, **seen):
    more = {"link": link} if link else {}
    return view(living(wish=wish, status=status or {}), remote=remote(**seen), memory_=memory_ or memory(), **more)


def _held(step, **changes):
    return memory(refusals={step: refusal(**changes)})


ROWS = [
    ("as the spec says", _wish(spec()), "passed over"),
    ("no session yet", view(resource(wish=TITLED)), "passed over"),
    ("not seen yet", view(living(wish=TITLED)), "passed over"),
    ("title", _wish(TITLED), "update title of title"),
    ("title is there", _wish(TITLED, title="new"), "passed over"),
    ("no title in spec: hands off", _wish(spec(), title="theirs"), "passed over"),
    ("all that one update takes, in one update", _wish(BOTH), "update update of title+metadata"),
    ("only on a fresh look", _wish(TITLED, seen_at=NOW - 60), f"look: Session {ID}"),
    ("a listing may leave things out", _wish(TITLED, listed=True), f"look: Session {ID}"),
    ("refused together: split once", _wish(BOTH, _held("update")), "update title of title"),
    (
        "then the one that is not refused",
        _wish(BOTH, memory(refusals={"update": refusal(), "title": refusal()})),
        "update metadata of metadata",
    ),
    ("refused alone: held", _wish(TITLED, _held("title")), "passed over"),
    ("until another spec", _wish(TITLED, _held("title", generation=0)), "update title of title"),
    ("or minutes have gone by", _wish(TITLED, _held("title", until=NOW)), "update title of title"),
    ("refused as it worked: held while it works", _wish(TITLED, _held("title", idle=True), **BUSY), "passed over"),
    ("and tried once it is idle", _wish(TITLED, _held("title", idle=True)), "update title of title"),
    (
        "undone by somebody again and again: pauses",
        _wish(TITLED, memory(repeats={"title": (digest({"title": "new"}), 3, NOW + 9)})),
        "passed over",
    ),
    (
        "another wish is no repetition",
        _wish(TITLED, memory(repeats={"title": (digest({"title": "old"}), 3, NOW + 9)})),
        "update title of title",
    ),
    ("metadata", _wish(spec(metadata={"team": "a"})), "update metadata of metadata"),
    ("pairs of others stay", _wish(spec(), metadata={"theirs": "x"}), "passed over"),
    (
        "a key of ours that is no longer wanted goes",
        _wish(spec(), status={"managedMetadataKeys": ["team"]}, metadata={"team": "a"}),
        "update metadata of metadata",
    ),
    ("gone already", _wish(spec(), status={"managedMetadataKeys": ["team"]}), "passed over"),
    ("our marker is put back", _wish(spec(), marked={"k8s_uid": marker()["k8s_uid"]}), "update metadata of metadata"),
    (
        "a server that keeps none is not asked for ever",
        _wish(spec(metadata={"team": "a"}), link=DROPS, marked={}),
        "passed over",
    ),
    ("a raised budget", _wish(spec(budget=CAP), budget="1000"), "update budget of budget"),
    ("the budget that is there", _wish(spec(budget=CAP), budget="2500"), "passed over"),
    ("a budget that is gone can't come back", _wish(spec(budget=CAP)), "passed over"),
    ("a lifted budget", _wish(spec(budget={"removed": True}), budget="1000"), "update budget of budget"),
    ("lifted already", _wish(spec(budget={"removed": True})), "passed over"),
    ("no budget in spec: hands off", _wish(spec(), budget="1000"), "passed over"),
    ("tools", _wish(RETOOLED), "update retool of agent.tools"),
    ("tools wait for idle", _wish(RETOOLED, **BUSY), "passed over"),
    ("tools are there", _wish(RETOOLED, tools=({"type": "bash", "enabled": True},)), "passed over"),
    (
        "what can be done now goes before what must wait",
        _wish(spec(title="new", agent={"id": "agent_1", **TOOLS}), **BUSY),
        "update title of title",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_drift(reason, v, expected):
    assert words(drift(v)) == expected


NOTES = [
    ("as the spec says", _wish(spec()), None),
    ("being done", _wish(TITLED), "Progressing"),
    ("refused", _wish(TITLED, _held("title")), "UpdateRefused"),
    ("refused for another spec", _wish(TITLED, _held("title", generation=0)), "Progressing"),
    ("tools wait", _wish(RETOOLED, **BUSY), "NotIdle"),
    ("a budget that can't come back", _wish(spec(budget=CAP)), "BudgetGone"),
    ("no metadata on this server", _wish(spec(metadata={"a": "b"}), link=DROPS, marked={}), "MetadataNotKept"),
]


@pytest.mark.parametrize(("reason", "v", "expected"), NOTES, ids=[row[0] for row in NOTES])
def test_what_is_said_of_what_is_not_there(reason, v, expected):
    note = notes(v)
    assert (note and note[0]) == expected


def test_metadata_sends_only_what_differs():
    """Never a null or an empty text but for a key that goes: servers do odd things with both."""
    v = _wish(
        spec(metadata={"same": "1", "other": "2"}),
        status={"managedMetadataKeys": ["gone", "same"]},
        metadata={"same": "1", "other": "1", "gone": "x", "theirs": "y"},
    )
    assert difference(v, v.remote, "metadata").body == {"metadata": {"other": "2", "gone": None}}


def test_who_is_held_back_comes_again_by_himself():
    assert held_until(_wish(TITLED, _held("title", until=NOW + 7))) == NOW + 7
    assert held_until(_wish(spec())) is None


SUBSETS = [
    ("null, absent and empty are one", None, "", True),
    ("an empty text may be absent", {"description": ""}, {}, True),
    ("but not anything else", "", "x", False),
    ("servers add defaults", {"type": "bash"}, {"type": "bash", "enabled": True}, True),
    ("a declared field must be there", {"type": "bash", "name": "x"}, {"type": "bash"}, False),
    ("lists are whole", [{"a": 1}], [{"a": 1}, {"b": 2}], False),
    ("and in order", [1, 2], [2, 1], False),
    ("item by item", [{"a": 1}], [{"a": 1, "b": 2}], True),
    ("an empty list may be absent", [], None, True),
    ("a list is no text", ["a"], "a", False),
    ("a map is no list", {"a": 1}, [1], False),
    ("false is not absent", {"on": False}, {}, False),
]


@pytest.mark.parametrize(("reason", "declared", "observed", "expected"), SUBSETS, ids=[row[0] for row in SUBSETS])
def test_subset(reason, declared, observed, expected):
    assert subset(declared, observed) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_whatever_was_declared_is_in_itself(value):
    assert subset(value, value)


@given(JSON, st.dictionaries(st.sampled_from("uvw"), JSON, max_size=2))
def test_more_fields_never_take_anything_away(value, more):
    if isinstance(value, dict):
        assert subset(value, {**more, **value})


@given(JSON, JSON)
def test_two_values_that_are_in_each_other_differ_in_nothing_that_counts(a, b):
    if subset(a, b) and subset(b, a):
        assert _plain(a) == _plain(b)


def _plain(value):
    """Without what servers answer for each other: null, absent and empty."""
    if isinstance(value, dict):
        # A list that is empty is none where the other side has no list at all.
        return {k: _plain(x) for k, x in value.items() if _plain(x) not in (None, [])}
    if isinstance(value, list):
        return [_plain(x) for x in value]
    return None if value in ("", None) else value
