"""A remote session as one answer of the API showed it.

Made by the kinds, read by every rung of the ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from managed_agents_operator.api.session import METADATA_UID
from managed_agents_operator.engine.claim import Marker


@dataclass(frozen=True, slots=True)
class Mount:
    """One thing mounted into a session, as the API told it; memory stores have no id. Times are RFC 3339."""

    id: str | None = None
    type: str | None = None
    mount_path: str | None = None
    file_id: str | None = None
    url: str | None = None
    checkout: Mapping[str, Any] | None = None
    memory_store_id: str | None = None
    access: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote session as it was seen in one answer.

    `state` is the API's own word. `budget` is whole cents, None for no budget. `worked` tells that it ever did
    anything: it is or was running, or usage was counted. `listed` that it was seen in a listing, which may leave out
    what a single read shows. `usage` is as status shows it. `workspace` is the one that the answer named. `wire` is the
    kind's own.
    """

    id: str
    state: str
    seen_at: float
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None
    title: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    budget: str | None = None
    tools: tuple[Any, ...] = ()
    mcp_servers: tuple[Any, ...] = ()
    agent_id: str | None = None
    agent_version: int | None = None
    environment_id: str | None = None
    mounts: tuple[Mount, ...] | None = None
    """None where the answer did not tell."""
    worked: bool = False
    listed: bool = False
    usage: Mapping[str, Any] = field(default_factory=dict)
    workspace: str | None = None
    wire: Any = field(default=None, compare=False, repr=False)

    @property
    def marker(self) -> Marker | None:
        """Whose it is; None for nobody's, or a marker that is not in our form."""
        return Marker.parse(self.metadata)

    @property
    def marked(self) -> bool:
        """Whether anybody's marker is on it, ours or not."""
        return bool(self.metadata.get(METADATA_UID))

    @property
    def terminal(self) -> bool:
        """Archived is `archived_at`, whatever the status says; terminated is the status."""
        return bool(self.archived_at) or self.state == "terminated"

    @property
    def busy(self) -> bool:
        """Whether it must be interrupted before it can be ended."""
        return self.state in ("running", "rescheduling")
