"""A workspace: a walled part of the world with its own objects, and the API keys that open it.

Nothing of one workspace can be seen with the key of another.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from managed_agents_simulator.ledger import Ledger
from managed_agents_simulator.library.shelf import Shelf
from managed_agents_simulator.wire.index import Index

if TYPE_CHECKING:
    from managed_agents_simulator.sessions.session import Session

SHELVES = ("agent", "environment", "vault", "credential", "memory_store", "file")


@dataclass(slots=True)
class ApiKey:
    """An API key, the workspace it opens, whether it still does, and whether it may only read there."""

    secret: str
    workspace: str
    revoked: bool = False
    reads_only: bool = False

    kind = "key"

    @property
    def id(self) -> str:
        """The key itself: no two are alike."""
        return self.secret

    @property
    def shown(self) -> str:
        """The key as logs may show it: its last four characters."""
        return self.secret[-4:]

    def to_json(self) -> dict[str, Any]:
        """All of it, for the ledger."""
        return asdict(self)


class Workspace:
    """The objects of one workspace."""

    kind = "workspace"

    def __init__(self, identifier: str, name: str, ledger: Ledger) -> None:
        self.id = identifier
        self.name = name
        self.sessions: dict[str, Session] = {}
        self.everything = Index()
        self.unarchived = Index()
        self.working = Index()
        """The sessions that run or are about to, which is what clients ask for most often."""
        self._working: set[str] = set()
        self._shelves = {kind: Shelf(kind, identifier, ledger) for kind in SHELVES}

    def note_work(self, session: Session, works: bool) -> None:
        """Keep `working` right after a change."""
        if works and session.id not in self._working:
            self._working.add(session.id)
            self.working.add(session.key)
        elif not works and session.id in self._working:
            self._working.discard(session.id)
            self.working.remove(session.key)

    def shelf(self, kind: str) -> Shelf:
        """The documents of a kind, one of `SHELVES`."""
        return self._shelves[kind]

    def to_json(self) -> dict[str, Any]:
        """Its name and id, for the ledger; the objects are documents of their own."""
        return {"identifier": self.id, "name": self.name}
