"""Ten thousand sessions: what a page costs depends on the page, counted in sessions looked at, not in time."""

from collections.abc import Iterator
from typing import Any

import pytest

from managed_agents_simulator.sessions import listing
from managed_agents_simulator.wire.call import Call
from managed_agents_simulator.wire.index import Index
from managed_agents_simulator.wire.query import Query, Range
from managed_agents_simulator.wire.routes import find
from managed_agents_simulator.world import DEFAULT_WORKSPACE, World

COUNT = 10_000


@pytest.fixture(scope="module")
def world() -> World:
    crowded = World()
    create, path = find("POST", "/v1/sessions")
    body = {"agent": "agent_sample", "environment_id": "env_sample"}
    for _ in range(COUNT):
        create(Call(crowded, crowded.workspaces[DEFAULT_WORKSPACE], path, Query(""), body))
    return crowded


def page(world: World, query: str) -> Any:
    return listing.index(Call(world, world.workspaces[DEFAULT_WORKSPACE], {}, Query(query))).body


def test_every_page_looks_at_its_own_sessions_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    walk = Index.walk

    def counted(self: Index, within: Range, **wanted: Any) -> Iterator[str]:
        nonlocal looked
        for name in walk(self, within, **wanted):
            looked += 1
            yield name

    monkeypatch.setattr(Index, "walk", counted)
    seen: set[str] = set()
    cursor, pages = "", 0
    while cursor is not None:
        answer = page(world, f"limit=100{f'&page={cursor}' if cursor else ''}")
        seen |= {session["id"] for session in answer["data"]}
        cursor, pages = answer["next_page"], pages + 1

    assert len(seen) == COUNT
    assert pages == COUNT // 100
    assert looked <= COUNT + 2 * pages, "one beyond each page, and one before it"


def test_bounds_are_found_without_a_walk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = page(world, "limit=1")["data"][0]
    keys = []
    walk = Index.walk

    def counted(self: Index, within: Range, **wanted: Any) -> Iterator[str]:
        for name in walk(self, within, **wanted):
            keys.append(name)
            yield name

    monkeypatch.setattr(Index, "walk", counted)
    found = page(world, f"created_at[gte]={newest['created_at']}&order=asc&limit=100")["data"]

    assert newest["id"] in [session["id"] for session in found]
    assert len(keys) < 100
