"""The request log: what came in, in order, and what went out. Tests read it through the control API."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

CAPACITY = 100_000
"""How many requests are remembered."""

NOTED = ("anthropic-beta", "anthropic-version", "anthropic-workspace-id", "user-agent", "idempotency-key")
"""Headers that are written down. Those that carry secrets never are."""


@dataclass(slots=True)
class Entry:
    """One request. `status` is None while it is unanswered and after its connection was cut."""

    n: int
    at: str
    method: str
    path: str
    query: str
    key: str | None
    headers: dict[str, str]
    body: Any = None
    status: int | None = None
    fault: int | None = None
    request_id: str = ""


class Logbook:
    """The latest requests, numbered from 1 and never renumbered."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=CAPACITY)
        self._count = 0

    def open(self, **facts: Any) -> Entry:
        """A new entry for a request that has just come in."""
        self._count += 1
        entry = Entry(n=self._count, **facts)
        self._entries.append(entry)
        return entry

    def since(self, number: int) -> list[dict[str, Any]]:
        """Every remembered entry after that number."""
        return [asdict(entry) for entry in self._entries if entry.n > number]

    def clear(self) -> None:
        """Forget the entries; the numbers go on."""
        self._entries.clear()
