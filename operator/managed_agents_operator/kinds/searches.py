"""Searches for sessions of unknown creation, many resources on one listing.

The session kind orders (`want`), the ladder reads what came through `Sight.search`. A listing answers all who asked
before it began; it holds nobody up, and rings those it was for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import BadRequest, NotFound
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import Found, LookSearch
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import instant
from managed_agents_operator.kinds.batches import KEPT_SECONDS, Batches
from managed_agents_operator.kinds.circuit import Circuit
from managed_agents_operator.kinds.projection import remote

log = logging.getLogger(__name__)


class Searches:
    """The shared listings of one connection. Results are kept by uid until the next search of that uid."""

    def __init__(
        self,
        client: Client,
        circuit: Circuit,
        monotonic: Callable[[], float],
        ring: Callable[[str], None],
        seen: Callable[[Remote], Remote],
        keeps: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._batches = Batches("searches", self._list, circuit, monotonic, ring)
        self._seen = seen
        self._keeps = keeps
        self._found: dict[str, Found] = {}

    def want(self, uid: str, look: LookSearch) -> bool | Failure:
        """Order a search: True if it was not on its way yet, or the failure of the last one, told once."""
        if self._batches.waits(uid, look) or self._batches.served(uid):
            return False
        return self._batches.order(uid, look)

    def found(self, uid: str) -> Found | None:
        """The newest whole listing for this uid."""
        return self._found.get(uid)

    def forget(self, uid: str) -> None:
        """Nothing is in doubt about this uid any more."""
        self._found.pop(uid, None)
        self._batches.forget(uid)

    async def close(self) -> None:
        """End a listing that is under way, as nobody will read it."""
        await self._batches.close()

    @property
    def age(self) -> float:
        """Seconds that the listing under way owes a step."""
        return self._batches.age(self._client)

    async def _list(self, batch: dict[str, LookSearch], began: float) -> None:
        self._found = {uid: found for uid, found in self._found.items() if found.began_at >= began - KEPT_SECONDS}
        agents = {look.agent for look in batch.values()}
        agent = agents.pop() if len(agents) == 1 else None
        since = min((look.since for look in batch.values()), key=lambda since: _seconds(since, float("inf")))
        try:
            await self._whole_listing(batch, agent, since)
        except (BadRequest, NotFound):
            # Servers differ in the filters they take; without any the listing is longer and says the same.
            await self._whole_listing(batch, None, None)

    async def _whole_listing(self, batch: dict[str, LookSearch], agent: str | None, since: str | None) -> None:
        listing = _Listing({uid for look in batch.values() for uid in look.uids}, self._monotonic())
        pages = self._client.iterate_sessions(
            agent_id=agent,
            created_at_gte=since,
            include_archived=True,
            order="asc",
            before_page=partial(self._batches.turn, self._client),
        )
        asked_at = listing.began
        async for page in pages:
            listing.read(page.value.items, page.workspace, asked_at)
            asked_at = self._monotonic()
        if listing.keeps:
            self._keeps(True)
        listing.matches = [self._seen(one) for one in listing.matches]
        self._found |= listing.found(batch)


class _Listing:
    """What is kept of one listing: the sessions asked for, and how young the youngest of each agent is."""

    def __init__(self, uids: set[str], began: float) -> None:
        self.began = began
        self.keeps = False
        self.matches: list[Remote] = []
        self._uids = uids
        self._workspace: str | None = None
        self._youngest: dict[str | None, float] = {}

    def read(self, items: list[dict[str, Any]], workspace: str | None, asked_at: float) -> None:
        """Take in one page."""
        self._workspace = workspace or self._workspace
        for item in items:
            agent = item.get("agent")
            made_by = agent.get("id") if isinstance(agent, dict) else agent
            made_by = made_by if isinstance(made_by, str) else None
            # One that does not say when it was made may be younger than anything.
            created = _seconds(item.get("created_at"), float("inf"))
            self._youngest[made_by] = max(created, self._youngest.get(made_by, created))
            metadata = item.get("metadata")
            if isinstance(metadata, dict) and metadata:
                self.keeps = True
                self._match(item, metadata, workspace, asked_at)

    def _match(self, item: dict[str, Any], metadata: dict[str, Any], workspace: str | None, asked_at: float) -> None:
        marker = Marker.parse({k: str(v) for k, v in metadata.items()})
        if marker is None or marker.uid not in self._uids:
            return
        try:
            self.matches.append(remote(Session.model_validate(item), asked_at, workspace, listed=True))
        except ValidationError:
            log.warning("session %s can't be read", item["id"])

    def found(self, batch: dict[str, LookSearch]) -> dict[str, Found]:
        """What it says of each wish, once it is whole. A session that moved between pages counts once."""
        by_uid: dict[str, dict[str, Remote]] = {}
        for one in self.matches:
            if one.marker is not None:
                by_uid.setdefault(one.marker.uid, {})[one.id] = one
        answers = {}
        for uid, look in batch.items():
            mine = [one for wanted in look.uids for one in by_uid.get(wanted, {}).values()]
            mine.sort(key=lambda one: (one.created_at, one.id))
            answers[uid] = Found(tuple(mine), self.began, self._workspace, self.keeps, self._any_since(look))
        return answers

    def _any_since(self, look: LookSearch) -> bool:
        """Whether one could be that whose creation is in doubt, if metadata were not kept."""
        since = _seconds(look.since, float("-inf"))
        agents = list(self._youngest) if look.agent is None else [look.agent, None]
        return any(self._youngest.get(agent, float("-inf")) >= since for agent in agents if agent in self._youngest)


def _seconds(told: Any, unknown: float) -> float:
    time = instant(told) if isinstance(told, str) else None
    return unknown if time is None else time.timestamp()
