"""What a person sees of the demo: commands and what they said, and below them the sessions as a live table.

Called by `demo.py` and everything in here. Without a terminal there is no table: a line tells each change of a session,
and nothing is coloured. What the table holds is `table.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from managed_agents_local.tour import table
from managed_agents_local.tour.sighting import Sighting


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the demo claims, and by what it knows."""

    claim: str
    evidence: tuple[str, ...]


class Screen:
    """Where the demo prints. Leaving it leaves the last table standing."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._moving = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._told: dict[str, tuple[str, str]] = {}

    def heading(self, text: str) -> None:
        """A new part of the tour begins."""
        self._console.print()
        self._print(Text(text, style="bold"))

    def say(self, text: str) -> None:
        """A remark."""
        self._print(Text(text, style="dim"))

    def command(self, line: str) -> None:
        """A command as it would be typed."""
        # Never wrapped by us: what is copied from here must still be one command.
        self._console.print(Text.assemble(("$ ", "dim"), (line, "bold cyan")), soft_wrap=True)

    def output(self, text: str) -> None:
        """What a command said."""
        if text.strip():
            self._console.print(Text(text.rstrip("\n")), soft_wrap=True)

    def found(self, finding: Finding) -> None:
        """Something has been seen."""
        self._print(Text.assemble(("ok", "bold green"), f"  {finding.claim}"))

    def sessions(self, sightings: Sequence[Sighting], caption: str) -> None:
        """The sessions as they are now."""
        if not self._moving:
            self._changes(sightings)
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(table.table(sightings, caption, datetime.now(UTC)), refresh=True)

    def summary(self, title: str, findings: Iterable[Finding]) -> None:
        """All that was seen, with its evidence."""
        self.close()
        self.heading(title)
        for finding in findings:
            self.found(finding)
            for evidence in finding.evidence:
                self._print(Text(evidence, style="dim"), indent=6)

    def close(self) -> None:
        """Nothing moves any more."""
        if self._live:
            self._live.stop()
            self._live = None

    def _print(self, text: Text, indent: int = 0) -> None:
        """Wrapped between words on a terminal; elsewhere a line stays a line, for those who search in it."""
        if self._moving:
            self._console.print(Padding(text, (0, 0, 0, indent), expand=False))
        else:
            self._console.print(Text(" " * indent) + text, soft_wrap=True)

    def _changes(self, sightings: Sequence[Sighting]) -> None:
        """Tell what is new. Cost and tokens alone are not: they grow all the time."""
        for each in sightings:
            look = (each.state, each.readiness)
            if self._told.get(each.name) != look:
                self._told[each.name] = look
                self._print(Text(table.line(each)))
        for gone in self._told.keys() - {each.name for each in sightings}:
            del self._told[gone]
            self._print(Text(f"  {gone:<14} gone"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
