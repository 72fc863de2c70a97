"""Listings that many ask for: one at a time, each for all who asked before it began.

Used by searches and uploads, which say what a listing is and keep what it found. Here is who waits for the next one,
who is told of a failure, and who is rung.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.crew import end
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.pulse import Pulse
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.errors import failure

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
"""How long a listing waits for others that want the same."""
KEPT_SECONDS = 3600.0
"""How long is kept what nobody asked for any more, as of a resource that went meanwhile."""

CRASHED_SECONDS = 5.0
"""Pause after a listing that ended as none should."""

Wish = TypeVar("Wish")


class Batches(Generic[Wish]):
    """What is wanted by each uid, and the listing under way. Times are monotonic seconds.

    `whole` carries out one listing for a batch, told when it began, and raises `ClaudeError` when it fails. That is
    reported to the circuit here; whoever it was for is rung either way.
    """

    def __init__(
        self,
        name: str,
        whole: Callable[[dict[str, Wish], float], Awaitable[None]],
        circuit: Circuit,
        monotonic: Callable[[], float],
        ring: Callable[[str], None],
    ) -> None:
        self._name = name
        self._whole = whole
        self._circuit = circuit
        self._monotonic = monotonic
        self._ring = ring
        self._wanted: dict[str, Wish] = {}
        self._under_way: dict[str, Wish | None] = {}
        self._began: float | None = None
        self._failed: dict[str, tuple[Failure, float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._pulse = Pulse(monotonic)

    def waits(self, uid: str, wish: Wish) -> bool:
        """Whether this uid has asked for the next listing already; what it asks last counts."""
        if uid in self._wanted:
            self._wanted[uid] = wish
        return uid in self._wanted

    def served(self, uid: str) -> bool:
        """Whether the listing under way is for this uid."""
        return uid in self._under_way

    def join(self, uid: str, after: float) -> bool:
        """Be rung by the listing under way as well, if it began after a moment; whether it did."""
        if self._began is None or self._began <= after:
            return False
        self._under_way.setdefault(uid, None)
        return True

    def order(self, uid: str, wish: Wish) -> bool | Failure:
        """Ask for the next listing: True, or the failure of the last one for this uid, told once."""
        if uid in self._failed:
            return self._failed.pop(uid)[0]
        self._wanted[uid] = wish
        self._pulse.wanted()
        if self._task is None or self._task.done():
            self._begin()
        return True

    def forget(self, uid: str) -> None:
        """A failure that this uid was not told of does not matter any more."""
        self._failed.pop(uid, None)

    async def close(self) -> None:
        """End a listing that is under way, as nobody will read it."""
        self._closed = True
        if self._task is not None:
            await end(self._task)

    async def turn(self, client: Client) -> None:
        """Wait for a place in the budget for one page of the listing under way."""
        if client.budget is not None:
            ticket = await client.budget.requests.wait(self._name, "", Priority.USER)
            ticket.spend()
        self._pulse.beat()

    def age(self, client: Client) -> float:
        """Seconds that the listing under way, or the next one, owes a step; none while the API asked for silence."""
        if client.budget is not None and client.budget.requests.paused_until is not None and self._wanted:
            self._pulse.beat()
        return self._pulse.age

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._work(), name=self._name)
        self._task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Nobody else would begin again for those who wait, as they wait for this."""
        if task.cancelled() and not self._closed:
            log.error("%s: the listing was cancelled", self._name)
            if self._wanted:
                self._begin()

    async def _work(self) -> None:
        while self._wanted:
            self._pulse.beat()
            await asyncio.sleep(GATHER_SECONDS)
            self._began = self._monotonic()
            batch, self._wanted = self._wanted, {}
            self._under_way = {**batch}
            self._failed = {uid: one for uid, one in self._failed.items() if one[1] >= self._began - KEPT_SECONDS}
            try:
                await self._whole(batch, self._began)
            except ClaudeError as error:
                now = self._monotonic()
                trouble = failure(error, now)
                self._circuit.failed(trouble, "read")
                self._failed.update(dict.fromkeys(self._under_way, (trouble, now)))
            except Exception:
                # A server may answer anything; whoever is rung asks again, which should be no storm.
                log.exception("%s: a listing failed", self._name)
                await asyncio.sleep(CRASHED_SECONDS)
            else:
                self._circuit.succeeded("read")
                self._failed.clear()
            finally:
                served, self._under_way, self._began = self._under_way, {}, None
                for uid in served:
                    self._ring(uid)
        self._pulse.idle()
