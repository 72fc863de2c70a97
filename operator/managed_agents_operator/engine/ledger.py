"""How many Sessions there are, how they fare and what they cost: kept as they change, shown as metrics.

The switchboard hands in each object that it sees, the scribe each status that was written. Nothing here decides
anything. What there is now are sums over the newest objects. What was spent counts at the writes alone: each is made of
the very object that is stored, or refused, so that of all processes only the one that wrote a difference counts it, and
counts it once. A session that this process knew nothing of counts from what was stored; what is taken away from a
status counts nothing, and is not counted again when it comes back.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from managed_agents_operator import telemetry
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, SYNCED
from managed_agents_operator.engine.cell import version
from managed_agents_operator.engine.spending import CURRENCIES, NOTHING, OTHER, TYPES, Spent, spent

STATES = frozenset({"idle", "running", "rescheduling", "terminated"})
"""The API's words for a state; a word that is new has no series of its own."""
NO_SESSION = "none"
_STATUSES = frozenset({"True", "False", "Unknown"})
_REASONS: Mapping[str, frozenset[str]] = {
    "Ready": frozenset(READY),
    "Synced": frozenset(SYNCED),
    "Finished": frozenset(FINISHED),
    "Reconciling": frozenset(READY),
    "Stalled": frozenset(READY),
}
MOST_AGENTS = 100
"""Agents with series of their own, the first that come; all others are one."""
LINGER_SECONDS = 900.0
"""How long what was spent in a namespace is shown after its last resource went, for whoever reads it seldom."""

Condition = tuple[str, str, str]
_ABSENT: Mapping[str, Any] = {}


class _Card(NamedTuple):
    """What counts of one resource."""

    version: int
    namespace: str
    state: str
    conditions: tuple[Condition, ...]
    session: str | None
    agent: str
    spent: Spent


class Ledger:
    """Cards by uid. `by_agent` is whether cost and tokens are shown by agent, too."""

    def __init__(self, monotonic: Callable[[], float], *, by_agent: bool = False) -> None:
        self._monotonic = monotonic
        self._by_agent = by_agent
        self._cards: dict[str, _Card] = {}
        self._holders: dict[str, dict[str, None]] = {}
        """The resources that have a session in status, by session; the first is the one that it counts for."""
        self._marks: dict[str, Spent] = {}
        """Up to where a session was counted."""
        self._residents: Counter[str] = Counter()
        self._left: dict[str, float] = {}
        """Namespaces without a resource, and since when."""
        self._agents: set[str] = set()
        self._shared: dict[tuple[Condition, ...], tuple[Condition, ...]] = {}

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """A watch event, or an object of a listing (type None): the newest counts."""
        uid = body["metadata"]["uid"]
        before = self._cards.get(uid)
        if event_type == "DELETED":
            self._replace(uid, before, None)
        elif before is None or version(body) > before.version:
            self._replace(uid, before, self._card(body))

    def wrote(self, before: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """A status was written: `before` is what was stored until then, `body` the object as it is stored now."""
        after, meta = body.get("status") or _ABSENT, body["metadata"]
        id = after.get("id")
        if not id:
            return
        now = spent(after)
        mark = self._marks.get(id, NOTHING if before.get("id") == id else now)
        if meta["uid"] in self._cards:
            self._marks[id] = now.highest(mark)
        more = now.above(mark.highest(spent(before)) if before.get("id") == id else mark)
        holder = self._holder(id)
        _add((telemetry.SPENT, telemetry.USED), meta.get("namespace", "") if holder is None else holder.namespace, more)
        if self._by_agent:
            _add((telemetry.AGENT_SPENT, telemetry.AGENT_USED), self._agent(after), more)

    def _card(self, body: Mapping[str, Any]) -> _Card:
        status = body.get("status") or _ABSENT
        id, state = status.get("id") or None, status.get("state")
        conditions = status.get("conditions") or ()
        named = tuple(
            sorted(_condition(c.get("type", ""), c.get("status", ""), c.get("reason", "")) for c in conditions)
        )
        return _Card(
            version(body),
            sys.intern(body["metadata"].get("namespace", "")),
            NO_SESSION if id is None or state is None else state if state in STATES else OTHER,
            self._shared.setdefault(named, named),
            id,
            self._agent(status) if self._by_agent else "",
            spent(status),
        )

    def _agent(self, status: Mapping[str, Any]) -> str:
        id = (status.get("agent") or _ABSENT).get("id")
        if not isinstance(id, str) or not id or (id not in self._agents and len(self._agents) >= MOST_AGENTS):
            id = OTHER
        if id not in self._agents:
            _add((telemetry.AGENT_SPENT, telemetry.AGENT_USED), id, NOTHING)
        if id != OTHER:
            self._agents.add(id)
        return id

    def _replace(self, uid: str, before: _Card | None, card: _Card | None) -> None:
        if before is not None and card is not None and before[1:] == card[1:]:
            self._cards[uid] = card
            return
        touched = {one.session for one in (before, card) if one is not None and one.session is not None}
        for id in touched:
            self._charge(id, -1)
        if before is not None:
            _count(before, -1)
            del self._cards[uid]
        if card is not None:
            _count(card, 1)
            self._cards[uid] = card
        for id in touched:
            self._hold(id, uid, held=card is not None and card.session == id)
            self._charge(id, 1)
        if before is None and card is not None:
            self._arrived(card.namespace)
        elif before is not None and card is None:
            self._departed(before.namespace)

    def _hold(self, id: str, uid: str, *, held: bool) -> None:
        holders = self._holders.setdefault(id, {})
        if held:
            holders.setdefault(uid)
        else:
            holders.pop(uid, None)
        if not holders:
            del self._holders[id]
            self._marks.pop(id, None)

    def _holder(self, id: str) -> _Card | None:
        """The resource that a session counts for."""
        uid = next(iter(self._holders.get(id, ())), None)
        return None if uid is None else self._cards[uid]

    def _charge(self, id: str, by: int) -> None:
        """Add what a session costs, or take it away again: once, however many resources have it."""
        card = self._holder(id)
        if card is not None:
            _add((telemetry.COST, telemetry.TOKENS), card.namespace, card.spent, by)
            if self._by_agent:
                _add((telemetry.AGENT_COST, telemetry.AGENT_TOKENS), card.agent, card.spent, by)

    def _arrived(self, namespace: str) -> None:
        self._residents[namespace] += 1
        if self._residents[namespace] == 1:
            self._left.pop(namespace, None)
            # Shown from the beginning: a rate knows nothing of what came before the first sample.
            _add((telemetry.SPENT, telemetry.USED), namespace, NOTHING)
            self._forget()

    def _departed(self, namespace: str) -> None:
        self._residents[namespace] -= 1
        if not self._residents[namespace]:
            del self._residents[namespace]
            self._left[namespace] = self._monotonic()

    def _forget(self) -> None:
        """What was spent in namespaces that nobody is in any more is not shown for ever."""
        over = self._monotonic() - LINGER_SECONDS
        for namespace in [one for one, since in self._left.items() if since <= over]:
            del self._left[namespace]
            for currency in CURRENCIES:
                telemetry.SPENT.drop((namespace, currency))
            for type in TYPES:
                telemetry.USED.drop((namespace, type))


def _add(to: tuple[telemetry.Tally, telemetry.Tally], label: str, what: Spent, by: int = 1) -> None:
    cost, tokens = to
    cost.add((label, what.currency), by * what.cents, of=by)
    for type, count in zip(TYPES, what.tokens, strict=True):
        tokens.add((label, type), by * count, of=by)


def _count(card: _Card, by: int) -> None:
    telemetry.SESSIONS.add((card.namespace, card.state), by, of=by)
    for condition in card.conditions:
        telemetry.CONDITIONS.add((card.namespace, *condition), by, of=by)


@lru_cache(maxsize=1024)
def _condition(type: str, status: str, reason: str) -> Condition:
    """A condition as labels: words that are in none of our tables are one."""
    known = _REASONS.get(type)
    return (
        OTHER if known is None else type,
        status if status in _STATUSES else "Unknown",
        reason if known is not None and reason in known else OTHER,
    )
