"""Plain columns as kubectl prints them, in colour where a terminal shows it and NO_COLOR does not forbid it.

Used by the commands that list things. What is in a cell is made harmless here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import yaml
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from managed_agents_kubectl.words import harmless

GAP = "   "
STYLES = {
    "True": "green",
    "False": "yellow",
    "Stalled": "bold red",
    "Warning": "yellow",
    "running": "cyan",
    "terminated": "red",
}
"""Words that are worth a colour, wherever they stand alone in a cell."""


def table(head: Sequence[str], rows: Sequence[Sequence[object]], indent: str = "") -> None:
    """Print rows below their heads. Lines are never folded nor cut: that is left to the terminal, as with kubectl."""
    cells = [[harmless("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(cell_len(line[n]) for line in [head, *cells]) for n in range(len(head))]
    console = _console()
    for number, line in enumerate([list(head), *cells]):
        text = Text(indent)
        for place, (cell, width) in enumerate(zip(line, widths, strict=True)):
            text.append(cell, style="" if number == 0 else STYLES.get(cell, ""))
            if place + 1 < len(line):
                text.append(" " * (width - cell_len(cell)) + GAP)
        text.rstrip()
        console.print(text, soft_wrap=True)


def styled(text: str, style: str) -> None:
    """Print one line in one style."""
    _console().print(Text(text, style=style), soft_wrap=True)


def document(form: str, value: Any) -> None:
    """Print a value as `json` or `yaml`."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, ensure_ascii=True))
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=120), nl=False)


def _console() -> Console:
    return Console(highlight=False, emoji=False, markup=False)
