"""How a connection fares, told to all resources when it has changed for good.

Joined with the client's health by the composition root. Telling ten thousand resources takes seconds of CPU: a call
that fails once and goes through again is no news, and whoever made it tries again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from managed_agents_operator.claude.health import Health

SETTLED_SECONDS = 2.0
"""How long a change must last."""

CallLater = Callable[[float, Callable[[], None]], object]


def _call_later(seconds: float, callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, callback)


class Tidings:
    """Rings all when it is known for longer than a moment that the connection broke, came back, or is another one.

    `ring_all` is told when that was (monotonic): whoever was passed later knows it already.
    """

    def __init__(
        self,
        health: Health,
        ring_all: Callable[[float], None],
        monotonic: Callable[[], float],
        call_later: CallLater = _call_later,
    ) -> None:
        self._health = health
        self._ring_all = ring_all
        self._monotonic = monotonic
        self._changed_at = monotonic()
        self._call_later = call_later
        self._waits = False
        self._told = self._news
        health.on_change(lambda _: self._changed())

    @property
    def _news(self) -> tuple[bool, str | None, bool]:
        health = self._health
        return health.unreachable_since is None, health.workspace, health.last_success is not None

    def _changed(self) -> None:
        self._changed_at = self._monotonic()
        if not self._waits:
            self._waits = True
            self._call_later(SETTLED_SECONDS, self._tell)

    def _tell(self) -> None:
        self._waits = False
        if self._news != self._told:
            self._told = self._news
            self._ring_all(self._changed_at)
