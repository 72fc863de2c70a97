"""Query strings the way the API's clients write them.

Both spellings of an array (`statuses[]=a&statuses[]=b` and the repeated `statuses=a`) and ranges in brackets
(`created_at[gte]`) are understood; unknown parameters, `beta=true` among them, are nobody's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from managed_agents_simulator.clock import Instant, read_time
from managed_agents_simulator.wire.errors import invalid


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds in time; None where there is none."""

    after: Instant | None = None
    since: Instant | None = None
    before: Instant | None = None
    until: Instant | None = None

    @property
    def bounded(self) -> bool:
        """Whether any bound is set."""
        return not (self.after is None and self.since is None and self.before is None and self.until is None)

    def holds(self, instant: Instant) -> bool:
        """Whether the instant lies within all bounds."""
        return (
            (self.after is None or instant > self.after)
            and (self.since is None or instant >= self.since)
            and (self.before is None or instant < self.before)
            and (self.until is None or instant <= self.until)
        )


class Query:
    """A parsed query string."""

    def __init__(self, raw: str) -> None:
        self.pairs: Sequence[tuple[str, str]] = parse_qsl(raw, keep_blank_values=True)

    def one(self, name: str) -> str | None:
        """The last value of a parameter, or None."""
        found = [value for key, value in self.pairs if key == name]
        return found[-1] if found else None

    def all(self, name: str) -> list[str]:
        """Every value of an array parameter, in either spelling."""
        return [value for key, value in self.pairs if key in (name, f"{name}[]")]

    def words(self, name: str, allowed: Sequence[str]) -> list[str]:
        """Every value of an array parameter. Raises 400 for one that is not allowed."""
        values = self.all(name)
        for value in values:
            if value not in allowed:
                raise invalid(f"{name}: Input should be one of {', '.join(allowed)}, not {value!r}")
        return values

    def word(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of the allowed words. Raises 400 for another."""
        value = self.one(name)
        if value is None:
            return default
        if value not in allowed:
            raise invalid(f"{name}: Input should be one of {', '.join(allowed)}, not {value!r}")
        return value

    def flag(self, name: str) -> bool:
        """true or false, false when absent. Raises 400 for anything else."""
        return self.word(name, ("true", "false"), "false") == "true"

    def number(self, name: str, minimum: int, maximum: int | None) -> int | None:
        """An integer within the bounds, or None when absent. Raises 400 outside of them."""
        value = self.one(name)
        if value is None:
            return None
        if not value.lstrip("-").isdigit():
            raise invalid(f"{name}: Input should be a valid integer")
        number = int(value)
        if number < minimum or (maximum is not None and number > maximum):
            upper = "" if maximum is None else f" and at most {maximum}"
            raise invalid(f"{name}: Input should be at least {minimum}{upper}")
        return number

    def range(self, name: str) -> Range:
        """The bounds `name[gt]`, `name[gte]`, `name[lt]`, `name[lte]`. Raises 400 for a malformed timestamp."""
        return Range(*(self._instant(f"{name}[{bound}]") for bound in ("gt", "gte", "lt", "lte")))

    def _instant(self, name: str) -> Instant | None:
        value = self.one(name)
        if value is None:
            return None
        try:
            return read_time(value)
        except ValueError:
            raise invalid(f"{name}: Input should be a valid RFC 3339 timestamp, not {value!r}") from None
