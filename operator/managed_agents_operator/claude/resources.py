"""The resources endpoints of a session: mount a file, take one out, hand over a new token.

Reached as `Client.resources`, called by the kinds. The same terms as for `Client`. Answers may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.exchange import Exchange
from managed_agents_operator.claude.models import SessionResource


class Resources:
    """What the sessions of one connection mount. `id` is that of the resource in its session."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def add(self, session_id: str, body: Mapping[str, Any]) -> Answer[SessionResource | None]:
        """`POST /v1/sessions/{id}/resources`. None when the server took it without saying what became of it."""
        path = ["sessions", session_id, "resources"]
        return await self._exchange.call("POST", path, body=body, sends=True, read=_resource_or_none)

    async def remove(self, session_id: str, id: str) -> Answer[None]:
        """`DELETE /v1/sessions/{id}/resources/{rid}`."""
        return await self._exchange.call("DELETE", ["sessions", session_id, "resources", id], read=lambda _: None)

    async def rotate(self, session_id: str, id: str, token: str) -> Answer[SessionResource | None]:
        """`POST /v1/sessions/{id}/resources/{rid}` with a new token, which no message holds."""
        path, body = ["sessions", session_id, "resources", id], {"authorization_token": token}
        return await self._exchange.call("POST", path, body=body, secrets=[token], read=_resource_or_none)


def _resource_or_none(raw: Any) -> SessionResource | None:
    """What can't be read, or has no id, tells no more than nothing at all: the change was taken all the same."""
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or not raw["id"]:
        return None
    try:
        return SessionResource.model_validate(raw)
    except ValidationError:
        return None
