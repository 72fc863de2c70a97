"""Pages of a list: opaque cursors that remember position and order, and the walk that fills one page.

Used by every list endpoint. A cursor holds the key of the item it continues after, so it survives inserts and
deletes; it is bound to the order it was made with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.index import Index, Key
from managed_agents_simulator.wire.query import Query, Range

_PREFIX = "page_"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a list: the key it continues after, the list's order, and whether it leads backwards."""

    key: Key
    descending: bool
    backwards: bool = False

    def __str__(self) -> str:
        packed = json.dumps([self.key[0], self.key[1], self.descending, self.backwards], separators=(",", ":"))
        return _PREFIX + base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor of a `page` parameter. Raises 400 for one that was never given out."""
        try:
            packed = text.removeprefix(_PREFIX)
            instant, name, descending, backwards = json.loads(
                base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
            )
            return cls((int(instant), str(name)), bool(descending), bool(backwards))
        except (ValueError, TypeError):
            raise invalid(f"page: Invalid cursor {text!r}") from None


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of which list: its order, size, position and bounds in time."""

    descending: bool
    limit: int
    cursor: Cursor | None
    within: Range

    @classmethod
    def read(
        cls, query: Query, *, default: int, maximum: int, order: str | None = "desc", bound_to_order: bool = True
    ) -> Window:
        """The window that a query asks for.

        `order` is the default order, or None for lists that have no such parameter (newest first). Raises 400 for a
        bad limit, a bad cursor, a cursor of the other order, and bounds that exclude the cursor's position.
        """
        descending = order is None or query.word("order", ("asc", "desc"), order) == "desc"
        limit = query.number("limit", 1, maximum) or default
        within = query.range("created_at")
        text = query.one("page")
        cursor = Cursor.read(text) if text else None
        if cursor and bound_to_order and cursor.descending != descending:
            raise invalid("page: The cursor was made with another order; start again without it")
        if cursor and not within.holds(cursor.key[0]):
            raise invalid("page: The cursor's position is excluded by the created_at bounds; start again without it")
        return cls(descending, limit, cursor, within)


@dataclass(frozen=True, slots=True)
class Page:
    """The ids of one page in list order, and the cursors of its neighbours."""

    ids: list[str]
    following: str | None
    preceding: str | None


def turn(index: Index, window: Window, keep: Callable[[str], bool], key: Callable[[str], Key]) -> Page:
    """Fill one page: the ids that `keep` holds true, in the window's order.

    `key` gives the index key of an id, for the cursors.
    """
    backwards = window.cursor is not None and window.cursor.backwards
    after = window.cursor.key if window.cursor else None

    def walk(start: Key | None, descending: bool, count: int) -> list[str]:
        found = filter(keep, index.walk(window.within, descending=descending, after=start))
        return list(islice(found, count))

    ids = walk(after, window.descending != backwards, window.limit + 1)
    more = len(ids) > window.limit
    ids = ids[: window.limit]
    if backwards:
        ids.reverse()
    if not ids:
        return Page([], None, None)
    first, last = key(ids[0]), key(ids[-1])
    follows = bool(walk(last, window.descending, 1)) if backwards else more
    precedes = more if backwards else after is not None and bool(walk(first, not window.descending, 1))
    return Page(
        ids,
        str(Cursor(last, window.descending)) if follows else None,
        str(Cursor(first, window.descending, backwards=True)) if precedes else None,
    )
