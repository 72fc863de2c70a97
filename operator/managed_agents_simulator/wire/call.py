"""One request as a handler sees it, and what a handler answers.

The door makes a `Call` once admission is done; handlers read it and return a `Reply` (or raise `ApiError`). Neither
knows about sockets.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.query import Query
from managed_agents_simulator.wire.shapes import Check, Place

if TYPE_CHECKING:
    from managed_agents_simulator.workspace import Workspace
    from managed_agents_simulator.world import World


@dataclass(frozen=True, slots=True)
class Upload:
    """One file part of a multipart body."""

    filename: str
    content_type: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted request. `path` holds the variable parts of the path by name."""

    world: World
    workspace: Workspace
    path: Mapping[str, str]
    query: Query
    payload: Any = None
    form: Mapping[str, str | Upload] = field(default_factory=dict)

    def body(self, shape: Check) -> dict[str, Any]:
        """The JSON body, checked. Raises 400 when there is none or it does not fit the shape."""
        if self.payload is None:
            raise invalid("body: Field required")
        checked: dict[str, Any] = shape(self.payload, Place(lenient=self.world.modes.accept_unknown_fields))
        return checked


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a JSON value, raw bytes with a content type, or a stream of server-sent events."""

    body: Any = None
    status: int = 200
    raw: bytes | None = None
    content_type: str = "application/json"
    stream: AsyncGenerator[bytes, None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
