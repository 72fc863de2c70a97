"""The events of one session: those that were processed, in order, those that wait, and who is watching.

Events are appended by `life` and by the send endpoint; the list and stream endpoints read. A client's event waits in
the queue until the session takes it in, and only then gets its place in the order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from managed_agents_simulator.clock import Instant, optional_wire_time

_UNRANKED = 1 << 60


@dataclass(slots=True)
class Event:
    """One event.

    `rank` is its place in the session's order, where events that wait stand behind all others; `arrival` counts the
    session's events as they came.
    """

    id: str
    type: str
    session: str
    body: dict[str, Any]
    received: Instant
    processed: Instant | None
    from_client: bool
    rank: int = 0
    arrival: int = 0

    kind = "event"

    def wire(self) -> dict[str, Any]:
        """The event as the API shows it."""
        return {"id": self.id, "type": self.type, **self.body, "processed_at": optional_wire_time(self.processed)}

    def to_json(self) -> dict[str, Any]:
        """All of it, for the ledger."""
        return asdict(self)


class Watcher:
    """One open stream. None on the queue ends it."""

    def __init__(self, previews: frozenset[str] = frozenset()) -> None:
        """`previews` are the event types whose deltas the stream asked for."""
        self.previews = previews
        self.queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()


@dataclass(slots=True)
class History:
    """Every event of a session."""

    settled: list[Event] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    watchers: set[Watcher] = field(default_factory=set)
    _by_id: dict[str, Event] = field(default_factory=dict)
    _arrivals: int = 0

    def find(self, identifier: str) -> Event | None:
        """The event with this id, or None."""
        return self._by_id.get(identifier)

    def add(self, event: Event) -> Event:
        """Append an event: at once in order when it is processed, else to the queue."""
        self._by_id[event.id] = event
        self._arrivals += 1
        event.arrival = self._arrivals
        if event.processed is None:
            event.rank = _UNRANKED + event.arrival
            self.waiting.append(event)
        else:
            self._settle(event)
        return event

    def process(self, event: Event, at: Instant) -> None:
        """Take a waiting event out of the queue and give it its place."""
        self.waiting.remove(event)
        event.processed = at
        self._settle(event)

    def restore(self, event: Event) -> None:
        """Put back an event that the ledger kept, rank and all; the order is set right by `sort`."""
        self._by_id[event.id] = event
        (self.settled if event.processed is not None else self.waiting).append(event)

    def sort(self) -> None:
        """Set the order right after restoring."""
        self.settled.sort(key=lambda event: event.rank)
        self.waiting.sort(key=lambda event: event.rank)
        self._arrivals = max((event.arrival for event in self._by_id.values()), default=0)

    def walk(self, *, descending: bool, after: int | None) -> Iterator[Event]:
        """Events in order, from the one after the rank `after` on."""
        ordered = [*self.settled, *self.waiting]
        if descending:
            ordered.reverse()
        for event in ordered:
            if after is None or (event.rank < after if descending else event.rank > after):
                yield event

    def from_clients(self) -> list[Event]:
        """What clients sent, in the order of arrival."""
        return sorted((event for event in self._by_id.values() if event.from_client), key=lambda event: event.arrival)

    def last(self, matches: Callable[[Event], bool]) -> Event | None:
        """The latest processed event that matches, or None."""
        return next((event for event in reversed(self.settled) if matches(event)), None)

    def publish(self, body: dict[str, Any], *, preview: str | None = None) -> None:
        """Show something to every open stream, or only to those that asked for previews of that type."""
        for watcher in self.watchers:
            if preview is None or preview in watcher.previews:
                watcher.queue.put_nowait(body)

    def close(self) -> None:
        """End every open stream."""
        for watcher in self.watchers:
            watcher.queue.put_nowait(None)

    def _settle(self, event: Event) -> None:
        event.rank = self.settled[-1].rank + 1 if self.settled else 1
        self.settled.append(event)
