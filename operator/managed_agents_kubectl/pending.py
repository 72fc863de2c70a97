"""Which uses of tools wait for a yes or no, by the events of a session.

Used by `sending`. What a session waits for stands in its last idle event; what was answered since, though not taken in
yet, waits no more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from managed_agents_kubectl import words
from managed_agents_kubectl.readable import tool
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.models import Page

IDLE, RUNNING = "session.status_idle", "session.status_running"
CONFIRMED = ("agent.tool_use", "agent.mcp_tool_use")
ANSWERS = {
    "user.tool_confirmation": "tool_use_id",
    "user.tool_result": "tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A use of a tool that waits. `confirmable` tells that yes or no is an answer; others want a result."""

    id: str
    type: str = ""
    tool: str = ""
    input: Any = None
    at: str | None = None

    @property
    def confirmable(self) -> bool:
        """Of one that was not found nobody knows; the API will say."""
        return self.type in CONFIRMED or not self.type

    def told(self, most: int | None = 120) -> str:
        """As people know it; nothing that a server writes moves their terminal."""
        return f"{self.tool or 'a tool'} {words.compact(self.input, most)} ({words.harmless(self.id)})"


@dataclass
class Search:
    """Events from the newest on, until all is known that is needed."""

    asked: list[str] | None = None
    answered: set[str] = field(default_factory=set)
    uses: dict[str, Question] = field(default_factory=dict)

    def take(self, event: Event) -> bool:
        """One event, the next older one; whether that is enough."""
        type_ = str(event.get("type") or "")
        if self.asked is None:
            if type_ == RUNNING:
                self.asked = []
            elif type_ == IDLE:
                reason = event.get("stop_reason") or {}
                waits = reason.get("type") == "requires_action"
                self.asked = [str(one) for one in reason.get("event_ids") or ()] if waits else []
        if (answers := ANSWERS.get(type_)) is not None:
            self.answered.add(str(event.get(answers)))
        if type_.startswith("agent.") and type_.endswith("tool_use"):
            id = str(event.get("id"))
            self.uses[id] = Question(id, type_, tool(event), event.get("input"), event.get("processed_at"))
        return self.asked is not None and all(one in self.uses or one in self.answered for one in self.asked)

    @property
    def open(self) -> list[Question]:
        """What waits, the oldest first."""
        left = [one for one in self.asked or () if one not in self.answered]
        return [self.uses.get(one, Question(one)) for one in left]


async def pending(pages: AsyncIterator[Answer[Page[dict[str, Any]]]]) -> list[Question]:
    """What waits by all events of a session, given its pages from the newest on; no more are read than needed."""

    async def each() -> AsyncGenerator[dict[str, Any], None]:
        async for page in pages:
            for event in page.value.items:
                yield event

    search = Search()
    async with aclosing(each()) as events:
        async for event in events:
            if search.take(event):
                break
    return search.open
