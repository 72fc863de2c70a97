"""Who may ask at all: API key, API version, beta value, workspace.

Called by the door before any handler, in the order in which the service refuses. What a path needs as beta value is
decided here too, since without it the path does not exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from managed_agents_simulator.wire.errors import ApiError, invalid
from managed_agents_simulator.wire.query import Query

if TYPE_CHECKING:
    from managed_agents_simulator.workspace import ApiKey
    from managed_agents_simulator.world import World

VERSIONS = ("2023-06-01", "2026-10-21")
MANAGED_AGENTS = "managed-agents-2026-04-01"
AGENT_MEMORY = "agent-memory-2026-07-22"

_OTHER_BETAS = frozenset(
    {
        "files-api-2025-04-14",
        "skills-2025-10-02",
        "dreaming-2026-04-21",
        "mcp-client-2025-11-20",
        "mcp-client-2026-09-15",
        "fast-mode-2026-02-01",
        "advisor-tool-2026-03-01",
        "task-budgets-2026-03-13",
        "webhooks-2026-10-07",
        "mid-conversation-tool-changes-2026-07-01",
    }
)
_WITHOUT_BETA = re.compile(r"/v1/files(/|$)")
_MEMORY = re.compile(r"/v1/memory_stores(/|$)")


def admit(world: World, method: str, path: str, headers: Headers, query: Query) -> ApiKey:
    """The key of an admitted request. Raises 401, 400, 403 or 404."""
    key = _key(world, headers)
    _demand_version(headers)
    _demand_beta(path, headers)
    if world.modes.require_beta_query and query.one("beta") != "true":
        raise invalid("beta: this endpoint is in beta; add ?beta=true")
    wanted = headers.get("anthropic-workspace-id")
    if wanted is not None and wanted != key.workspace:
        raise ApiError(403, f"This API key does not belong to workspace {wanted}.")
    if key.reads_only and method not in ("GET", "HEAD"):
        raise ApiError(403, "This API key may only read.")
    return key


def presented(headers: Headers) -> str | None:
    """The secret that a request carries, in either of the two headers."""
    secret = headers.get("x-api-key")
    if secret:
        return secret
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _key(world: World, headers: Headers) -> ApiKey:
    secret = presented(headers)
    taken = world.modes.accept_api_key if headers.get("x-api-key") else world.modes.accept_bearer
    key = world.keys.get(secret) if secret is not None and taken else None
    if key is None or key.revoked:
        raise ApiError(401, "invalid x-api-key" if secret else "x-api-key header is required")
    return key


def _demand_version(headers: Headers) -> None:
    version = headers.get("anthropic-version")
    if not version:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f"anthropic-version: {version!r} is not a valid version")


def _demand_beta(path: str, headers: Headers) -> None:
    sent = [word.strip() for word in ",".join(headers.getlist("anthropic-beta")).split(",") if word.strip()]
    for word in sent:
        if word not in (MANAGED_AGENTS, AGENT_MEMORY) and word not in _OTHER_BETAS:
            raise invalid(f"Unexpected value(s) `{word}` for the `anthropic-beta` header.")
    if _MEMORY.match(path):
        if MANAGED_AGENTS in sent and AGENT_MEMORY in sent:
            raise invalid(f"anthropic-beta: send either {AGENT_MEMORY} or {MANAGED_AGENTS}, not both")
        allowed = MANAGED_AGENTS in sent or AGENT_MEMORY in sent
    else:
        allowed = MANAGED_AGENTS in sent or bool(_WITHOUT_BETA.match(path))
    if not allowed:
        raise ApiError(404, "Not found")
