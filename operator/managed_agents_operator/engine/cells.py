"""The resources of one keeper: who is there, who has which session, and who wants it.

Filled by the keeper; the kinds ask it for whom there are sessions (see `kinds.roster`). Whom to ring, and when, is the
keeper's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.external import Rival
from managed_agents_operator.engine.index import Index


class Cells:
    """Cells by uid. `index` tells which of them have, want or name what."""

    def __init__(self) -> None:
        self._cells: dict[str, Cell] = {}
        self.index = Index()

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell]:
        """All of them, also while some come or go."""
        return iter(list(self._cells.values()))

    def get(self, uid: str) -> Cell | None:
        """The one of this uid."""
        return self._cells.get(uid)

    def take(self, uid: str, body: dict[str, Any]) -> Cell:
        """The one of this uid with a newer body; not filed yet."""
        cell = self._cells.setdefault(uid, Cell(uid, body))
        cell.body = body
        return cell

    def drop(self, uid: str) -> Collection[str]:
        """Forget one; answers the sessions that it had or wanted."""
        self._cells.pop(uid, None)
        return self.index.drop(uid)

    def knows(self, uid: str) -> bool:
        """Whether a resource of this uid is there."""
        return uid in self._cells

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        """Session id to status, of every resource that has one."""
        return {id_: self._cells[uid].status for id_, uid in self.index.sessions()}

    def tracks(self, session_id: str) -> bool:
        """Whether a resource has this session in its status."""
        return bool(self.index.having(session_id))

    def living(self) -> AbstractSet[str]:
        """The sessions that have not ended, as far as any status tells. Changes with what is filed."""
        return self.index.living

    def rivals(self, session_id: str, uid: str) -> tuple[Rival, ...]:
        """Every other resource that has this session in its status, or wants it by its spec; the oldest first.

        Those that only observe it are no rivals.
        """
        having = set(self.index.having(session_id))
        cells = (self._cells[other] for other in {*having, *self.index.wanting(session_id)} - {uid})
        claimants = (c for c in cells if not c.gone and not c.only_looks and (c.uid in having or not c.deleting))
        rivals = (Rival(c.namespace, c.name, c.uid, c.created, c.uid in having) for c in claimants)
        return tuple(sorted(rivals, key=lambda rival: (rival.created, rival.uid)))
