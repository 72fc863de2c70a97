"""The client against a server that keeps what it is told, with all that such a server may do to us."""

from __future__ import annotations

from typing import Any

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import (
    BadRequest,
    ClaudeError,
    Lost,
    NotFound,
    Overloaded,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unreadable,
)
from managed_agents_operator.claude.models import fingerprint
from managed_agents_operator.claude.quota import Budget
from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control

START = 1_790_000_000_000_000
BARE = {"agent": "agent_sample", "environment_id": "env_sample"}
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Triage the open issues."}]}
SWITCHES: dict[str, dict[str, Any]] = {
    "as documented": {},
    "as the odd ones do": {
        "archived_keeps_status": True,
        "touch_on_every_post": True,
        "null_updated_at": True,
        "empty_title": True,
        "root_mount_paths": False,
        "new_file_ids": False,
        "create_status": 201,
        "send_status": 202,
        "send_body": False,
        "string_errors": True,
        "workspace_header": False,
        "session_prefix": "sess-",
        "extra_fields": True,
        "status_words": {"idle": "resting"},
        "accept_bearer": False,
        "require_beta_query": True,
        "page_size": 5,
        "page_maximum": 20,
    },
}


@pytest.fixture(params=SWITCHES)
def odd(request, control: Control) -> bool:
    control.modes(**SWITCHES[request.param])
    return bool(SWITCHES[request.param])


@pytest.fixture
def client(live: Client) -> Client:
    return live


def posts(control: Control) -> list[dict[str, Any]]:
    return control.requests(method="POST")


async def test_a_session_from_creation_to_deletion(client: Client, control: Control, odd: bool) -> None:
    made = await client.create_session({**BARE, "title": "Nightly", "metadata": {"k8s_uid": "u/1/d"}})
    session = made.value
    assert session.metadata == {"k8s_uid": "u/1/d"}
    assert session.status == ("resting" if odd else "idle")
    assert session.agent is not None
    assert (session.agent.id, session.agent.version) == ("agent_sample", 1)
    assert made.workspace == (None if odd else client.health.workspace)
    assert (client.health.workspace is None) == odd

    sent = await client.send_events(session.id, [MESSAGE])
    assert [event.type for event in sent.value] == ([] if odd else ["user.message"])
    (listed,) = [answer async for answer in client.iterate_events(session.id, types=["user.message"])]
    assert [event.content for event in listed.value.items] == [MESSAGE["content"]]
    control.finish(session.id)
    last = await client.list_events(session.id, types=["session.status_idle"], order="desc", limit=1)
    assert last.value.items[0].stop_reason is not None
    assert last.value.items[0].stop_reason.type == "end_turn"

    changed = (await client.update_session(session.id, {"title": "Daily"})).value
    assert changed is not None
    assert changed.title == "Daily"
    archived = (await client.archive_session(session.id)).value
    assert archived is not None
    assert archived.archived_at is not None
    assert (await client.get_session(session.id)).value.archived_at == archived.archived_at
    await client.delete_session(session.id)
    with pytest.raises(NotFound):
        await client.get_session(session.id)


async def test_every_session_is_in_the_list_once(client: Client, odd: bool) -> None:
    """More than two pages, of a server that takes a hundred and of one that does not."""
    made = [(await client.create_session(BARE)).value.id for _ in range(45)]
    listed = [item["id"] async for answer in client.iterate_sessions(order="asc") for item in answer.value.items]
    assert sorted(listed) == sorted(made)


async def test_the_filters_do_what_they_say(client: Client, control: Control) -> None:
    first, second, third = [(await client.create_session(BARE)).value for _ in range(3)]
    await client.send_events(second.id, [MESSAGE])
    await client.archive_session(third.id)

    async def ids(**filters: Any) -> set[str]:
        return {item["id"] async for page in client.iterate_sessions(**filters) for item in page.value.items}

    assert await ids() == {first.id, second.id}
    assert await ids(include_archived=True) == {first.id, second.id, third.id}
    assert await ids(statuses=["running", "rescheduling"]) == {second.id}
    assert await ids(agent_id="agent_sample") == {first.id, second.id}
    control.advance(60)
    late = (await client.create_session(BARE)).value
    assert late.created_at is not None
    assert await ids(created_at_gte=late.created_at) == {late.id}
    assert await ids(created_at_gte=late.created_at.replace("Z", "+00:00")) == {late.id}


async def test_a_cursor_of_another_order_is_refused(client: Client) -> None:
    for _ in range(3):
        await client.create_session(BARE)
    page = (await client.list_sessions(limit=1, order="asc")).value
    with pytest.raises(BadRequest):
        await client.list_sessions(limit=1, order="desc", page=page.next_page)


async def test_an_agent_is_readable(client: Client, odd: bool) -> None:
    agent = await client.get_agent("agent_sample", version=1)
    assert (agent.value["id"], agent.value["version"]) == ("agent_sample", 1)
    with pytest.raises(NotFound):
        await client.get_agent("agent_of_nobody")


LOSSES: list[Any] = [
    pytest.param({"kind": "cut"}, Lost, id="cut"),
    pytest.param({"kind": "answer", "status": 500}, ServerFault, id="500"),
    pytest.param({"kind": "answer", "status": 502, "body": "<html>Bad gateway</html>"}, ServerFault, id="502 page"),
    pytest.param({"kind": "answer", "status": 529}, Overloaded, id="529"),
    pytest.param({"kind": "answer", "status": 202, "body": ""}, Unreadable, id="202 without a word"),
    pytest.param({"kind": "garbage"}, Unreadable, id="a page with 200"),
    pytest.param({"kind": "truncate"}, Lost, id="half an answer"),
]


@pytest.mark.parametrize(("effect", "error"), LOSSES)
async def test_a_creation_that_was_stored_without_our_knowing_is_sent_once(
    client: Client, control: Control, effect: dict[str, Any], error: type[ClaudeError]
) -> None:
    await client.get_agent("agent_sample")
    control.fault(**{"when": "after", "method": "POST", "path": "^/v1/sessions$", **effect})
    with pytest.raises(error) as failure:
        await client.create_session({**BARE, "metadata": {"k8s_uid": "u/1/d"}})
    assert type(failure.value) is error
    assert len(posts(control)) == 1
    (kept,) = control.sessions()
    found = [
        item["id"]
        async for page in client.iterate_sessions(include_archived=True, order="asc")
        for item in page.value.items
        if item["metadata"]["k8s_uid"] == "u/1/d"
    ]
    assert found == [kept["id"]]


# An empty 202 is a good answer to events.
@pytest.mark.parametrize(("effect", "error"), [loss for loss in LOSSES if loss.id != "202 without a word"])
async def test_events_that_were_taken_without_our_knowing_are_sent_once(
    client: Client, control: Control, effect: dict[str, Any], error: type[ClaudeError]
) -> None:
    session = (await client.create_session(BARE)).value
    control.fault(**{"when": "after", "method": "POST", "path": "/events$", **effect})
    with pytest.raises(error):
        await client.send_events(session.id, [MESSAGE])
    assert len(control.requests(method="POST", path=f"/v1/sessions/{session.id}/events")) == 1
    assert len(control.session(session.id)["events"]) == 1


async def test_an_answer_in_small_pieces_is_read_whole(client: Client, control: Control) -> None:
    control.fault("slow", method="POST", seconds=0.2)
    assert (await client.create_session(BARE)).value.id == control.sessions()[0]["id"]


@pytest.mark.parametrize("retry_after", [7.0, None], ids=["with a time", "without"])
async def test_a_429_stops_creations_and_nothing_else(
    simulator: Simulator, control: Control, connect, clock, retry_after: float | None
) -> None:
    budget = Budget(clock=clock, jitter=lambda: 1.0)
    client = await connect(base_url=simulator.base_url, credentials=lambda: {"x-api-key": simulator.key}, budget=budget)
    control.fault("rate_limit", method="POST", retry_after=retry_after)
    with pytest.raises(RateLimited) as failure:
        await client.create_session(BARE)
    assert failure.value.retry_after == retry_after
    assert budget.creates.paused_until == clock.now + (retry_after or 1)
    await client.get_agent("agent_sample")
    clock.now += retry_after or 1
    await client.create_session(BARE)
    assert len(control.sessions()) == 1


async def test_a_wrong_key_is_told_without_telling_it(simulator: Simulator, connect, odd: bool) -> None:
    client = await connect(base_url=simulator.base_url, credentials=lambda: {"x-api-key": "wrong-key-0123456789"})
    with pytest.raises(Unauthorized) as failure:
        await client.create_session(BARE)
    assert failure.value.message
    assert "0123456789" not in str(failure.value)


async def test_a_bearer_token_is_taken_too(simulator: Simulator, connect) -> None:
    client = await connect(
        base_url=simulator.base_url, credentials=lambda: {"authorization": f"Bearer {simulator.key}"}
    )
    assert (await client.create_session(BARE)).value.id


async def test_a_404_tells_whose_workspace_spoke(simulator: Simulator, client: Client, connect) -> None:
    ours = await client.create_session(BARE)
    other = await connect(base_url=simulator.base_url, credentials=lambda: {"x-api-key": simulator.other_key})
    with pytest.raises(NotFound) as failure:
        await other.get_session(ours.value.id)
    assert ours.workspace is not None
    assert failure.value.workspace is not None
    assert failure.value.workspace != ours.workspace


async def test_refusals_name_the_trouble_and_no_request(client: Client, control: Control, odd: bool) -> None:
    with pytest.raises(ClaudeError) as unknown:
        await client.create_session({**BARE, "agent": "agent_of_nobody"})
    assert isinstance(unknown.value, NotFound | BadRequest)
    assert "req_" not in unknown.value.message
    assert unknown.value.request_id is not None
    session = (await client.create_session(BARE)).value
    await client.send_events(session.id, [MESSAGE])
    with pytest.raises(BadRequest) as running:
        await client.delete_session(session.id)
    assert "running" in running.value.message


async def test_growing_older_alone_leaves_the_fingerprint(client: Client, control: Control) -> None:
    session = (await client.create_session(BARE)).value

    async def seen() -> bytes:
        return fingerprint((await client.list_sessions()).value.items[0])

    before = await seen()
    control.advance(3600)
    assert await seen() == before
    await client.send_events(session.id, [MESSAGE])
    running = await seen()
    assert running != before
    control.advance(5)
    assert await seen() != running
