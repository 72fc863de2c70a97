"""The agent in status takes up sixteen kilobytes, however large it is, and is the same each time."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator.kinds.excerpt import LIMIT, excerpt

SMALL = {"id": "agent_1", "type": "agent", "version": 3, "name": "Triage", "system": "Be brief."}


def size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def tool(number: int, weight: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": {"type": "string", "description": "d" * weight}}}
    return {"type": "custom", "name": f"tool_{number}", "description": "Does it.", "input_schema": schema}


def test_what_fits_stays_whole():
    agent = {**SMALL, "tools": [tool(n, 100) for n in range(20)]}
    assert excerpt(agent) == agent


def test_the_longest_goes_first_and_tells_what_it_was():
    system = "s" * 20_000
    cut = excerpt({**SMALL, "system": system, "tools": [tool(1, 500)]})
    assert cut["system"] == f"20000 characters, sha256 {hashlib.sha256(system.encode()).hexdigest()}"
    assert cut["tools"] == [tool(1, 500)]


def test_a_schema_goes_as_a_whole_and_its_tool_stays():
    cut = excerpt({**SMALL, "tools": [tool(n, 2_000) for n in range(100)]})
    assert size(cut) <= LIMIT
    assert cut["name"] == "Triage"


def test_schemas_deep_in_other_agents_count_too():
    inner = {"id": "agent_2", "tools": [tool(n, 9_000) for n in range(3)]}
    cut = excerpt({**SMALL, "multiagent": {"type": "coordinator", "agents": [inner]}})
    assert size(cut) <= LIMIT
    shown = cut["multiagent"]["agents"][0]["tools"]
    assert shown[0]["name"] == "tool_0"
    assert any("sha256" in str(each["input_schema"]) for each in shown)


def test_many_small_things_are_told_as_one():
    """No text of them is long; cut is then the field that they stand in."""
    configs = [{"name": f"t{n}", "enabled": True, "permission_policy": {"type": "always_ask"}} for n in range(400)]
    cut = excerpt({**SMALL, "tools": [{"type": "agent_toolset_20260401", "configs": configs}]})
    assert "sha256" in cut["tools"]
    assert {name: cut[name] for name in SMALL} == SMALL


def test_equal_agents_look_equal_however_their_keys_are_ordered():
    agent = {**SMALL, "system": "s" * 9_000, "description": "d" * 9_000, "tools": [tool(n, 8_000) for n in range(3)]}
    turned = json.loads(json.dumps(agent), object_hook=lambda pairs: dict(reversed(pairs.items())))
    assert excerpt(agent) == excerpt(turned)


def test_thousands_of_schemas_are_weighed_once_each():
    cut = excerpt({**SMALL, "tools": [tool(n, 3_000) for n in range(5_000)]})
    assert size(cut) <= LIMIT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30) | st.just("long " * 2_000),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(
    st.dictionaries(st.sampled_from(["tools", "system", "model", "input_schema", "extra", "name", "multiagent"]), JSON)
)
def test_whatever_it_is_it_fits_and_keeps_who_it_is(fields):
    cut = excerpt({"id": "agent_1", "version": 3, **fields})
    assert size(cut) <= LIMIT
    assert (cut["id"], cut["version"]) == ("agent_1", 3)
    assert excerpt(cut) == cut
