"""Wire objects survive what servers add, leave out, null and rename."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from managed_agents_operator.claude.models import Event, Session, fingerprint

WHOLE: dict[str, Any] = {
    "id": "sesn_1",
    "type": "session",
    "status": "idle",
    "agent": {
        "id": "agent_1",
        "type": "agent",
        "version": 3,
        "name": "n",
        "description": None,
        "system": "be kind",
        "model": {"id": "claude", "effort": {"type": "high"}},
        "mcp_servers": [{"type": "url", "name": "m", "url": "https://m"}],
        "tools": [{"type": "custom", "name": "t", "input_schema": {"type": "object"}}],
        "skills": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
    },
    "environment_id": "env_1",
    "deployment_id": None,
    "vault_ids": ["vlt_1"],
    "title": "t",
    "metadata": {"a": "b"},
    "budget": {"type": "limit", "max_list_cost": {"amount": "2500", "currency": "USD"}},
    "usage": {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
        "active_seconds": 6.5,
        "server_tool_use": {"web_search_requests": 7, "web_fetch_requests": 8},
        "list_cost": {"amount": "42", "currency": "USD"},
    },
    "stats": {"active_seconds": 6.5, "duration_seconds": 100.25},
    "resources": [
        {"id": "sesrsc_1", "type": "file", "file_id": "file_2", "mount_path": "/d"},
        {"type": "memory_store", "memory_store_id": "memstore_1"},
    ],
    "outcome_evaluations": [
        {"type": "outcome_evaluation", "outcome_id": "outc_1", "result": "pending", "iteration": 0}
    ],
    "created_at": "2026-11-23T10:00:00.123456Z",
    "updated_at": "2026-11-23T10:00:01Z",
    "archived_at": None,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_a_whole_session_is_read_to_the_last_field() -> None:
    assert Session.model_validate(WHOLE).model_dump(exclude_unset=True) == WHOLE


def test_an_id_is_all_that_a_session_needs() -> None:
    session = Session.model_validate({"id": "sesn_1"})
    assert (session.metadata, session.vault_ids, session.resources, session.outcome_evaluations) == ({}, [], [], [])
    assert (session.usage.input_tokens, session.stats.active_seconds, session.agent) == (None, None, None)


def test_any_other_field_may_be_null() -> None:
    nothing = Session.model_validate({"id": "sesn_1"})
    nulls = Session.model_validate({"id": "sesn_1"} | {field: None for field in WHOLE if field != "id"})
    assert nulls.model_dump() == nothing.model_dump()


@given(st.sampled_from(sorted(WHOLE.keys() - {"id"})), json_values)
def test_a_field_of_another_shape_never_costs_the_rest(field: str, value: object) -> None:
    session = Session.model_validate({**WHOLE, field: value})
    read, whole = session.model_dump(), Session.model_validate(WHOLE).model_dump()
    assert {name: read[name] for name in whole if name != field} == {
        name: whole[name] for name in whole if name != field
    }


def test_an_odd_value_deep_inside_costs_only_itself() -> None:
    raw = copy.deepcopy(WHOLE)
    raw["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] = "many"
    raw["resources"][0]["created_at"] = {"odd": 1}
    session = Session.model_validate(raw)
    assert session.usage.cache_creation is not None
    assert session.usage.cache_creation.ephemeral_5m_input_tokens is None
    assert session.usage.cache_creation.ephemeral_1h_input_tokens == 5
    assert [resource.mount_path for resource in session.resources] == ["/d", None]


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": ""}, {"id": 7}, {"id": ["x"]}, [], None, "sesn_1"])
def test_without_an_id_it_is_no_session(raw: object) -> None:
    with pytest.raises(ValidationError):
        Session.model_validate(raw)


def test_unknown_fields_and_words_are_kept() -> None:
    raw = {"id": "s", "status": "pondering", "new": {"a": 1}, "resources": [{"type": "hologram", "beam": 2}]}
    session = Session.model_validate(raw)
    assert session.model_dump(exclude_unset=True) == raw


def test_an_agent_may_be_named_by_its_id_alone() -> None:
    agent = Session.model_validate({"id": "s", "agent": "agent_1"}).agent
    assert agent is not None
    assert agent.id == "agent_1"


def test_metadata_is_text_to_text() -> None:
    session = Session.model_validate({"id": "s", "metadata": {"a": 1, "b": None, "c": True, "d": "e"}})
    assert session.metadata == {"a": "1", "c": "true", "d": "e"}


@given(st.dictionaries(st.sampled_from(["id", "type", "processed_at", "content", "stop_reason", "x"]), json_values))
def test_any_object_is_an_event(raw: dict[str, Any]) -> None:
    Event.model_validate(raw)


def test_a_stop_reason_is_read() -> None:
    event = Event.model_validate(
        {
            "id": "sevt_1",
            "type": "session.status_idle",
            "processed_at": None,
            "stop_reason": {"type": "requires_action", "event_ids": ["sevt_0"]},
        }
    )
    assert event.stop_reason is not None
    assert (event.stop_reason.type, event.stop_reason.event_ids) == ("requires_action", ["sevt_0"])


def test_growing_older_does_not_change_the_fingerprint() -> None:
    older = {**WHOLE, "stats": {"active_seconds": 6.5, "duration_seconds": 9999}}
    assert fingerprint(older) == fingerprint(WHOLE)
    assert fingerprint({**WHOLE, "stats": {"active_seconds": 6.5}}) == fingerprint(WHOLE)


def test_the_order_of_keys_does_not_change_the_fingerprint() -> None:
    assert fingerprint(dict(reversed(WHOLE.items()))) == fingerprint(WHOLE)


@pytest.mark.parametrize("field", sorted(WHOLE))
def test_any_other_change_changes_the_fingerprint(field: str) -> None:
    assert fingerprint({**WHOLE, field: "another"}) != fingerprint(WHOLE)
    assert fingerprint({name: value for name, value in WHOLE.items() if name != field}) != fingerprint(WHOLE)


@pytest.mark.parametrize("path", [("stats", "active_seconds"), ("usage", "output_tokens"), ("metadata", "a")])
def test_a_change_within_changes_the_fingerprint(path: tuple[str, str]) -> None:
    changed = copy.deepcopy(WHOLE)
    changed[path[0]][path[1]] = 77
    assert fingerprint(changed) != fingerprint(WHOLE)


@pytest.mark.parametrize("stats", [None, [], "x", 5])
def test_a_fingerprint_needs_no_stats(stats: object) -> None:
    assert len(fingerprint({**WHOLE, "stats": stats})) == 16
