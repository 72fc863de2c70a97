"""How sessions look: as a table on a terminal, as a line in a log.

Called by `screen.py`, which knows which of the two is wanted.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text

from managed_agents_local.tour.sighting import Sighting

COLUMNS = {"Name": 13, "State": 8, "Ready": 22, "Cost": 5, "Tokens": 6, "Age": 5}
"""Their least widths: a table that changes its shape all the time is hard to read."""
NUMBERS = ("Cost", "Tokens", "Age")
STATES = {"running": "bold cyan", "rescheduling": "cyan", "terminated": "red"}


def table(sightings: Iterable[Sighting], caption: str, now: datetime) -> Table:
    """All sessions, one a row, in the order given."""
    made = Table(box=box.ROUNDED, border_style="dim", caption=caption, caption_justify="left")
    for column, width in COLUMNS.items():
        justify: Literal["left", "right"] = "right" if column in NUMBERS else "left"
        made.add_column(column, justify=justify, no_wrap=True, min_width=width)
    for each in sightings:
        made.add_row(
            each.name,
            Text(each.state, style=STATES.get(each.state, "")),
            Text(each.readiness, style=_colour(each)),
            each.cost,
            "" if each.tokens is None else f"{each.tokens:,}",
            _age(now - each.born),
            style="dim" if each.going else "",
        )
    return made


def line(each: Sighting) -> str:
    """One session; what it hasn't got is left out."""
    ready = f"Ready={each.readiness}" if each.readiness else "new"
    tokens = f"{each.tokens:,} tokens" if each.tokens else ""
    return f"  {each.name:<14} " + ", ".join(filter(None, (each.state, ready, each.cost, tokens)))


def _colour(each: Sighting) -> str:
    if each.condition("Stalled").holds:
        return "red"
    return "green" if each.condition("Ready").holds else "yellow"


def _age(since: timedelta) -> str:
    minutes, seconds = divmod(max(0, round(since.total_seconds())), 60)
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
