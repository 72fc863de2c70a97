"""How long to wait between tries that may go on for ever.

Used wherever the cluster is asked again: by this package, and by the framework through `handlers`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator


class Backoffs(Iterable[float]):
    """Seconds between tries, from about `first`, doubling up to `most`, without an end; no two processes in step."""

    def __init__(self, first: float = 1.0, most: float = 30.0, jitter: Callable[[], float] = random.random) -> None:
        self._first = first
        self._most = most
        self._jitter = jitter

    def __iter__(self) -> Iterator[float]:
        seconds = self._first
        while True:
            yield seconds * (0.5 + 0.5 * self._jitter())
            seconds = min(self._most, seconds * 2)
