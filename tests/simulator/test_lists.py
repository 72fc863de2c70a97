"""The sessions list: every filter, both orders, pages that survive changes, cursors that remember."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.control import Control

START = 1_790_000_000_000_000
STEP = 10


def at(position: int) -> str:
    """When the session at this position was made."""
    return wire_time(START + position * STEP * 1_000_000)


@pytest.fixture
async def shelf(raw: httpx.AsyncClient, control: Control, bare: Any, message: Any) -> list[str]:
    """Six sessions, ten seconds apart, each different from the others."""
    agent = (await raw.post("/v1/agents", json={"name": "Second", "model": "claude-opus-5-5"})).json()["id"]
    await raw.post(f"/v1/agents/{agent}", json={"name": "Second, mended"})
    control.behaviour(turn_seconds=10_000.0)
    bodies = [
        bare,
        {**bare, "agent": agent},
        {**bare, "agent": {"type": "agent", "id": agent, "version": 1}},
        {**bare, "resources": [{"type": "memory_store", "memory_store_id": "memstore_sample"}]},
        {**bare, "initial_events": [message]},
        bare,
    ]
    ids = []
    for body in bodies:
        ids.append((await raw.post("/v1/sessions", json=body)).json()["id"])
        control.advance(STEP)
    await raw.post(f"/v1/sessions/{ids[5]}/archive")
    control.terminate(ids[0])
    ids.append(agent)
    return ids


FILTERS = [
    ({}, [4, 3, 2, 1, 0], "newest first, archived ones hidden"),
    ({"order": "asc"}, [0, 1, 2, 3, 4], "oldest first when asked"),
    ({"include_archived": "true"}, [5, 4, 3, 2, 1, 0], "archived ones when asked"),
    ({"include_archived": "false"}, [4, 3, 2, 1, 0], "false is the default"),
    ({"agent_id": "agent_sample"}, [4, 3, 0], "by agent"),
    ({"agent_id": "AGENT"}, [2, 1], "by another agent, in all versions"),
    ({"agent_id": "AGENT", "agent_version": "1"}, [2], "by agent and version"),
    ({"agent_version": "1"}, [4, 3, 2, 1, 0], "a version alone says nothing"),
    ({"agent_id": "agent_unknown"}, [], "no session of an unknown agent"),
    ({"memory_store_id": "memstore_sample"}, [3], "by mounted memory store"),
    ({"deployment_id": "depl_any"}, [], "none was made by a deployment"),
    ({"statuses[]": "running"}, [4], "by status"),
    ({"statuses": "running"}, [4], "by status, the parameter merely repeated"),
    ({"statuses[]": ["running", "terminated"]}, [4, 0], "by several statuses"),
    ({"statuses[]": "terminated", "include_archived": "true"}, [5, 0], "archived ones are terminated too"),
    ({"statuses[]": "rescheduling"}, [], "none is rescheduling"),
    ({"created_at[gte]": at(2)}, [4, 3, 2], "from a moment on, inclusive"),
    ({"created_at[gt]": at(2)}, [4, 3], "after a moment"),
    ({"created_at[lte]": at(2)}, [2, 1, 0], "up to a moment, inclusive"),
    ({"created_at[lt]": at(2)}, [1, 0], "before a moment"),
    ({"created_at[gte]": at(1), "created_at[lt]": at(3), "order": "asc"}, [1, 2], "between two moments"),
    ({"created_at[gte]": at(2).replace("Z", "+00:00")}, [4, 3, 2], "an offset is understood"),
    ({"metadata[a]": "b"}, [4, 3, 2, 1, 0], "there is no such filter, and unknown parameters are ignored"),
    ({"limit": "2"}, [4, 3], "only so many"),
]


@pytest.mark.parametrize(("query", "expected", "reason"), FILTERS, ids=[row[2] for row in FILTERS])
async def test_filters(
    raw: httpx.AsyncClient, shelf: list[str], query: dict[str, Any], expected: list[int], reason: str
) -> None:
    asked = {name: shelf[-1] if value == "AGENT" else value for name, value in query.items()}
    page = (await raw.get("/v1/sessions", params={**asked, "beta": "true"})).json()

    assert [shelf.index(session["id"]) for session in page["data"]] == expected, reason


async def test_the_sdk_filters(client: AsyncAnthropic, shelf: list[str]) -> None:
    created = (await client.beta.sessions.retrieve(shelf[1])).created_at
    found = client.beta.sessions.list(
        agent_id=shelf[-1],
        agent_version=2,
        created_at_gte=created,
        statuses=["idle", "running"],
        order="asc",
        include_archived=True,
        limit=1,
    )

    assert [session.id async for session in found] == [shelf[1]]


REFUSED = [
    ({"limit": "0"}, "limit", "a page has at least one"),
    ({"limit": "101"}, "limit", "a page has at most a hundred"),
    ({"limit": "many"}, "limit", "a limit is a number"),
    ({"order": "up"}, "order", "there are two orders"),
    ({"statuses[]": "archived"}, "statuses", "archived is no status"),
    ({"created_at[gte]": "yesterday"}, "created_at[gte]", "moments are timestamps"),
    ({"include_archived": "maybe"}, "include_archived", "booleans are true or false"),
    ({"agent_id": "sesn_1"}, "agent_id", "ids have the prefix of their kind"),
    ({"page": "garbage"}, "page", "only cursors that were given out"),
]


@pytest.mark.parametrize(("query", "named", "reason"), REFUSED, ids=[row[2] for row in REFUSED])
async def test_bad_queries_are_refused(raw: httpx.AsyncClient, query: dict[str, str], named: str, reason: str) -> None:
    response = await raw.get("/v1/sessions", params=query)

    assert response.status_code == 400, reason
    assert named in response.json()["error"]["message"]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_there_and_back(raw: httpx.AsyncClient, shelf: list[str], order: str) -> None:
    asked = {"order": order, "limit": "2"}
    first = (await raw.get("/v1/sessions", params=asked)).json()
    second = (await raw.get("/v1/sessions", params={**asked, "page": first["next_page"]})).json()
    third = (await raw.get("/v1/sessions", params={**asked, "page": second["next_page"]})).json()

    places = [[shelf.index(session["id"]) for session in page["data"]] for page in (first, second, third)]
    assert places == ([[0, 1], [2, 3], [4]] if order == "asc" else [[4, 3], [2, 1], [0]])
    assert first["prev_page"] is None
    assert third["next_page"] is None
    back = (await raw.get("/v1/sessions", params={**asked, "page": third["prev_page"]})).json()
    assert back["data"] == second["data"]
    start = (await raw.get("/v1/sessions", params={**asked, "page": back["prev_page"]})).json()
    assert start["data"] == first["data"]
    assert start["prev_page"] is None
    assert start["next_page"] == first["next_page"]


async def test_the_sdk_walks_all_pages(client: AsyncAnthropic, control: Control, shelf: list[str]) -> None:
    control.clear_requests()
    found = [session.id async for session in client.beta.sessions.list(limit=2, include_archived=True)]

    assert [shelf.index(name) for name in found] == [5, 4, 3, 2, 1, 0]
    assert len(control.requests(method="GET", path="/v1/sessions")) == 3


async def test_a_cursor_is_bound_to_its_order(client: AsyncAnthropic, shelf: list[str]) -> None:
    page = await client.beta.sessions.list(limit=2)
    assert page.next_page
    with pytest.raises(anthropic.BadRequestError, match="order"):
        await client.beta.sessions.list(limit=2, order="asc", page=page.next_page)


async def test_bounds_must_not_exclude_the_cursor(raw: httpx.AsyncClient, shelf: list[str]) -> None:
    page = (await raw.get("/v1/sessions", params={"limit": "2"})).json()
    outside = {"limit": "2", "page": page["next_page"], "created_at[lt]": at(1)}
    within = {"limit": "4", "page": page["next_page"], "created_at[gte]": at(1), "statuses[]": "idle"}

    assert (await raw.get("/v1/sessions", params=outside)).status_code == 400
    narrowed = (await raw.get("/v1/sessions", params=within)).json()
    assert [shelf.index(session["id"]) for session in narrowed["data"]] == [2, 1], "the rest may change in between"


async def test_pages_survive_inserts_and_deletes(raw: httpx.AsyncClient, shelf: list[str], bare: Any) -> None:
    page = (await raw.get("/v1/sessions", params={"limit": "2"})).json()
    await raw.post("/v1/sessions", json=bare)
    await raw.delete(f"/v1/sessions/{shelf[3]}")
    await raw.delete(f"/v1/sessions/{shelf[2]}")
    rest = (await raw.get("/v1/sessions", params={"limit": "2", "page": page["next_page"]})).json()

    assert [shelf.index(session["id"]) for session in rest["data"]] == [1, 0]


async def test_the_default_page_has_twenty(raw: httpx.AsyncClient, bare: Any) -> None:
    for _ in range(25):
        await raw.post("/v1/sessions", json=bare)

    page = (await raw.get("/v1/sessions")).json()
    assert len(page["data"]) == 20
    rest = (await raw.get("/v1/sessions", params={"page": page["next_page"]})).json()
    assert len(rest["data"]) == 5
    assert len({session["id"] for session in (*page["data"], *rest["data"])}) == 25, "made in the same microsecond"


async def test_large_pages_reach_everything_once(raw: httpx.AsyncClient, bare: Any) -> None:
    for _ in range(300):
        await raw.post("/v1/sessions", json=bare)
    seen: list[str] = []
    page: str | None = ""
    while page is not None:
        asked = {"limit": "100", **({"page": page} if page else {})}
        answer = (await raw.get("/v1/sessions", params=asked)).json()
        seen += [session["id"] for session in answer["data"]]
        page = answer["next_page"]

    assert len(seen) == len(set(seen)) == 300
