"""Spend ceilings: what a request may say about them, and when a change is refused.

Used by creation and update. What happens when a ceiling is reached is `life`'s business.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import Instant
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.sessions.usage import priced
from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import choice, record, text

BUDGET = record(
    {
        "type": choice("limit"),
        "max_list_cost": record(
            {"amount": text(1, 18, pattern=r"[1-9][0-9]*"), "currency": choice("USD")}, "amount", "currency"
        ),
    },
    "type",
    "max_list_cost",
)


def cap(budget: dict[str, Any], model: str) -> int:
    """The ceiling in cents. Raises 400 when the model has no public list price."""
    if not priced(model):
        raise invalid(f"budget: model {model} has no public list price", reason="model_not_budgetable")
    return int(budget["max_list_cost"]["amount"])


def changed(session: Session, budget: dict[str, Any] | None, now: Instant) -> int | None:
    """The ceiling of a session after an update. Raises 400 with the reason when the change is refused."""
    if session.status == "terminated":
        raise invalid("budget: the session is terminated")
    if budget is None:
        return None
    if session.budget is None:
        raise invalid("budget: a budget can only be set when the session is created", reason="budget_create_only")
    wanted = cap(budget, session.model)
    if wanted != session.budget and session.over(wanted, now):
        raise invalid("budget: the cap must exceed the consumed list cost", reason="budget_not_raised")
    return wanted
