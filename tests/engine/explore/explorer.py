"""Breadth first through all that may happen in a scenario, until nothing new comes or the time is over.

What has had fewest troubles goes first, and among these what took fewest choices: so when the time is over it can be
told up to how many troubles everything was seen, and what is found first is told in the shortest way.

States are known by their digest. One is passed over where the same was seen before with at least as much left of every
bound, since whatever may follow from it was seen to follow. Wherever a scene is at rest the trouble ends, and the judge
looks at what it comes to. What was found is in the `Report`.
"""

from __future__ import annotations

import copyreg
import gc
import heapq
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.engine.explore.digest import digest
from tests.engine.explore.judging import at_rest, judge_of
from tests.engine.explore.scenarios import Scenario
from tests.engine.explore.scene import Choice, Scene


def _proxy(of: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(of)


copyreg.pickle(MappingProxyType, lambda proxy: (_proxy, (dict(proxy),)))


DEEP = 120
"""Choices after which it is looked whether this comes to an end at all."""
KEPT = 2000
"""Scenes that are kept as they are until they are gone on with, at some 50 KB each; others are made again."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state: a scene with no pass under way, and what happened since. Nothing is
    saved where the scenario begins with a pass under way."""

    number: int
    troubles: int
    depth: int
    key: int
    saved: bytes
    since: tuple[Choice, ...]

    def scene(self, scenario: Scenario) -> Scene:
        """As it was."""
        scene = pickle.loads(self.saved) if self.saved else Scene(scenario)
        for choice in self.since:
            scene.take(choice, scenario, quietly=True)
        return scene


@dataclass
class Violation:
    """A law that was broken, and the shortest way there."""

    what: str
    choices: list[Choice]
    at_rest: bool
    """Whether it came to light when all trouble was over."""


@dataclass
class Report:
    """How far it came. `troubles` is up to how many everything was seen, -1 for none; `depth` the longest way."""

    scenario: Scenario
    states: int = 0
    transitions: int = 0
    ends: int = 0
    judged: int = 0
    doubled: int = 0
    """States in which two sessions of one resource live."""
    troubles: int = -1
    depth: int = 0
    waiting: int = 0
    """States whose future was not looked at any more."""
    seconds: float = 0.0
    violation: Violation | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing within the bounds was left out."""
        return not self.waiting and self.violation is None

    @property
    def progress(self) -> str:
        """In one line, without how it ended."""
        speed = self.states / self.seconds if self.seconds else 0.0
        return (
            f"{self.scenario.name}: {self.states} states, {self.transitions} transitions, {self.ends} ends "
            f"({self.judged} of them different), ways of up to {self.depth} choices, {self.seconds:.0f} s "
            f"({speed:.0f} states/s); whole up to {self.troubles} troubles"
        )

    def __str__(self) -> str:
        doubled = f"; two sessions lived in {self.doubled}" if self.doubled else ""
        left = f"time is over, {self.waiting} states were not followed any more"
        whole = "this is all of it, with ages by classes"
        end = "a law is broken" if self.violation else whole if self.complete else left
        return f"{self.progress}{doubled}; {end}"


@dataclass
class Explorer:
    """Explores one scenario once. `tell` hears of progress, `seconds` is how long it may take."""

    scenario: Scenario
    seconds: float = float("inf")
    tell: Callable[[Report], None] = lambda _: None
    report: Report = field(init=False)
    _seen: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    _parents: list[tuple[int, Choice | None]] = field(default_factory=list)
    _next: dict[int, int] = field(default_factory=dict)
    """What comes of a state where nothing goes wrong any more and nobody does anything."""
    _first: dict[int, int] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)
    _judged: set[int] = field(default_factory=set)
    _waiting: dict[int, list[tuple[int, int, Node]]] = field(default_factory=dict)
    _kept: dict[int, Scene] = field(default_factory=dict)
    """By number, scenes of states that come next."""

    def run(self) -> Report:
        """Everything, or what the time is enough for, or up to the first violation."""
        began = time.monotonic()
        self.report = Report(self.scenario)
        often = gc.get_threshold()
        gc.set_threshold(500_000, 20, 50)
        try:
            self._levels(began)
            if self.report.complete:
                self._comes_to_rest()
        except Found as found:
            self.report.violation = found.violation
        finally:
            gc.set_threshold(*often)
        self.report.seconds = time.monotonic() - began
        return self.report

    def _levels(self, began: float) -> None:
        """By how many troubles there were, then by how many choices."""
        self._put([self._met(Scene(self.scenario), -1, None, None)])
        while self._waiting:
            troubles = min(self._waiting)
            level = self._waiting[troubles]
            while level:
                self._put(list(self._expand(heapq.heappop(level)[-1])))
                self.report.seconds = time.monotonic() - began
                self.tell(self.report)
                if self.report.seconds > self.seconds:
                    self.report.waiting = sum(map(len, self._waiting.values()))
                    return
            del self._waiting[troubles]
            self.report.troubles = troubles

    def _put(self, nodes: list[Node | None]) -> None:
        for node in nodes:
            if node is not None:
                self.report.depth = max(self.report.depth, node.depth)
                heapq.heappush(self._waiting.setdefault(node.troubles, []), (node.depth, node.number, node))

    def _expand(self, node: Node) -> Iterator[Node | None]:
        scene = self._kept.pop(node.number, None) or node.scene(self.scenario)
        if scene.at_rest and node.key not in self._ended:
            self._end(node)
        elif node.depth and node.depth % DEEP == 0:
            self._judge(node.number)
        choices = scene.choices(self.scenario)
        for place, choice in enumerate(choices):
            after = scene if place == len(choices) - 1 else node.scene(self.scenario)
            try:
                after.take(choice, self.scenario)
            except Exception as error:
                raise Found(self._violation(error, node.number, choice)) from error
            self.report.transitions += 1
            met = self._met(after, node.number, choice, node)
            if met is not None and met.troubles == node.troubles and len(self._kept) < KEPT:
                self._kept[met.number] = after
            yield met
            if place == 0:
                self._next.setdefault(node.key, self._last_key)

    def _met(self, scene: Scene, parent: int, choice: Choice | None, before: Node | None) -> Node | None:
        """The state, if it is a new one."""
        key, left = digest(scene), scene.budget
        self._last_key = key
        known = self._seen.get(key)
        if known is not None and any(all(a >= b for a, b in zip(one, left, strict=True)) for one in known):
            return None
        self._seen.setdefault(key, []).append(left)
        number = len(self._parents)
        self._first.setdefault(key, number)
        self._parents.append((parent, choice))
        self.report.states += 1
        self.report.doubled += scene.doubled
        place = (number, scene.spent, before.depth + 1 if before else 0, key)
        if scene.passing:
            return Node(*place, *((before.saved, (*before.since, choice or ())) if before else (b"", ())))
        return Node(*place, pickle.dumps(scene, 5), ())

    def _end(self, node: Node) -> None:
        """The trouble is over: what does it come to?"""
        self._ended.add(node.key)
        self.report.ends += 1
        self._judge(node.number, node.scene(self.scenario))

    def _judge(self, number: int, scene: Scene | None = None) -> None:
        try:
            scene = scene or replay(self.scenario, self._way(number))
            if (key := at_rest(scene)) not in self._judged:
                self._judged.add(key)
                self.report.judged += 1
                judge_of(scene).at_the_end()
        except Exception as error:
            raise Found(self._violation(error, number, None)) from error

    def _comes_to_rest(self) -> None:
        """From every state the way without trouble leads to an end; where it seems to go round, it is looked at."""
        well = set(self._ended)
        for key in list(self._first):
            way: dict[int, None] = {}
            while key is not None and key not in well and key not in way:
                way[key] = None
                key = self._next.get(key)  # noqa: PLW2901 - that is the walk
            if key not in well:
                self._judge(self._first[next(reversed(way))])
            well.update(way)

    def _violation(self, error: Exception, number: int, choice: Choice | None) -> Violation:
        what = f"{type(error).__name__}: {error}"
        return Violation(what, self._way(number) + ([choice] if choice else []), at_rest=choice is None)

    def _way(self, number: int) -> list[Choice]:
        way = []
        while number >= 0:
            number, choice = self._parents[number]
            way += [choice] if choice else []
        return way[::-1]


def replay(scenario: Scenario, choices: list[Choice]) -> Scene:
    """The scene after these choices."""
    scene = Scene(scenario)
    for choice in choices:
        scene.take(choice, scenario, quietly=True)
    return scene


class Found(Exception):
    """A law was broken."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.what)
        self.violation = violation
