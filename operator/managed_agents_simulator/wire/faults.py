"""The fault plan: which requests go wrong, when, and how.

Rules are added and removed by the control API; the door asks for the one that applies to a request and carries it out.
A rule counts the requests that match it, lets the first `skip` of them pass and hits the next `times`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from managed_agents_simulator.wire.shapes import Check, Place, anything, choice, mapping, optional, record, text, whole

KINDS = ("cut", "answer", "rate_limit", "delay", "garbage", "truncate", "slow")


def _seconds(value: Any, place: Place) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise place.refuse("Input should be a number of seconds")
    return float(value)


_EFFECT: Check = record(
    {
        "kind": choice(*KINDS),
        "when": choice("before", "after"),
        "status": whole(100, 599),
        "body": anything,
        "headers": mapping(text(1), text()),
        "seconds": optional(_seconds),
        "retry_after": optional(_seconds),
    },
    "kind",
)
RULE: Check = record(
    {
        "method": optional(text(1)),
        "path": text(),
        "key": optional(text(1)),
        "containing": optional(text(1)),
        "skip": whole(0),
        "times": optional(whole(1)),
        "effect": _EFFECT,
    },
    "effect",
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to a request.

    cut: the connection is closed without an answer. answer: `status`, `body` (JSON, or text as it is) and `headers`.
    rate_limit: 429 with `retry_after` seconds, or without the header. delay: `seconds`, or until the rule is removed.
    garbage: an HTML page with `status`. truncate: the true answer, cut in its middle. slow: the true answer in small
    pieces over `seconds`. `before` the request is carried out, or `after`.
    """

    kind: str
    when: str = "before"
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    retry_after: float | None = None


@dataclass(slots=True)
class Rule:
    """One rule of the plan, with its counts."""

    number: int
    method: str | None
    path: re.Pattern[str]
    key: str | None
    containing: bytes | None
    skip: int
    times: int | None
    effect: Effect
    seen: int = 0
    hits: int = 0
    removed: asyncio.Event = field(default_factory=asyncio.Event)

    def applies(self, method: str, path: str, key: str | None, body: bytes) -> bool:
        """Whether this request is hit; counts it if it matches at all."""
        if self.method not in (None, method) or self.key not in (None, key) or not self.path.search(path):
            return False
        if self.containing is not None and self.containing not in body:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The rule for the control API."""
        return {
            "id": self.number,
            "method": self.method,
            "path": self.path.pattern,
            "key": self.key,
            "containing": self.containing.decode() if self.containing is not None else None,
            "skip": self.skip,
            "times": self.times,
            "effect": {name: getattr(self.effect, name) for name in Effect.__dataclass_fields__},
            "seen": self.seen,
            "hits": self.hits,
        }


class Faults:
    """The rules in the order in which they were added; the first that hits a request is carried out alone."""

    def __init__(self) -> None:
        self._rules: dict[int, Rule] = {}
        self._count = 0

    def add(self, given: Any) -> Rule:
        """A new rule from its JSON form. Raises ApiError 400 when it is not one."""
        checked = RULE(given, Place())
        effect = checked["effect"]
        fallback = {"garbage": 200, "truncate": 200, "slow": 200}.get(effect["kind"], 500)
        late = "after" if effect["kind"] in ("garbage", "truncate", "slow") else "before"
        if effect["kind"] in ("truncate", "slow") and effect.get("when") == "before":
            raise Place("effect.when").refuse(f"{effect['kind']} bends the true answer, so it comes after")
        try:
            pattern = re.compile(checked.get("path", ""))
        except re.error as wrong:
            raise Place("path").refuse(f"not a regular expression: {wrong}") from None
        self._count += 1
        rule = self._rules[self._count] = Rule(
            number=self._count,
            method=checked["method"].upper() if checked.get("method") else None,
            path=pattern,
            key=checked.get("key"),
            containing=checked["containing"].encode() if checked.get("containing") else None,
            skip=checked.get("skip", 0),
            times=checked.get("times", 1),
            effect=Effect(**{"when": late, "status": fallback, **effect}),
        )
        return rule

    def match(self, method: str, path: str, key: str | None, body: bytes) -> Rule | None:
        """The rule that hits this request, or None."""
        return next((rule for rule in self._rules.values() if rule.applies(method, path, key, body)), None)

    def remove(self, number: int | None = None) -> None:
        """Take one rule out, or all; requests that a rule holds back go on."""
        for name in [number] if number is not None else list(self._rules):
            rule = self._rules.pop(name, None)
            if rule is not None:
                rule.removed.set()

    def shown(self) -> list[dict[str, Any]]:
        """Every rule with its counts."""
        return [rule.shown() for rule in self._rules.values()]
