"""`kubectl managedagents logs NAME`: what happened in the session of a Session, and with -f what happens.

Called by `cli`. How an event reads is in `readable`, how none is lost or doubled in `following`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta

import click

from managed_agents_kubectl import words
from managed_agents_kubectl.calling import Line, explained, over, session_of
from managed_agents_kubectl.following import Event, Reader, closing
from managed_agents_kubectl.output import read_by_somebody
from managed_agents_kubectl.readable import text, wanted
from managed_agents_kubectl.scope import OK, Failed, Scope
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.claude.feed import Feed
from managed_agents_operator.engine.terms import instant


async def run(
    scope: Scope,
    name: str,
    *,
    follow: bool,
    previous: bool,
    since: float | None,
    tail: int | None,
    types: Sequence[str],
    output: str,
    full: bool,
) -> int:
    """Print the events; `since` is in seconds. Ends with the list, or with -f once the session is over."""
    async with session_of(scope, name, changing=False, previous=previous) as line:
        reader = Reader(Feed(line.client), line.id, lambda event: output == "json" or wanted(event, types))
        if output == "json" and types:
            reader = Reader(Feed(line.client), line.id, lambda event: wanted(event, types))
        first = _first(reader, since, tail)
        # Of one that is over there is nothing to follow, and a server may refuse the stream.
        events = reader.follow(first, lambda: _over(line), asyncio.sleep) if follow and not line.over else first()
        try:
            # Closed before the client is, also when whoever reads has gone: a stream left open would be called lost.
            with read_by_somebody():
                async with aclosing(closing(events)) as each:
                    async for event in each:
                        click.echo(_printed(event, line, output, full=full))
        except ClaudeError as error:
            raise Failed(explained(error, line.access, line.id)) from None
    return OK


def _first(reader: Reader, since: float | None, tail: int | None) -> Callable[[], AsyncIterator[Event]]:
    """What is shown of the past."""
    if since is None and tail is None:
        return reader.past
    begin = words.now() - timedelta(seconds=since) if since is not None else None

    def young(event: Event) -> bool:
        at = instant(event.get("processed_at"))
        return at is None or begin is None or at >= begin

    async def latest() -> AsyncIterator[Event]:
        for event in await reader.latest(tail=tail, since=young if begin is not None else None):
            yield event

    return latest


async def _over(line: Line) -> bool:
    return over((await line.client.get_session(line.id)).value)


def _printed(event: Event, line: Line, output: str, *, full: bool) -> str:
    if output == "json":
        # Without escapes beyond ASCII a terminal might be moved by what others wrote.
        return json.dumps(event, ensure_ascii=True, separators=(",", ":"))
    return text(event, line.hint, full=full)
