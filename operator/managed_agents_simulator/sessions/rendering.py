"""A session as the API shows it.

Pure reading: called by every endpoint that answers with a session, and for the usage events. What servers disagree on
is decided by the modes.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.clock import SECOND, Instant, optional_wire_time, wire_time
from managed_agents_simulator.modes import Modes
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.sessions.usage import cents

OUTCOME_FIELDS = ("type", "outcome_id", "description", "result", "iteration", "explanation", "completed_at")


def shown(session: Session, modes: Modes, now: Instant) -> dict[str, Any]:
    """The session object of the wire."""
    body = {
        "id": session.id,
        "type": "session",
        "status": status_shown(session, modes, now),
        "agent": session.agent,
        "environment_id": session.environment,
        "title": session.title if session.title is not None or not modes.empty_title else "",
        "metadata": session.metadata,
        "resources": session.resources,
        "vault_ids": session.vaults,
        "outcome_evaluations": [{name: outcome[name] for name in OUTCOME_FIELDS} for outcome in session.outcomes],
        "usage": usage_shown(session, now),
        "stats": {
            "active_seconds": round(session.active_time(now) / SECOND, 3),
            "duration_seconds": session.duration(now),
        },
        "budget": budget_shown(session),
        "deployment_id": session.deployment,
        "created_at": wire_time(session.created),
        "updated_at": None if modes.null_updated_at else wire_time(session.updated),
        "archived_at": optional_wire_time(session.archived),
    }
    if modes.extra_fields:
        body["checkpoint"] = {"type": "checkpoint", "state": "warm"}
        body["agent"] = {**session.agent, "lineage": None}
    return body


def status_shown(session: Session, modes: Modes, now: Instant) -> str:
    """The status word that GET and lists show at this instant."""
    lag = round(modes.idle_lag_seconds * SECOND)
    word = "running" if session.seems_running(now, lag) else session.status
    return modes.status_words.get(word, word)


def usage_shown(session: Session, now: Instant) -> dict[str, Any]:
    """The session's `usage`; what it costs is there once it has run."""
    body = session.used(now).shown()
    body["active_seconds"] = round(session.active_time(now) / SECOND, 3)
    if session.turns:
        body["list_cost"] = cents(session.spent(now))
    return body


def budget_shown(session: Session) -> dict[str, Any] | None:
    """The session's `budget`, or None."""
    if session.budget is None:
        return None
    return {"type": "limit", "max_list_cost": {"amount": str(session.budget), "currency": "USD"}}
