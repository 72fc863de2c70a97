"""The rows of a benchmark: what was measured, the bar, and whether a count missed it. Times are told, never judged."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One figure. `met` is None where it is a time, which a noisy machine may spoil."""

    what: str
    bar: str
    figure: str
    met: bool | None = None


@dataclass
class Grown:
    """One figure at growing sizes. `grows` by size is compared from one to the next."""

    what: str
    bar: str
    figures: dict[int, str] = field(default_factory=dict)
    grows: dict[int, float] = field(default_factory=dict)
    missed: bool = False

    def add(self, size, figure, grows, met):
        """What it is at one size."""
        self.figures[size] = figure if met is not False else f"**{figure}**"
        self.grows[size] = grows
        self.missed |= met is False

    def ratios(self):
        """How many times as much it is at each size than at the one before."""
        steps = itertools.pairwise(self.grows.values())
        return ", ".join("-" if not little else f"{much / little:.1f}" for little, much in steps)


def _table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in rows)


def markdown(rows):
    """As the README has it: what grows in one table, all else in another."""
    marks = {True: "yes", False: "**no**", None: ""}
    grown, others = [row for row in rows if isinstance(row, Grown)], [row for row in rows if isinstance(row, Row)]
    tables = []
    if grown:
        sizes = list(grown[0].figures)
        steps = ", ".join(f"{large / small:g}" for small, large in itertools.pairwise(sizes))
        head = ["What", "Bar", *(f"{size:,}" for size in sizes), f"Times as much (linear: {steps})"]
        tables.append(_table(head, [[r.what, r.bar, *r.figures.values(), r.ratios()] for r in grown]))
    if others:
        tables.append(
            _table(["What", "Bar", "Figure", "Met"], [[r.what, r.bar, r.figure, marks[r.met]] for r in others])
        )
    return "\n\n".join(tables)


def missed(rows):
    """Whether a count missed its bar."""
    return any(row.missed if isinstance(row, Grown) else row.met is False for row in rows)


def quantile(values, part):
    """The value that this part of all stays below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(values):
    """p50, p95 and p99 in seconds."""
    return ", ".join(f"p{part} {quantile(values, part / 100):.1f} s" for part in (50, 95, 99))
