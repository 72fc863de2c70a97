"""What the API server's answers mean for whoever asked.

Used by `access` alone; the rest of the package sees the exceptions.
"""

from __future__ import annotations

from typing import Any

import orjson

from managed_agents_operator.engine.errors import (
    ClusterError,
    ClusterUnreachable,
    ObjectGone,
    WriteConflict,
    WriteRefused,
)


class Expired(ClusterUnreachable):
    """410: the version or the page asked for is too old. List anew."""


class Forbidden(ClusterUnreachable):
    """403: the role of this process does not allow it (yet)."""


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object in an answer. Raises ValueError for anything else."""
    found = orjson.loads(content)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for whatever is no answer
    return found


def failure(status: int, content: bytes) -> ClusterError:
    """What follows from a status that is not 2xx.

    `content` is the Status object that came with it, alone or in a watch event; its message is about our request and
    does not change from one try to the next.
    """
    message = _message(content)
    # Both come as 500: what etcd refuses, and what the connection to it does.
    too_large = status == 500 and ("request is too large" in message or "message larger than max" in message)
    if status in (400, 405, 406, 413, 415, 422) or too_large:
        return WriteRefused(status, message)
    match status:
        case 403:
            return Forbidden(message)
        case 404:
            return ObjectGone(message)
        case 409:
            return WriteConflict(message)
        case 410:
            return Expired(message)
        case _:
            return ClusterUnreachable(f"the API server answered {status}: {message}")


def _message(content: bytes) -> str:
    try:
        found = parsed(content)
        message = str((found.get("object") or found)["message"])
    except (ValueError, KeyError, TypeError):
        message = content.decode(errors="replace")[:200]
    return " ".join(message.split())[:1000]
