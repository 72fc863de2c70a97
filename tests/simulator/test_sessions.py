"""A session's endpoints, driven by the official SDK: what goes in, what comes back, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator.control import Control

EVERY_KEY = {
    "id",
    "type",
    "status",
    "agent",
    "environment_id",
    "title",
    "metadata",
    "resources",
    "vault_ids",
    "outcome_evaluations",
    "usage",
    "stats",
    "budget",
    "deployment_id",
    "created_at",
    "updated_at",
    "archived_at",
}


async def test_bare_session_is_idle_and_whole(client: AsyncAnthropic, bare: dict[str, Any]) -> None:
    session = await client.beta.sessions.create(**bare)

    assert session.id.startswith("sesn_")
    assert (session.type, session.status) == ("session", "idle")
    assert session.agent.id == "agent_sample"
    assert session.agent.version == 1
    assert session.environment_id == "env_sample"
    assert (session.title, session.metadata, session.vault_ids) == (None, {}, [])
    assert (session.resources, session.outcome_evaluations) == ([], [])
    assert (session.budget, session.deployment_id, session.archived_at) == (None, None, None)
    assert session.usage.input_tokens == 0
    assert session.usage.list_cost is None
    assert session.stats.active_seconds == 0
    assert session.created_at == session.updated_at
    assert session.created_at.tzinfo is not None
    assert await client.beta.sessions.retrieve(session.id) == session


async def test_every_key_is_there_with_its_nulls(raw: httpx.AsyncClient, bare: dict[str, Any]) -> None:
    body = (await raw.post("/v1/sessions", json=bare)).json()

    assert set(body) == EVERY_KEY
    assert body["created_at"].endswith("Z")
    assert len(body["created_at"]) == len("2026-11-22T09:30:00.000001Z")


async def test_the_agent_is_resolved(client: AsyncAnthropic, bare: dict[str, Any]) -> None:
    session = await client.beta.sessions.create(**bare)

    toolset = session.agent.tools[0]
    assert toolset.type == "agent_toolset_20260401"
    assert toolset.default_config.enabled
    assert toolset.default_config.permission_policy.type == "always_allow"
    assert session.agent.model.effort is not None
    assert session.agent.model.effort.type == "high"
    assert session.agent.model.speed == "standard"
    assert session.agent.execution_identity.type == "service_account"


async def test_everything_that_can_be_given(client: AsyncAnthropic, bare: dict[str, Any]) -> None:
    session = await client.beta.sessions.create(
        **bare,
        title="Nightly triage",
        metadata={"team": "platform"},
        vault_ids=["vlt_sample"],
        budget={"type": "limit", "max_list_cost": {"amount": "2500", "currency": "USD"}},
    )

    assert session.title == "Nightly triage"
    assert session.metadata == {"team": "platform"}
    assert session.vault_ids == ["vlt_sample"]
    assert session.budget is not None
    assert session.budget.max_list_cost.amount == "2500"


async def test_two_equal_creations_make_two_sessions(raw: httpx.AsyncClient, bare: dict[str, Any]) -> None:
    twice = [
        (await raw.post("/v1/sessions", json=bare, headers={"Idempotency-Key": "same"})).json()["id"] for _ in range(2)
    ]

    assert twice[0] != twice[1]


async def test_initial_events_set_it_running_and_are_not_echoed(
    client: AsyncAnthropic, bare: dict[str, Any], message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])

    assert session.status == "running"
    assert "initial_events" not in session.model_dump()
    kept = [event.type async for event in client.beta.sessions.events.list(session.id, types=["user.message"])]
    assert kept == ["user.message"]


async def test_overrides_change_the_snapshot_and_nothing_else(client: AsyncAnthropic) -> None:
    session = await client.beta.sessions.create(
        agent={
            "type": "agent_with_overrides",
            "id": "agent_sample",
            "version": 1,
            "model": "claude-haiku-5-5",
            "system": None,
            "tools": [{"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
        },
        environment_id="env_sample",
    )

    assert (session.agent.id, session.agent.version) == ("agent_sample", 1)
    assert session.agent.model.id == "claude-haiku-5-5"
    assert session.agent.system is None
    assert [tool.type for tool in session.agent.tools] == ["custom"]
    assert (await client.beta.agents.retrieve("agent_sample")).system is not None


TEXT = {"type": "text", "text": "x"}
OUTCOME = {
    "type": "user.define_outcome",
    "description": "A report.",
    "rubric": {"type": "text", "content": "It is short."},
}
DOCUMENT = {"type": "document", "source": {"type": "file", "file_id": "file_sample"}}
REFUSED = [
    ({"agent": None}, 400, "agent", "an agent is required"),
    ({"agent": "sesn_1"}, 400, "agent", "the prefix of ids is checked"),
    ({"agent": "agent_unknown"}, 404, "agent_unknown", "an unknown agent is not found"),
    ({"agent": {"type": "agent", "id": "agent_sample", "version": 9}}, 404, "Version 9", "nor is an unknown version"),
    (
        {"agent": {"type": "agent_with_overrides", "id": "agent_sample", "model": None}},
        400,
        "agent.model",
        "a session needs a model",
    ),
    (
        {
            "agent": {
                "type": "agent_with_overrides",
                "id": "agent_sample",
                "tools": [],
                "skills": [{"type": "anthropic", "skill_id": "xlsx"}],
            }
        },
        400,
        "skills",
        "skills need tools",
    ),
    (
        {
            "agent": {
                "type": "agent_with_overrides",
                "id": "agent_sample",
                "tools": [{"type": "mcp_toolset", "mcp_server_name": "docs"}],
            }
        },
        400,
        "docs",
        "a toolset must find its server",
    ),
    ({"environment_id": "env_unknown"}, 404, "env_unknown", "an unknown environment is not found"),
    ({"environment_id": "agent_sample"}, 400, "environment_id", "an id of another kind is malformed"),
    ({"vault_ids": ["vlt_unknown"]}, 400, "vlt_unknown", "an unknown vault is refused"),
    ({"metadata": {f"k{n}": "v" for n in range(17)}}, 400, "metadata", "at most 16 pairs"),
    ({"metadata": {"k" * 65: "v"}}, 400, "metadata", "keys have at most 64 characters"),
    ({"metadata": {"k": "v" * 513}}, 400, "metadata.k", "values have at most 512 characters"),
    ({"metadata": {"k": None}}, 400, "metadata.k", "null is for updates only"),
    ({"color": "red"}, 400, "color", "unknown fields are refused"),
    ({"budget": None}, 400, "budget", "a budget is left out, not null"),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "25.00", "currency": "USD"}}},
        400,
        "amount",
        "amounts are whole cents",
    ),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "0", "currency": "USD"}}},
        400,
        "amount",
        "amounts are above zero",
    ),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "10", "currency": "EUR"}}},
        400,
        "currency",
        "only dollars",
    ),
    ({"initial_events": [OUTCOME, OUTCOME]}, 400, "define_outcome", "one outcome at a time"),
    (
        {"initial_events": [{"type": "user.define_outcome", "description": "A report."}]},
        400,
        "rubric",
        "an outcome needs a rubric",
    ),
    ({"initial_events": [{"type": "user.interrupt"}]}, 400, "initial_events.0.type", "only work can be initial"),
    (
        {"initial_events": [{"type": "system.message", "content": [TEXT]}]},
        400,
        "initial_events.0.type",
        "system messages come later",
    ),
    ({"initial_events": [{"type": "user.message", "content": [TEXT]}] * 51}, 400, "51", "at most 50 events"),
    ({"initial_events": [{"type": "user.message", "content": [DOCUMENT] * 101}]}, 400, "100", "at most 100 documents"),
    (
        {"initial_events": [{"type": "user.message", "content": [{"type": "text", "text": ""}]}]},
        400,
        "text",
        "no empty text",
    ),
    (
        {"initial_events": [{"type": "user.message", "content": [{"type": "redacted"}]}]},
        400,
        "redacted",
        "redacted blocks are the server's",
    ),
]


@pytest.mark.parametrize(("change", "status", "named", "reason"), REFUSED, ids=[row[3] for row in REFUSED])
async def test_creation_is_refused(
    raw: httpx.AsyncClient,
    control: Control,
    bare: dict[str, Any],
    change: dict[str, Any],
    status: int,
    named: str,
    reason: str,
) -> None:
    response = await raw.post("/v1/sessions", json={**bare, **change})

    assert response.status_code == status, reason
    assert named in response.json()["error"]["message"]
    assert control.sessions() == [], "a refused creation leaves nothing behind"


async def test_archived_things_are_refused(client: AsyncAnthropic) -> None:
    agent = await client.beta.agents.create(name="Old", model="claude-opus-5-5")
    environment = await client.beta.environments.create(name="old")
    vault = await client.beta.vaults.create(display_name="old")
    await client.beta.agents.archive(agent.id)
    await client.beta.environments.archive(environment.id)
    await client.beta.vaults.archive(vault.id)

    for change in ({"agent": agent.id}, {"environment_id": environment.id}, {"vault_ids": [vault.id]}):
        wanted: Any = {"agent": "agent_sample", "environment_id": "env_sample", **change}
        with pytest.raises(anthropic.BadRequestError, match="archived"):
            await client.beta.sessions.create(**wanted)


async def test_the_snapshot_outlives_a_new_version(client: AsyncAnthropic) -> None:
    agent = await client.beta.agents.create(name="First", model="claude-opus-5-5")
    session = await client.beta.sessions.create(agent=agent.id, environment_id="env_sample")
    await client.beta.agents.update(agent.id, name="Second")

    assert (await client.beta.sessions.retrieve(session.id)).agent.name == "First"
    fresh = await client.beta.sessions.create(agent=agent.id, environment_id="env_sample")
    assert (fresh.agent.name, fresh.agent.version) == ("Second", 2)
    pinned = await client.beta.sessions.create(
        agent={"type": "agent", "id": agent.id, "version": 1}, environment_id="env_sample"
    )
    assert (pinned.agent.name, pinned.agent.version) == ("First", 1)


async def test_archive_ends_it_for_good(client: AsyncAnthropic, control: Control, bare: Any, message: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    control.advance(5)
    archived = await client.beta.sessions.archive(session.id)

    assert archived.status == "terminated"
    assert archived.archived_at == session.created_at + timedelta(seconds=5)
    assert archived.stats.duration_seconds == 5
    control.advance(5)
    again = await client.beta.sessions.archive(session.id)
    assert again == archived, "archiving twice changes nothing, and its duration stands still"
    with pytest.raises(anthropic.ConflictError) as refused:
        await client.beta.sessions.events.send(session.id, events=[message])
    assert refused.value.type == "invalid_request_error"
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.update(session.id, title="late")
    types = [event.type async for event in client.beta.sessions.events.list(session.id)]
    assert types[-1] == "session.status_terminated"
    assert [found.id async for found in client.beta.sessions.list()] == []
    shown = [found.id async for found in client.beta.sessions.list(include_archived=True)]
    assert shown == [session.id]


async def test_delete_leaves_nothing_to_be_seen(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    gone = await client.beta.sessions.delete(session.id)

    assert (gone.id, gone.type) == (session.id, "session_deleted")
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.sessions.retrieve(session.id)
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.sessions.delete(session.id)
    assert [found.id async for found in client.beta.sessions.list(include_archived=True)] == []
    assert control.session(session.id)["deleted_at"] is not None


async def test_an_archived_session_can_be_deleted(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    await client.beta.sessions.archive(session.id)

    assert (await client.beta.sessions.delete(session.id)).id == session.id


@pytest.mark.parametrize("end", ["archive", "delete"])
async def test_a_running_session_can_not_be_ended(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any, end: str
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    with pytest.raises(anthropic.BadRequestError, match=r"user\.interrupt") as refused:
        await getattr(client.beta.sessions, end)(session.id)
    assert refused.value.type == "invalid_request_error"

    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    assert (await client.beta.sessions.retrieve(session.id)).status == "running", "an interrupt takes a moment"
    control.advance(1)
    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    await getattr(client.beta.sessions, end)(session.id)


async def test_what_is_gone_never_was_and_belongs_to_others_looks_alike(
    raw: httpx.AsyncClient, control: Control, bare: Any
) -> None:
    mine = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    gone = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    await raw.delete(f"/v1/sessions/{gone}")
    other = {"x-api-key": control.other_key()}
    answers = [
        await raw.get(f"/v1/sessions/{gone}"),
        await raw.get("/v1/sessions/sesn_never"),
        await raw.get("/v1/sessions/nonsense"),
        await raw.get(f"/v1/sessions/{mine}", headers=other),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["type"] for answer in answers} == {"not_found_error"}
    assert (await raw.get("/v1/sessions", headers=other)).json()["data"] == []
    assert (await raw.get("/v1/agents/agent_sample", headers=other)).status_code == 404
    assert (await raw.get("/v1/agents/agent_other", headers=other)).status_code == 200


async def test_timestamps_are_of_this_time(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)

    assert session.created_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=1_790_000_000_000_000)
