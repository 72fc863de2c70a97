"""What the tests of the kinds stand on: a clock moved by hand, bells that remember, and resources in few words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.api.session import Session
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.models import Session as Wire
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.errors import ClusterUnreachable, Failure
from managed_agents_operator.engine.external import Rival
from managed_agents_operator.engine.ports import SourceMissing, SourceValue, Unwatched
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.observatory import Bells, Observatory
from managed_agents_operator.kinds.searches import Searches
from managed_agents_operator.kinds.session import SessionKind
from managed_agents_operator.kinds.sweeps import Sweeps
from managed_agents_operator.kinds.uploads import Uploads
from managed_agents_simulator.control import Control

CLUSTER = "cluster-1"
UID = "uid-own"


@dataclass
class HandClock:
    """Stands still until a test moves it; each look at it moves it a little, so that no two moments are the same."""

    now: float = 1000.0
    tick: float = 0.001

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    def boottime(self) -> float:
        return self.monotonic()

    def wall(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.now - 1000)

    def stamp(self) -> str:
        return self.wall().isoformat().replace("+00:00", "Z")


@dataclass
class Board:
    """Whom the bells rang for."""

    sessions: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)

    @property
    def bells(self) -> Bells:
        return Bells(self.sessions.append, self.resources.append)

    def clear(self) -> None:
        self.sessions.clear()
        self.resources.clear()


@dataclass
class Roll:
    """Who has a resource: session id to status, and uids."""

    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)
    others: dict[str, tuple[Rival, ...]] = field(default_factory=dict)

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        return self.statuses

    def tracks(self, session_id: str) -> bool:
        return session_id in self.statuses

    def living(self) -> set[str]:
        ended = ("terminated",)
        return {id for id, one in self.statuses.items() if not one.get("archivedAt") and one.get("state") not in ended}

    def knows(self, uid: str) -> bool:
        return uid in self.uids

    def rivals(self, session_id: str, uid: str) -> tuple[Rival, ...]:
        return tuple(rival for rival in self.others.get(session_id, ()) if rival.uid != uid)


@dataclass
class Cupboard:
    """ConfigMaps and Secrets of one namespace by kind and name; `down` while the cluster does not answer.

    `unwatched` are those of which nobody knows which version is there.
    """

    held: dict[tuple[SourceKind, str], tuple[str, dict[str, bytes]]] = field(default_factory=dict)
    unwatched: set[tuple[SourceKind, str]] = field(default_factory=set)
    down: bool = False
    puts: int = 0

    def put(self, kind: SourceKind, name: str, **values: bytes | str) -> None:
        """There is one, of a new version."""
        self.puts += 1
        data = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
        self.held[kind, name] = (str(self.puts), data)

    async def read(self, kind: SourceKind, namespace: str, name: str, key: str) -> SourceValue:
        if self.down:
            raise ClusterUnreachable("no answer")
        if namespace != "team" or (kind, name) not in self.held:
            raise SourceMissing(kind, namespace, name, None)
        version, data = self.held[kind, name]
        if key not in data:
            raise SourceMissing(kind, namespace, name, key)
        return SourceValue(data[key], f"uid-of-{name}", version)

    def version(self, kind: SourceKind, namespace: str, name: str) -> tuple[str, str] | None:
        if (kind, name) in self.unwatched:
            raise Unwatched
        there = self.held.get((kind, name)) if namespace == "team" else None
        return (f"uid-of-{name}", there[0]) if there else None


@dataclass
class Objects:
    """The objects of the cluster that can be read."""

    held: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        return self.held.get((namespace, name))


@dataclass
class Seat:
    """How resources stand to the connection: by uid what troubles them, and who wants another one."""

    troubles: dict[str, Failure] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)
    named: dict[str, str] | None = None

    def trouble(self, uid: str) -> Failure | None:
        return self.troubles.get(uid)

    def elsewhere(self, uid: str) -> bool:
        return uid in self.leaving

    def ref(self) -> dict[str, str] | None:
        return self.named


@dataclass
class Connection:
    """All that the composition root joins for one connection, but the engine."""

    client: Client
    clock: HandClock = field(default_factory=HandClock)
    roll: Roll = field(default_factory=Roll)
    board: Board = field(default_factory=Board)
    cupboard: Cupboard = field(default_factory=Cupboard)
    objects: Objects = field(default_factory=Objects)
    seat: Seat = field(default_factory=Seat)
    told: list[str] = field(default_factory=list)
    """What the circuit, the searches and the first sweep told, in order."""

    def __post_init__(self) -> None:
        clock = self.clock
        self.budget = Budget(60_000, 60_000, clock=clock)
        self.circuit = Circuit(clock.monotonic, lambda: self.told.append("circuit"))
        self.observatory = Observatory(self.roll, self.board.bells, CLUSTER)
        self.searches = Searches(
            self.client,
            self.circuit,
            clock.monotonic,
            self.told.append,
            self.observatory.take,
            self.observatory.keeps,
        )
        self.uploads = Uploads(self.client, self.circuit, clock.monotonic, self.told.append, self.roll.knows, CLUSTER)
        self.sweeps = Sweeps(
            self.client,
            self.circuit,
            self.observatory,
            self.roll,
            clock.monotonic,
            lambda: self.told.append("first sweep"),
        )
        self.kind = SessionKind(
            self.client,
            self.budget,
            self.circuit,
            self.observatory,
            self.searches,
            self.uploads,
            self.cupboard,
            self.objects,
            clock=clock,
            cluster=CLUSTER,
            standing=self.seat,
        )

    def track(self, id: str, uid: str = UID, **status: Any) -> None:
        """There is a resource with this session in its status."""
        self.roll.statuses[id] = {"id": id, "state": "idle", **status}
        self.roll.uids.add(uid)


def marker(uid: str = UID, n: int = 1, owner: str | None = f"{CLUSTER}/team/nightly") -> dict[str, str]:
    """The two pairs of metadata on a session of ours."""
    return Marker(uid, n, "0123456789abcdef", owner).metadata


def resource(status: dict[str, Any] | None = None, **spec: Any) -> Session:
    """A Session as the API server has it."""
    known = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}}
    meta = {
        "name": "nightly",
        "namespace": "team",
        "uid": UID,
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-11-22T23:00:00Z",
    }
    return Session.parse({"metadata": meta, "spec": {**known, **spec}, "status": status or {}})


def wire(**fields: Any) -> Wire:
    """A session as the API tells it."""
    return Wire.model_validate({"id": "sesn_1", "status": "idle", **fields})


async def over(*indexes):
    """Wait for the listings that were ordered of searches or uploads, however they end."""
    tasks = {index._batches._task for index in indexes} - {None}
    await asyncio.gather(*tasks, return_exceptions=True)


def calls(control: Control, since: int = 0) -> list[tuple[str, str]]:
    """What was asked of the server, in order."""
    return [(entry["method"], entry["path"]) for entry in control.requests(since=since)]


def last(control: Control) -> int:
    """The number of the last call so far."""
    return max((entry["n"] for entry in control.requests()), default=0)


def listings(control: Control, path: str) -> list[dict[str, Any]]:
    """The pages that were asked for."""
    return control.requests(method="GET", path=path)


async def begun(control: Control, path: str) -> None:
    """Wait until a listing has reached the server."""
    for _ in range(2000):
        if listings(control, path):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("no listing came")
