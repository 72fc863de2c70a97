"""From a session as the API tells it to what the engine decides on, and to what status shows.

Pure; used by the observatory, the searches and the session kind. Fields that the API may leave out stay out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.api.once import Once
from managed_agents_operator.api.status import Usage
from managed_agents_operator.claude.models import Money, Session, SessionAgent, SessionResource
from managed_agents_operator.engine.conditions import on_one_line
from managed_agents_operator.engine.remote import Mount, Remote
from managed_agents_operator.kinds.excerpt import excerpt, shortened
from managed_agents_operator.kinds.moments import moment

LONGEST_AMOUNT = 18
LARGEST = 2**63
EXACT = 2**53

_WIRE = {
    "state": "status",
    "agent": "agent",
    "environmentId": "environment_id",
    "vaultIds": "vault_ids",
    "title": "title",
    "metadata": "metadata",
    "deploymentId": "deployment_id",
    "budget": "budget",
    "usage": "usage",
    "cost": "usage",
    "stats": "stats",
    "outcomeEvaluations": "outcome_evaluations",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "archivedAt": "archived_at",
}
"""The field of the API's session object that each status field is made from."""


def remote(wire: Session, seen_at: float, workspace: str | None = None, *, listed: bool = False) -> Remote:
    """One answer of the API, as the engine sees it."""
    agent, usage = wire.agent, wire.usage
    cost = wire.budget.max_list_cost if wire.budget else None
    state = wire.status or "unknown"
    used = (usage.input_tokens, usage.output_tokens, usage.active_seconds, wire.stats.active_seconds)
    return Remote(
        id=wire.id,
        state=state,
        seen_at=seen_at,
        created_at=moment(wire.created_at) or "",
        updated_at=wire.updated_at or "",
        archived_at=wire.archived_at,
        title=wire.title,
        metadata=wire.metadata,
        budget=cost.amount if cost else None,
        tools=tuple(agent.tools) if agent else (),
        mcp_servers=tuple(agent.mcp_servers) if agent else (),
        agent_id=agent.id if agent else None,
        agent_version=agent.version if agent else None,
        environment_id=wire.environment_id,
        mounts=tuple(map(_mount, wire.resources)) if "resources" in wire.model_fields_set else None,
        worked=state not in ("idle", "terminated") or any(used),
        listed=listed,
        usage=_usage(wire),
        workspace=workspace,
        wire=wire,
    )


def _mount(resource: SessionResource) -> Mount:
    return Mount(
        id=resource.id,
        type=resource.type,
        mount_path=resource.mount_path,
        file_id=resource.file_id,
        url=resource.url,
        checkout=_storable(resource.checkout),
        memory_store_id=resource.memory_store_id,
        access=resource.access,
        created_at=moment(resource.created_at),
        updated_at=moment(resource.updated_at),
    )


def project(wire: Session, usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The status fields of a session, one for each field that the answer has; None where the session has none.

    `usage` is what `remote` made of it already. Its mounts are told by the engine, which knows what went into them.
    """
    stats = {"activeSeconds": wire.stats.active_seconds, "durationSeconds": wire.stats.duration_seconds}
    limit = wire.budget.max_list_cost if wire.budget else None
    shown: dict[str, Any] = {
        "state": wire.status,
        "agent": _AGENTS(wire.agent) if wire.agent else None,
        "environmentId": wire.environment_id,
        "vaultIds": list(wire.vault_ids) or None,
        "title": wire.title or None,
        "metadata": dict(wire.metadata) or None,
        "deploymentId": wire.deployment_id,
        "budget": {"maxListCost": limit.model_dump(include={"amount", "currency"})} if limit else None,
        "usage": dict(_usage(wire) if usage is None else usage) or None,
        "cost": dollars(wire.usage.list_cost),
        "stats": {k: v for k, v in stats.items() if v is not None} or None,
        "outcomeEvaluations": [o.model_dump(mode="json", exclude_none=True) for o in wire.outcome_evaluations] or None,
        "createdAt": moment(wire.created_at),
        "updatedAt": moment(wire.updated_at),
        "archivedAt": moment(wire.archived_at),
    }
    # A server that leaves a field out says nothing about it, and what is known of it stays.
    told = {field: value for field, value in shown.items() if _WIRE[field] in wire.model_fields_set}
    return {field: value if field == "agent" else _kept(field, value) for field, value in told.items()}


def _kept(field: str, value: Any) -> Any:
    if isinstance(value, str):
        # What stands in a column moves the terminal of whoever lists it: kubectl takes out no more than escapes.
        value = on_one_line(value)
    # The schema knows their numbers, so that no text may stand in for one.
    return shortened(_storable(value, digits=field not in ("usage", "stats")))


def _excerpt(agent: SessionAgent) -> dict[str, Any]:
    raw = agent.model_dump(mode="json", exclude_none=True)
    return excerpt(_storable(raw | ({"name": on_one_line(agent.name)} if agent.name else {})))


_AGENTS = Once(_excerpt)


def _storable(value: Any, *, digits: bool = True) -> Any:
    """What an API server gives back as it was given; anything else would differ from what is stored for ever.

    A merge patch takes null for "remove it". Numbers are kept as 64-bit integers, else as floats, which are written
    with all their digits: beyond what both can hold exactly, the digits are told as text, or nothing is.
    """
    if isinstance(value, dict):
        kept = {key: _storable(one, digits=digits) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None}
    if isinstance(value, list):
        return [_storable(one, digits=digits) for one in value]
    if isinstance(value, float):
        exact = abs(value) < EXACT
    elif isinstance(value, int):
        exact = -LARGEST <= value < LARGEST
    else:
        exact = True
    return value if exact else str(value) if digits else None


def _usage(wire: Session) -> dict[str, Any]:
    known = wire.usage.model_dump(mode="json", exclude_none=True)
    try:
        usage = Usage.model_validate(known)
    except ValidationError:
        # What a server adds may go by the very names that status gives to what we know.
        usage = Usage.model_validate({name: known[name] for name in type(wire.usage).model_fields if name in known})
    return usage.model_dump(mode="json", by_alias=True, exclude_none=True)


def dollars(price: Money | None) -> str | None:
    """Whole cents as people read them: "1234" is $12.34."""
    amount = price.amount if price else None
    if price is None or amount is None or not amount.isdecimal() or len(amount) > LONGEST_AMOUNT:
        return None
    text = f"{int(amount) // 100}.{int(amount) % 100:02d}"
    return f"${text}" if price.currency in (None, "USD") else f"{text} {price.currency}"
