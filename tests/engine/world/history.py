"""Who changed what at the API: the judge reads it when all is over.

A process of the operator says for whom it acts, and as what it knew the resource then; all else others do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.engine.world.clock import FakeClock


@dataclass(frozen=True)
class Deed:
    """One accepted change. `body` is the resource as the operator knew it, None where other people acted."""

    at: float
    what: str
    target: str
    body: Mapping[str, Any] | None
    of_others: bool = False
    """Whether what was changed is not ours: a mount that somebody else made."""
    idle: float = 0.0
    """For how long the session had been idle."""

    @property
    def uid(self) -> str | None:
        """For whom it was done."""
        return self.body["metadata"]["uid"] if self.body else None

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.body["spec"] if self.body else {}


class History:
    """All deeds in their order. `actor` is the resource for which something is done now."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.deeds: list[Deed] = []
        self.actor: Mapping[str, Any] | None = None

    @contextlib.contextmanager
    def acting(self, body: Mapping[str, Any] | None) -> Iterator[None]:
        """Within this all is done for that resource."""
        before, self.actor = self.actor, body
        try:
            yield
        finally:
            self.actor = before

    def note(self, what: str, target: str, **more: Any) -> None:
        self.deeds.append(Deed(self._clock.monotonic(), what, target, self.actor, **more))
