"""Calls as metrics: by route, never by id, and by what became of them.

Used by `Exchange` alone, which reports each call that it tried to send.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Self

from managed_agents_operator.claude.errors import Unsent
from managed_agents_operator.claude.quota import Clock
from managed_agents_operator.claude.transport import what_failed
from managed_agents_operator.telemetry import API_CALLS, API_SECONDS

ROUTES = (
    ("POST", "/v1/sessions"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/sessions/{id}"),
    ("POST", "/v1/sessions/{id}"),
    ("DELETE", "/v1/sessions/{id}"),
    ("POST", "/v1/sessions/{id}/archive"),
    ("GET", "/v1/sessions/{id}/events"),
    ("POST", "/v1/sessions/{id}/events"),
    ("POST", "/v1/sessions/{id}/resources"),
    ("POST", "/v1/sessions/{id}/resources/{id}"),
    ("DELETE", "/v1/sessions/{id}/resources/{id}"),
    ("POST", "/v1/files"),
    ("GET", "/v1/files"),
    ("GET", "/v1/files/{id}"),
    ("DELETE", "/v1/files/{id}"),
    ("GET", "/v1/agents/{id}"),
)
_TROUBLES = ("401", "403", "429", "500", "529", "unsent", "lost")


def route(path: Sequence[str]) -> str:
    """The template of a path below `/v1`: every second part of it is an id."""
    return "/v1/" + "/".join("{id}" if n % 2 else part for n, part in enumerate(path))


class Attempt:
    """One call; an async context manager, and what is made within it counts, however it ends.

    `code` is that of an answer once it is there as a whole.
    """

    def __init__(self, method: str, path: Sequence[str], clock: Clock) -> None:
        self._route = method, route(path)
        self._clock = clock
        self.code: str | None = None

    async def __aenter__(self) -> Self:
        self._began = self._clock.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        code = self.code or _ended(error)
        _seconds(*self._route).observe(max(0.0, self._clock.monotonic() - self._began))
        _calls(*self._route, code).inc()


def _ended(error: BaseException | None) -> str:
    """What became of a call without an answer."""
    if not isinstance(error, Exception):
        return "cancelled"
    return "unsent" if isinstance(what_failed(error, ""), Unsent) else "lost"


# Kept, since to look one up again costs more than to count.
_seconds = lru_cache(maxsize=256)(API_SECONDS.labels)
_calls = lru_cache(maxsize=4096)(API_CALLS.labels)
for _method, _endpoint in ROUTES:
    for _trouble in _TROUBLES:
        # There before the first of them: a rate knows nothing of what came before the first sample.
        _calls(_method, _endpoint, _trouble)
