"""A sorted index over things that have a creation time and an id.

Lists walk it from a key, so a page costs what it shows and not what there is, and pages stay right while things are
added and removed in between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.wire.query import Range

Key = tuple[Instant, str]

_LAST_ID = "\uffff"


class Index:
    """Keys in ascending order."""

    def __init__(self) -> None:
        self._keys: list[Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key) -> None:
        """Put a key in its place."""
        if not self._keys or self._keys[-1] < key:
            self._keys.append(key)
        else:
            insort(self._keys, key)

    def remove(self, key: Key) -> None:
        """Take a key out; nothing happens when it isn't there."""
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at] == key:
            del self._keys[at]

    def walk(self, within: Range, *, descending: bool, after: Key | None) -> Iterator[str]:
        """The ids within the range, in the given direction, from the one after the key `after` on."""
        low, high = self._span(within)
        if descending:
            if after is not None:
                high = min(high, bisect_left(self._keys, after))
            steps = range(high - 1, low - 1, -1)
        else:
            if after is not None:
                low = max(low, bisect_right(self._keys, after))
            steps = range(low, high)
        for at in steps:
            yield self._keys[at][1]

    def _span(self, within: Range) -> tuple[int, int]:
        low, high = 0, len(self._keys)
        if within.since is not None:
            low = max(low, bisect_left(self._keys, (within.since, "")))
        if within.after is not None:
            low = max(low, bisect_right(self._keys, (within.after, _LAST_ID)))
        if within.until is not None:
            high = min(high, bisect_right(self._keys, (within.until, _LAST_ID)))
        if within.before is not None:
            high = min(high, bisect_left(self._keys, (within.before, "")))
        return low, high
