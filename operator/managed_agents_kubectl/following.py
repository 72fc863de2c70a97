"""What happened in a session and what happens, each event once, however often the stream is cut.

Used by `logs`, over any feed. After a cut the stream is opened first and the list read then, so that nothing falls in
between; what was seen already is told by its id. An event that was shown while it was queued is not shown again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, Protocol

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.errors import ClaudeError, CursorRefused, NotFound, RateLimited, Refused
from managed_agents_operator.claude.models import Page

ENDS = ("session.status_terminated", "session.deleted")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
MOST_FAILURES = 8
"""In a row, each after a longer pause: some two minutes."""

Event = dict[str, Any]
Keep = Callable[[Event], bool]
Sleep = Callable[[float], Awaitable[None]]


class Feed(Protocol):
    """Where events come from; `claude.feed.Feed`."""

    def pages(self, id: str, order: Literal["asc", "desc"] = ...) -> AsyncIterator[Answer[Page[Event]]]:
        """All pages."""
        ...

    def stream(self, id: str) -> AsyncIterator[Event | None]:
        """From now on; None once it is open, and when nothing happens."""
        ...


class Reader:
    """Reads the events of one session; those that `keep` wants are given, in order."""

    def __init__(self, feed: Feed, id: str, keep: Keep) -> None:
        self._feed, self._id, self._keep = feed, id, keep
        self._settled: set[str] = set()
        self._queued: set[str] = set()
        self.ended = False
        """Whether an event told that nothing more will come."""
        self._begun = False

    async def past(self) -> AsyncIterator[Event]:
        """All that happened, from the first on; a list whose cursor has expired is read again, once."""
        for last in (False, True):
            try:
                async with aclosing(closing(self._feed.pages(self._id))) as pages:
                    async for page in pages:
                        for event in page.value.items:
                            if self._new(event):
                                yield event
            except CursorRefused:
                if last:
                    raise
            else:
                return

    async def latest(self, *, tail: int | None = None, since: Callable[[Event], bool] | None = None) -> list[Event]:
        """The last `tail` that are wanted, of those that `since` holds for, in order."""
        found: list[Event] = []
        async with aclosing(closing(self._feed.pages(self._id, "desc"))) as pages:
            async for page in pages:
                for event in page.value.items:
                    young = since is None or since(event)
                    if young and (tail is None or len(found) < tail) and self._new(event):
                        found.append(event)
                    else:
                        # All of the page counts as seen, or a later look would show it.
                        self._note(event)
                oldest = page.value.items[-1:] or None
                if (tail is not None and len(found) >= tail) or (since and oldest and not since(oldest[0])):
                    break
        return found[::-1]

    async def missed(self) -> list[Event]:
        """What came to be since the last look: back to a page with something that had its place by then."""
        found: list[Event] = []
        async with aclosing(closing(self._feed.pages(self._id, "desc"))) as pages:
            async for page in pages:
                known = any(_id(event) in self._settled for event in page.value.items)
                # In the order of the list: what waits stands at its end.
                found += [event for event in page.value.items if self._new(event)]
                if known:
                    break
        return found[::-1]

    async def follow(
        self, first: Callable[[], AsyncIterator[Event]], over: Callable[[], Awaitable[bool]], sleep: Sleep
    ) -> AsyncGenerator[Event, None]:
        """What `first` gives once the stream is open, then all that happens, until the session is over.

        `over` is asked whenever the stream was opened or tells that nothing happens. Raises the `ClaudeError` that
        nothing mends.
        """
        failures, self._begun = 0, False
        while True:
            try:
                async with aclosing(self._until_cut(first, over)) as events:
                    async for event in events:
                        failures = 0
                        if event is not None:
                            yield event
                if self.ended:
                    return
            except NotFound:
                if self._begun:
                    return
                raise
            except ClaudeError as error:
                failures += 1
                if (isinstance(error, Refused) and not isinstance(error, RateLimited)) or failures > MOST_FAILURES:
                    raise
            await sleep(min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE))

    async def _until_cut(
        self, first: Callable[[], AsyncIterator[Event]], over: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[Event | None, None]:
        """One stream, after what came to be before it; None where it is known to work."""
        async with aclosing(closing(self._feed.stream(self._id))) as stream:
            # The first sign of life: from here on nothing is lost that happens.
            await anext(stream, None)
            # Asked before the list is read: what made it be over is in the list then.
            done = await over()
            async for event in self._listed() if self._begun else first():
                yield event
            self._begun, self.ended = True, done
            yield None
            while not self.ended:
                try:
                    one = await anext(stream)
                except StopAsyncIteration:
                    break
                if one is None:
                    self.ended = await over()
                elif self._new(one):
                    yield one
            if self.ended:
                async for event in self._listed():
                    yield event

    async def _listed(self) -> AsyncIterator[Event]:
        for event in await self.missed():
            yield event

    def _new(self, event: Event) -> bool:
        """Whether an event is to be shown; it counts as seen from now on."""
        seen = self._note(event)
        return not seen and self._keep(event)

    def _note(self, event: Event) -> bool:
        """Take in that an event was seen; whether it was before."""
        if event.get("type") in ENDS:
            self.ended = True
        id = _id(event)
        if id is None:
            # Previews of what comes whole later have no id of their own.
            return str(event.get("type", "")).startswith("event_")
        before = id in self._settled or id in self._queued
        if event.get("processed_at") is None:
            self._queued.add(id)
        else:
            self._settled.add(id)
        return before


def _id(event: Mapping[str, Any]) -> str | None:
    id = event.get("id")
    return id if isinstance(id, str) and id else None


async def closing(source: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """The same as a generator, which closes what it reads from when it is closed."""
    try:
        async for one in source:
            yield one
    finally:
        if (close := getattr(source, "aclose", None)) is not None:
            await close()
