"""From a session as the API tells it to what the engine decides on, and to what status shows.

Pure; used by the observatory, the searches and the session kind. Fields that the API may leave out stay out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.session import Session as Wish
from managed_agents_operator.api.status import Usage
from managed_agents_operator.claude.models import Session, SessionResource
from managed_agents_operator.engine.external import Remote

AGENT_LIMIT = 16 * 1024
"""Bytes of texts and schemas that the agent may take up in status."""
UPLOADS = "/mnt/session/uploads"


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
    "resources": "resources",
    "outcomeEvaluations": "outcome_evaluations",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "archivedAt": "archived_at",
}
"""The field of the API's session object that each status field is made from."""


def remote(wire: Session, seen_at: float, *, listed: bool = False) -> Remote:
    """One answer of the API, as the engine sees it."""
    agent, usage = wire.agent, wire.usage
    cost = wire.budget.max_list_cost if wire.budget else None
    state = wire.status or "unknown"
    used = (usage.input_tokens, usage.output_tokens, usage.active_seconds, wire.stats.active_seconds)
    return Remote(
        id=wire.id,
        state=state,
        seen_at=seen_at,
        created_at=wire.created_at or "",
        updated_at=wire.updated_at or "",
        archived_at=wire.archived_at,
        title=wire.title,
        metadata=wire.metadata,
        budget=cost.amount if cost else None,
        tools=tuple(agent.tools) if agent else (),
        mcp_servers=tuple(agent.mcp_servers) if agent else (),
        agent_id=agent.id if agent else None,
        worked=state not in ("idle", "terminated") or any(used),
        listed=listed,
        usage=_usage(wire),
        wire=wire,
    )


def project(wish: Wish, wire: Session) -> dict[str, Any]:
    """The status fields of a session, one for each field that the answer has; None where the session has none."""
    cost = wire.usage.list_cost
    stats = {"activeSeconds": wire.stats.active_seconds, "durationSeconds": wire.stats.duration_seconds}
    budget = wire.budget.max_list_cost if wire.budget else None
    shown: dict[str, Any] = {
        "state": wire.status,
        "agent": bounded(wire.agent.model_dump(mode="json", exclude_none=True)) if wire.agent else None,
        "environmentId": wire.environment_id,
        "vaultIds": list(wire.vault_ids) or None,
        "title": wire.title or None,
        "metadata": dict(wire.metadata) or None,
        "deploymentId": wire.deployment_id,
        "budget": {"maxListCost": budget.model_dump(mode="json", exclude_none=True)} if budget else None,
        "usage": _usage(wire) or None,
        "cost": dollars(cost.amount) if cost else None,
        "stats": {k: v for k, v in stats.items() if v is not None} or None,
        "resources": mounts(wish, wire.resources) or None,
        "outcomeEvaluations": [o.model_dump(mode="json", exclude_none=True) for o in wire.outcome_evaluations] or None,
        "createdAt": wire.created_at,
        "updatedAt": wire.updated_at,
        "archivedAt": wire.archived_at,
    }
    # A server that leaves a field out says nothing about it, and what is known of it stays.
    return {field: _without_nulls(value) for field, value in shown.items() if _WIRE[field] in wire.model_fields_set}


def _without_nulls(value: Any) -> Any:
    """A merge patch takes null for "remove it", so that a null in status would differ from what is stored for ever."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _usage(wire: Session) -> dict[str, Any]:
    known = wire.usage.model_dump(mode="json", exclude_none=True)
    return Usage.model_validate(known).model_dump(mode="json", by_alias=True, exclude_none=True)


def dollars(amount: str | None) -> str | None:
    """Whole cents as people read them: "1234" is $12.34."""
    if amount is None or not amount.isdecimal():
        return None
    return f"${int(amount) // 100}.{int(amount) % 100:02d}"


def mounts(wish: Wish, resources: list[SessionResource]) -> list[dict[str, Any]]:
    """What is mounted, under the names that the spec gives; what the spec does not know gets a name of its own."""
    wanted = {r.name: r for r in wish.spec.resources}
    out, free = [], list(resources)
    for name, resource in wanted.items():
        found = next((m for m in free if _same(resource, m)), None)
        if found is not None:
            free.remove(found)
            out.append(_mount(name, found))
    taken = set(wanted)
    for at, other in enumerate(free):
        name = other.id or other.memory_store_id or f"{other.type or 'resource'}-{at}"
        if name in taken:
            name = f"{name}-{at}"
        taken.add(name)
        out.append(_mount(name, other))
    return out


def _mount(name: str, resource: SessionResource) -> dict[str, Any]:
    known = {
        "name": name,
        "id": resource.id,
        "type": resource.type,
        "fileId": resource.file_id,
        "mountPath": resource.mount_path,
        "url": resource.url,
        "checkout": resource.checkout,
        "memoryStoreId": resource.memory_store_id,
        "access": resource.access,
        "createdAt": resource.created_at,
        "updatedAt": resource.updated_at,
    }
    return {k: v for k, v in known.items() if v is not None}


def _same(wish: Resource, mounted: SessionResource) -> bool:
    """Whether a mount is the one that was declared: by where it lies, since a file gets a new id when mounted."""
    if wish.memory_store:
        return mounted.memory_store_id == wish.memory_store.id
    if wish.github_repository:
        repository = wish.github_repository
        path = repository.mount_path or "/workspace/" + repository.url.rstrip("/").rsplit("/", 1)[-1]
        same_place = mounted.mount_path is None or _plain(mounted.mount_path) == _plain(path)
        return mounted.url is not None and _repository(mounted.url) == _repository(repository.url) and same_place
    if wish.file:
        path = wish.file.mount_path or f"{UPLOADS}/{wish.file.file_id}"
        if mounted.mount_path is None:
            return mounted.file_id == wish.file.file_id
        return mounted.type in (None, "file") and rooted(mounted.mount_path) == rooted(path)
    return False


def rooted(path: str) -> str:
    """Where a file lies: servers echo the path as given, or below the folder of all uploads."""
    path = _plain(path)
    return path if path.startswith(UPLOADS + "/") else UPLOADS + path


def _plain(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _repository(url: str) -> str:
    return url.rstrip("/").removesuffix(".git").lower()


def bounded(agent: Mapping[str, Any]) -> dict[str, Any]:
    """The agent, with its longest texts and schemas replaced by length and sha256 until all of them fit."""
    out: dict[str, Any] = dict(orjson.loads(orjson.dumps(agent)))
    while (size := len(orjson.dumps(out))) > AGENT_LIMIT:
        holder, key, value = max(_weights(out), key=lambda w: len(orjson.dumps(w[2])))
        text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        holder[key] = f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()}"
        if len(orjson.dumps(out)) >= size:
            return {k: out[k] for k in ("id", "type", "name", "version") if k in out}
    return out


def _weights(agent: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """What may be replaced: texts wherever they stand, and the input schemas of custom tools as a whole."""
    found: list[tuple[Any, Any, Any]] = []
    todo: list[Any] = [agent]
    while todo:
        holder = todo.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(value, str) or key in ("input_schema", "tools", "skills", "mcp_servers"):
                found.append((holder, key, value))
            if isinstance(value, dict | list) and key != "input_schema":
                todo.append(value)
    if any(key == "input_schema" or isinstance(value, str) for _, key, value in found):
        return [
            w for w in found if w[1] not in ("tools", "skills", "mcp_servers") and w[1] not in ("id", "name")
        ] or found
    return found
