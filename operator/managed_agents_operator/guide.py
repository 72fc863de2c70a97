"""The tables in the guide for operators (deploy/README.md) that say what is in the code.

`managed-agents-operator crds` writes them anew, each between two marks; the rest of the guide is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from managed_agents_operator.api import remedies
from managed_agents_operator.settings import Settings, variable
from managed_agents_operator.telemetry import METRICS

GUIDE = Path("deploy") / "README.md"


def write(root: Path) -> tuple[Path, ...]:
    """Write the tables into the guide below `root`, if there is one, and say where it is."""
    path = root / GUIDE
    if not path.exists():
        return ()
    path.write_text(filled(path.read_text(encoding="utf-8"), tables()), encoding="utf-8")
    return (path,)


def tables() -> dict[str, str]:
    """Each table by the name that its marks have."""
    return {
        "settings": table(("Variable", "Default", "Meaning"), settings()),
        "metrics": table(("Metric", "Type", "Labels", "Meaning"), metrics()),
        "conditions": remedies.markdown(),
    }


def begin(name: str) -> str:
    """The mark before a table."""
    return f"<!-- Begin of {name}, which managed-agents-operator crds writes -->"


def end(name: str) -> str:
    """The mark after it."""
    return f"<!-- End of {name} -->"


def filled(text: str, tables: Mapping[str, str]) -> str:
    """A document with each table between its marks, in the place of what stands there. Without marks it stays away."""
    for name, one in tables.items():
        between = re.compile(f"{re.escape(begin(name))}.*?{re.escape(end(name))}", re.DOTALL)
        text = between.sub(f"{begin(name)}\n\n{one}\n\n{end(name)}".replace("\\", r"\\"), text)
    return text


def settings() -> Iterator[tuple[str, str, str]]:
    """Variable, default and meaning of each setting."""
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory is not None or field.default in (None, ()) else f"`{field.default}`"
        yield f"`{variable(name)}`", default, " ".join((field.description or "").split())


def metrics() -> Iterator[tuple[str, str, str, str]]:
    """Name, type, labels and meaning of each metric."""
    for one in METRICS:
        yield f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """As Markdown has it."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
