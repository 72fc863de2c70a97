"""What a status tells of cost and tokens, as numbers to be added up. Pure; used by the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

USD, OTHER = "USD", "other"
CURRENCIES = (USD, OTHER)
"""The API knows one; sums of all others would mean nothing, and are told apart from it."""
TYPES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
"""What tokens are told apart by, in the order of `Spent.tokens`."""
_DIGITS = 18
_ABSENT: Mapping[str, Any] = {}


class Spent(NamedTuple):
    """What a status tells of cost, in cents, and of tokens; 0 for what it does not tell."""

    currency: str
    cents: int
    tokens: tuple[int, ...]

    def above(self, other: Spent) -> Spent:
        """What is more than in another; what is less counts nothing."""
        cents = max(0, self.cents - (other.cents if other.currency == self.currency else 0))
        more = tuple(max(0, now - before) for now, before in zip(self.tokens, other.tokens, strict=True))
        return Spent(self.currency, cents, more)

    def highest(self, other: Spent) -> Spent:
        """The most of both."""
        cents = max(self.cents, other.cents) if other.currency == self.currency else self.cents
        return Spent(self.currency, cents, tuple(map(max, self.tokens, other.tokens)))


NOTHING = Spent(USD, 0, (0,) * len(TYPES))


def spent(status: Mapping[str, Any]) -> Spent:
    """What stands in a status."""
    usage = status.get("usage") or _ABSENT
    written, price = usage.get("cacheCreation") or _ABSENT, usage.get("listCost") or _ABSENT
    counts = (
        usage.get("inputTokens"),
        usage.get("outputTokens"),
        usage.get("cacheReadInputTokens"),
        written.get("ephemeral5mInputTokens"),
        written.get("ephemeral1hInputTokens"),
    )
    currency = USD if price.get("currency", USD) == USD else OTHER
    return Spent(currency, _cents(price.get("amount")), tuple(map(_whole, counts)))


def _cents(amount: Any) -> int:
    return int(amount) if isinstance(amount, str) and amount.isdecimal() and len(amount) <= _DIGITS else 0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
