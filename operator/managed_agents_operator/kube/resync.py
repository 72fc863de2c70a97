"""A listing of our own from time to time, against what the watch brought.

Made by `app`. The framework lists once and then trusts its watch, so what is lost on that way would stay lost. What
differs is mended by whoever compares; here it is only told when that happens again and again, which nothing but a fresh
start mends.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.telemetry import DIVERGENCES

_IN_A_ROW = 3

log = logging.getLogger(__name__)


class Diverged(Exception):
    """The watch keeps losing objects."""


class Resync:
    """Compares all objects every `every` seconds.

    `pages` lists them, `compare` gets all of a listing as dicts, takes in what is new to it, and returns how many were.
    Between the two lies `settle` seconds: what the watch has not brought by then, it has lost.
    """

    def __init__(
        self,
        pages: Callable[[], AsyncIterator[list[dict[str, Any]]]],
        compare: Callable[[list[dict[str, Any]]], int],
        every: float,
        *,
        settle: float = 5.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._pages = pages
        self._compare = compare
        self._every = every
        self._settle = min(settle, every)
        self._jitter = jitter

    async def run(self) -> None:
        """Runs until cancelled. Raises `Diverged` when three listings in a row showed something new."""
        in_a_row = 0
        while True:
            await asyncio.sleep(self._every * (0.9 + 0.2 * self._jitter()))
            try:
                listed = [item async for page in self._pages() for item in page]
            except ClusterError as e:
                log.debug("The listing did not come about (%s); the next one is due later", e)
                continue
            await asyncio.sleep(self._settle)
            divergent = self._compare(listed)
            del listed
            in_a_row = in_a_row + 1 if divergent else 0
            if divergent:
                DIVERGENCES.inc(divergent)
                log.warning("A listing showed %d objects otherwise than the watch had", divergent)
            if in_a_row >= _IN_A_ROW:
                raise Diverged(f"{_IN_A_ROW} listings in a row showed what the watch had not brought")
