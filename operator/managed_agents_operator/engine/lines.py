"""A line: what the engine asks of an open connection.

Implemented by `kinds.line`, opened by the composition root, and held by `connections`.
"""

from __future__ import annotations

from typing import Protocol

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.engine.faring import Fare
from managed_agents_operator.engine.keeper import Keeper


class Line(Protocol):
    """An open connection; see `kinds.line`."""

    keeper: Keeper
    base_url: str

    def configure(self, spec: ConnectionSpec) -> None:
        """Take over what may change of a spec while it is open."""
        ...

    def fare(self) -> Fare:
        """How it fares."""
        ...

    def sweep_age(self) -> float:
        """Seconds since its sweeps made a step."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def close(self) -> None:
        """End what is under way."""
        ...
