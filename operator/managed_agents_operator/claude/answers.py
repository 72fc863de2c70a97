"""Reading one HTTP answer: into JSON, or into the error that it stands for.

Used by `Exchange` alone. Pure: bytes and headers in, a value out or a `ClaudeError` raised. What a JSON document must
hold is for `Client`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from pydantic_core import from_json

from managed_agents_operator.claude.errors import (
    BadRequest,
    BillingRequired,
    ClaudeError,
    Conflict,
    Forbidden,
    NotFound,
    Overloaded,
    RateLimited,
    ServerFault,
    TooLarge,
    Unauthorized,
    Unreadable,
)

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)

LONGEST_MESSAGE = 512
"""Characters of the API's own message that are kept."""
LONGEST_PAUSE = 3600.0
"""Seconds: a longer Retry-After is taken for this, so that no odd answer silences a connection for good."""
MOST_VALUES = 1_000_000
"""Values in the JSON of an answer: each takes up to fifty times the memory of its bytes."""

_BY_STATUS: Mapping[int, type[ClaudeError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: BillingRequired,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: BadRequest,
    422: BadRequest,
}
_WORKSPACE = re.compile(r"[!-~]{1,128}", re.ASCII)
_API_KEY = re.compile(r"\bsk-ant-[\w-]+", re.ASCII)


@dataclass(frozen=True)
class Answer(Generic[Value_co]):
    """What a call returned, and the workspace it spoke for: the anthropic-workspace-id of the answer, if it had one."""

    value: Value_co
    workspace: str | None


@dataclass(frozen=True)
class Received:
    """One HTTP answer as it came. `secrets` are texts that no message may hold; `quiet`: none of its words may be.

    `body` is None where it was too large to be read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray | None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    quiet: bool = False

    @property
    def workspace(self) -> str | None:
        """The anthropic-workspace-id of the answer, which gets into status; one that could not be asked for is none."""
        told = self.headers.get("anthropic-workspace-id", "")
        return told if _WORKSPACE.fullmatch(told) else None

    def answer(self, read: Callable[[Any], Value], now: Callable[[], datetime]) -> Answer[Value]:
        """What `read` makes of the JSON of a 2xx (None when there is no body); it raises `ValueError` when it can't.

        Raises the `ClaudeError` of any other answer. `now` is needed for a Retry-After that names a date.
        """
        if not 200 <= self.status < 300:
            raise self._error(now)
        if self.body is None or _many(self.body):
            raise self._unreadable("the answer is larger than anything that can be read", TooLarge)
        try:
            document = from_json(self.body) if self.body and not self.body.isspace() else None
        except ValueError:
            raise self._unreadable("the answer is no JSON, or was cut off") from None
        try:
            return Answer(read(document), self.workspace)
        except ValueError as problem:
            raise self._unreadable(str(problem)) from None

    def _unreadable(self, problem: str, kind: type[Unreadable] = Unreadable) -> Unreadable:
        return kind(problem, status=self.status, workspace=self.workspace, request_id=self._request_id)

    @property
    def _request_id(self) -> str | None:
        told = self.headers.get("request-id", "")
        return (
            told if re.fullmatch(r"[\w.:-]{1,128}", told) and not any(word in told for word in self.secrets) else None
        )

    def _error(self, now: Callable[[], datetime]) -> ClaudeError:
        told = "" if self.quiet or 300 <= self.status < 400 or self.body is None else _told(self.body)
        message = clean(told, self.secrets, self._request_id) or _phrase(self.status)
        if self.status == 429 or self.status >= 500:
            kind = {429: RateLimited, 529: Overloaded}.get(self.status, ServerFault)
            return kind(
                message,
                status=self.status,
                workspace=self.workspace,
                request_id=self._request_id,
                retry_after=retry_after(self.headers, now),
            )
        other = _BY_STATUS.get(self.status, ServerFault)
        return other(message, status=self.status, workspace=self.workspace, request_id=self._request_id)


def clean(text: str, secrets: Iterable[str], request_id: str | None = None) -> str:
    """`text` on one line, without control characters, keys and request ids, at most `LONGEST_MESSAGE` characters."""
    ids = r"\breq_\w+" + (f"|{re.escape(request_id)}" if request_id else "")
    text = re.sub(rf"[\s(\[,]*(?:request[ _-]?id\W{{0,3}})?(?:{ids})[)\]]?", "", text, flags=re.IGNORECASE)
    for secret in secrets:
        # A short secret is only taken out as a word, since it may well be a part of an innocent one.
        if len(secret) >= 8:
            text = text.replace(secret, "…")
        elif secret:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text)
    text = _API_KEY.sub("…", text)
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def retry_after(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Seconds to wait as the answer says (retry-after-ms, else retry-after in seconds or as a date), else None."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if seconds >= 0:
            return min(seconds, LONGEST_PAUSE)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return min(max((date - now()).total_seconds(), 0.0), LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return None


def _many(body: bytes | bytearray) -> bool:
    """Whether it may have more values than can be held; counted are the signs that come with them."""
    return len(body) > MOST_VALUES and sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES


def _told(body: bytes | bytearray) -> str:
    """The words for people in the body of an error: the API's own envelope, a bare text, but no page of markup."""
    try:
        document = from_json(body)
    except ValueError:
        text = body[:4096].decode(errors="replace").strip()
        return "" if "<" in text else text
    while isinstance(document, Mapping):
        document = next((document[name] for name in ("error", "message", "detail") if document.get(name)), "")
    return document if isinstance(document, str) else ""


def _phrase(status: int) -> str:
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed, since the key goes only to the configured address"
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status} Overloaded" if status == 529 else f"HTTP {status}"
