"""The order in which tickets are served: by priority, in turn between namespaces, and nobody for ever last.

Used by `Bucket`, which knows how many may be served and when; whoever asks holds the `Ticket`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum

from managed_agents_operator.telemetry import QUOTA_WAIT

FLOOR = 0.1
"""Of the rate: what each priority gets at least while it waits, so that a long burst of others never blinds us."""


class Priority(IntEnum):
    """What a call is for; smaller goes first."""

    USER = 0
    """Changes of the spec, deletions and creations."""
    KICKOFF = 1
    """The first events of a session."""
    LOOK = 2
    """A read that a pass needs."""
    HOT_SWEEP = 3
    """Sessions that are at work."""
    FULL_SWEEP = 4
    """All sessions."""

    @property
    def is_sweep(self) -> bool:
        """Whether it counts against the share of the sweeps."""
        return self >= Priority.HOT_SWEEP


class Ticket:
    """The right to make one call, or the wait for it. `since` is when it was asked for, in monotonic seconds."""

    def __init__(
        self, key: str, namespace: str, priority: Priority, since: float, returned: Callable[[Ticket], None]
    ) -> None:
        self.key, self.namespace, self.priority, self.since = key, namespace, priority, since
        self.granted = False
        self.on_grant: Callable[[], None] | None = None
        self._returned = returned
        self._over = False

    def __repr__(self) -> str:
        return f"<Ticket {self.key} {self.priority.name} {'granted' if self.granted else 'waiting'}>"

    def spend(self) -> None:
        """The call is made: giving back has no effect any more."""
        self._over = True

    def give_back(self) -> None:
        """Call off a waiting ticket, or return a granted one that was not used. Only the first time counts."""
        if not self._over:
            self._over = True
            self._returned(self)


class Queue:
    """The tickets that wait for one bucket, whose `rate` is in tokens a second. `name` is that of its budget."""

    def __init__(self, rate: float, name: str) -> None:
        self.pace(rate)
        self._waits = {level: QUOTA_WAIT.labels(name, level.name.lower()) for level in Priority}
        self._lines: dict[Priority, OrderedDict[str, deque[Ticket]]] = {level: OrderedDict() for level in Priority}
        self._served_at: dict[Priority, float] = {}
        self._by_key: OrderedDict[str, Ticket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def pace(self, rate: float) -> None:
        """Tokens come at another rate from now on."""
        self._longest_wait = 1 / (rate * FLOOR)

    @property
    def waiters(self) -> tuple[int, float | None]:
        """How many wait, and since when the first of them."""
        return len(self._by_key), next((ticket.since for ticket in self._by_key.values()), None)

    @property
    def only_sweeps(self) -> bool:
        """Whether nobody but sweeps waits."""
        return not any(line for level, line in self._lines.items() if not level.is_sweep)

    def waiting(self, key: str) -> Ticket | None:
        """The waiting ticket of `key`."""
        return self._by_key.get(key)

    def add(self, ticket: Ticket) -> None:
        """Put a ticket at the end of its namespace's line."""
        line = self._lines[ticket.priority]
        if not line:
            self._served_at[ticket.priority] = ticket.since
        line.setdefault(ticket.namespace, deque()).append(ticket)
        self._by_key[ticket.key] = ticket

    def remove(self, ticket: Ticket, *, served_at: float | None = None) -> None:
        """Take a ticket out. `served_at` (monotonic seconds) is when it was served; its namespace then goes last."""
        line = self._lines[ticket.priority]
        tickets = line[ticket.namespace]
        tickets.remove(ticket)
        if not tickets:
            del line[ticket.namespace]
        elif served_at is not None:
            line.move_to_end(ticket.namespace)
        if served_at is not None:
            self._served_at[ticket.priority] = served_at
            self._waits[ticket.priority].observe(max(0.0, served_at - ticket.since))
        del self._by_key[ticket.key]

    def next(self, now: float, *, sweeps: bool) -> Ticket | None:
        """Whose turn it is: the priority that has waited too long, else the first one. `sweeps` lets those count."""
        waiting = [level for level, line in self._lines.items() if line and (sweeps or not level.is_sweep)]
        if not waiting:
            return None
        # The longest wait first, not the first priority: so none is left out even when most tokens go elsewhere.
        longest = min(waiting, key=lambda level: self._served_at[level])
        overdue = now - self._served_at[longest] >= self._longest_wait
        return next(iter(self._lines[longest if overdue else waiting[0]].values()))[0]
