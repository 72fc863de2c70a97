"""What a scene comes to, as one number: two scenes of the same number have the same future.

Times count from now, as far back as any bound reaches; versions of objects count as the newest or not; processes and
points in time are known by whether they are the same, not by their name. What nobody decides by is left out: counters
of the test, when a condition changed, when a status was last looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from tests.engine.world.clock import BEGIN
from tests.engine.world.process import Operator

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.memory import Memory

if TYPE_CHECKING:
    from tests.engine.explore.scene import Scene

Bounds = tuple[float, ...]
TOKEN = re.compile(r"(process-\d+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)")
FIRST, BOOT = 900.0, 50_000.0
"""No moment of a world is before the first; smaller numbers are numbers. Those of the boot clock begin at the other."""
BOUNDS = (0.0, 5.0, 20.0, 30.0, 60.0, 90.0, 300.0)
"""How long ago something was counts by which of these it is past: a permit and what is fresh, the lag of a listing, the
grace, a call's time-out, the time of doubt, and when a session is interrupted again. What is to come counts exactly."""
SOON = (0.0, 5.0, 10.0)
NEARER = {"written_at": SOON, "burst": SOON, "seen_at": SOON, "fresh_after": SOON}
"""What matters for as long as status is written at most once, and an observation is fresh."""
UNTIL = frozenset({"stop_due", "poll_at", "kick_look_at", "until"})
"""Over is over."""
KICK = frozenset({"kick_seen_at", "kick_listings", "kick_listed_at", "kick_look_at"})
"""What nobody asks for once the first events are told to be sent: whoever takes that away, it begins anew."""
FEW = 10
"""Writes in a row that are not many yet."""
LEFT_OUT = frozenset({"lastTransitionTime", "lastObservedAt", "resourceVersion"})
AGES = (300.0, 600.0)
"""How old a time that is written down must be for it to matter."""


@lru_cache(maxsize=50_000)
def _tokens(text: str) -> tuple[str, ...] | None:
    parts = TOKEN.split(text)
    return tuple(parts) if len(parts) > 1 else None


@lru_cache(maxsize=50_000)
def _second(text: str) -> float:
    return (datetime.fromisoformat(text) - BEGIN).total_seconds()


@lru_cache(maxsize=200)
def _fields(kind: type) -> tuple[tuple[str, Bounds], ...]:
    return tuple(
        (f.name, () if f.name in UNTIL else NEARER.get(f.name, BOUNDS))
        for f in fields(kind)  # type: ignore[arg-type]
    )


FRESH = Memory()
FRESH_FIELDS = tuple((name, near, getattr(FRESH, name)) for name, near in _fields(Memory))


class Plain:
    """Makes plain tuples of what it is given, as it is at `now`."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._names: dict[str, int] = {}

    def text(self, value: str) -> Any:
        """Names and times in it by which is which, and how old."""
        parts = _tokens(value)
        if parts is None:
            return value
        return tuple(self._token(part) if place % 2 else part for place, part in enumerate(parts))

    def _token(self, token: str) -> Any:
        which = self._names.setdefault(token, len(self._names))
        if token.startswith("process"):
            return which
        age = self._now - _second(token)
        return which, sum(age >= bound for bound in AGES)

    def time(self, value: float, bounds: Bounds = BOUNDS) -> Any:
        """How many bounds ago, negative seconds for what is to come; a number that is no moment stays one."""
        moment = value - BOOT if value > BOOT else value
        if not FIRST < moment < BOOT:
            return value
        ago = round(self._now - moment, 2)
        return ago if ago < 0 else bisect_left(bounds, ago)

    def of(self, value: Any, bounds: Bounds = BOUNDS) -> Any:
        """Anything."""
        kind = type(value)
        make = _MAKE.get(kind)
        if make is not None:
            return make(self, value, bounds)
        if isinstance(value, Claim):
            return self.text(value.text)
        if isinstance(value, BaseModel):
            return self.of(value.model_dump(mode="json", by_alias=True, exclude_none=True), bounds)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, partial):
            return value.func.__name__, self.of(value.args)
        return kind.__name__, *(self.of(getattr(value, name), near) for name, near in _fields(kind))

    def mapping(self, value: dict[Any, Any], bounds: Bounds = BOUNDS) -> Any:
        """In the order of its keys."""
        return tuple((key, self.of(value[key], bounds)) for key in sorted(value) if key not in LEFT_OUT)

    def memory(self, memory: Memory, status: Mapping[str, Any]) -> Any:
        """What is as in the beginning needs no word."""
        sent = (status.get("kickoff") or {}).get("state") == "Sent"
        said = ((name, getattr(memory, name), bounds, first) for name, bounds, first in FRESH_FIELDS)
        return tuple(
            (name, self._remembered(name, value, bounds))
            for name, value, bounds, first in said
            if value != first and not (sent and name in KICK)
        )

    def _remembered(self, name: str, value: Any, bounds: Bounds) -> Any:
        if name == "burst":
            return value[1] // FEW and self.of(value[0], bounds)
        if name == "permit":
            # Its object is the one that bears its claim; people may have changed it since.
            meta = value.resource.metadata
            return self.text(value.claim.text), self.time(value.deadline), meta.generation, self.of(value.resource.spec)
        return self.of(value, bounds)


_MAKE: dict[type, Callable[[Plain, Any, float], Any]] = {
    str: lambda plain, value, bounds: plain.text(value),
    float: lambda plain, value, bounds: plain.time(value, bounds),
    int: lambda plain, value, bounds: value,
    bool: lambda plain, value, bounds: value,
    type(None): lambda plain, value, bounds: None,
    dict: lambda plain, value, bounds: plain.mapping(value, bounds),
    list: lambda plain, value, bounds: tuple([plain.of(one, bounds) for one in value]),
    tuple: lambda plain, value, bounds: tuple([plain.of(one, bounds) for one in value]),
    set: lambda plain, value, bounds: tuple(sorted(value)),
    frozenset: lambda plain, value, bounds: tuple(sorted(value)),
}


@dataclass(frozen=True)
class Digest:
    """Of a scene: all of it but what is left of the bounds, what is outside of all processes, and each process alone."""

    whole: int
    outside: int
    processes: Mapping[str, int]


def digest(scene: Scene) -> Digest:
    """As it is now."""
    plain = Plain(scene.world.clock.monotonic())
    outside = hash(_around(scene, plain))
    parts: list[Any] = [outside]
    alone = {}
    for operator in scene.world.operators:
        frozen = scene.frozen.get(operator.name)
        held = (plain.text(operator.name), operator.overlapped, frozen and plain.time(frozen))
        alone[operator.name] = hash((held, _operator(scene, operator, plain)))
        parts.append(alone[operator.name])
    parts += [(plain.text(name), uid, plain.of(track)) for (name, uid), track in scene.tracks.items()]
    return Digest(hash(tuple(parts)), outside, alone)


def _around(scene: Scene, plain: Plain) -> tuple[Any, ...]:
    cluster, api = scene.world.cluster, scene.world.api
    chronicle = cluster.chronicle
    return (
        plain.mapping(cluster.objects),
        tuple(body["metadata"]["uid"] for body in cluster.lost),
        *(plain.of(getattr(chronicle, part)) for part in ("sessions", "replacing", "observing", "forgotten")),
        tuple((key, tuple(sorted(keys))) for key, keys in chronicle.keys.items()),
        plain.mapping(api.sessions),
        tuple((plain.time(post.latest), post._workspace, plain.of(post._call)) for post in api.late),
        (api.open, api.key_works, api.workspace, tuple(sorted(api.bad_agents))),
        plain.mapping(scene.backups) if scene.left.get("restore") else None,
    )


def _operator(scene: Scene, operator: Operator, plain: Plain) -> tuple[Any, ...]:
    kind, objects = operator.kind, scene.world.cluster.objects
    there = {body["metadata"]["uid"]: body for body in objects.values()}
    cells = []
    for uid, cell in operator.cells.items():
        newest = there.get(uid)
        same = newest is not None and newest["metadata"]["resourceVersion"] == cell.resource_version
        body = None if same else plain.of(cell.body)
        cells.append((uid, body, plain.memory(cell.memory, cell.status), cell.cluster_tries, cell.gone, len(cell.tickets)))
    return (
        tuple(cells),
        tuple(sorted(operator._ready)),
        plain.mapping(operator._due),
        plain.mapping(kind.found),
        plain.mapping(kind._seen),
        plain.mapping(kind._absent),
        plain.mapping(kind._missing),
        kind.swept or plain.text(operator._reconciler._process.started.isoformat().replace("+00:00", "Z")),
        (kind._workspace, kind._keeps, kind._blocked is not None, tuple(sorted(kind._mass))),
    )
