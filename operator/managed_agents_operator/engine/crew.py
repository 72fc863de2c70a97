"""Tasks that should never end, kept together: the first that ends, however it does, is told by name and ends the rest.

Used wherever work goes on beside other work. A TaskGroup goes on without a child that was cancelled or that returned,
and nobody would know that what the child did is not done any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self


class Ended(Exception):
    """A task that should go on for ever did not; the message says which, and of what."""


class Crew:
    """Use: `async with Crew() as crew`, `add` them, then `await crew.watch()`. Leaving ends those that are left."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._fallen: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        left, self._tasks = self._tasks, set()
        await end(*left)

    def add(self, name: str, run: Coroutine[Any, Any, None], *, errand: bool = False) -> asyncio.Task[None]:
        """Begin one. An `errand` may return; nothing may be cancelled but by `dismiss`."""
        task = asyncio.create_task(run, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done_errand if errand else self._over)
        return task

    async def dismiss(self, task: asyncio.Task[None]) -> None:
        """This one is not needed any more."""
        self._tasks.discard(task)
        await end(task)

    async def watch(self) -> None:
        """Waits until one has ended. Raises `Ended` then, and nothing else."""
        task = await self._fallen.get()
        error = None if task.cancelled() else task.exception()
        raise Ended(f"{task.get_name()}: {reason(task)}") from error

    def _done_errand(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._over(task)
        self._tasks.discard(task)

    def _over(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._tasks.discard(task)
            self._fallen.put_nowait(task)


def reason(task: asyncio.Task[Any]) -> str:
    """Why a task is over that should not be, in words."""
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return "it came to its end" if error is None else str(error) or type(error).__name__


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for them, whatever they raise."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
