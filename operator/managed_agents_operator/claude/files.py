"""The files endpoints: upload, look, list, delete.

Reached as `Client.files`, called by the kinds. The same terms as for `Client`: one call each, never repeated, and a
`ClaudeError` unless it succeeds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.bounds import cursor, usable
from managed_agents_operator.claude.exchange import Exchange
from managed_agents_operator.claude.models import File, Page
from managed_agents_operator.claude.pages import SIZES, BeforePage, sized, walk

LARGE_PAGE_SIZE = 1000
FilePage = Page[File]


class Files:
    """The files of one connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def upload(self, filename: str, content: bytes, media_type: str) -> Answer[File]:
        """`POST /v1/files`. An answer without a readable id is `Unreadable`: there may be a file all the same.

        No message of its failures repeats what the API said, since that may be a piece of the content.
        """
        parts = {"file": (filename, content, media_type)}
        return await self._exchange.call("POST", ["files"], parts=parts, sends=True, read=_file)

    async def get(self, id: str) -> Answer[File]:
        """`GET /v1/files/{id}`."""
        return await self._exchange.call("GET", ["files", id], read=_file)

    async def delete(self, id: str) -> Answer[None]:
        """`DELETE /v1/files/{id}`."""
        return await self._exchange.call("DELETE", ["files", id], read=lambda _: None)

    async def list(self, *, limit: int | None = LARGE_PAGE_SIZE, after: str | None = None) -> Answer[FilePage]:
        """One page of `GET /v1/files`. `after` is the `next_page` of the page before."""
        query = sized(limit)
        if after is not None:
            name, _, cursor = after.partition("=")
            query.append((name, cursor))
        return await self._exchange.call("GET", ["files"], query=query, read=_page)

    def iterate(self, before_page: BeforePage | None = None) -> AsyncIterator[Answer[FilePage]]:
        """All pages of `GET /v1/files`, with the same care and errors as `Client.iterate_sessions`."""
        sizes = (LARGE_PAGE_SIZE, *SIZES)
        return walk(lambda limit, after: self.list(limit=limit, after=after), lambda file: file.id, before_page, sizes)


def _file(raw: Any) -> File:
    try:
        return File.model_validate(raw)
    except ValidationError:
        raise ValueError("the answer is no file with an id") from None


def _page(raw: Any) -> FilePage:
    items = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(items, list):
        raise _wrong("the answer is no list")
    files = [_file(item) for item in items]
    return Page(files, _following(raw, files))


def _following(raw: dict[str, Any], files: list[File]) -> str | None:
    """Newer servers name the next page, older ones only say that there is more after the last id."""
    if (told := cursor(raw.get("next_page"))) is not None:
        return f"page={told}"
    if not raw.get("has_more"):
        return None
    last = raw.get("last_id") or (files[-1].id if files else None)
    if not isinstance(last, str) or not usable(last):
        raise _wrong("the answer is a list that goes on after nothing")
    return f"after_id={last}"


def _wrong(words: str) -> ValueError:
    return ValueError(words)
