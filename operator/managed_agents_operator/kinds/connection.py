"""What all calls of one connection share: client, budget, circuit and observatory, and what is learnt from each call.

Built by the session kind and used by its parts. A read or a change is reported to the circuit here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError, NotFound
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.faring import another_workspace
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds.circuit import Call, Circuit
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.observatory import Observatory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Connection:
    """The parts of one connection that every call needs."""

    client: Client
    budget: Budget
    circuit: Circuit
    observatory: Observatory
    clock: Clock

    @property
    def elsewhere(self) -> Failure | None:
        """What keeps all but listings from being called: the answers are those of another workspace than is wanted."""
        return another_workspace(self.client.health.workspace, self.client.workspace_wanted)

    def may_create(self, claimed: str | None) -> bool:
        """Whether the key as it is now is one of the workspace that was claimed in, and of the one that is wanted.

        Raises `ClaudeError` where there is no key.
        """
        now, called = self.client.workspace_now(), self.client.health.last_success is not None
        return claimed in (None, now) and (self.client.workspace_wanted is None or (called and self.elsewhere is None))

    def take(self, *, creates: bool) -> None:
        """One place in the budget, on credit."""
        (self.budget.creates if creates else self.budget.requests).take()

    async def read(self, call: Awaitable[T]) -> T | Failure:
        """Carry out what only reads; its errors as a `Failure`."""
        try:
            seen = await call
        except ClaudeError as error:
            return self.failed(error, "read")
        self.circuit.succeeded("read")
        return seen

    def failed(self, error: ClaudeError, call: Call, *, creates: bool = False) -> Failure:
        """What follows from an error."""
        trouble = failure(error, self.clock.monotonic(), creates=creates)
        self.circuit.failed(trouble, call)
        return trouble

    async def get(self, id: str) -> Remote | Absent:
        """`GET /v1/sessions/{id}`, taken in. Raises `ClaudeError`, but for a 404."""
        asked_at = self.clock.monotonic()
        try:
            answer = await self.client.get_session(id)
        except NotFound as error:
            return self.observatory.gone(id, error.workspace, asked_at)
        return self.observatory.put(answer.value, asked_at, answer.workspace)

    async def get_on_credit(self, id: str) -> Remote | Absent | Failure:
        """The same, as the second call of a pass. Its failure leaves open what became of the first."""
        self.take(creates=False)
        seen = await self.read(self.get(id))
        return replace(seen, consequence=Consequence.UNCLEAR) if isinstance(seen, Failure) else seen
