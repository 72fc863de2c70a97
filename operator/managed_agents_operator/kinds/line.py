"""One connection as a thing with a life: client, budget, circuit, observatory, sweeps and kind, joined with a keeper.

Built by the composition root, opened and closed by the engine's `connections`, and by nothing else. What each part does
stands where it is; nothing of one line is shared with another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Self

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.cells import Cells
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.external import Rival
from managed_agents_operator.engine.faring import Fare
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.ports import Sources, Writer
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.gauges import Gauges, of_calls, of_keeper, of_sweeps
from managed_agents_operator.kinds.observatory import Bells, Observatory
from managed_agents_operator.kinds.searches import Searches
from managed_agents_operator.kinds.session import SessionKind
from managed_agents_operator.kinds.standing import Standing
from managed_agents_operator.kinds.sweeps import Sweeps
from managed_agents_operator.kinds.tidings import Tidings
from managed_agents_operator.kinds.uploads import Uploads

LASTING_SECONDS = 30.0
"""How long an outage lasts before the connection tells of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lines of a process have in common. `hot` and `full` are the seconds between two sweeps.

    `knows` tells of any resource by its uid, whatever its connection: two of them may have keys of one workspace.
    """

    sources: Sources
    writer: Writer
    clock: Clock
    cluster: str
    namespaces: Collection[str]
    knows: Callable[[str], bool]
    create_timeout: float
    hot: float
    full: float


@dataclass(frozen=True, slots=True)
class _Roll:
    """The resources of one line, and whether any other is there at all. Implements `Roster`."""

    cells: Cells
    anybody: Callable[[str], bool]

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        return self.cells.tracked()

    def tracks(self, session_id: str) -> bool:
        return self.cells.tracks(session_id)

    def living(self) -> AbstractSet[str]:
        return self.cells.living()

    def rivals(self, session_id: str, uid: str) -> tuple[Rival, ...]:
        return self.cells.rivals(session_id, uid)

    def knows(self, uid: str) -> bool:
        return self.anybody(uid)


class Line:
    """Calls can be made from `open` on; `run` works until it is cancelled, `close` ends it for good."""

    def __init__(
        self,
        around: Surroundings,
        keeper: Keeper,
        standing: Standing,
        *,
        name: str,
        spec: ConnectionSpec,
        credentials: Callable[[], Mapping[str, str]],
        on_change: Callable[[], None],
    ) -> None:
        """`name` is that of the connection in metrics; `on_change` is called when how it fares may be another.

        Raises `ValueError` for a URL that is none.
        """
        clock, ring = around.clock, keeper.ring
        self._around = around
        self._spec = spec
        self.keeper = keeper
        self._on_change = on_change
        self.base_url = spec.base_url
        self.budget = Budget(spec.creates_per_minute, spec.requests_per_minute, clock=clock)
        self.client = Client(
            spec.base_url,
            credentials,
            workspace=spec.workspace_id,
            betas=spec.beta_headers,
            create_timeout=around.create_timeout,
            clock=clock,
            budget=self.budget,
        )
        self._circuit = Circuit(clock.monotonic, self._turned)
        bells = Bells(keeper.ring_session, ring)
        roll = _Roll(keeper.cells, around.knows)
        seen = Observatory(roll, bells, around.cluster, around.namespaces)
        self._searches = Searches(self.client, self._circuit, clock.monotonic, ring, seen.take, seen.keeps)
        self._uploads = Uploads(self.client, self._circuit, clock.monotonic, ring, around.knows, around.cluster)
        self.kind = SessionKind(
            self.client,
            self.budget,
            self._circuit,
            seen,
            self._searches,
            self._uploads,
            around.sources,
            around.writer,
            clock=clock,
            cluster=around.cluster,
            namespaces=around.namespaces,
            standing=standing,
        )
        Tidings(self.client.health, self._turned, clock.monotonic)
        self.sweeps = Sweeps(self.client, self._circuit, seen, roll, clock.monotonic, keeper.first_sweep_over)
        calls = of_calls(self.client.health, self._circuit, self.budget)
        self._gauges = Gauges(name, *of_keeper(keeper), *calls, *of_sweeps(self.sweeps))

    async def open(self) -> Self:
        """Make connections possible."""
        await self.client.__aenter__()
        self._gauges.show()
        return self

    async def run(self) -> None:
        """Keep its resources until cancelled; what raises is a bug."""
        async with Crew() as crew:
            crew.add("keeper of a connection", self.keeper.run())
            crew.add("sweeps", self.sweeps.run(self._around.hot, self._around.full))
            await crew.watch()

    async def close(self) -> None:
        """End what is under way."""
        await self._searches.close()
        await self._uploads.close()
        self._gauges.hide()
        await self.client.__aexit__(None, None, None)

    def configure(self, spec: ConnectionSpec) -> None:
        """Take over what may change of a spec while it is open."""
        if spec != self._spec:
            self._spec = spec
            self.client.configure(workspace=spec.workspace_id, betas=spec.beta_headers)
            self.budget.configure(spec.creates_per_minute, spec.requests_per_minute)

    def another_key(self) -> None:
        """Its key is another one by now: neither who has a call to make nor the next sweep, which tells whether it is
        accepted, need wait for the next trial."""
        self._circuit.hurry()
        self.sweeps.hurry()

    def answers(self) -> bool:
        """Whether its last calls were answered at all."""
        return self.client.health.unreachable_since is None

    def fare(self) -> Fare:
        """How it fares, by its last calls. An outage is told once it has lasted: some calls always fail."""
        health, now = self.client.health, self._around.clock.monotonic()
        unreachable = health.unreachable_since is not None and now - health.unreachable_since >= LASTING_SECONDS
        called, refused = health.last_success is not None, self.sweeps.refused
        return Fare(health.workspace, self._circuit.failure, unreachable, called, refused)

    def sweep_age(self) -> float:
        """Seconds that a sweep of its, or a listing of another kind, owes a step."""
        return max(self.sweeps.age, self._searches.age, self._uploads.age)

    def _turned(self, at: float = float("inf")) -> None:
        self.keeper.ring_all(at)
        self._on_change()
