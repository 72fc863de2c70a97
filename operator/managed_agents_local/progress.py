"""How long things take, told to a person on stderr: a bar on a terminal, plain lines elsewhere.

Called by `assets.py` and `build.py`; stdout stays free for what scripts read.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_EVERY_SECONDS = 10


class Bar(Protocol):
    """One piece of work of known length under way."""

    def advance(self, note: str) -> None:
        """One more is done; `note` says which."""


class _Line:
    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console, self._what, self._total = console, what, total
        self._done, self._next = 0, time.monotonic() + LINE_EVERY_SECONDS

    def advance(self, note: str) -> None:
        self._done += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_SECONDS
            self._console.print(f"{self._what}: {self._done} of {self._total} ({note})")


class _Rich:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, note: str) -> None:
        self._progress.update(self._task, advance=1, note=note)


class Teller:
    """Says on stderr what is going on."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line."""
        self._console.print(line, markup=False)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Bar]:
        """A bar of `total` steps; without a terminal a line every 10 s."""
        if not self._console.is_terminal:
            self.say(what)
            yield _Line(self._console, what, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _Rich(progress, progress.add_task(what, total=total, note=""))
