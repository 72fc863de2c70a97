"""One HTTP call after another: address, headers, time-outs, and what is learnt from each answer.

Used by `Client`, which knows the endpoints. Nothing is ever repeated here, since nobody down here knows what a repeated
call would cost.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx

from managed_agents_operator import __version__
from managed_agents_operator.claude.address import address
from managed_agents_operator.claude.answers import Answer, Received
from managed_agents_operator.claude.bodies import ACCEPTED, read_body
from managed_agents_operator.claude.bounds import usable
from managed_agents_operator.claude.calls import Attempt
from managed_agents_operator.claude.errors import (
    BadRequest,
    BillingRequired,
    ClaudeError,
    Forbidden,
    RateLimited,
    Refused,
    Unauthorized,
    Unsent,
)
from managed_agents_operator.claude.health import Health
from managed_agents_operator.claude.quota import Bucket, Budget, Clock
from managed_agents_operator.claude.transport import (
    POOL_SECONDS,
    READ_SECONDS,
    Opening,
    open_http,
    timeouts,
    what_failed,
)
from managed_agents_operator.logs import hide
from managed_agents_operator.telemetry import code

log = logging.getLogger(__name__)

API_VERSION = "2023-06-01"
BETA = "managed-agents-2026-04-01"

Value = TypeVar("Value")
Parts = Mapping[str, tuple[str, bytes, str]]
"""The files of a multipart body by field: name, content, media type."""
Credentials = Callable[[], Mapping[str, str]]


class Exchange:
    """Calls of one server with one set of credentials. An async context manager; calls are made within it.

    `read_timeout` and `send_timeout` are seconds of silence before an answer is given up: of calls that read or change,
    and of those that create or send. The latter also end, answer or not, when that time is over, so that it is known
    how long one can be under way.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        workspace: str | None,
        betas: Sequence[str] = (),
        read_timeout: float = READ_SECONDS,
        send_timeout: float,
        clock: Clock,
        budget: Budget | None,
    ) -> None:
        self._base, self._server, self._tls = address(base_url)
        self._credentials = credentials
        self._read_timeout, self._send_timeout = read_timeout, send_timeout
        self._clock, self._budget = clock, budget
        self._http: httpx.AsyncClient | None = None
        self._headers = {
            "anthropic-version": API_VERSION,
            "accept": "application/json",
            "accept-encoding": ACCEPTED,
            "user-agent": f"managed-agents-operator/{__version__}",
        }
        self.configure(workspace=workspace, betas=betas)
        self.health = Health(clock.monotonic)
        self._key: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        self._http = open_http(proxies=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base}>"

    def configure(self, *, workspace: str | None, betas: Sequence[str] = ()) -> None:
        """Send this workspace, and these beta values beside the one that all calls need, from the next call on."""
        self._headers["anthropic-beta"] = ",".join(dict.fromkeys((BETA, *betas)))
        self.workspace_wanted = workspace
        self._headers.pop("anthropic-workspace-id", None)
        if workspace:
            self._headers["anthropic-workspace-id"] = workspace

    def workspace_now(self) -> str | None:
        """The workspace that answered to the key as it is now; None before it had an answer that names one.

        Raises what the credentials raise.
        """
        self._sign()
        return self.health.workspace

    async def call(
        self,
        method: str,
        path: Sequence[str],
        *,
        body: Mapping[str, Any] | None = None,
        parts: Parts | None = None,
        query: Sequence[tuple[str, str]] = (),
        creates: bool = False,
        sends: bool = False,
        secrets: Sequence[str] = (),
        read: Callable[[Any], Value],
    ) -> Answer[Value]:
        """One call; `path` are its parts below `/v1`, ids among them.

        `creates` uses the budget of creations and, like `sends`, the longer time-out. `secrets` are texts of the body
        that no message may hold, since the API may repeat what it does not like; of an answer to `parts` no word is
        repeated at all, since any of it may be from a content that nobody knows. `read` makes the value of the
        JSON (None when the body was empty) and raises `ValueError` with the words for people when it is not what was
        asked for. Raises any `ClaudeError`.
        """
        bucket = None if self._budget is None else self._budget.creates if creates else self._budget.requests
        key = None
        try:
            url = self._url(path, query)
            key = self._sign()
            attempt = Attempt(method, path, self._clock)
            received = await self._send(
                method, url, body, parts, bucket, key, attempt, secrets=secrets, slow=creates or sends
            )
            answer = received.answer(read, self._clock.wall)
        except ClaudeError as error:
            self._learn(error, bucket, key)
            if isinstance(error, Unauthorized | BillingRequired | Forbidden) and self._replaced(key):
                raise Unsent("the key was changed while the call was under way") from None
            raise
        if key is self._key:
            self.health.succeeded(received.workspace)
        else:
            # It says nothing of the key as it is now.
            self.health.answered()
        if bucket is not None:
            bucket.calm()
        return answer

    def opening(self, path: Sequence[str], query: Sequence[tuple[str, str]], **headers: str) -> Opening:
        """All that `feed` needs for a GET which is read while it comes; dashes of `headers` are underscores here."""
        if self._http is None:
            raise RuntimeError("the client is used outside of its context")
        url, key = self._url(path, query), self._sign()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Opening(self._http, url, {**self._headers, **key, **more}, _words(key), self._server)

    def _url(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        if not all(map(usable, path)):
            raise BadRequest("the id is empty or too long, or has slashes, control characters or nothing but dots")
        quoted = "/".join(quote(part, safe="") for part in path)
        return f"{self._base}/v1/{quoted}?{urlencode([*query, ('beta', 'true')])}"

    async def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        parts: Parts | None,
        bucket: Bucket | None,
        key: Mapping[str, str],
        attempt: Attempt,
        *,
        secrets: Sequence[str],
        slow: bool,
    ) -> Received:
        if self._http is None:
            raise RuntimeError("the client is used outside of its context")
        if bucket is not None and (until := bucket.paused_until) is not None:
            raise Unsent("the API asked for fewer calls, and none is made until it takes them again", retry_at=until)
        headers = {**self._headers, **key}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, separators=(",", ":")).encode()
        read = self._send_timeout if slow else self._read_timeout
        whole = self._send_timeout if slow else POOL_SECONDS + 2 * self._read_timeout
        trouble: ClaudeError
        try:
            async with (
                attempt,
                asyncio.timeout(whole),
                self._http.stream(
                    method, url, content=content, files=parts, headers=headers, timeout=timeouts(read)
                ) as answer,
            ):
                hidden = (*_words(key), *secrets)
                told = await read_body(answer)
                attempt.code = code(answer.status_code)
                return Received(answer.status_code, answer.headers, told, hidden, quiet=parts is not None)
        except Exception as failure:  # noqa: BLE001 - whatever came, it was no answer
            trouble = what_failed(failure, self._server)
            log.debug("%s failed: %s", method, type(failure).__name__)
        # Raised out here, so that no exception that holds the request and its key hangs on to it.
        raise trouble

    def _sign(self) -> Mapping[str, str]:
        """The headers with the key as it is now."""
        key = {name: value.strip() for name, value in self._credentials().items()}
        if not all(value.isascii() and value.isprintable() for value in key.values()):
            raise Unauthorized("the key has characters that no HTTP header can carry: copy it again")
        hide(*_words(key))
        if self._key != key:
            # Another key may be one of another workspace: which one, only an answer to it tells.
            self._key = key
            self.health.another_key()
        return self._key

    def _replaced(self, key: Mapping[str, str] | None) -> bool:
        """Whether a call was signed with a key that is not used any more."""
        return key is not None and key is not self._key

    def _spoken(self, workspace: str | None, key: Mapping[str, str] | None) -> str | None:
        """The workspace of an answer, unless the key was changed while the call was under way."""
        return workspace if key is self._key else None

    def _learn(self, error: ClaudeError, bucket: Bucket | None, key: Mapping[str, str] | None) -> None:
        self.health.failed(error, self._spoken(error.workspace, key))
        if bucket is not None:
            if isinstance(error, RateLimited):
                bucket.pause(error.retry_after)
            elif isinstance(error, Refused) and error.status is not None:
                bucket.calm()
        if error.request_id is not None:
            log.debug("HTTP %s, request %s: %s", error.status, error.request_id, error.message)


def _words(key: Mapping[str, str]) -> tuple[str, ...]:
    """The parts of the headers that are secret."""
    return tuple(word for value in key.values() for word in value.split() if word != "Bearer")
