"""The rows of a benchmark: what was measured, the bar, and whether a count missed it. Times are told, never judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure. `met` is None where it is a time, which a noisy machine may spoil."""

    what: str
    bar: str
    figure: str
    met: bool | None = None


def markdown(rows):
    """As the README has it."""
    marks = {True: "yes", False: "**no**", None: ""}
    lines = [f"| {row.what} | {row.bar} | {row.figure} | {marks[row.met]} |" for row in rows]
    return "\n".join(["| What | Bar | Figure | Met |", "|---|---|---|---|", *lines])


def quantile(values, part):
    """The value that this part of all stays below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(values):
    """p50, p95 and p99 in seconds."""
    return ", ".join(f"p{part} {quantile(values, part / 100):.1f} s" for part in (50, 95, 99))
