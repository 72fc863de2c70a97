"""Which method and path leads to which handler. The whole faked API on one screen."""

from __future__ import annotations

import re
from collections.abc import Callable

from managed_agents_simulator.library import agents, environments, files, memory_stores, vaults
from managed_agents_simulator.sessions import creation, ending, events, listing, resources, sending, threads, updating
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import ApiError

Handler = Callable[[Call], Reply]

_SESSION = "/v1/sessions/{session_id}"
_THREAD = f"{_SESSION}/threads/{{thread_id}}"

ROUTES: dict[str, dict[str, Handler]] = {
    "/v1/sessions": {"POST": creation.create, "GET": listing.index},
    _SESSION: {"GET": listing.retrieve, "POST": updating.update, "DELETE": ending.delete},
    f"{_SESSION}/archive": {"POST": ending.archive},
    f"{_SESSION}/resources": {"GET": resources.index, "POST": resources.add},
    f"{_SESSION}/resources/{{resource_id}}": {
        "GET": resources.retrieve,
        "POST": resources.rotate,
        "DELETE": resources.remove,
    },
    f"{_SESSION}/events": {"GET": events.index, "POST": sending.send},
    f"{_SESSION}/events/stream": {"GET": events.stream},
    f"{_SESSION}/threads": {"GET": threads.index},
    _THREAD: {"GET": threads.retrieve},
    f"{_THREAD}/archive": {"POST": threads.archive},
    f"{_THREAD}/events": {"GET": threads.history},
    f"{_THREAD}/stream": {"GET": threads.stream},
    "/v1/agents": {"POST": agents.create, "GET": agents.index},
    "/v1/agents/{agent_id}": {"GET": agents.retrieve, "POST": agents.update},
    "/v1/agents/{agent_id}/archive": {"POST": agents.archive},
    "/v1/agents/{agent_id}/versions": {"GET": agents.versions},
    "/v1/environments": {"POST": environments.create, "GET": environments.index},
    "/v1/environments/{environment_id}": {
        "GET": environments.retrieve,
        "POST": environments.update,
        "DELETE": environments.delete,
    },
    "/v1/environments/{environment_id}/archive": {"POST": environments.archive},
    "/v1/vaults": {"POST": vaults.create, "GET": vaults.index},
    "/v1/vaults/{vault_id}": {"GET": vaults.retrieve, "POST": vaults.update, "DELETE": vaults.delete},
    "/v1/vaults/{vault_id}/archive": {"POST": vaults.archive},
    "/v1/memory_stores": {"POST": memory_stores.create, "GET": memory_stores.index},
    "/v1/memory_stores/{memory_store_id}": {
        "GET": memory_stores.retrieve,
        "POST": memory_stores.update,
        "DELETE": memory_stores.delete,
    },
    "/v1/memory_stores/{memory_store_id}/archive": {"POST": memory_stores.archive},
    "/v1/files": {"POST": files.create, "GET": files.index},
    "/v1/files/{file_id}": {"GET": files.retrieve, "DELETE": files.delete},
    "/v1/files/{file_id}/content": {"GET": files.content},
}

_TABLE = [
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)), handlers) for template, handlers in ROUTES.items()
]


def find(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """The handler and the variable parts of the path. Raises 404 for an unknown path, 405 for another method."""
    for pattern, handlers in _TABLE:
        match = pattern.fullmatch(path)
        if match:
            if method not in handlers:
                raise ApiError(405, "Method Not Allowed")
            return handlers[method], match.groupdict()
    raise ApiError(404, "Not found")
