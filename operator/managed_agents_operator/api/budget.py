"""What a session may cost. Part of `session.SessionSpec`; what it did cost is in `status.py`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, StringConstraints

from managed_agents_operator.api.base import Model, one_of
from managed_agents_operator.api.schema import INT_OR_TEXT, Rule


def _text(amount: object) -> object:
    """YAML without quotes makes a number of the cents; the API wants a text."""
    return str(amount) if isinstance(amount, int) and not isinstance(amount, bool) else amount


Cents = Annotated[
    str,
    StringConstraints(max_length=15),
    BeforeValidator(_text),
    INT_OR_TEXT,
    Rule(
        "type(self) == int ? self > 0 : self.matches('^[1-9][0-9]*$')",
        'amount is in whole cents, above 0, without point or leading zeros: write "2500" for 25 dollars',
    ),
]


class Money(Model):
    """An amount in cents."""

    amount: Cents
    """Whole cents: "2500" is 25 dollars."""
    currency: Literal["USD"] = "USD"
    """Currency; the API knows only US dollars."""


class Budget(Model):
    """What the session may cost. Can only be given at creation; may be raised later, or lifted for good."""

    rules: ClassVar[tuple[Rule, ...]] = (one_of("budget", "maxListCost", "removed"),)
    max_list_cost: Money | None = None
    """List cost at which the session pauses."""
    removed: (
        Annotated[
            bool,
            Rule("self", "removed can only be true: to keep a budget, remove this field and set maxListCost"),
        ]
        | None
    ) = None
    """True lifts the budget for good."""
