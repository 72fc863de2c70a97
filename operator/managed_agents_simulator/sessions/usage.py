"""Tokens and what they cost: the amounts a session has used, list prices, and money as the API writes it.

Pure values. Money is kept in billionths of a dollar so that it adds up exactly; only what is shown is rounded to the
cent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from managed_agents_simulator.clock import SECOND, Instant

NANO_PER_CENT = 10_000_000
_SEARCH_NANO = 10_000_000
_RUNNING_NANO_PER_HOUR = 80_000_000

_DOLLARS_PER_MILLION = {
    "claude-opus-": (5, 25),
    "claude-sonnet-": (3, 15),
    "claude-haiku-": (1, 5),
    "claude-fable-": (10, 50),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts, cumulative over whatever they are counted over."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_5m: int = 0
    cache_creation_1h: int = 0
    web_searches: int = 0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))

    def part(self, fraction: float) -> Usage:
        """The share of it that a fraction of the work has used, rounded down."""
        return Usage(*(int(getattr(self, f.name) * fraction) for f in fields(Usage)))

    def shown(self) -> dict[str, Any]:
        """The token counts of a session's `usage`."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_creation_5m,
                "ephemeral_1h_input_tokens": self.cache_creation_1h,
            },
            "server_tool_use": {"web_search_requests": self.web_searches, "web_fetch_requests": 0},
        }

    def to_json(self) -> dict[str, int]:
        """All of it, for the ledger."""
        return asdict(self)


def priced(model: str) -> bool:
    """Whether the model has a public list price."""
    return any(model.startswith(family) for family in _DOLLARS_PER_MILLION)


def cost(usage: Usage, active: Instant, model: str) -> int:
    """What the usage and the running time cost at list prices, in billionths of a dollar."""
    prices = next((p for family, p in _DOLLARS_PER_MILLION.items() if model.startswith(family)), (0, 0))
    per_input, per_output = (price * 1000 for price in prices)
    tokens = (
        usage.input_tokens * per_input
        + usage.output_tokens * per_output
        + usage.cache_read_input_tokens * per_input // 10
        + usage.cache_creation_5m * per_input * 5 // 4
        + usage.cache_creation_1h * per_input * 2
    )
    running = active * _RUNNING_NANO_PER_HOUR // (3600 * SECOND)
    return tokens + usage.web_searches * _SEARCH_NANO + running


def cents(nano: int) -> dict[str, str]:
    """Money as the API writes it: whole cents in a decimal string."""
    return {"amount": str((nano + NANO_PER_CENT // 2) // NANO_PER_CENT), "currency": "USD"}
