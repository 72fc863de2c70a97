"""What observatory and sweeps ask of the keeper's cells: for whom there are resources."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from managed_agents_operator.engine.external import Rival


class Roster(Protocol):
    """Whom there are resources for; what of the keeper is asked here."""

    def tracked(self) -> Mapping[str, Mapping[str, Any]]:
        """Session id to status, of every resource that has one."""
        ...

    def tracks(self, session_id: str) -> bool:
        """Whether a resource has this session in its status."""
        ...

    def living(self) -> AbstractSet[str]:
        """Those of them that have not ended by status."""
        ...

    def knows(self, uid: str) -> bool:
        """Whether a resource of this uid is there."""
        ...

    def rivals(self, session_id: str, uid: str) -> tuple[Rival, ...]:
        """The resources, but the one of that uid, that have this session in status or in spec.sessionId."""
        ...
