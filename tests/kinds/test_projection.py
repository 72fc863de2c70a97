"""What status shows is what the API told, in a form that an API server stores and gives back unchanged."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.stage import marker, wire

from managed_agents_operator.api.status import SessionStatus
from managed_agents_operator.claude.models import Money
from managed_agents_operator.claude.models import Session as Wire
from managed_agents_operator.engine.remote import Mount
from managed_agents_operator.engine.status import patch
from managed_agents_operator.kinds.projection import dollars, project, remote

WHOLE: dict[str, Any] = {
    "id": "sesn_1",
    "type": "session",
    "status": "idle",
    "agent": {"id": "agent_1", "type": "agent", "version": 2, "name": "A", "description": None, "model": {"id": "m"}},
    "environment_id": "env_1",
    "vault_ids": ["vlt_1"],
    "title": "Nightly",
    "metadata": {"team": "platform"},
    "deployment_id": None,
    "budget": {"type": "limit", "max_list_cost": {"amount": "2500", "currency": "USD", "exact": "2500.01"}},
    "usage": {
        "input_tokens": 10,
        "output_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": None, "new": 1},
        "active_seconds": 12.0,
        "list_cost": {"amount": "42", "currency": "USD", "exact": "42.1"},
        "server_tool_use": None,
        "new_tokens": 7,
    },
    "stats": {"active_seconds": 1.5, "duration_seconds": 60.0, "startup_seconds": 2.0},
    "resources": [],
    "outcome_evaluations": [
        {"type": "outcome_evaluation", "result": "pending", "explanation": None, "new": {"a": None}}
    ],
    "created_at": "2026-11-22T09:30:00.000001Z",
    "updated_at": "2026-11-22T09:31:00Z",
    "archived_at": None,
    "brand_new": {"x": 1},
}


def stored(status: Any) -> Any:
    """What an API server makes of a status: a merge patch has no nulls, typed objects no fields that they don't know,
    numbers are 64-bit integers or else floats."""
    text = json.dumps(status, allow_nan=False)
    return json.loads(text, parse_int=_number, parse_float=lambda t: _number(repr(float(t))))


def _number(text: str) -> int | float:
    if text.lstrip("-").isdecimal() and -(2**63) <= int(text) < 2**63:
        return int(text)
    value = float(text)
    if value.is_integer() and abs(value) < 1e21:
        digits, _, exponent = repr(value).partition("e+")
        whole, _, fraction = digits.partition(".")
        return int(whole + fraction.rstrip("0").ljust(int(exponent or 0), "0")) if exponent else int(value)
    return value


def test_each_field_of_the_session_has_its_place():
    shown = project(wire(**WHOLE))
    assert shown == {
        "state": "idle",
        "agent": {"id": "agent_1", "type": "agent", "version": 2, "name": "A", "model": {"id": "m"}}
        | {"mcp_servers": [], "tools": [], "skills": []},
        "environmentId": "env_1",
        "vaultIds": ["vlt_1"],
        "title": "Nightly",
        "metadata": {"team": "platform"},
        "deploymentId": None,
        "budget": {"maxListCost": {"amount": "2500", "currency": "USD"}},
        "usage": {
            "inputTokens": 10,
            "outputTokens": 0,
            "cacheCreation": {"ephemeral5mInputTokens": 3, "new": 1},
            "activeSeconds": 12.0,
            "listCost": {"amount": "42", "currency": "USD"},
            "new_tokens": 7,
        },
        "cost": "$0.42",
        "stats": {"activeSeconds": 1.5, "durationSeconds": 60.0},
        "outcomeEvaluations": [{"type": "outcome_evaluation", "result": "pending", "new": {}}],
        "createdAt": "2026-11-22T09:30:00.000001Z",
        "updatedAt": "2026-11-22T09:31:00Z",
        "archivedAt": None,
    }
    SessionStatus.model_validate(shown)


@pytest.mark.parametrize("field", [name for name in WHOLE if name not in ("id", "type", "resources", "brand_new")])
def test_a_field_that_is_left_out_says_nothing(field):
    shown = project(wire(**WHOLE))
    left = {name: value for name, value in WHOLE.items() if name != field}
    without = project(Wire.model_validate(left))
    gone = shown.keys() - without.keys()
    assert 1 <= len(gone) <= 2
    assert without == {name: value for name, value in shown.items() if name in without}


def test_a_session_of_an_id_alone_is_shown():
    bare = Wire.model_validate({"id": "sesn_1"})
    assert project(bare) == {}
    seen = remote(bare, 1.0)
    assert (seen.id, seen.state, seen.worked, seen.created_at) == ("sesn_1", "unknown", True, "")


def test_unknown_words_come_as_they_are():
    assert project(wire(status="hibernating"))["state"] == "hibernating"
    assert remote(wire(status="hibernating"), 1.0).worked, "what it does is not known, so that nothing may hang on it"


WORKED = [
    ({"status": "idle"}, False, "new"),
    ({"status": "running"}, True, "at work"),
    ({"status": "rescheduling"}, True, "at work"),
    ({"status": "terminated"}, False, "an archived one may never have worked"),
    ({"status": "idle", "usage": {"output_tokens": 1}}, True, "tokens"),
    ({"status": "idle", "usage": {"active_seconds": 0.2}}, True, "time"),
    ({"status": "idle", "stats": {"active_seconds": 0.2}}, True, "time of its threads"),
    ({"status": "idle", "stats": {"duration_seconds": 60}}, False, "growing older is no work"),
    ({"status": "idle", "usage": {"input_tokens": 0}}, False, "nothing counted"),
]


@pytest.mark.parametrize(("fields", "worked", "why"), WORKED)
def test_whether_it_ever_worked(fields, worked, why):
    assert remote(wire(**fields), 1.0).worked == worked, why


MONEY = [
    ("0", "USD", "$0.00"),
    ("7", "USD", "$0.07"),
    ("1234", "USD", "$12.34"),
    ("100000", None, "$1000.00"),
    ("1234", "EUR", "12.34 EUR"),
    ("12.5", "USD", None),
    ("-5", "USD", None),
    ("", "USD", None),
    ("9" * 5000, "USD", None),
    (None, "USD", None),
]


@pytest.mark.parametrize(("amount", "currency", "text"), MONEY)
def test_money_for_people(amount, currency, text):
    assert dollars(Money(amount=amount, currency=currency)) == text


def test_no_cost_is_no_text():
    assert dollars(None) is None
    assert project(wire(usage={}))["cost"] is None


def test_a_server_that_uses_our_names_takes_nobody_down():
    odd = wire(usage={"input_tokens": 3, "inputTokens": "many", "listCost": 5})
    assert project(odd)["usage"] == {"inputTokens": 3}


def test_a_wrong_time_takes_only_itself_away():
    shown = project(wire(title="T", created_at="yesterday", updated_at="2026-11-22 09:30:00"))
    assert (shown["createdAt"], shown["updatedAt"], shown["title"]) == (None, "2026-11-22T09:30:00Z", "T")


def test_archived_is_known_whatever_the_time_looks_like():
    assert remote(wire(archived_at="long ago"), 1.0).terminal


FILE = {
    "id": "sesrsc_1",
    "type": "file",
    "file_id": "file_2",
    "mount_path": "/mnt/session/uploads/a",
    "created_at": "2026-11-22 09:30:00",
    "updated_at": "soon",
    "new": 1,
}
REPOSITORY = {
    "id": "sesrsc_2",
    "type": "github_repository",
    "url": "https://github.com/o/r",
    "mount_path": "/workspace/r",
    "checkout": {"type": "branch", "name": "main", "new": None},
}
STORE = {"type": "memory_store", "memory_store_id": "memstore_1", "access": "read_only", "instructions": "Read."}


def test_what_is_mounted_is_told_as_the_engine_wants_it():
    seen = remote(wire(resources=[FILE, REPOSITORY, STORE], environment_id="env_1", agent={"id": "a", "version": 3}), 1)
    assert (seen.agent_id, seen.agent_version, seen.environment_id) == ("a", 3, "env_1")
    file, repository, store = seen.mounts
    assert file == Mount(
        id="sesrsc_1",
        type="file",
        file_id="file_2",
        mount_path="/mnt/session/uploads/a",
        created_at="2026-11-22T09:30:00Z",
    ), "a time that is none is left out"
    assert (repository.url, repository.checkout) == ("https://github.com/o/r", {"type": "branch", "name": "main"})
    assert (store.id, store.memory_store_id, store.access) == (None, "memstore_1", "read_only")
    bare = remote(wire(), 1.0)
    assert (bare.mounts, bare.agent_version, bare.environment_id) == (None, None, None), "the answer did not tell"
    assert remote(wire(resources=None), 1.0).mounts == ()


def test_the_marker_is_read():
    seen = remote(wire(metadata=marker("u", 3)), 1.0)
    assert seen.marker is not None
    assert (seen.marker.uid, seen.marker.n) == ("u", 3)


NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 1e16, 1.8446744073709552e19, 1.2345678901234567e18, 1e300, -0.0])
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(schema=st.dictionaries(st.text(max_size=3), JSON, max_size=4), extra=JSON)
def test_what_was_written_once_is_not_written_again(schema, extra):
    """The status that the API server gives back, and the one made of the next look at the same session."""
    tool = {"type": "custom", "name": "t", "description": "d", "input_schema": schema}
    fields = {
        **WHOLE,
        "agent": {"id": "agent_1", "tools": [tool], "new": extra},
        "outcome_evaluations": [{"result": "x", "new": extra}],
    }
    seen = project(wire(**fields))
    written = stored(patch({}, {name: value for name, value in seen.items() if value is not None}))
    again = {name: value for name, value in seen.items() if value is not None}
    assert patch(written, again) == {}
    assert not holds_null(again)


def holds_null(value: Any) -> bool:
    """Whether a field of an object is null: a merge patch would remove it."""
    if isinstance(value, dict):
        return any(one is None or holds_null(one) for one in value.values())
    return isinstance(value, list) and any(map(holds_null, value))


def test_the_stand_in_for_an_api_server_changes_what_a_real_one_changes():
    assert stored({"a": 2**64 - 1}) == {"a": 18446744073709552000}
    assert stored({"a": 1.2345678901234567e18}) == {"a": 1234567890123456800}
    assert stored({"a": 12.0, "b": 0.1}) == {"a": 12, "b": 0.1}
    assert math.isclose(stored({"a": 1e300})["a"], 1e300)
