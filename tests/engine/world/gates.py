"""Where a pass leaves this process: at each of these points the test decides what happens next.

A call of the fake world awaits a gate before it has its effect and another one before its answer is told. The test goes
on at once, goes on with something else first, answers with a fault, or never goes on: that is a crash.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal

Fault = Literal["refused", "later", "blocked", "unclear", "unreachable"]
"""What an outside call may answer instead: of these `unclear` alone leaves open whether it was carried out."""


@dataclass(frozen=True)
class Gate:
    """`call` is what is being done (`create`, `patch_status`, …); `done` tells whether it has had its effect."""

    call: str
    done: bool


@types.coroutine
def gate(call: str, *, done: bool) -> Generator[Gate, Fault | None, Fault | None]:
    """Wait until the test goes on; answers the fault it wants."""
    return (yield Gate(call, done))


class Running:
    """A pass under way, which stands at a gate."""

    def __init__(self, pass_: Coroutine[Any, Any, Any]) -> None:
        self._pass = pass_
        self.at: Gate | None = None
        self.result: Any = None
        self.asked = 0
        """How many calls it made that were to change something."""

    def go_on(self, fault: Fault | None = None) -> bool:
        """Up to the next gate; True when it is over, and `result` is what it answered."""
        try:
            self.at = self._pass.send(fault if self.at is not None else None)
        except StopIteration as end:
            self.at, self.result = None, end.value
            return True
        return False

    def crash(self) -> None:
        """The process is gone: nothing of the pass happens any more."""
        self._pass.close()
