"""The two sweeps that keep the observatory fresh: a few listings instead of one call for each session.

Run by each line, one pair for each connection. The hot sweep lists the sessions at work every few seconds, the full
sweep all that are not archived about once a minute; both wait for their turn in the call budget, and rest for longer
where their pages would use it up. Where single calls are fewer than pages, those are made (see `survey`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from collections.abc import Set as AbstractSet
from dataclasses import replace

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import (
    BadRequest,
    ClaudeError,
    CursorRefused,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    Unreadable,
)
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.errors import Consequence
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.losses import told
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.roster import Roster
from managed_agents_operator.kinds.rounds import Rounds
from managed_agents_operator.kinds.survey import LIVING, Survey, Way, rest, way

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
        """`on_first` is called when the first whole sweep is over, or failed: many resources wait for it."""
        self._client = client
        self._circuit = circuit
        self._observatory = observatory
        self._roster = roster
        self._monotonic = monotonic
        self._on_first = on_first
        self._hot: set[str] = set()
        self._orphans: set[str] = set()
        self._whole: Survey | None = None
        self._busy: Survey | None = None
        self._calls = dict.fromkeys((Priority.FULL_SWEEP, Priority.HOT_SWEEP), 0)
        self._wakes = {which: asyncio.Event() for which in (Priority.FULL_SWEEP, Priority.HOT_SWEEP)}
        self._moved = dict.fromkeys((Priority.FULL_SWEEP, Priority.HOT_SWEEP), monotonic())
        self.rounds = Rounds(monotonic)

    @property
    def refused(self) -> str | None:
        """Why the API refuses the full sweep, in words, where that is for no lack of rights."""
        return self._observatory.unlisted

    @property
    def age(self) -> float:
        """Seconds that the sweep which has stood still for longer owes a step, well or not: a restart mends no outage.

        None counts while the API has asked for silence.
        """
        now = self._monotonic()
        if self._client.budget is not None and self._client.budget.requests.paused_until is not None:
            self._moved = dict.fromkeys(self._moved, now)
        return max(0.0, now - min(self._moved.values()))

    @property
    def orphans(self) -> int:
        """How many sessions of nobody the last whole listing showed."""
        return len(self._orphans)

    async def run(self, hot_seconds: float, full_seconds: float) -> None:
        """Sweep until cancelled; failures slow it down and never end it."""
        async with Crew() as crew:
            crew.add("full sweep", self._repeat(Priority.FULL_SWEEP, self.full, full_seconds))
            crew.add("hot sweep", self._repeat(Priority.HOT_SWEEP, self.hot, hot_seconds))
            await crew.watch()

    def hurry(self) -> None:
        """What they fail of may be mended: the next ones need not wait."""
        for wake in self._wakes.values():
            wake.set()

    async def _repeat(self, which: Priority, sweep: Callable[[], Awaitable[None]], seconds: float) -> None:
        pause = FIRST_PAUSE
        while True:
            began, self._calls[which] = self._monotonic(), 0
            try:
                await sweep()
            except ClaudeError as error:
                self.rounds.failed(which)
                trouble = failure(error, self._monotonic())
                self._circuit.failed(trouble, "sweep")
                if which is Priority.FULL_SWEEP and isinstance(error, Refused) and not isinstance(error, RateLimited):
                    blocked = trouble.consequence is Consequence.BLOCKED
                    self._observatory.unlisted = None if blocked else error.message
                if which is Priority.FULL_SWEEP and self._observatory.swept_at is None and pause == FIRST_PAUSE:
                    self._on_first()
                if pause == FIRST_PAUSE:
                    log.warning("a sweep failed: %s", error.message)
                # A short pause at first, so that a restart of the API costs no whole interval; never a storm.
                wait, pause = pause, min(pause * 2, max(seconds, LONGEST_PAUSE))
            except Exception:
                # A server may answer anything, and what one of them answers is no reason to end for all others.
                self.rounds.failed(which)
                log.exception("a sweep failed")
                wait, pause = pause, min(pause * 2, max(seconds, LONGEST_PAUSE))
            else:
                self.rounds.done(which, began)
                took, budget = self._monotonic() - began, self._client.budget
                share = None if budget is None else budget.requests.for_sweeps
                wait, pause = rest(seconds, self._calls[which], took, share), FIRST_PAUSE
            # A rest may be longer than what is too long for a step.
            self._moved[which] = self._monotonic() + wait
            if await _woken(self._wakes[which], wait):
                pause = FIRST_PAUSE

    async def full(self) -> None:
        """Every session that is not archived. Raises `ClaudeError`: then nothing is concluded from what was seen."""
        began, live = self._monotonic(), self._roster.living()
        how = way(self._whole, len(live), began)
        listed = await self._read(how, live, began)
        seen = self._observatory
        first, seen.swept_at, seen.unlisted = seen.swept_at is None, began, None
        self._circuit.succeeded("sweep")
        seen.weigh(self._living(), listed, began)
        seen.missed(self._roster.living(), listed, began)
        if how is not Way.SINGLY:
            self._tell_orphans(seen.of_nobody(listed))
        if how is Way.WHOLE:
            seen.forget(listed, began)
        if first:
            self._on_first()

    async def _read(self, how: Way, live: AbstractSet[str], began: float) -> dict[str, float]:
        if how is Way.SINGLY:
            return await self._singly(live, Priority.FULL_SWEEP)
        if how is Way.FILTERED:
            try:
                return (await self._listing(LIVING, Priority.FULL_SWEEP, began))[0]
            except CursorRefused:
                raise
            except (BadRequest, NotFound):
                if self._whole is not None:
                    self._whole = replace(self._whole, filters=False)
        listed, measured = await self._listing((), Priority.FULL_SWEEP, began)
        self._whole = replace(measured, filters=self._whole is None or self._whole.filters)
        return listed

    async def hot(self) -> None:
        """The sessions at work; one that left since the last time is looked at by its own resource."""
        live = self._roster.living()
        if not live:
            self._hot = set()
            return
        began = self._monotonic()
        singly = way(self._busy, len(live), began) is Way.SINGLY
        if singly:
            listed = await self._singly(live, Priority.HOT_SWEEP)
        else:
            listed, self._busy = await self._listing(HOT, Priority.HOT_SWEEP, began)
        self._circuit.succeeded("sweep")
        self._observatory.missed((self._hot | self._observatory.busy) & live, listed, began)
        self._hot = set() if singly else set(listed)

    def _living(self) -> set[str]:
        """Those that live as far as anybody knows: one that was told to be lost goes missing no more."""
        tracked = self._roster.tracked()
        return {id for id in self._roster.living() if not told(tracked[id])}

    async def _turn(self, priority: Priority) -> float:
        """Waits for a place in the budget; answers when it was given."""
        if self._client.budget is not None:
            ticket = await self._client.budget.requests.wait(priority.name, "", priority)
            ticket.spend()
        self._calls[priority] += 1
        self._moved[priority] = self._monotonic()
        return self._moved[priority]

    async def _listing(
        self, statuses: tuple[str, ...], priority: Priority, began: float
    ) -> tuple[dict[str, float], Survey]:
        """All pages; answers when the page was asked for that showed each id. Changes ring as they come."""
        listed: dict[str, float] = {}
        measured, asked_at = Survey(began), began

        async def turn() -> None:
            nonlocal asked_at
            asked_at = await self._turn(priority)

        async for page in self._client.iterate_sessions(statuses=statuses, before_page=turn):
            measured = measured.page(page.value.items)
            for item in page.value.items:
                listed[item["id"]] = asked_at
                self._observatory.listed(item, asked_at, page.workspace)
        return listed, measured

    async def _singly(self, ids: Collection[str], priority: Priority) -> dict[str, float]:
        """One call for each; like a listing, which just does not show what is not there.

        Without any, one page tells whether the key is good.
        """
        if not ids:
            await self._turn(priority)
            await self._client.list_sessions(limit=1)
        seen: dict[str, float] = {}
        for id in sorted(ids):
            asked_at = await self._turn(priority)
            try:
                answer = await self._client.get_session(id)
            except NotFound:
                continue
            except (BadRequest, Forbidden, Unreadable) as error:
                # Of this one alone nothing is concluded; a listing would show the others too.
                log.warning("session %s can't be read: %s", id, error.message)
            else:
                item = answer.value.model_dump(mode="json", exclude_unset=True)
                self._observatory.listed(item, asked_at, answer.workspace, whole=True)
            seen[id] = asked_at
        return seen

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
