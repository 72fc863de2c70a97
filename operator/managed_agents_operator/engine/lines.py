"""A line: what the engine asks of an open connection, and all that are open.

Implemented by `kinds.line`, opened by the composition root, and held by `connections`.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.engine.choosing import Place
from managed_agents_operator.engine.crew import Crew
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

    def another_key(self) -> None:
        """Its key is another one by now: what waited for that is tried at once."""
        ...

    def answers(self) -> bool:
        """Whether its last calls were answered at all."""
        ...

    def sweep_age(self) -> float:
        """Seconds that its sweeps owe a step."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def close(self) -> None:
        """End what is under way."""
        ...


class Lines(dict[Place, Line]):
    """Those that are open, by place; each works from `begin` on."""

    def __init__(self) -> None:
        super().__init__()
        self._crew: Crew | None = None
        self._tasks: dict[Place, asyncio.Task[None]] = {}

    def begin(self, crew: Crew) -> None:
        """Let those that are there work, and those that come."""
        self._crew = crew
        for place, line in self.items():
            self._work(crew, place, line)

    def add(self, place: Place, line: Line) -> None:
        """It is open."""
        self[place] = line
        if self._crew is not None:
            self._work(self._crew, place, line)

    async def close(self) -> None:
        """End what is under way of all."""
        for line in self.values():
            await line.close()

    async def end(self, place: Place, line: Line) -> None:
        """End one for good that was taken out."""
        if self._crew is not None and (task := self._tasks.pop(place, None)) is not None:
            await self._crew.dismiss(task)
        await line.close()

    def _work(self, crew: Crew, place: Place, line: Line) -> None:
        self._tasks[place] = crew.add(f"line of {place}", line.run())
