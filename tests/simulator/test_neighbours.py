"""What sessions refer to, driven by the official SDK: agents, environments, vaults, memory stores, files."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator.control import Control

MEMORY = {"anthropic-beta": "agent-memory-2026-07-22"}


async def test_an_agent_and_its_versions(client: AsyncAnthropic, control: Control) -> None:
    agent = await client.beta.agents.create(
        name="Reviewer",
        model={"id": "claude-sonnet-5-5", "effort": "low"},
        system="Review.",
        tools=[
            {"type": "agent_toolset_20260401", "configs": [{"name": "bash", "enabled": False}]},
            {"type": "mcp_toolset", "mcp_server_name": "docs"},
        ],
        mcp_servers=[{"type": "url", "name": "docs", "url": "https://docs.example.com/mcp"}],
        skills=[{"type": "anthropic", "skill_id": "xlsx"}],
        metadata={"team": "platform"},
    )
    assert agent.version == 1
    assert agent.id.startswith("agent_")
    assert agent.model.effort is not None
    assert (agent.model.id, agent.model.effort.type, agent.model.speed) == ("claude-sonnet-5-5", "low", "standard")
    toolset = agent.tools[0]
    assert toolset.type == "agent_toolset_20260401"
    assert (toolset.configs[0].name, toolset.configs[0].enabled) == ("bash", False)
    assert toolset.configs[0].permission_policy.type == "always_allow"
    assert agent.skills[0].version

    same = await client.beta.agents.update(agent.id, name="Reviewer", version=1)
    assert same.version == 1, "a no-op makes no version"
    control.advance(1)
    second = await client.beta.agents.update(
        agent.id, version=1, system="Review well.", metadata={"team": None, "a": "b"}
    )
    assert (second.version, second.system, second.metadata) == (2, "Review well.", {"a": "b"})
    assert second.updated_at > agent.updated_at
    with pytest.raises(anthropic.ConflictError, match="version 2"):
        await client.beta.agents.update(agent.id, version=1, name="Late")
    assert (await client.beta.agents.retrieve(agent.id, version=1)).system == "Review."
    numbers = [one.version async for one in client.beta.agents.versions.list(agent.id, limit=1)]
    assert numbers == [2, 1]
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.agents.retrieve(agent.id, version=3)


async def test_an_archived_agent_rests(client: AsyncAnthropic) -> None:
    agent = await client.beta.agents.create(name="Old", model="claude-opus-5-5")
    archived = await client.beta.agents.archive(agent.id)

    assert archived.archived_at is not None
    assert (await client.beta.agents.archive(agent.id)).archived_at == archived.archived_at
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        await client.beta.agents.update(agent.id, name="New")
    assert agent.id not in [one.id async for one in client.beta.agents.list()]
    assert agent.id in [one.id async for one in client.beta.agents.list(include_archived=True)]


AGENTS = [
    ({"model": "claude-opus-5-5"}, "name", "a name is required"),
    ({"name": "x"}, "model", "a model is required"),
    ({"name": "x", "model": "gpt"}, "gpt", "the model must be known"),
    ({"name": "x" * 257, "model": "claude-opus-5-5"}, "name", "names are short"),
    (
        {
            "name": "x",
            "model": "claude-opus-5-5",
            "mcp_servers": [{"type": "url", "name": "docs", "url": "https://example.com"}],
        },
        "docs",
        "every server is used",
    ),
    ({"name": "x", "model": {"id": "claude-opus-5-5", "effort": "huge"}}, "effort", "efforts are known"),
    ({"name": "x", "model": "claude-opus-5-5", "tools": [{"type": "toolset"}]}, "tools.0", "tools are known"),
]


@pytest.mark.parametrize(("body", "named", "reason"), AGENTS, ids=[row[2] for row in AGENTS])
async def test_agents_that_are_refused(raw: httpx.AsyncClient, body: Any, named: str, reason: str) -> None:
    response = await raw.post("/v1/agents", json=body)

    assert response.status_code == 400, reason
    assert named in response.json()["error"]["message"]


async def test_lists_of_neighbours_come_in_pages(client: AsyncAnthropic, control: Control) -> None:
    made = []
    for number in range(5):
        control.advance(1)
        made.append((await client.beta.agents.create(name=f"Agent {number}", model="claude-opus-5-5")).id)
    page = await client.beta.agents.list(limit=2)

    assert [agent.id for agent in page.data] == made[:-3:-1]
    assert [agent.id async for agent in page] == [*made[::-1], "agent_sample"]
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        await client.beta.agents.list(limit=101)


async def test_an_environment(client: AsyncAnthropic) -> None:
    environment = await client.beta.environments.create(
        name="python", config={"type": "cloud", "packages": {"pip": ["ruff"]}}
    )
    assert environment.config.type == "cloud"
    assert environment.config.networking.type == "unrestricted"
    assert (environment.config.packages.pip, environment.config.packages.apt) == (["ruff"], [])

    updated = await client.beta.environments.update(environment.id, description="For Python.", metadata={"a": "b"})
    assert (updated.description, updated.metadata) == ("For Python.", {"a": "b"})
    cleared = await client.beta.environments.update(environment.id, metadata={"a": ""})
    assert cleared.metadata == {}
    with pytest.raises(anthropic.BadRequestError, match="type"):
        await client.beta.environments.update(environment.id, config={"type": "self_hosted"})
    assert (await client.beta.environments.retrieve(environment.id)).name == "python"
    assert len([one async for one in client.beta.environments.list()]) == 2
    assert (await client.beta.environments.archive(environment.id)).archived_at is not None
    assert (await client.beta.environments.delete(environment.id)).type == "environment_deleted"


async def test_an_environment_in_use_stays(client: AsyncAnthropic, bare: Any) -> None:
    await client.beta.sessions.create(**bare)
    with pytest.raises(anthropic.ConflictError):
        await client.beta.environments.delete("env_sample")


async def test_a_vault(client: AsyncAnthropic) -> None:
    vault = await client.beta.vaults.create(display_name="Keys", metadata={"a": "b"})
    assert (vault.id[:4], vault.type, vault.metadata) == ("vlt_", "vault", {"a": "b"})

    assert (await client.beta.vaults.update(vault.id, display_name="More keys")).display_name == "More keys"
    assert (await client.beta.vaults.retrieve(vault.id)).display_name == "More keys"
    assert len([one async for one in client.beta.vaults.list()]) == 2
    assert (await client.beta.vaults.archive(vault.id)).archived_at is not None
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.vaults.update(vault.id, display_name="x")
    assert (await client.beta.vaults.delete(vault.id)).type == "vault_deleted"
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.vaults.retrieve(vault.id)


async def test_a_memory_store(client: AsyncAnthropic, bare: Any) -> None:
    store = await client.beta.memory_stores.create(name="What We: Know!", description="Things.")
    assert (store.id[:9], store.description) == ("memstore_", "Things.")
    session = await client.beta.sessions.create(
        **bare, resources=[{"type": "memory_store", "memory_store_id": store.id, "instructions": "Read it."}]
    )
    mounted = session.resources[0]
    assert mounted.type == "memory_store"
    assert (mounted.mount_path, mounted.instructions) == ("/mnt/memory/what-we-know", "Read it.")

    renamed = await client.beta.memory_stores.update(store.id, name="Other", metadata={"a": "b"})
    assert (renamed.name, renamed.metadata) == ("Other", {"a": "b"})
    assert (await client.beta.memory_stores.retrieve(store.id)).name == "Other"
    assert len([one async for one in client.beta.memory_stores.list()]) == 2
    assert (await client.beta.memory_stores.archive(store.id)).archived_at is not None
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        await client.beta.sessions.create(**bare, resources=[{"type": "memory_store", "memory_store_id": store.id}])
    assert (await client.beta.memory_stores.delete(store.id)).type == "memory_store_deleted"


BETAS = [
    ("agent-memory-2026-07-22", 200, "its own value"),
    ("managed-agents-2026-04-01", 200, "the older value"),
    ("agent-memory-2026-07-22,managed-agents-2026-04-01", 400, "not both"),
    (None, 404, "without a value it does not exist"),
]


@pytest.mark.parametrize(("beta", "status", "reason"), BETAS, ids=[row[2] for row in BETAS])
async def test_memory_stores_have_a_beta_value_of_their_own(
    simulator: Any, beta: str | None, status: int, reason: str
) -> None:
    headers = {"x-api-key": simulator.key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(base_url=simulator.base_url, headers=headers, verify=False) as http:
        answer = await http.get("/v1/memory_stores", headers={"anthropic-beta": beta} if beta else {})

    assert answer.status_code == status, reason


async def test_a_file(client: AsyncAnthropic, control: Control) -> None:
    control.advance(1)
    content = bytes(range(256)) * 5
    file = await client.beta.files.upload(file=("/tmp/x/data.bin", content, "application/octet-stream"))
    assert (file.id[:5], file.filename, file.size_bytes) == ("file_", "data.bin", len(content))
    assert (file.mime_type, file.downloadable, file.scope) == ("application/octet-stream", False, None)

    assert (await client.beta.files.retrieve_metadata(file.id)).filename == "data.bin"
    assert [one.id async for one in client.beta.files.list(limit=1)] == [file.id, "file_sample"]
    assert [one.id async for one in client.beta.files.list(ids=[file.id, "file_gone"])] == [file.id]
    with pytest.raises(anthropic.BadRequestError, match="download"):
        await client.beta.files.download(file.id)
    assert (await client.beta.files.delete(file.id)).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.files.retrieve_metadata(file.id)


async def test_a_file_that_expires(client: AsyncAnthropic) -> None:
    file = await client.beta.files.upload(file=("a.csv", b"a,b\n"), expires_in_seconds=3600)

    assert file.expires_at is not None
    assert (file.expires_at - file.created_at).total_seconds() == 3600
    with pytest.raises(anthropic.BadRequestError, match="expires_in_seconds"):
        await client.beta.files.upload(file=("a.csv", b"a,b\n"), expires_in_seconds=5)


async def test_bad_uploads_are_refused(raw: httpx.AsyncClient) -> None:
    assert (await raw.post("/v1/files", files={"data": ("x", b"x")})).status_code == 400
    assert (await raw.post("/v1/files", json={"file": "x"})).status_code == 400
    broken = await raw.post("/v1/files", content=b"x", headers={"content-type": "multipart/form-data"})
    assert broken.status_code == 400


async def test_nothing_of_another_workspace_is_seen(raw: httpx.AsyncClient, control: Control) -> None:
    key = {"x-api-key": control.other_key()}
    for path in ("agents/agent", "environments/env", "vaults/vlt", "files/file"):
        mine, theirs = f"/v1/{path}_sample", f"/v1/{path}_other"
        assert (await raw.get(mine)).status_code == 200
        assert (await raw.get(mine, headers=key)).status_code == 404
        assert (await raw.get(theirs)).status_code == 404
        assert (await raw.get(theirs, headers=key)).status_code == 200
