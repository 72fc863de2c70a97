"""What /metrics tells of one connection, asked for whenever it is shown.

Shown by a line while it is open, and by the composition root for those without a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from managed_agents_operator.claude.health import Health
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.claude.quota import Bucket, Budget
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.rounds import NAMES
from managed_agents_operator.kinds.sweeps import Sweeps
from managed_agents_operator.telemetry import (
    CIRCUIT,
    LEADING,
    OLDEST_WAIT,
    ORPHANS,
    PASSES,
    QUEUE,
    QUEUE_AGE,
    QUOTA,
    SWEEP_AGE,
    SWEEP_INTERVAL,
    UNREACHABLE,
    WAITING,
    Followed,
)

Row = tuple[Followed, Callable[[], float], tuple[str, ...]]
"""A metric, its number, and its labels after the connection."""


class Gauges:
    """The numbers of what metrics know by this name; a name has one connection at a time."""

    def __init__(self, name: str, *rows: Row) -> None:
        self._name = name
        self._rows = rows

    def show(self) -> None:
        """Show them from now on."""
        for metric, number, labels in self._rows:
            metric.follow(number, self._name, *labels)

    def hide(self) -> None:
        """Show none of them any more."""
        for metric, _, labels in self._rows:
            metric.drop(self._name, *labels)


def working(hot: float, full: float) -> None:
    """This process works from now on, also where no Lease says so; two sweeps begin so many seconds apart."""
    LEADING.set(1)
    SWEEP_INTERVAL.labels(NAMES[Priority.HOT_SWEEP]).set(hot)
    SWEEP_INTERVAL.labels(NAMES[Priority.FULL_SWEEP]).set(full)


def of_keeper(keeper: Keeper) -> Iterator[Row]:
    """Passes, and who waits for one."""
    yield PASSES, lambda: keeper.passes.begun, ()
    yield QUEUE, lambda: len(keeper.passes), ()
    yield QUEUE_AGE, keeper.queue_age, ()


def of_calls(health: Health, circuit: Circuit, budget: Budget) -> Iterator[Row]:
    """Whether calls go through, and who waits for their turn."""
    yield CIRCUIT, lambda: float(circuit.failure is not None), ()
    yield UNREACHABLE, lambda: float(health.unreachable_since is not None), ()
    yield from _of_bucket(budget.creates, "creates")
    yield from _of_bucket(budget.requests, "requests")


def _of_bucket(bucket: Bucket, name: str) -> Iterator[Row]:
    yield QUOTA, lambda: bucket.remaining, (name,)
    yield WAITING, lambda: bucket.waiting[0], (name,)
    yield OLDEST_WAIT, lambda: bucket.waiting[1], (name,)


def of_sweeps(sweeps: Sweeps) -> Iterator[Row]:
    """How old what they saw is, and what they found that is nobody's."""
    yield ORPHANS, lambda: sweeps.orphans, ()
    for which, name in NAMES.items():
        yield SWEEP_AGE, partial(sweeps.rounds.age, which), (name,)
