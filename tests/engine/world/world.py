"""A cluster, an API and the processes between them, and what they come to when nothing more happens."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.engine.world.api import FakeApi
from tests.engine.world.clock import FakeClock
from tests.engine.world.cluster import Cluster
from tests.engine.world.gates import Fault, Gate
from tests.engine.world.inventory import refers_to
from tests.engine.world.process import Operator

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.terms import Terms

TERMS = Terms(grace=30.0, create_timeout=60.0, refused_retry=600.0)
SWEEP = 60.0
LONG = 1500.0
"""Seconds without any change after which nothing is to come any more."""


class Restless(AssertionError):
    """It does not come to rest."""


@dataclass(frozen=True)
class Trouble:
    """What happens at the next gate of this call: a fault, the end of the process, or something that others do."""

    call: str
    done: bool
    what: Fault | Literal["crash"] | Callable[[], None]
    then: Callable[[], None] | None = None
    """What others do before the next process begins."""


class World:
    """Begins with one process. `jitter` is what pauses of the processes are stretched by, 0 to 1."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self.clock = FakeClock()
        self.cluster = Cluster(self.clock)
        self.api = FakeApi(self.clock)
        self._started = 0
        self._jitter = jitter
        self.armed: list[Trouble] = []
        self.operators: list[Operator] = []
        self.start()

    def start(self) -> Operator:
        """One more process."""
        self._started += 1
        name, around = f"process-{self._started}", (self.cluster, self.api, self.clock)
        operator = Operator(name, *around, TERMS, self._trouble, self._jitter)
        operator.watch()
        self.operators.append(operator)
        for one in self.operators if len(self.operators) > 1 else ():
            one.overlapped = True
        return operator

    def crash(self, operator: Operator) -> None:
        operator.crash()
        self.operators.remove(operator)

    def _trouble(self, operator: Operator, gate: Gate) -> Fault | None:
        due = next((t for t in self.armed if (t.call, t.done) == (gate.call, gate.done)), None)
        if due is None:
            return None
        self.armed.remove(due)
        if due.what == "crash":
            self.crash(operator)
            if due.then:
                due.then()
            self.start()
            return None
        if callable(due.what):
            due.what()
            return None
        return due.what

    def open_budget(self) -> None:
        """Everybody is, and who waited is rung."""
        self.api.open = True
        for operator in self.operators:
            operator.kind.grant()

    def calm(self) -> None:
        """No more trouble: every agent and file is there, the key is right, and one process works."""
        self.armed.clear()
        self.api.files.appear()
        self.api.bad_agents = set()
        self.api.files.put("file_nowhere", b"there at last")
        self.api.key_works, self.api.workspace = True, self.api.home
        self.open_budget()
        for operator in self.operators[:-1]:
            self.crash(operator)
        if self.operators[0].overlapped and self.api.files.uploaded_for_mounts:
            # What another process uploaded beside it a process finds at its start alone.
            self.crash(self.operators[0])
            self.start()

    def advance(self, seconds: float) -> None:
        """Time goes by; what is on its way to the API arrives when it is due."""
        until = self.clock.monotonic() + seconds
        while (due := min((post.latest for post in self.api.late), default=until)) < until:
            self.clock.advance(due - self.clock.monotonic())
            self.api.arrivals()
        self.clock.advance(until - self.clock.monotonic())
        self.api.arrivals()

    def status(self, name: str) -> dict[str, Any]:
        return self.cluster.objects[name].get("status") or {}

    def condition(self, name: str, type_: str = "Ready") -> dict[str, Any]:
        """A condition as it stands, {} if there is none."""
        return next((c for c in self.status(name).get("conditions") or () if c["type"] == type_), {})

    def lacks_sources(self, body: Mapping[str, Any]) -> bool:
        """Whether a ConfigMap or Secret that a spec names, or its key, is not there."""
        return any(self.cluster.sources.value(*named) is None for named in refers_to(Session.parse(body)))

    def run(self) -> int:
        """Every pass that wants to be made now, to its end; answers how many."""
        made = 0
        while busy := [o for o in self.operators if self._has_work(o)]:
            operator = busy[0]
            uid = next(iter([*operator.running, *operator.wanting]))
            if uid not in operator.running:
                operator.begin(uid)
            operator.finish(uid)
            made += 1
            if made > 300:
                raise Restless(f"{uid} passes without end")
        return made

    def _has_work(self, operator: Operator) -> bool:
        operator.watch()
        return bool(operator.running or operator.wanting)

    def settle(self, limit: int = 600) -> None:
        """Until nothing changed for a long time. Raises `Restless` when it takes too many passes."""
        made, still_since, swept_at = 0, self.clock.monotonic(), float("-inf")
        while self.clock.monotonic() - still_since < LONG:
            before = self._changes()
            made += self.run()
            if self.clock.monotonic() - swept_at >= SWEEP:
                swept_at = self.clock.monotonic()
                for operator in self.operators:
                    operator.sweep()
                made += self.run()
            if self._changes() != before:
                still_since = self.clock.monotonic()
            if made > limit:
                reasons = {name: self.condition(name).get("reason") for name in self.cluster.objects}
                raise Restless(f"{made} passes and no end: {reasons}")
            self.advance(self._pause())

    def _changes(self) -> tuple[int, int, int]:
        return self.cluster.writes, self.api.creations, self.api.changes

    def _pause(self) -> float:
        """Seconds until something is due."""
        now = self.clock.monotonic()
        due = [at for operator in self.operators if (at := operator.next_due) is not None]
        due += [post.latest for post in self.api.late]
        return min(max(min((at - now for at in due), default=SWEEP), 0.01), SWEEP)
