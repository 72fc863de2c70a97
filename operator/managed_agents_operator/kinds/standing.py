"""How a resource stands to the connection that its calls go through; what of the switchboard the kinds ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from managed_agents_operator.engine.errors import Failure


class Standing(Protocol):
    """One connection's view of who uses it."""

    def trouble(self, uid: str) -> Failure | None:
        """Why nothing may be called for this resource, whatever the connection itself could do."""
        ...

    def elsewhere(self, uid: str) -> bool:
        """Whether the spec of this resource asks for another connection by now."""
        ...

    def ref(self) -> Mapping[str, str] | None:
        """Kind, name and uid as status names the connection; None for the key of the environment."""
        ...
