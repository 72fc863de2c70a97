"""Two sorts of numbers that `prometheus_client` has no class for: those asked for when shown, and sums that may go.

Made in this package alone, where all metrics are named. Both implement its `Collector` and show nothing but their
family while there are no numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

Kind = Literal["counter", "gauge"]
Family = CounterMetricFamily | GaugeMetricFamily
Values = tuple[str, ...]
"""The value of each label, in the order of the labels."""


class _Shown(Collector):
    """A family whose samples are made when it is shown."""

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...], kind: Kind) -> None:
        self.name, self.meaning, self.labels, self.kind = name, meaning, labels, kind

    def describe(self) -> Iterable[Family]:
        """The family without samples, for the registry."""
        yield self._family()

    def collect(self) -> Iterable[Family]:
        """The family with what its numbers are now."""
        family = self._family()
        for values, number in self._numbers():
            family.add_metric(values, number)
        yield family

    def _family(self) -> Family:
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return made(self.name, self.meaning, labels=self.labels)

    def _numbers(self) -> Iterator[tuple[Values, float]]:
        raise NotImplementedError


class Followed(_Shown):
    """Numbers that somebody else keeps: each is asked for whenever it is shown, from `follow` to `drop`."""

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...], kind: Kind) -> None:
        super().__init__(name, meaning, labels, kind)
        self._asked: dict[Values, Callable[[], float]] = {}

    def follow(self, number: Callable[[], float], *values: str) -> None:
        """Ask for the number with these labels from now on."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {values}")
        self._asked[values] = number

    def drop(self, *values: str) -> None:
        """Show no number with these labels any more."""
        self._asked.pop(values, None)

    def _numbers(self) -> Iterator[tuple[Values, float]]:
        return ((values, number()) for values, number in list(self._asked.items()))


class Tally(_Shown):
    """Sums of whole numbers, kept as things change. A counter shows all until they are dropped, a gauge those that
    anything adds to.

    `per` is how many make one of what is shown: 100 for cents that are shown as dollars.
    """

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...], kind: Kind, per: int = 1) -> None:
        super().__init__(name, meaning, labels, kind)
        self._per = per
        self._sums: dict[Values, tuple[int, int]] = {}
        """The sum, and how many add to it."""

    def add(self, values: Values, by: int, of: int = 1) -> None:
        """Add to the sum with these labels. `of` is 1 for one that adds to it from now on, -1 for one that did."""
        total, adding = self._sums.get(values, (0, 0))
        if adding + of or self.kind == "counter":
            self._sums[values] = (total + by, adding + of)
        else:
            self._sums.pop(values, None)

    def drop(self, values: Values) -> None:
        """Show no sum with these labels any more."""
        self._sums.pop(values, None)

    def value(self, *values: str) -> float:
        """What is shown with these labels, 0 where nothing is."""
        return self._sums.get(values, (0, 0))[0] / self._per

    def _numbers(self) -> Iterator[tuple[Values, float]]:
        return ((values, total / self._per) for values, (total, _) in list(self._sums.items()))
