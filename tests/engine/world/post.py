"""A call on its way to the server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from tests.engine.world.files import Missing, Refused

if TYPE_CHECKING:
    from tests.engine.world.api import FakeApi


class Post:
    """It arrives once, in time or late, or never."""

    def __init__(self, api: FakeApi, call: Callable[[], Any], latest: float) -> None:
        self._api, self._call, self.latest = api, call, latest
        self._workspace, self._actor, self.arrived = api.workspace, api.history.actor, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.arrived and self.latest > self._api.now():
            self._api.late.append(self)

    def arrive(self) -> Any:
        self.arrived = True
        now, self._api.workspace = self._api.workspace, self._workspace
        try:
            with self._api.history.acting(self._actor):
                return self._call()
        finally:
            self._api.workspace = now

    def arrive_late(self) -> None:
        """Nobody hears what became of it."""
        with contextlib.suppress(Refused, Missing):
            self.arrive()
