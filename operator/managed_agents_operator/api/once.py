"""What is made of a value once, for as long as that very object is in use.

For the agents of sessions, of which thousands share one snapshot: read by `status`, shown by `kinds.projection`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Once(Generic[T, R]):
    """`make`, called once for each object as long as it is among the last `size`. Neither it nor the result changes."""

    def __init__(self, make: Callable[[T], R], size: int = 512) -> None:
        self._make = make
        self._size = size
        self._made: OrderedDict[int, tuple[T, R]] = OrderedDict()

    def __call__(self, value: T) -> R:
        """What was made of this very object."""
        known = self._made.get(id(value))
        # The object is kept with it: else another one could come to have its id.
        if known is None:
            known = self._made[id(value)] = value, self._make(value)
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(id(value))
        return known[1]
