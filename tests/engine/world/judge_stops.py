"""What a session may do and cost at the end, and how it is told that it stopped. All of it is an AssertionError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.engine.world.sessions import FakeSession

from managed_agents_operator.engine.conditions import STOPS


def as_declared(name: str, spec: Mapping[str, Any], session: FakeSession, synced: Mapping[str, Any]) -> None:
    """Budget and tools are those of the spec, where it says something of them."""
    budget = spec.get("budget") or {}
    if budget.get("removed"):
        assert session.budget is None, f"{name}: the budget stands at {session.budget}"
    elif budget and session.budget is None:
        assert synced["reason"] == "BudgetGone", f"{name}: {synced}"
    elif budget:
        assert session.budget == budget["maxListCost"]["amount"], f"{name}: {session.budget}, not {budget}"
    tools = ((spec.get("agent") or {}).get("overrides") or {}).get("tools")
    assert tools is None or list(session.tools) == tools, f"{name}: {session.tools}, not {tools}"


def stopped(
    name: str,
    status: Mapping[str, Any],
    session: FakeSession,
    ready: Mapping[str, Any],
    finished: Mapping[str, Any],
) -> None:
    """How the last turn ended is told, in Ready and, where the first events began it all, in Finished."""
    if not session.turns:
        assert "stopReason" not in status, f"{name}: {status['stopReason']} of a session that never worked"
        return
    assert status.get("stopReason") == session.stop, f"{name}: stopped by {session.stop}: {status}"
    reason, over = STOPS[session.stop]
    assert ready["reason"] == reason, f"{name}: {ready}, stopped by {session.stop}"
    if (status.get("kickoff") or {}).get("state") == "Sent":
        told = finished.get("reason")
        ends = told in {end for _, end in STOPS.values() if end and end != "BudgetReached"}
        assert told == (over or "Running") or ends, f"{name}: {finished}, stopped by {session.stop}"
