"""Who has a session, who wants it, and who names which ConfigMap or Secret: the keeper's maps from these to resources.

Used by the keeper alone, which files every body that it takes in. Whom to ring, and when, is the keeper's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from managed_agents_operator.engine.cell import Source, sources

_K = TypeVar("_K", str, Source)


@dataclass(frozen=True, slots=True)
class _Card:
    """What one resource is found by."""

    has: str | None = None
    lives: bool = False
    wants: str | None = None
    sources: frozenset[Source] = frozenset()


_NOTHING = _Card()


class Index:
    """Sets of uids by what was last filed of each resource.

    Nothing keeps two resources from having the same session in status: a status may be copied or restored.
    """

    def __init__(self) -> None:
        self._cards: dict[str, _Card] = {}
        self._having: dict[str, set[str]] = {}
        self._wanting: dict[str, set[str]] = {}
        self._naming: dict[Source, set[str]] = {}
        self.living: set[str] = set()
        """Sessions that have not ended by the status of any that has them."""

    def file(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Take in what a resource has, wants and names now; answers the sessions that it has given up."""
        status, spec = body.get("status") or {}, body.get("spec") or {}
        lives = not status.get("archivedAt") and status.get("state") != "terminated"
        card = _Card(status.get("id") or None, lives, spec.get("sessionId") or None, frozenset(sources(body)))
        return self._replace(body["metadata"]["uid"], card)

    def drop(self, uid: str) -> frozenset[str]:
        """A resource is not there any more; answers the sessions that it had or wanted."""
        return self._replace(uid, _NOTHING)

    def having(self, session_id: str) -> tuple[str, ...]:
        """Those with this session in status."""
        return tuple(self._having.get(session_id, ()))

    def wanting(self, session_id: str) -> tuple[str, ...]:
        """Those with this session in spec."""
        return tuple(self._wanting.get(session_id, ()))

    def naming(self, source: Source) -> tuple[str, ...]:
        """Those that name this ConfigMap or Secret in spec."""
        return tuple(self._naming.get(source, ()))

    def naming_any(self) -> tuple[str, ...]:
        """Those that name any ConfigMap or Secret."""
        return tuple(uid for uid, card in self._cards.items() if card.sources)

    def sessions(self) -> Iterator[tuple[str, str]]:
        """Every session that stands in a status, and one resource that has it."""
        return ((id, min(uids)) for id, uids in self._having.items())

    def _replace(self, uid: str, card: _Card) -> frozenset[str]:
        before = self._cards.get(uid, _NOTHING)
        if card is _NOTHING:
            self._cards.pop(uid, None)
        else:
            self._cards[uid] = card
        if card == before:
            return frozenset()
        _move(self._having, uid, _set(before.has), _set(card.has))
        _move(self._wanting, uid, _set(before.wants), _set(card.wants))
        _move(self._naming, uid, before.sources, card.sources)
        for id in _set(before.has) | _set(card.has):
            if any(self._cards[one].lives for one in self._having.get(id, ())):
                self.living.add(id)
            else:
                self.living.discard(id)
        return (_set(before.has) - _set(card.has)) | (_set(before.wants) - _set(card.wants))


def _set(id: str | None) -> frozenset[str]:
    return frozenset((id,) if id else ())


def _move(index: dict[_K, set[str]], uid: str, before: frozenset[_K], now: frozenset[_K]) -> None:
    for key in before - now:
        index[key].discard(uid)
        if not index[key]:
            del index[key]
    for key in now - before:
        index.setdefault(key, set()).add(uid)
