"""A world in which everything that may happen next is a choice, and what each choice does.

Nothing here is left to chance: the explorer lists the `choices`, takes one, and looks at what came of it. A scene
without a pass under way can be pickled; one with a pass is told by the last that could be, and the choices since.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.engine.explore.scenarios import POSTS, Scenario, faults
from tests.engine.world import judge_deeds
from tests.engine.world.judge import Judge
from tests.engine.world.people import People
from tests.engine.world.process import Operator
from tests.engine.world.world import SWEEP, World

Choice = tuple[Any, ...]
"""What happens, then whom or what it concerns."""
QUIET = 100.0
"""Seconds without anything due after which a world is looked over by the judge: longer than any doubt lasts."""
HELD = (6.0, 31.0, 95.0)
"""How long somebody stands still for it to matter: longer than a permit, the grace, and the time of doubt."""


def steady() -> float:
    """Jitter that is the same each time."""
    return 0.5


class Scene(People):
    """One world of a scenario. `left` is what may still go wrong or be done, by its name, in the scenario's order."""

    spent = 0
    """How much of that has happened."""

    def __init__(self, scenario: Scenario) -> None:
        self.name = scenario.name
        self.world, self.backups = World(steady), {}
        api = self.world.api
        api.list_lag, api.flight = scenario.lag, scenario.flight
        api.names_workspace = scenario.names_workspace
        self.left = dict(scenario.bounds)
        self._together, self._overlap = scenario.together, scenario.overlap
        self.frozen: dict[str, float] = {}
        self.woken: tuple[str, str] | None = None
        self.violated = scenario.violated
        self.world.advance(1)
        self.act("a", "apply", scenario.spec)
        self._hear()
        for choice in scenario.start:
            self.take(choice, scenario)

    # what may happen

    def choices(self, scenario: Scenario) -> list[Choice]:
        """All of it. The first is what happens where nobody does anything and nothing goes wrong."""
        if (inward := self._inward()) is not None:
            return [("go", *inward), *self._at_gate(*inward)]
        steps = list(self._steps())
        beside = [*self._troubles(), *self._people(scenario), *self._arrivals()]
        if len(steps) == 1 and steps[0][0] == "begin" and not (beside or self.frozen or self._may_err()):
            steps = [("pass", *steps[0][1:])]
        return [*steps, *self._clockwork(), *(("thaw", name) for name in self.frozen), *beside]

    def _inward(self) -> tuple[str, str] | None:
        """A pass whose next step is its own affair: whatever others do meanwhile, they may do before or after it.

        So nothing is lost where only what happens to itself is a choice there. Who stood still goes on by a step, or
        might as well have stood still.
        """
        if self.woken is not None:
            return self.woken
        for operator in self._awake():
            for uid, running in operator.running.items():
                if running.at is not None and (running.at.done or running.at.call in POSTS):
                    return operator.name, uid
        return None

    def _may_err(self) -> bool:
        return any(self.left.get(kind) for kind in ("crash", "freeze", "lost", "refused"))

    def _awake(self) -> list[Operator]:
        return [o for o in self.world.operators if o.name not in self.frozen]

    def _steps(self) -> Iterator[Choice]:
        for operator in self._awake():
            yield from (("go", operator.name, uid) for uid in operator.running)
            yield from (("begin", operator.name, uid) for uid in operator.wanting)

    def _clockwork(self) -> Iterator[Choice]:
        """Time goes on when all have done what they want to do now; a first sweep may come before that."""
        busy = any(o.running or o.wanting for o in self._awake())
        for operator in self._awake():
            if not operator.kind.swept and not operator.running:
                yield ("sweep", operator.name)
        swept = all(o.kind.swept for o in self._awake())
        if not busy and swept and self._due() is not None:
            yield ("time",)

    def _troubles(self) -> Iterator[Choice]:
        for operator in self._awake():
            for uid in operator.running:
                yield from self._at_gate(operator.name, uid)
            if self.left.get("crash") and not operator.running and not operator.wanting:
                yield ("crash", operator.name)
        if self.left.get("second") and self.frozen and len(self.world.operators) == 1:
            yield ("second",)

    def _at_gate(self, name: str, uid: str) -> Iterator[Choice]:
        at = self.operator(name).running[uid].at
        if self.left.get("crash"):
            yield ("crash", name)
        if self.left.get("freeze"):
            yield ("freeze", name)
        for kind, fault in faults(at, self.world.api.flight) if at is not None else ():
            if self.left.get(kind):
                yield ("fault", name, uid, kind, fault)

    def _people(self, scenario: Scenario) -> Iterator[Choice]:
        """What they do to the resource, and others to its sessions."""
        there = "a" in self.world.cluster.objects
        for kind, acts in scenario.acts.items():
            if self.left.get(kind) and there and self._of_use(kind):
                yield from (("act", kind, place) for place in range(len(acts)))
        for session in self.world.api.living() if self.left.get("outside") else ():
            yield from (("outside", how, session.id) for how in scenario.outside)

    def _of_use(self, kind: str) -> bool:
        """A pass writes once, at its end: no backup is another one in the middle of a pass.

        Traces are taken away after whatever was on its way has come (`people`): in that time a process has a first
        look at each resource, and no call is on the wire for that long. What is taken away before that, nobody can
        know of who starts then.
        """
        if kind in ("wipe", "replace"):
            met = all(cell.memory.generation for o in self._awake() for cell in o.cells.values())
            gates = [r.at for o in self.world.operators for r in o.running.values() if r.at]
            return met and not any(at.call.endswith(" sent") for at in gates)
        return {"restore": bool(self.backups), "backup": not self.passing}.get(kind, True)

    def _arrivals(self) -> Iterator[Choice]:
        """What is on its way may arrive at any time."""
        yield from (("arrive", place) for place in range(len(self.world.api.late)))

    # what is due

    @property
    def at_rest(self) -> bool:
        """Whether nothing is done or due for longer than any doubt lasts."""
        if self.frozen or self.world.api.late or any(o.running or o.wanting for o in self.world.operators):
            return False
        due = self._due()
        return all(o.kind.swept for o in self.world.operators) and (due is None or due - self._now > QUIET)

    @property
    def _now(self) -> float:
        return self.world.clock.monotonic()

    def _due(self) -> float | None:
        """When something happens next by itself, monotonic."""
        now, api = self._now, self.world.api
        times = [o.next_due for o in self._awake() if o.next_due is not None]
        times += [post.latest for post in api.late]
        times += [s.made_at + api.list_lag for s in api.sessions.values()]
        times += [s.runs_until for s in api.living()]
        if not self._awake():
            times += [since + held for since in self.frozen.values() for held in HELD]
        times += [self.frozen[o.name] + api.flight for o, _ in self._on_the_wire()]
        times += [at for o in self._awake() if (at := self._sweep_due(o)) is not None]
        return min((at for at in times if at > now), default=None)

    def _on_the_wire(self) -> list[tuple[Operator, str]]:
        """Who stands still with a call that has left: it arrives within its flight, whatever becomes of the process."""
        held = [o for o in self.world.operators if o.name in self.frozen]
        return [(o, uid) for o in held for uid, r in o.running.items() if r.at and r.at.call.endswith(" sent")]

    def _sweep_due(self, operator: Operator) -> float | None:
        """When a sweep shows something that is not known yet."""
        kind = operator.kind
        known, listed = kind._seen, self.world.api.listed(archived=False)
        news = any(
            (one := known.get(s.id)) is None
            or (one.state, one.title, one.metadata) != (self.world.api.state(s), s.title, s.metadata)
            for s in listed
        )
        ids = {s.id for s in listed}
        gone = any(
            cell.status.get("id") not in ids and self._follows(cell.status) and cell.status["id"] not in kind._absent
            for cell in operator.cells.values()
        )
        return (kind._swept_at or 0.0) + SWEEP if news or gone else None

    @staticmethod
    def _follows(status: Any) -> bool:
        return bool(status.get("id")) and not status.get("archivedAt") and status.get("state") != "terminated"

    # what happens

    def take(self, choice: Choice, scenario: Scenario, *, quietly: bool = False) -> None:
        """Let it happen. Raises AssertionError where a law is broken. `quietly`: it is known what comes of it."""
        self.woken = None
        getattr(self, f"_{choice[0]}")(scenario, *choice[1:])
        self._hear()
        self._lease()
        if quietly:
            return
        self._lawful()
        if not self.passing:
            self.world.api.history.deeds.clear()
            self.world.api.looks.clear()

    @property
    def passing(self) -> bool:
        """Whether any pass is under way."""
        return any(o.running for o in self.world.operators)

    def _hear(self) -> None:
        for operator in self._awake():
            operator.watch()
            operator.wanting  # noqa: B018 - what is due by now wants a pass

    def _lease(self) -> None:
        """Who lost his lease while he stood still ends with the pass that was under way, unless they may overlap."""
        first, *others = self.world.operators
        if others and not self._overlap and not first.running and first.name not in self.frozen:
            self.world.crash(first)

    @property
    def doubled(self) -> bool:
        """Whether two sessions of one resource live."""
        uids = [session.made_for for session in self.world.api.living()]
        return len(set(uids)) < len(uids)

    def _lawful(self) -> None:
        judge = Judge(self.world)
        if not self.violated:
            judge.never_two()
            judge._first_events()
        judge_deeds.deeds(self.world)

    def _spend(self, kind: str) -> None:
        self.left[kind] -= 1
        self.spent += 1
        if self.spent >= self._together:
            self.left = dict.fromkeys(self.left, 0)

    @property
    def budget(self) -> tuple[int, ...]:
        """What is left of every bound, and of all of them together."""
        return *self.left.values(), self._together - self.spent

    def operator(self, name: str) -> Operator:
        """The process of that name."""
        return next(o for o in self.world.operators if o.name == name)

    def _begin(self, scenario: Scenario, name: str, uid: str) -> None:
        self.operator(name).begin(uid)

    def _go(self, scenario: Scenario, name: str, uid: str, fault: Any = None) -> None:
        self.operator(name).go_on(uid, fault)

    def _pass(self, scenario: Scenario, name: str, uid: str) -> None:
        """A whole one, where nothing else may happen meanwhile."""
        operator = self.operator(name)
        operator.begin(uid)
        operator.finish(uid)

    def _fault(self, scenario: Scenario, name: str, uid: str, kind: str, fault: Any) -> None:
        self._spend(kind)
        self._go(scenario, name, uid, fault)

    def _crash(self, scenario: Scenario, name: str) -> None:
        self._spend("crash")
        self.world.crash(self.operator(name))
        if not self._awake():
            self.world.start()

    def _freeze(self, scenario: Scenario, name: str) -> None:
        self._spend("freeze")
        self.frozen[name] = self._now

    def _thaw(self, scenario: Scenario, name: str) -> None:
        del self.frozen[name]
        self.woken = name, next(iter(self.operator(name).running))

    def _second(self, scenario: Scenario) -> None:
        self._spend("second")
        self.world.start()

    def _sweep(self, scenario: Scenario, name: str) -> None:
        self.operator(name).sweep()

    def _time(self, scenario: Scenario) -> None:
        due = self._due()
        if due is None:
            raise AssertionError("nothing is due")
        self.world.advance(due - self._now)
        for operator, uid in self._on_the_wire():
            if self._now >= self.frozen[operator.name] + self.world.api.flight:
                operator.go_on(uid)
        for operator in self._awake():
            if self._now - (operator.kind._swept_at or 0.0) >= SWEEP:
                operator.sweep()

    def _arrive(self, scenario: Scenario, place: int) -> None:
        self.world.api.late.pop(place).arrive_late()

    def _act(self, scenario: Scenario, kind: str, place: int) -> None:
        self._spend(kind)
        self.act("a", *scenario.acts[kind][place])

    def _outside(self, scenario: Scenario, how: str, id: str) -> None:
        self._spend("outside")
        getattr(self.world.api, f"{how}_outside")(id)
