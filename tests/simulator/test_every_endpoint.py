"""One tour of the official SDK through every endpoint that there is, so that none is left to raw requests."""

import contextlib
from typing import Any

import anthropic
from anthropic import AsyncAnthropic

from managed_agents_simulator.control import Control
from managed_agents_simulator.wire.routes import ROUTES, find


async def library(client: AsyncAnthropic) -> None:
    """Everything that sessions refer to."""
    beta = client.beta
    agent = await beta.agents.create(name="Tour", model="claude-opus-5-5")
    await beta.agents.retrieve(agent.id)
    await beta.agents.update(agent.id, name="Tour guide")
    await beta.agents.list()
    await beta.agents.versions.list(agent.id)
    await beta.agents.archive(agent.id)
    kinds: list[tuple[Any, dict[str, str]]] = [
        (beta.environments, {"name": "tour"}),
        (beta.vaults, {"display_name": "tour"}),
        (beta.memory_stores, {"name": "tour"}),
    ]
    for kind, fields in kinds:
        made = await kind.create(**fields)
        await kind.retrieve(made.id)
        await kind.update(made.id, metadata={"a": "b"})
        await kind.list()
        await kind.archive(made.id)
        await kind.delete(made.id)
    file = await beta.files.upload(file=("a.csv", b"a,b\n"))
    await beta.files.retrieve_metadata(file.id)
    await beta.files.list()
    with contextlib.suppress(anthropic.BadRequestError):
        await beta.files.download(file.id)
    await beta.files.delete(file.id)


async def session(client: AsyncAnthropic, bare: dict[str, Any], message: Any) -> None:
    """One session and what belongs to it."""
    sessions = client.beta.sessions
    repository: Any = {"type": "github_repository", "url": "https://github.com/o/r"}
    made = await sessions.create(**bare, resources=[repository])
    await sessions.retrieve(made.id)
    await sessions.update(made.id, title="Tour")
    await sessions.list()
    file = await sessions.resources.add(made.id, type="file", file_id="file_sample")
    await sessions.resources.list(made.id)
    await sessions.resources.retrieve(file.id, session_id=made.id)
    await sessions.resources.update(made.resources[0].id, session_id=made.id, authorization_token="t")  # type: ignore[union-attr]
    await sessions.resources.delete(file.id, session_id=made.id)
    thread = (await sessions.threads.list(made.id)).data[0]
    async with (
        await sessions.events.stream(made.id) as stream,
        await sessions.threads.events.stream(thread.id, session_id=made.id) as second,
    ):
        await sessions.events.send(made.id, events=[message])
        assert (await anext(aiter(stream))).type == (await anext(aiter(second))).type
    await sessions.events.list(made.id)
    await sessions.threads.retrieve(thread.id, session_id=made.id)
    await sessions.threads.events.list(thread.id, session_id=made.id)
    with contextlib.suppress(anthropic.BadRequestError):
        await sessions.threads.archive(thread.id, session_id=made.id)


async def test_the_sdk_reaches_every_endpoint(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    await library(client)
    await session(client, bare, message)
    control.advance(10)
    (made,) = control.sessions()
    await client.beta.sessions.archive(made["id"])
    await client.beta.sessions.delete(made["id"])

    reached = {find(entry["method"], entry["path"])[0] for entry in control.requests()}
    offered = {handler for methods in ROUTES.values() for handler in methods.values()}
    assert reached == offered
    assert {entry["status"] for entry in control.requests()} <= {200, 400}
