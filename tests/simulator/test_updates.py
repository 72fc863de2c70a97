"""What a living session lets itself be told: title, metadata, budget, tools; and when it refuses."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator.control import Control

PATCHES = [
    ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}, "a new key is added, the others stay"),
    ({"a": "1"}, {"a": "2"}, {"a": "2"}, "a known key is replaced"),
    ({"a": "1", "b": "2"}, {"a": None}, {"b": "2"}, "null deletes"),
    ({"a": "1"}, {"z": None}, {"a": "1"}, "deleting what isn't there is nothing"),
    ({"a": "1"}, {}, {"a": "1"}, "an empty patch is nothing"),
    ({"a": "1"}, None, {"a": "1"}, "a null patch is nothing"),
    ({"a": "1"}, {"a": ""}, {"a": ""}, "an empty value is a value"),
    ({str(n): "v" for n in range(16)}, {"0": None, "x": "v"}, None, "the limit holds for the result"),
]


@pytest.mark.parametrize(("before", "patch", "after", "reason"), PATCHES, ids=[row[3] for row in PATCHES])
async def test_metadata_is_merged(
    client: AsyncAnthropic, bare: Any, before: dict[str, str], patch: Any, after: dict[str, str] | None, reason: str
) -> None:
    session = await client.beta.sessions.create(**bare, metadata=before)
    updated = await client.beta.sessions.update(session.id, metadata=patch)

    assert updated.metadata == (after or {**{str(n): "v" for n in range(1, 16)}, "x": "v"}), reason


async def test_too_many_pairs_in_all_are_refused(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, metadata={str(n): "v" for n in range(16)})
    with pytest.raises(anthropic.BadRequestError, match="16"):
        await client.beta.sessions.update(session.id, metadata={"x": "v"})


async def test_title_is_set_and_cleared(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, title="First")

    assert (await client.beta.sessions.update(session.id, title="Second")).title == "Second"
    assert (await client.beta.sessions.update(session.id, metadata={"a": "1"})).title == "Second"
    assert (await client.beta.sessions.update(session.id, title=None)).title is None


async def test_a_change_is_told_and_dated_and_a_no_op_is_silent(
    client: AsyncAnthropic, control: Control, bare: Any
) -> None:
    session = await client.beta.sessions.create(**bare, title="Same", metadata={"a": "1"})
    control.advance(5)
    same = await client.beta.sessions.update(session.id, title="Same", metadata={"a": "1", "z": None})
    assert same.updated_at == session.updated_at

    changed = await client.beta.sessions.update(session.id, title="Other")
    assert changed.updated_at > session.updated_at
    told = [event async for event in client.beta.sessions.events.list(session.id)]
    assert [event.type for event in told] == ["session.updated"]
    assert told[0].title == "Other"


async def test_title_and_metadata_change_while_it_runs_but_tools_do_not(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    updated = await client.beta.sessions.update(session.id, title="While running", metadata={"a": "1"})
    assert (updated.title, updated.status) == ("While running", "running")
    with pytest.raises(anthropic.BadRequestError, match="idle"):
        await client.beta.sessions.update(session.id, agent={"tools": []})

    control.advance(7)
    replaced = await client.beta.sessions.update(
        session.id,
        agent={
            "mcp_servers": [{"type": "url", "name": "docs", "url": "https://docs.example.com/mcp"}],
            "tools": [{"type": "mcp_toolset", "mcp_server_name": "docs"}],
        },
    )
    assert [server.name for server in replaced.agent.mcp_servers] == ["docs"]
    toolset = replaced.agent.tools[0]
    assert toolset.type == "mcp_toolset"
    assert toolset.default_config.permission_policy.type == "always_ask"
    assert (await client.beta.agents.retrieve("agent_sample")).mcp_servers == [], "the agent itself stays"


REFUSED = [
    ({"vault_ids": ["vlt_sample"]}, "vault_ids", "vaults can't be changed"),
    ({"vault_ids": []}, "vault_ids", "not even to nothing"),
    ({"environment_id": "env_sample"}, "environment_id", "the environment is fixed"),
    ({"agent": {"model": "claude-opus-5-5"}}, "agent.model", "of the agent only tools and servers change"),
    (
        {"agent": {"tools": [{"type": "mcp_toolset", "mcp_server_name": "gone"}]}},
        "gone",
        "a toolset must find its server",
    ),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "5", "currency": "USD"}}},
        "budget",
        "no budget can be added later",
    ),
    ({"metadata": {"a": 1}}, "metadata.a", "values are strings"),
    ({"metadata": "x"}, "metadata", "metadata is a map"),
    ({"title": 5}, "title", "a title is a string"),
    (["title"], "body", "a body is an object"),
]


@pytest.mark.parametrize(("change", "named", "reason"), REFUSED, ids=[row[2] for row in REFUSED])
async def test_an_update_is_refused_whole(
    raw: httpx.AsyncClient, bare: Any, change: Any, named: str, reason: str
) -> None:
    before = (await raw.post("/v1/sessions", json=bare)).json()
    body = {**change, "title": change.get("title", "never")} if isinstance(change, dict) else change
    response = await raw.post(f"/v1/sessions/{before['id']}", json=body)

    assert response.status_code == 400, reason
    assert named in response.json()["error"]["message"]
    assert (await raw.get(f"/v1/sessions/{before['id']}")).json() == before


async def test_there_is_no_patch_and_no_put(raw: httpx.AsyncClient, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json=bare)).json()["id"]

    for method in ("PATCH", "PUT"):
        response = await raw.request(method, f"/v1/sessions/{session}", json={"title": "x"})
        assert response.status_code == 405
        assert response.json()["type"] == "error"
