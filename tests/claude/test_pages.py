"""Whole lists from servers that know no end, no hundred, or not what they said before."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, CursorRefused, ServerFault, Unreadable


def page(*ids: str, then: object = None) -> tuple[int, Any]:
    return 200, {"data": [{"id": name} for name in ids], "next_page": then}


def asked(server, name: str) -> list[str | None]:
    return [parse_qs(urlsplit(request.target).query).get(name, [None])[0] for request in server.requests]


async def ids(client: Client, **filters: Any) -> list[str]:
    return [item["id"] async for answer in client.iterate_sessions(**filters) for item in answer.value.items]


@pytest.mark.parametrize("end", [None, ""], ids=["null", "empty"])
async def test_all_pages_are_read_to_the_end(server, client, end: str | None) -> None:
    server.says_in_turn(page("a", "b", then="p1"), page("c", then="p2"), page(then=end))
    assert await ids(client, statuses=["running"], order="asc") == ["a", "b", "c"]
    assert asked(server, "page") == [None, "p1", "p2"]
    assert asked(server, "limit") == ["100"] * 3
    assert asked(server, "statuses[]") == ["running"] * 3
    assert asked(server, "order") == ["asc"] * 3


async def test_a_cursor_may_be_a_number_and_may_be_missing_at_the_end(server, client) -> None:
    server.says_in_turn(page("a", then=2), (200, {"data": [{"id": "b"}]}))
    assert await ids(client) == ["a", "b"]
    assert asked(server, "page") == [None, "2"]


async def test_smaller_pages_are_asked_for_once_where_100_are_refused(server, client) -> None:
    server.says_in_turn((400, {}), page("a", then="p1"), page("b"))
    assert await ids(client) == ["a", "b"]
    assert asked(server, "limit") == ["100", "20", "20"]


async def test_a_server_of_smaller_pages_still_chooses_for_itself(server, client) -> None:
    server.says_in_turn((400, {}), (400, {}), page("a", then="p1"), page("b"))
    assert await ids(client) == ["a", "b"]
    assert asked(server, "limit") == ["100", "20", None, None]


async def test_a_list_that_is_refused_whatever_its_size_is_refused(server, client) -> None:
    server.says(400, {"error": "no such agent"})
    with pytest.raises(BadRequest, match="no such agent") as failure:
        await ids(client)
    assert not isinstance(failure.value, CursorRefused)
    assert asked(server, "limit") == ["100", "20", None]


async def test_a_cursor_that_has_expired_says_start_over(server, client) -> None:
    server.says_in_turn(page("a", then="p1"), (400, {"error": "cursor expired"}))
    with pytest.raises(CursorRefused, match="cursor expired") as failure:
        await ids(client)
    assert failure.value.status == 400
    assert len(server.requests) == 2


async def test_other_errors_come_as_they_are(server, client) -> None:
    server.says_in_turn(page("a", then="p1"), (503, {}))
    with pytest.raises(ServerFault):
        await ids(client)
    assert len(server.requests) == 2


async def test_the_same_cursor_twice_is_no_list(server, client) -> None:
    server.says_in_turn(page("a", then="p1"), page("b", then="p1"))
    with pytest.raises(Unreadable, match="no end"):
        await ids(client)
    assert len(server.requests) == 2


async def test_cursors_that_go_round_are_no_list(server, client) -> None:
    server.says_in_turn(page("a", then="p1"), page("b", then="p2"), page("c", then="p1"))
    with pytest.raises(Unreadable):
        await ids(client)


async def test_the_same_page_under_new_cursors_is_no_list(server, client) -> None:
    server.says_in_turn(*(page("a", "b", then=f"p{number}") for number in range(50)))
    with pytest.raises(Unreadable):
        await ids(client)
    assert len(server.requests) == 2


async def test_empty_pages_without_end_are_no_list(server, client) -> None:
    server.says_in_turn(*(page(then=f"p{number}") for number in range(100)))
    with pytest.raises(Unreadable):
        await ids(client)
    assert len(server.requests) < 100


async def test_pages_that_overlap_are_read_on(server, client) -> None:
    """Sessions that are made meanwhile shift the pages of servers that count."""
    server.says_in_turn(page("a", "b", then="p1"), page("b", "c", then="p2"), page("d"))
    assert await ids(client) == ["a", "b", "b", "c", "d"]


async def test_a_ticket_is_got_before_each_call(server, client) -> None:
    seen: list[int] = []

    async def before_page() -> None:
        seen.append(len(server.requests))

    server.says_in_turn((400, {}), page("a", then="p1"), page("b"))
    await ids(client, before_page=before_page)
    assert seen == [0, 1, 2]


async def test_events_are_read_whole_too(server, client) -> None:
    server.says_in_turn(
        (200, {"data": [{"id": "e1", "type": "user.message"}, {"type": "ghost"}], "next_page": "p1"}),
        (200, {"data": [{"id": "e2", "type": "user.message"}], "next_page": None}),
    )
    pages = [answer async for answer in client.iterate_events("s", types=["user.message"], order="desc")]
    assert [event.id for answer in pages for event in answer.value.items] == ["e1", None, "e2"]
    assert asked(server, "order") == ["desc", "desc"]


async def test_each_page_tells_its_workspace(server, client) -> None:
    server.says(200, {"data": []}, anthropic_workspace_id="wrkspc_1")
    assert [answer.workspace async for answer in client.iterate_sessions()] == ["wrkspc_1"]
