"""The kind as an engine without mounts asks for it. To be deleted together with that engine.

Of a creation it wants the session alone, of an owner whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.engine.world.kind import FakeKind

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine import outcomes
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import Look, LookOwner


class OlderKind(FakeKind):
    """The same world, seen with older eyes."""

    async def create(self, resource: Session, claim: Claim, still: Callable[[], bool]) -> Any:  # type: ignore[override]
        made = await super().create(resource, claim, {}, still)
        return made if isinstance(made, Failure) else made.remote

    async def observe(self, resource: Session, look: Look) -> Any:
        seen = await super().observe(resource, look)
        return bool(seen) if isinstance(look, LookOwner) else seen


WHOLE = hasattr(outcomes, "Made")
Kind = FakeKind if WHOLE else OlderKind
