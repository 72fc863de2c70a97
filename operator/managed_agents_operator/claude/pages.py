"""A whole list, page by page, from a server that may do anything.

Used by `Client` for the lists that it offers. It only follows cursors: what a page holds, and when a list is read, is
for the caller.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.errors import BadRequest, CursorRefused, TooLarge, Unreadable
from managed_agents_operator.claude.models import Page

Item = TypeVar("Item")

PAGE_SIZE = 100
SMALL_PAGE_SIZE = 20
"""Asked for when a server refuses the other one: the default of the servers that document theirs."""
SIZES = (PAGE_SIZE, SMALL_PAGE_SIZE, None)
"""None leaves the size to the server."""
MOST_EMPTY_PAGES = 50
"""In a row. A filter may leave pages empty, but not for ever."""

Fetch = Callable[[int | None, str | None], Awaitable[Answer[Page[Item]]]]
"""Gets one page, given its size (None: as the server likes) and the cursor."""
BeforePage = Callable[[], Awaitable[object]]


async def walk(
    fetch: Fetch[Item],
    identify: Callable[[Item], str | None],
    before_page: BeforePage | None,
    sizes: Sequence[int | None] = SIZES,
) -> AsyncIterator[Answer[Page[Item]]]:
    """Every page of a list, from its start to the cursor that is null or empty.

    `before_page` is awaited before each call; `sizes` are tried one after another while the first page is refused, and
    any page that is too large to be read is asked for again with a fifth of its items.
    Raises `CursorRefused` when a later page is refused, and `Unreadable` when pages repeat: what was seen so far is
    then no whole list. Other `ClaudeError`s come as they are.
    """
    (size, *smaller), cursor = sizes, None
    cursors: set[str] = set()
    seen: set[str] = set()
    empty = 0
    while True:
        if before_page is not None:
            await before_page()
        try:
            answer = await fetch(size, cursor)
        except BadRequest as refusal:
            if cursor is not None:
                raise _refused_midway(refusal) from refusal
            if not smaller:
                raise
            size = smaller.pop(0)
            continue
        except TooLarge:
            if size == 1:
                raise
            size = max(1, size // 5) if size else 1
            continue
        yield answer
        page = answer.value
        if page.next_page is None:
            return
        ids = {name for item in page.items if (name := identify(item))}
        empty = 0 if page.items else empty + 1
        if page.next_page in cursors or empty > MOST_EMPTY_PAGES or (ids and ids <= seen):
            raise Unreadable("the list has no end: the same pages come again and again", workspace=answer.workspace)
        cursors.add(page.next_page)
        seen |= ids
        cursor = page.next_page


def sized(limit: int | None) -> list[tuple[str, str]]:
    """The size of a page as a query has it."""
    return [] if limit is None else [("limit", str(limit))]


def _refused_midway(refusal: BadRequest) -> CursorRefused:
    return CursorRefused(
        f"the cursor of a list was refused: {refusal.message}",
        status=refusal.status,
        workspace=refusal.workspace,
        request_id=refusal.request_id,
    )
