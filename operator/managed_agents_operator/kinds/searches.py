"""Searches for sessions of unknown creation, many resources on one listing.

The session kind orders (`want`), the ladder reads what came through `Sight.search`. A listing answers all who asked
before it began; it holds nobody up, and rings those it was for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, ClaudeError
from managed_agents_operator.claude.models import Session
from managed_agents_operator.claude.queueing import Priority
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.external import Found, LookSearch, Remote
from managed_agents_operator.kinds.errors import failure
from managed_agents_operator.kinds.projection import remote

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
"""How long a listing waits for others that want the same."""


class Searches:
    """The shared listings of one connection. Results are kept by uid until the next search of that uid."""

    def __init__(
        self,
        client: Client,
        monotonic: Callable[[], float],
        ring: Callable[[str], None],
        seen: Callable[[Remote], Remote],
        keeps: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._ring = ring
        self._seen = seen
        self._keeps = keeps
        self._wanted: dict[str, LookSearch] = {}
        self._running: set[str] = set()
        self._found: dict[str, Found] = {}
        self._failed: dict[str, Failure] = {}
        self._task: asyncio.Task[None] | None = None

    def want(self, uid: str, look: LookSearch) -> bool | Failure:
        """Order a search: True if it was not on its way yet, or the failure of the last one, told once."""
        if uid in self._wanted or uid in self._running:
            return False
        if uid in self._failed:
            return self._failed.pop(uid)
        self._wanted[uid] = look
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="searches")
        return True

    def found(self, uid: str) -> Found | None:
        """The newest whole listing for this uid."""
        return self._found.get(uid)

    def forget(self, uid: str) -> None:
        """Nothing is in doubt about this uid any more."""
        self._found.pop(uid, None)
        self._failed.pop(uid, None)

    async def _work(self) -> None:
        while self._wanted:
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._wanted = self._wanted, {}
            self._running = set(batch)
            try:
                await self._list(batch)
            except ClaudeError as error:
                trouble = failure(error, self._monotonic())
                self._failed.update(dict.fromkeys(batch, trouble))
            finally:
                self._running = set()
                for uid in batch:
                    self._ring(uid)

    async def _list(self, batch: dict[str, LookSearch]) -> None:
        agents = {look.agent for look in batch.values()}
        agent = agents.pop() if len(agents) == 1 else None
        since = min(batch.values(), key=lambda look: _time(look.since)).since
        try:
            await self._whole_listing(batch, agent, since)
        except BadRequest:
            # Servers differ in the filters they take; without any the listing is longer and says the same.
            await self._whole_listing(batch, None, None)

    async def _whole_listing(self, batch: dict[str, LookSearch], agent: str | None, since: str | None) -> None:
        began = self._monotonic()
        workspace, items = None, dict[str, tuple[dict[str, Any], float]]()
        pages = self._client.iterate_sessions(
            agent_id=agent, created_at_gte=since, include_archived=True, order="asc", before_page=self._turn
        )
        at = began
        async for page in pages:
            workspace = page.workspace or workspace
            items.update({item["id"]: (item, at) for item in page.value.items})
            at = self._monotonic()
        if any(item.get("metadata") for item, _ in items.values()):
            self._keeps(True)
        keeps = any(item.get("metadata") for item, _ in items.values())
        matches = _by_uid(items)
        for uid, look in batch.items():
            mine = [r for wanted in look.uids for r in matches.get(wanted, ())]
            for one in mine:
                self._seen(one)
            mine.sort(key=lambda r: (r.created_at, r.id))
            recent = any(_counts(item, look) for item, _ in items.values())
            self._found[uid] = Found(tuple(mine), began, workspace, keeps, recent)

    async def _turn(self) -> None:
        if self._client.budget is not None:
            ticket = await self._client.budget.requests.wait("search", "", Priority.USER)
            ticket.spend()


def _by_uid(items: dict[str, tuple[dict[str, Any], float]]) -> dict[str, list[Remote]]:
    found: dict[str, list[Remote]] = {}
    for item, at in items.values():
        metadata = item.get("metadata")
        marker = Marker.parse({k: str(v) for k, v in metadata.items()}) if isinstance(metadata, dict) else None
        if marker is None:
            continue
        try:
            found.setdefault(marker.uid, []).append(remote(Session.model_validate(item), at, listed=True))
        except ValidationError:
            log.warning("session %s can't be read", item["id"])
    return found


def _counts(item: dict[str, Any], look: LookSearch) -> bool:
    """Whether this session could be the one whose creation is in doubt, if metadata were not kept."""
    agent = item.get("agent")
    made_by = agent.get("id") if isinstance(agent, dict) else agent
    if look.agent is not None and made_by is not None and made_by != look.agent:
        return False
    created = item.get("created_at")
    return not isinstance(created, str) or _time(created) >= _time(look.since)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
