"""What a scene comes to, as one number: two scenes of the same number have the same future.

Times count from now, as far back as any bound reaches; versions of objects count as the newest or not; processes and
points in time are known by whether they are the same, not by their name. What nobody decides by is left out: counters
of the test, when a condition changed, when a status was last looked at. What is a little older is taken for what is a
little younger, and one of the two is followed: all of it means all of these classes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from types import FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel
from tests.engine.world.api import FakeApi
from tests.engine.world.clock import BEGIN, FakeClock
from tests.engine.world.cluster import Cluster, ClusterWriter
from tests.engine.world.kind import FakeKind, FakeTicket
from tests.engine.world.post import Post
from tests.engine.world.process import Operator
from tests.engine.world.sessions import FakeSession

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.guarding import Guardian
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.reconcile import Reconciler
from managed_agents_operator.engine.telling import Scribe
from managed_agents_operator.engine.view import View

if TYPE_CHECKING:
    from tests.engine.explore.scene import Scene

Bounds = tuple[float, ...]
PLAIN_TOKEN = r"process-\d+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
TOKEN = re.compile(f"({PLAIN_TOKEN})")
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
JSON_TOKEN = re.compile(f'("(?:{"|".join(sorted(LEFT_OUT))})":"[^"]*"|{PLAIN_TOKEN})')
AGES = (300.0, 600.0)
"""How old a time that is written down must be for it to matter."""
ENOUGH = {"searches": 4, "kick_listings": 7, "stop_reads": 8}
"""From here on a count decides nothing more: pauses grow with it, and by then are as long as they ever are."""


@lru_cache(maxsize=50_000)
def _tokens(text: str) -> tuple[str, ...] | None:
    parts = TOKEN.split(text)
    return tuple(parts) if len(parts) > 1 else None


@lru_cache(maxsize=50_000)
def _second(text: str) -> float:
    return (datetime.fromisoformat(text) - BEGIN).total_seconds()


@lru_cache(maxsize=200)
def _fields(kind: type) -> tuple[tuple[str, Bounds], ...]:
    if not is_dataclass(kind):
        raise TypeError(f"nobody said how a {kind.__name__} is told")
    return tuple(
        (f.name, () if f.name in UNTIL else NEARER.get(f.name, BOUNDS))
        for f in fields(kind)  # type: ignore[arg-type]
    )


SIMPLE = frozenset({int, bool, type(None)})
FRESH = Memory()
FRESH_FIELDS = tuple((name, near, getattr(FRESH, name)) for name, near in _fields(Memory))


class Plain:
    """Makes plain tuples of what it is given, as it is at `now`."""

    def __init__(self, now: float, lag: float = 0.0) -> None:
        self.now, self.listed = now, tuple(sorted({*(b for b in BOUNDS if b < lag), lag, *AGES}))
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
        age = self.now - _second(token)
        return which, sum(age >= bound for bound in AGES)

    def json(self, value: Any) -> Any:
        """The same as `of` for what came from JSON and has no moments in it, at once."""
        parts = JSON_TOKEN.split(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
        return tuple(
            [
                part if not place % 2 else None if part[0] == '"' else self._token(part)
                for place, part in enumerate(parts)
            ]
        )

    def time(self, value: float, bounds: Bounds = BOUNDS) -> Any:
        """How many bounds ago, negative seconds for what is to come; a number that is no moment stays one."""
        moment = value - BOOT if value > BOOT else value
        if not FIRST < moment < BOOT:
            return value
        ago = round(self.now - moment, 2)
        return ago if ago < 0 else bisect_left(bounds, ago)

    def of(self, value: Any, bounds: Bounds = BOUNDS) -> Any:
        """Anything."""
        kind = type(value)
        if kind in SIMPLE:
            return value
        make = _MAKE.get(kind)
        if make is not None:
            return make(self, value, bounds)
        if isinstance(value, Claim):
            return self.text(value.text)
        if isinstance(value, BaseModel):
            return self.json(value.model_dump(mode="json", by_alias=True, exclude_none=True))
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, partial):
            return value.func.__name__, self.of(value.args)
        return kind.__name__, *(self.of(getattr(value, name), near) for name, near in _fields(kind))

    def mapping(self, value: dict[Any, Any], bounds: Bounds = BOUNDS) -> Any:
        """In the order of its keys."""
        return tuple([(key, self.of(value[key], bounds)) for key in sorted(value) if key not in LEFT_OUT])

    def session(self, session: FakeSession) -> Any:
        """Of its times one asks whether it is listed, past the lag of this API, and whether it runs.

        When its last turn ended is written down where somebody reads it, and ends it only with a time to live, which no
        scenario has; so it counts as any time that is written down. Of what has ended nobody asks whether it runs.
        """
        said = []
        for name, near in _fields(FakeSession):
            value = getattr(session, name)
            if name == "made_at":
                said.append(self.time(value, self.listed))
            elif name == "runs_until":
                said.append(self.time(min(value, self.now) if session.ended else value, AGES))
            else:
                said.append(self.of(value, near))
        return tuple(said)

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
        if name in ENOUGH:
            return min(value, ENOUGH[name])
        if name == "burst":
            return value[1] // FEW and self.of(value[0], bounds)
        if name == "permit":
            # Its object is the one that bears its claim; people may have changed it since.
            meta = value.resource.metadata
            return self.text(value.claim.text), self.time(value.deadline), meta.generation, self.of(value.resource.spec)
        return self.of(value, bounds)


_MAKE: dict[type, Callable[[Plain, Any, Bounds], Any]] = {
    FakeSession: lambda plain, value, bounds: plain.session(value),
    str: lambda plain, value, bounds: value if _tokens(value) is None else plain.text(value),
    float: lambda plain, value, bounds: plain.time(value, bounds),
    MappingProxyType: lambda plain, value, bounds: plain.mapping(dict(value), bounds),
    dict: lambda plain, value, bounds: plain.mapping(value, bounds),
    list: lambda plain, value, bounds: tuple([plain.of(one, bounds) for one in value]),
    tuple: lambda plain, value, bounds: tuple([plain.of(one, bounds) for one in value]),
    set: lambda plain, value, bounds: tuple(sorted(value)),
    frozenset: lambda plain, value, bounds: tuple(sorted(value)),
}


def digest(scene: Scene) -> int:
    """Of a scene as it is now: all of it but what is left of the bounds."""
    plain = Plain(scene.world.clock.monotonic(), scene.world.api.list_lag)
    parts: list[Any] = [_around(scene, plain), scene.woken and (plain.text(scene.woken[0]), scene.woken[1])]
    for operator in scene.world.operators:
        frozen = scene.frozen.get(operator.name)
        parts.append((plain.text(operator.name), operator.overlapped, frozen and plain.time(frozen)))
        parts.append(_operator(scene, operator, plain))
        parts += [(uid, _standing(operator, uid, plain)) for uid in operator.running]
    return hash(tuple(parts))


def _around(scene: Scene, plain: Plain) -> tuple[Any, ...]:
    cluster, api = scene.world.cluster, scene.world.api
    chronicle = cluster.chronicle
    return (
        plain.json(cluster.objects),
        tuple(body["metadata"]["uid"] for body in cluster.lost),
        *(plain.of(getattr(chronicle, part)) for part in ("sessions", "replacing", "observing", "forgotten")),
        tuple((key, tuple(sorted(keys))) for key, keys in chronicle.keys.items()),
        plain.mapping(api.sessions),
        tuple((plain.time(post.latest), post._workspace, plain.of(post._call)) for post in api.late),
        (api.open, api.key_works, api.workspace, tuple(sorted(api.bad_agents))),
        plain.json(scene.backups) if scene.left.get("restore") else None,
    )


def _operator(scene: Scene, operator: Operator, plain: Plain) -> tuple[Any, ...]:
    kind, objects = operator.kind, scene.world.cluster.objects
    there = {body["metadata"]["uid"]: body for body in objects.values()}
    cells = []
    for uid, cell in operator.cells.items():
        newest = there.get(uid)
        same = newest is not None and newest["metadata"]["resourceVersion"] == cell.resource_version
        body = None if same else plain.json(cell.body)
        cells.append(
            (uid, body, plain.memory(cell.memory, cell.status), cell.cluster_tries, cell.gone, len(cell.tickets))
        )
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
        scene._sweep_due(operator) and plain.time(kind._swept_at or 0.0),
    )


OWN = (
    Operator,
    Reconciler,
    Scribe,
    Guardian,
    FakeKind,
    ClusterWriter,
    FakeApi,
    Cell,
    FakeTicket,
    FakeClock,
    Cluster,
    Link,
)
"""What a pass only refers to, and is looked at elsewhere."""
NAMES_OF_VERSION = frozenset({"version", "resource_version", "resourceVersion"})


def _standing(operator: Operator, uid: str, plain: Plain) -> Any:
    """Where a pass stands and what it knows there: the variables of each of its functions."""
    cell = operator.cells.get(uid)
    version = cell.resource_version if cell else None
    at: Any = operator.running[uid]._pass
    places = []
    while at is not None:
        frame = getattr(at, "cr_frame", None) or getattr(at, "gi_frame", None)
        if frame is None:
            break
        known = tuple((name, _variable(name, value, version, plain)) for name, value in frame.f_locals.items())
        places.append((frame.f_code.co_qualname, frame.f_lasti, known))
        at = getattr(at, "cr_await", None) or getattr(at, "gi_yieldfrom", None)
    return tuple(places)


def _variable(name: str, value: Any, version: str | None, plain: Plain) -> Any:
    if isinstance(value, OWN):
        return type(value).__name__
    if name in NAMES_OF_VERSION:
        return value == version
    if isinstance(value, View):
        sight = value.sight
        known = (sight.remote, sight.absent, sight.missing_at, sight.strays, sight.search, tuple(sight.seen.items()))
        return value.now >= plain.now, _resource(value.resource, version, plain), plain.of(known)
    if isinstance(value, Session):
        return _resource(value, version, plain)
    if isinstance(value, Post):
        return plain.time(value.latest), value.arrived, value._workspace, plain.of(value._call)
    if isinstance(value, FunctionType | MethodType | type | BaseException):
        return value.__class__.__name__
    return plain.of(value)


def _resource(resource: Session, version: str | None, plain: Plain) -> Any:
    """As the cell has it, or an earlier one: then all of it."""
    meta = resource.metadata
    return meta.generation if meta.resource_version == version else plain.of(resource)
