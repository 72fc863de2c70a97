"""What a session mounts: at its creation, and afterwards where that is possible."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control
from managed_agents_simulator.world import DEFAULT_WORKSPACE

FILE = {"type": "file", "file_id": "file_sample"}
REPOSITORY = {"type": "github_repository", "url": "https://github.com/acme/shop", "authorization_token": "ghp_1"}
STORE = {"type": "memory_store", "memory_store_id": "memstore_sample"}


async def test_all_three_kinds_at_creation(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(
        **bare,
        resources=[
            {"type": "file", "file_id": "file_sample", "mount_path": "/data.csv"},
            {
                "type": "github_repository",
                "url": "https://github.com/acme/shop",
                "authorization_token": "ghp_secret",
                "checkout": {"type": "branch", "name": "main"},
            },
            {"type": "memory_store", "memory_store_id": "memstore_sample", "access": "read_only"},
        ],
    )
    file, repository, store = session.resources

    assert file.type == "file"
    assert file.id.startswith("sesrsc_")
    assert file.file_id.startswith("file_")
    assert file.file_id != "file_sample", "a mounted file is a copy"
    assert file.mount_path == "/mnt/session/uploads/data.csv"
    assert repository.type == "github_repository"
    assert repository.mount_path == "/workspace/shop"
    assert repository.checkout is not None
    assert repository.checkout.type == "branch"
    assert "ghp_secret" not in session.to_json()
    assert control.session(session.id)["tokens"] == {repository.id: "ghp_secret"}
    assert store.type == "memory_store"
    assert store.access == "read_only"
    assert (store.name, store.mount_path) == ("Team notes", "/mnt/memory/team-notes")
    assert "id" not in store.model_dump()
    listed = [resource async for resource in client.beta.sessions.resources.list(session.id)]
    assert listed == session.resources
    copy = await client.beta.files.retrieve_metadata(file.file_id)
    assert copy.scope is not None
    assert copy.scope.id == session.id


PATHS = [
    ({}, "/mnt/session/uploads/file_sample", "by default the file's id"),
    ({"mount_path": "/a/b.csv"}, "/mnt/session/uploads/a/b.csv", "below the uploads"),
    ({"mount_path": "/mnt/session/uploads/c.csv"}, "/mnt/session/uploads/c.csv", "not doubled"),
    ({"mount_path": None}, "/mnt/session/uploads/file_sample", "null is the default"),
]


@pytest.mark.parametrize(("given", "shown", "reason"), PATHS, ids=[row[2] for row in PATHS])
async def test_where_a_file_is_mounted(
    raw: httpx.AsyncClient, bare: Any, given: dict[str, Any], shown: str, reason: str
) -> None:
    session = (await raw.post("/v1/sessions", json={**bare, "resources": [{**FILE, **given}]})).json()

    assert session["resources"][0]["mount_path"] == shown, reason


REFUSED = [
    ([{**FILE, "file_id": "file_unknown"}], "file_unknown", "an unknown file"),
    ([{**FILE, "mount_path": "data.csv"}], "mount_path", "a relative path"),
    ([FILE, FILE], "mount_path", "two at the same path"),
    ([FILE] * 501, "500", "too many files"),
    ([{**REPOSITORY, "url": "https://github.com/acme/shop.git"}], "shop.git", "a .git url"),
    ([{**REPOSITORY, "url": "git@github.com:acme/shop"}], "git@", "an SSH url"),
    ([{**REPOSITORY, "url": "https://gitlab.com/acme/shop"}], "gitlab", "another host"),
    ([{**REPOSITORY, "mount_path": "/etc"}], "/workspace", "a repository outside of /workspace"),
    ([{**REPOSITORY, "checkout": {"type": "tag", "name": "v1"}}], "checkout", "an unknown checkout"),
    ([STORE] * 9, "8", "too many memory stores"),
    ([{**STORE, "memory_store_id": "memstore_unknown"}], "memstore_unknown", "an unknown memory store"),
    ([{**STORE, "access": "admin"}], "access", "an unknown access"),
    ([{**STORE, "instructions": "x" * 4097}], "instructions", "instructions that are too long"),
    ([{"type": "disk"}], "disk", "an unknown kind"),
]


@pytest.mark.parametrize(("resources", "named", "reason"), REFUSED, ids=[row[2] for row in REFUSED])
async def test_mounts_that_are_refused(
    raw: httpx.AsyncClient, control: Control, bare: Any, resources: Any, named: str, reason: str
) -> None:
    response = await raw.post("/v1/sessions", json={**bare, "resources": resources})

    assert response.status_code == 400, reason
    assert named in response.json()["error"]["message"]
    assert control.sessions() == []


async def test_a_refused_creation_leaves_no_copies(simulator: Simulator, raw: httpx.AsyncClient, bare: Any) -> None:
    await raw.post("/v1/sessions", json={**bare, "resources": [FILE, FILE]})

    assert len(simulator.world.workspaces[DEFAULT_WORKSPACE].shelf("file")) == 1


async def test_files_come_and_go_later(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    control.advance(1)
    added = await client.beta.sessions.resources.add(
        session.id, type="file", file_id="file_sample", mount_path="/data.csv"
    )
    assert added.mount_path == "/mnt/session/uploads/data.csv"
    assert (await client.beta.sessions.retrieve(session.id)).updated_at > session.updated_at
    with pytest.raises(anthropic.BadRequestError, match="mount_path"):
        await client.beta.sessions.resources.add(session.id, type="file", file_id="file_sample", mount_path="/data.csv")
    assert (await client.beta.sessions.resources.retrieve(added.id, session_id=session.id)).id == added.id

    removed = await client.beta.sessions.resources.delete(added.id, session_id=session.id)
    assert (removed.id, removed.type) == (added.id, "session_resource_deleted")
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.sessions.resources.retrieve(added.id, session_id=session.id)
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.files.retrieve_metadata(added.file_id)


async def test_a_repository_stays_and_takes_a_new_token(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, resources=[REPOSITORY, FILE])  # type: ignore[list-item]
    repository, file = session.resources
    assert repository.type == "github_repository"
    assert file.type == "file"
    await client.beta.sessions.resources.update(repository.id, session_id=session.id, authorization_token="ghp_2")

    assert control.session(session.id)["tokens"] == {repository.id: "ghp_2"}
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.resources.delete(repository.id, session_id=session.id)
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.resources.update(file.id, session_id=session.id, authorization_token="x")


async def test_only_files_can_be_added(raw: httpx.AsyncClient, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    for resource in (REPOSITORY, STORE):
        assert (await raw.post(f"/v1/sessions/{session}/resources", json=resource)).status_code == 400


async def test_an_archived_session_mounts_nothing(raw: httpx.AsyncClient, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json={**bare, "resources": [FILE]})).json()
    await raw.post(f"/v1/sessions/{session['id']}/archive")
    path = f"/v1/sessions/{session['id']}/resources"

    assert (await raw.post(path, json={**FILE, "mount_path": "/x"})).status_code == 400
    assert (await raw.delete(f"{path}/{session['resources'][0]['id']}")).status_code == 400
    assert len((await raw.get(path)).json()["data"]) == 1, "what it had can still be seen"


async def test_resources_come_in_pages_when_asked(client: AsyncAnthropic, bare: Any) -> None:
    mounts: Any = [{**FILE, "mount_path": f"/{n}"} for n in range(5)]
    session = await client.beta.sessions.create(**bare, resources=mounts)
    page = await client.beta.sessions.resources.list(session.id, limit=2)

    assert len(page.data) == 2
    assert [resource async for resource in page] == session.resources


async def test_a_self_hosted_environment_takes_memory_only(client: AsyncAnthropic) -> None:
    hosted = await client.beta.environments.create(name="ours", config={"type": "self_hosted"})
    wanted: Any = {"agent": "agent_sample", "environment_id": hosted.id}

    with pytest.raises(anthropic.BadRequestError, match="self-hosted"):
        await client.beta.sessions.create(**wanted, resources=[FILE])  # type: ignore[list-item]
    session = await client.beta.sessions.create(**wanted, resources=[STORE])  # type: ignore[list-item]
    assert len(session.resources) == 1


async def test_deleting_a_session_drops_its_copies_only(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, resources=[FILE])  # type: ignore[list-item]
    copy = session.resources[0]
    assert copy.type == "file"
    assert [file.id async for file in client.beta.files.list(scope_id=session.id)] == [copy.file_id]
    await client.beta.sessions.delete(session.id)

    assert [file.id async for file in client.beta.files.list(scope_id=session.id)] == []
    assert (await client.beta.files.retrieve_metadata("file_sample")).id == "file_sample"
