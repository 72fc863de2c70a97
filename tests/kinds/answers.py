"""Answers of an API that may say anything: sessions as they should be, with anything in the place of some of it.

The bytes are what a server sends, since that is where a number may be endless and a name stand twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from managed_agents_operator.claude.models import (
    Event,
    Money,
    OutcomeEvaluation,
    Session,
    SessionAgent,
    SessionResource,
    Stats,
    Usage,
)

ODD_TEXTS = [
    "",
    ".",
    "..",
    "../../v1/agents/agent_1",
    "a/b",
    "a\\b",
    "a?b=c#d",
    "%2e%2e%2f",
    "a\r\nx-api-key: forged",
    "\x1b[31mred\x07",
    "\u202egnp.exe",
    "\x00",
    "<script>alert(1)</script>",
    "9" * 400,
    "-1",
    "1e999",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T09:30:60Z",
    "20261122T093000Z",
    "2026-W47-1",
    "x" * 40_000,
]
ODD_NUMBERS = [0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**300, -0.0, 1e308, 5e-324, 0.1]
NOT_JSON = [float("nan"), float("inf"), float("-inf")]
"""What Python's reader and ours take all the same."""
TEXTS = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(ODD_NUMBERS + NOT_JSON) | TEXTS


def _nested(depth: int) -> Any:
    value: Any = "deep"
    for n in range(depth):
        value = [value] if n % 2 else {"a": value}
    return value


NAMES = sorted(
    {
        name
        for model in (Session, SessionAgent, SessionResource, Usage, Stats, Money, OutcomeEvaluation, Event)
        for name in model.model_fields
    }
    | {"inputTokens", "listCost", "activeSeconds", "cacheCreation", "k8s_uid", "k8s_owner", "name", "data", "next_page"}
)
KEYS = st.sampled_from(NAMES) | TEXTS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
) | st.sampled_from([_nested(60), _nested(180), ["x" * 200] * 300, {f"k{n}": n for n in range(2000)}])


def _fields(model: Any, *nested: tuple[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of the fields of a model, each with anything in it."""
    inner = dict(nested)
    return st.fixed_dictionaries({}, optional={name: inner.get(name, SCALARS) for name in model.model_fields})


MONEY = _fields(Money) | ANYTHING
AGENTS = _fields(SessionAgent, ("tools", st.lists(ANYTHING, max_size=2)), ("model", ANYTHING)) | ANYTHING
USAGE = _fields(Usage, ("list_cost", MONEY), ("cache_creation", ANYTHING), ("server_tool_use", ANYTHING)) | ANYTHING
MOUNTS = st.lists(_fields(SessionResource, ("checkout", ANYTHING)) | ANYTHING, max_size=4) | ANYTHING
IDS = st.sampled_from(["sesn_1"]) | TEXTS
SESSIONS = st.builds(
    lambda told, more: {**more, **told},
    _fields(
        Session,
        ("id", IDS),
        ("agent", AGENTS),
        ("usage", USAGE),
        ("stats", _fields(Stats) | ANYTHING),
        ("resources", MOUNTS),
        ("budget", st.fixed_dictionaries({"max_list_cost": MONEY}) | ANYTHING),
        ("metadata", st.dictionaries(KEYS, SCALARS, max_size=4) | ANYTHING),
        ("outcome_evaluations", st.lists(_fields(OutcomeEvaluation) | ANYTHING, max_size=3) | ANYTHING),
        ("vault_ids", st.lists(SCALARS, max_size=3) | ANYTHING),
    ),
    st.dictionaries(TEXTS, ANYTHING, max_size=2),
)
PAGES = st.fixed_dictionaries(
    {"data": st.lists(SESSIONS | ANYTHING, max_size=3) | ANYTHING},
    optional=dict.fromkeys(("next_page", "has_more", "last_id"), SCALARS | ANYTHING),
)
DOCUMENTS = SESSIONS | PAGES | ANYTHING


def sent(document: Any) -> bytes:
    """As a server sends it."""
    return json.dumps(document).encode()


def session(fields: Mapping[str, Any]) -> dict[str, Any]:
    """With an id, whatever else there is."""
    return {**fields, "id": "sesn_1"}
