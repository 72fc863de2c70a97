"""Write-through persistence: every stored thing as one JSON document in one SQLite table, or nowhere.

The world marks what it touched; the door, the ticker and the control API commit before anybody hears of the change,
so that a killed simulator forgets nothing that was answered. Loading is the world's business.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol


class Kept(Protocol):
    """A thing that can be written down."""

    @property
    def kind(self) -> str:
        """Which sort of document it is."""

    @property
    def id(self) -> str:
        """Its name among those of its kind."""

    def to_json(self) -> dict[str, Any]:
        """All of it, as a JSON object."""


class Ledger:
    """The documents of a world. Without a path nothing is written and nothing is found."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises sqlite3.Error when the file is no database or can't be written."""
        self._changed: dict[tuple[str, str], Kept] = {}
        self._gone: set[tuple[str, str]] = set()
        self._database: sqlite3.Connection | None = None
        if path is not None:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS documents"
                " (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID"
            )

    def save(self, thing: Kept) -> None:
        """Have the thing written with the next commit, as it is then."""
        if self._database is not None:
            self._changed[(thing.kind, thing.id)] = thing
            self._gone.discard((thing.kind, thing.id))

    def remove(self, kind: str, identifier: str) -> None:
        """Have the document removed with the next commit."""
        if self._database is not None:
            self._changed.pop((kind, identifier), None)
            self._gone.add((kind, identifier))

    def commit(self) -> None:
        """Write what was saved and removed since the last commit, in one transaction."""
        if self._database is None or not (self._changed or self._gone):
            return
        rows = [(kind, name, json.dumps(thing.to_json())) for (kind, name), thing in self._changed.items()]
        self._database.execute("BEGIN")
        self._database.executemany("DELETE FROM documents WHERE kind = ? AND id = ?", sorted(self._gone))
        self._database.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")
        self._changed.clear()
        self._gone.clear()

    def clear(self) -> None:
        """Forget everything, at once."""
        self._changed.clear()
        self._gone.clear()
        if self._database is not None:
            self._database.execute("DELETE FROM documents")

    def load(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every document of a kind, by id."""
        if self._database is not None:
            rows = self._database.execute("SELECT body FROM documents WHERE kind = ? ORDER BY id", (kind,))
            yield from (json.loads(body) for (body,) in rows)

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        if self._database is not None:
            self._database.close()
            self._database = None
