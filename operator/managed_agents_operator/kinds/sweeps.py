"""The two sweeps that keep the observatory fresh: a few listings instead of one call for each session.

Run by the app, one pair for each connection. The hot sweep lists the sessions at work every few seconds, the full sweep
all that are not archived about once a minute; both wait for their turn in the call budget.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError, RateLimited, Refused
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.errors import Consequence
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.roster import Roster

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
HOT = ("running", "rescheduling")


class Sweeps:
    """Both sweeps of one connection. Times are monotonic seconds."""

    def __init__(
        self,
        client: Client,
        circuit: Circuit,
        observatory: Observatory,
        roster: Roster,
        monotonic: Callable[[], float],
        on_first: Callable[[], None],
    ) -> None:
        """`on_first` is called when the first whole sweep is over: many resources wait for it."""
        self._client = client
        self._circuit = circuit
        self._observatory = observatory
        self._roster = roster
        self._monotonic = monotonic
        self._on_first = on_first
        self._hot: set[str] = set()
        self._orphans: set[str] = set()
        self.refused: str | None = None
        """Why the API refuses the full sweep, in words, where that is for no lack of rights."""
        self._wakes = {which: asyncio.Event() for which in (Priority.FULL_SWEEP, Priority.HOT_SWEEP)}
        self._moved = dict.fromkeys((Priority.FULL_SWEEP, Priority.HOT_SWEEP), monotonic())

    @property
    def age(self) -> float:
        """Seconds since the sweep that has stood still for longer made a step, well or not: a restart mends no outage.

        None counts while the API has asked for silence.
        """
        now = self._monotonic()
        if self._client.budget is not None and self._client.budget.requests.paused_until is not None:
            self._moved = dict.fromkeys(self._moved, now)
        return now - min(self._moved.values())

    async def run(self, hot_seconds: float, full_seconds: float) -> None:
        """Sweep until cancelled; failures slow it down and never end it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(Priority.FULL_SWEEP, self.full, full_seconds), name="full sweep")
            group.create_task(self._repeat(Priority.HOT_SWEEP, self.hot, hot_seconds), name="hot sweep")

    def hurry(self) -> None:
        """What they fail of may be mended: the next ones need not wait."""
        for wake in self._wakes.values():
            wake.set()

    async def _repeat(self, which: Priority, sweep: Callable[[], Awaitable[None]], seconds: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await sweep()
            except ClaudeError as error:
                trouble = failure(error, self._monotonic())
                self._circuit.failed(trouble, "sweep")
                if which is Priority.FULL_SWEEP and isinstance(error, Refused) and not isinstance(error, RateLimited):
                    self.refused = None if trouble.consequence is Consequence.BLOCKED else error.message
                if pause == FIRST_PAUSE:
                    log.warning("a sweep failed: %s", error.message)
                # A short pause at first, so that a restart of the API costs no whole interval; never a storm.
                wait, pause = pause, min(pause * 2, max(seconds, LONGEST_PAUSE))
            except Exception:
                # A server may answer anything, and what one of them answers is no reason to end for all others.
                log.exception("a sweep failed")
                wait, pause = pause, min(pause * 2, max(seconds, LONGEST_PAUSE))
            else:
                wait, pause = seconds, FIRST_PAUSE
            self._moved[which] = self._monotonic()
            if await _woken(self._wakes[which], wait):
                pause = FIRST_PAUSE

    async def full(self) -> None:
        """Every session that is not archived. Raises `ClaudeError`: then nothing is concluded from what was seen."""
        began = self._monotonic()
        listed = await self._listing((), Priority.FULL_SWEEP)
        seen = self._observatory
        self.refused = None
        first, seen.swept_at = seen.swept_at is None, began
        self._circuit.succeeded("sweep")
        seen.weigh(self._living(), listed, began)
        seen.missed(self._live(), listed, began)
        seen.forget(listed, began)
        self._tell_orphans(seen.of_nobody(listed))
        if first:
            self._on_first()

    async def hot(self) -> None:
        """The sessions at work; one that left since the last time is looked at by its own resource."""
        live = self._live()
        if not live:
            self._hot = set()
            return
        began = self._monotonic()
        listed = await self._listing(HOT, Priority.HOT_SWEEP)
        self._circuit.succeeded("sweep")
        shown_busy = {id for id in live if (one := self._observatory.snapshot(id)) and one.busy and one.seen_at < began}
        self._observatory.missed((self._hot & live) | shown_busy, listed, began)
        self._hot = set(listed)

    def _live(self) -> set[str]:
        """Tracked sessions that have not ended: those that listings should show."""
        tracked = self._roster.tracked().items()
        return {id for id, status in tracked if not status.get("archivedAt") and status.get("state") != "terminated"}

    def _living(self) -> set[str]:
        """Those that live as far as anybody knows: one that was told to be lost goes missing no more."""
        tracked = self._roster.tracked()
        return {id for id in self._live() if not _lost(tracked[id])}

    async def _listing(self, statuses: tuple[str, ...], priority: Priority) -> dict[str, float]:
        """All pages; answers when the page was asked for that showed each id. Changes ring as they come."""
        listed: dict[str, float] = {}
        asked_at = self._monotonic()

        async def turn() -> None:
            nonlocal asked_at
            if self._client.budget is not None:
                ticket = await self._client.budget.requests.wait(priority.name, "", priority)
                ticket.spend()
            asked_at = self._moved[priority] = self._monotonic()

        async for page in self._client.iterate_sessions(statuses=statuses, before_page=turn):
            for item in page.value.items:
                listed[item["id"]] = asked_at
                self._observatory.listed(item, asked_at, page.workspace)
        return listed

    def _tell_orphans(self, orphans: dict[str, str]) -> None:
        """Sessions that carry our marker and have no resource: told once, and never touched unasked."""
        for id in orphans.keys() - self._orphans:
            log.warning("session %s has no resource; it was made for %s", id, orphans[id])
        self._orphans = set(orphans)


async def _woken(wake: asyncio.Event, seconds: float) -> bool:
    """Sleeps so long unless it is woken, also by who called before it slept."""
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return False
    wake.clear()
    return True


def _lost(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("reason") == "Lost" for one in conditions)
