"""How the calls of one process go: with a gate at each end, where the test decides what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.engine.world.api import Missing, Refused
from tests.engine.world.gates import gate
from tests.engine.world.outlook import FAILURES, NOT_FOUND, Outlook

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.memory import PERMIT_EXPIRED


class Calls(Outlook):
    """What a process knows, and how it asks for more. `asked` counts the calls that are to change something."""

    asked = 0

    async def _post(self, name: str, still: Callable[[], bool], call: Callable[[], Any]) -> Any:
        """A call that must not happen twice: it may be on its way for as long as CREATE_TIMEOUT, without us."""
        self.asked += 1
        if fault := await gate(name, done=False):
            return FAILURES[fault]
        if refused := self.refused():
            return refused
        if not still():
            return Failure(Consequence.LATER, PERMIT_EXPIRED, "too late")
        with self._api.on_its_way(call) as post:
            if fault := await gate(f"{name} sent", done=False):
                return FAILURES["unclear"]
            answer = self._carry_out(post.arrive)
        if isinstance(answer, Failure):
            return answer
        return FAILURES["unclear"] if await gate(name, done=True) else answer

    async def _call(self, name: str, call: Callable[[], Any]) -> Any:
        """One call: refused before it had an effect, carried out, or carried out and not answered."""
        self.asked += 1
        if fault := await gate(name, done=False):
            return FAILURES[fault]
        if refused := self.refused():
            return refused
        answer = self._carry_out(call)
        if isinstance(answer, Failure):
            return answer
        return FAILURES["unclear"] if await gate(name, done=True) else answer

    def _carry_out(self, call: Callable[[], Any]) -> Any:
        self.answered()
        try:
            return call()
        except Refused as no:
            return Failure(Consequence.REFUSED, "InvalidSpec", str(no))
        except Missing:
            return NOT_FOUND
