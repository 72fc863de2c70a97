"""The resources of a session: mounted, taken out and renewed in one call each, whatever the answers look like."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, ClaudeError, NotFound
from managed_agents_simulator.control import Control

FILE = {"type": "file", "file_id": "file_sample", "mount_path": "/data.csv"}
REPOSITORY = {"type": "github_repository", "url": "https://github.com/acme/shop", "authorization_token": "ghp_first"}
TOKEN = "ghp_canary-0123456789"


@pytest.fixture
async def session(live: Client) -> Any:
    bare = {"agent": "agent_sample", "environment_id": "env_sample", "resources": [REPOSITORY]}
    return (await live.create_session(bare)).value


@pytest.mark.parametrize("silent", [False, True])
async def test_a_file_comes_and_goes(live: Client, control: Control, session: Any, silent: bool) -> None:
    control.modes(empty_resource_answers=silent)
    mounted = (await live.resources.add(session.id, FILE)).value
    [_, kept] = control.session(session.id)["resources"]
    assert (None if mounted is None else mounted.id) == (None if silent else kept["id"])
    assert (await live.resources.remove(session.id, kept["id"])).value is None
    assert len(control.session(session.id)["resources"]) == 1
    with pytest.raises(NotFound):
        await live.resources.remove(session.id, kept["id"])


@pytest.mark.parametrize("silent", [False, True])
async def test_a_token_is_renewed(live: Client, control: Control, session: Any, silent: bool) -> None:
    control.modes(empty_resource_answers=silent)
    [repository] = session.resources
    told = (await live.resources.rotate(session.id, repository.id, TOKEN)).value
    assert (told is None) == silent
    assert control.session(session.id)["tokens"] == {repository.id: TOKEN}


async def test_what_can_not_be_is_refused(live: Client, control: Control, session: Any) -> None:
    with pytest.raises(BadRequest):
        await live.resources.add(session.id, {**FILE, "file_id": "file_none"})
    with pytest.raises(BadRequest):
        await live.resources.remove(session.id, session.resources[0].id)
    await live.archive_session(session.id)
    with pytest.raises(BadRequest):
        await live.resources.add(session.id, FILE)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500])
async def test_a_token_is_told_to_nobody(server, client, caplog, status: int) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"authorization_token: '{TOKEN}' is no token"
    server.says(status, {"error": {"type": "x", "message": said}}, request_id=f"req_{TOKEN}")
    with pytest.raises(ClaudeError) as failure:
        await client.resources.rotate("sesn_1", "sesrsc_1", TOKEN)
    assert "is no token" in failure.value.message
    told = (failure.value.message, repr(failure.value), str(failure.value.request_id), caplog.text)
    assert not [text for text in told if TOKEN in text]


ODD: list[Any] = [None, {}, [], "ok", {"id": 7}, {"id": ""}, {"type": "file"}, {"object": "resource", "deleted": True}]


@pytest.mark.parametrize("body", ODD, ids=str)
async def test_an_answer_that_tells_nothing_is_an_answer(server, client, body: Any) -> None:
    server.says(202, body)
    assert (await client.resources.add("sesn_1", FILE)).value is None
    assert (await client.resources.rotate("sesn_1", "sesrsc_1", TOKEN)).value is None
    await client.resources.remove("sesn_1", "sesrsc_1")
    assert [(request.method, urlsplit(request.target).path) for request in server.requests] == [
        ("POST", "/v1/sessions/sesn_1/resources"),
        ("POST", "/v1/sessions/sesn_1/resources/sesrsc_1"),
        ("DELETE", "/v1/sessions/sesn_1/resources/sesrsc_1"),
    ]
    assert server.requests[0].json == FILE
    assert server.requests[1].json == {"authorization_token": TOKEN}
