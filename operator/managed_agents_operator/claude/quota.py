"""The budget of calls of one connection: who may call next, and when.

Passes and sweeps ask for tickets before they call; `Exchange` reports each 429 and looks whether a bucket is paused.
Nobody is ever blocked: a ticket that can't be granted waits, costs nothing, and rings when its turn has come. Which
calls are worth a ticket, and what to do meanwhile, is for those who ask.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from managed_agents_operator.claude.queueing import Priority, Queue, Ticket

log = logging.getLogger(__name__)

SWEEP_SHARE = 0.5
"""Of the rate: sweeps never get more, however idle everything else is."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
_ROUNDING = 1e-9


class Clock(Protocol):
    """Time as the client needs it: monotonic seconds for waiting, UTC for dates that a server names."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def wall(self) -> datetime:
        """Now, with a time zone."""
        ...


class Timer(Protocol):
    """A call that was put off, and can be called off."""

    def cancel(self) -> None:
        """Don't call."""
        ...


CallLater = Callable[[float, Callable[[], None]], Timer]


def _call_later(seconds: float, callback: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, callback)


class _Fill:
    """Tokens that come back evenly with time, up to a capacity, and may be overdrawn."""

    def __init__(self, rate: float, capacity: float, now: float) -> None:
        self.rate, self.capacity, self.level, self._at = rate, capacity, capacity, now

    def pace(self, rate: float, now: float) -> None:
        """Another rate from now on; what is there stays, as far as it has room."""
        self.refill(now)
        self.rate, self.capacity = rate, max(1.0, rate)
        self.level = min(self.level, self.capacity)

    def refill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + max(0.0, now - self._at) * self.rate)
        self._at = now

    def add(self, tokens: float) -> None:
        self.level = min(self.capacity, self.level + tokens)

    @property
    def wait(self) -> float:
        """Seconds until there is one token."""
        missing = 1.0 - self.level
        return missing / self.rate if missing > _ROUNDING else 0.0


class Bucket:
    """Tokens for one sort of call (its `name`), `per_minute` of them, granted by priority and fairly by namespaces."""

    def __init__(
        self,
        per_minute: float,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        call_later: CallLater = _call_later,
        name: str = "requests",
    ) -> None:
        if not per_minute > 0:
            raise ValueError("a bucket needs a rate above 0 a minute")
        now, rate = clock.monotonic(), per_minute / 60
        self._clock, self._jitter, self._call_later = clock, jitter, call_later
        self._tokens = _Fill(rate, max(1.0, rate), now)
        self._share = _Fill(rate * SWEEP_SHARE, max(1.0, rate * SWEEP_SHARE), now)
        self._queue = Queue(rate, name)
        self._paused_until: float | None = None
        self._pauses_in_a_row = 0
        self._timer: Timer | None = None

    def configure(self, per_minute: float) -> None:
        """Another rate from now on; who waits keeps their place."""
        now, rate = self._clock.monotonic(), per_minute / 60
        self._tokens.pace(rate, now)
        self._share.pace(rate * SWEEP_SHARE, now)
        self._queue.pace(rate)
        self._pump()

    def ask(self, key: str, namespace: str, priority: Priority, on_grant: Callable[[], None]) -> Ticket:
        """A ticket for one call. Granted at once where possible, and then `on_grant` is not called.

        Otherwise `on_grant` is called once, from the event loop, when it is granted. `key` names what asks: while a
        ticket of the same key waits it is returned again, in its old place (or a better one), with the new callback.
        """
        ticket = self._queue.waiting(key)
        if ticket is None:
            ticket = Ticket(key, namespace, priority, self._clock.monotonic(), self._returned)
            self._queue.add(ticket)
        elif priority < ticket.priority:
            self._queue.remove(ticket)
            ticket.priority = priority
            self._queue.add(ticket)
        ticket.on_grant = None
        self._pump()
        ticket.on_grant = on_grant
        return ticket

    async def wait(self, key: str, namespace: str, priority: Priority) -> Ticket:
        """Like `ask`, but returns when the ticket is granted. A waiter that is cancelled gives it back."""
        granted = asyncio.Event()
        ticket = self.ask(key, namespace, priority, granted.set)
        try:
            if not ticket.granted:
                await granted.wait()
        except asyncio.CancelledError:
            ticket.give_back()
            raise
        return ticket

    def take(self, count: int = 1) -> None:
        """Take tokens without asking, into debt if need be: for the second call of a pass that has begun."""
        self._tokens.refill(self._clock.monotonic())
        self._tokens.add(-count)

    def pause(self, seconds: float | None) -> None:
        """Grant nothing for `seconds`; without a number for 1 s to 60 s, longer each time in a row, with jitter.

        A pause never shortens one that is under way, and answers to calls of before it do not make it longer.
        """
        now, under_way = self._clock.monotonic(), self.paused_until is not None
        if seconds is None or seconds <= 0:
            if under_way:
                return
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._pauses_in_a_row, 16))
            seconds = longest * (0.5 + self._jitter() / 2)
        if not under_way:
            self._pauses_in_a_row += 1
        self._paused_until = max(self._paused_until or now, now + seconds)
        self._pump()

    def calm(self) -> None:
        """A call went through: the next pause starts small again, unless one is under way."""
        if self.paused_until is None:
            self._pauses_in_a_row = 0

    @property
    def paused_until(self) -> float | None:
        """Monotonic seconds until which nothing may be sent, None when calls may be made."""
        if self._paused_until is not None and self._clock.monotonic() >= self._paused_until - _ROUNDING:
            self._paused_until = None
        return self._paused_until

    @property
    def remaining(self) -> float:
        """How many calls may be made at once; below 0 while in debt, 0 while paused."""
        self._tokens.refill(self._clock.monotonic())
        return 0.0 if self.paused_until is not None else self._tokens.level

    @property
    def for_sweeps(self) -> float:
        """Calls a second that sweeps get at the most."""
        return self._share.rate

    @property
    def waiting(self) -> tuple[int, float]:
        """How many tickets wait, and for how many seconds the oldest has."""
        count, since = self._queue.waiters
        return count, 0.0 if since is None else max(0.0, self._clock.monotonic() - since)

    def _returned(self, ticket: Ticket) -> None:
        if ticket.granted:
            self._tokens.add(1)
            if ticket.priority.is_sweep:
                self._share.add(1)
        else:
            self._queue.remove(ticket)
        self._pump()

    def _pump(self) -> None:
        """Grant whatever can be granted, and set the timer for the next. May be entered again from a callback."""
        while ticket := self._next():
            self._tokens.add(-1)
            if ticket.priority.is_sweep:
                self._share.add(-1)
            self._queue.remove(ticket, served_at=self._clock.monotonic())
            ticket.granted = True
            if ticket.on_grant is not None:
                try:
                    ticket.on_grant()
                except Exception:
                    log.exception("what waited for a ticket failed when it was granted")
        self._set_timer()

    def _next(self) -> Ticket | None:
        now = self._clock.monotonic()
        self._tokens.refill(now)
        self._share.refill(now)
        if self.paused_until is not None or self._tokens.wait:
            return None
        return self._queue.next(now, sweeps=not self._share.wait)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            return
        seconds = self._tokens.wait
        if self._queue.only_sweeps:
            seconds = max(seconds, self._share.wait)
        if self.paused_until is not None:
            seconds = max(seconds, self.paused_until - self._clock.monotonic())
        # The loop's clock is coarser than ours: a timer that rings early must not ring again at once.
        self._timer = self._call_later(max(seconds, 0.001), self._pump)


class Budget:
    """The two buckets of one connection: `creates` for POSTs that create sessions, `requests` for everything else."""

    def __init__(
        self,
        creates_per_minute: float = 300,
        requests_per_minute: float = 600,
        *,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
        call_later: CallLater = _call_later,
    ) -> None:
        self.creates = Bucket(creates_per_minute, clock=clock, jitter=jitter, call_later=call_later, name="creates")
        self.requests = Bucket(requests_per_minute, clock=clock, jitter=jitter, call_later=call_later)

    def configure(self, creates_per_minute: float, requests_per_minute: float) -> None:
        """Other rates from now on."""
        self.creates.configure(creates_per_minute)
        self.requests.configure(requests_per_minute)
