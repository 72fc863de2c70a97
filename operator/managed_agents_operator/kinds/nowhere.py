"""The Session kind for resources without a connection: nothing can be called, and each is told why.

Built by the composition root for a keeper of its own. A resource leaves it as soon as there is a connection for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Link, Sight, Ticket
from managed_agents_operator.kinds.standing import Standing

UNKNOWN = Failure(Consequence.BLOCKED, "KeyMissing", "the connection of this resource is not known yet")


class _Never:
    """A place in no queue."""

    granted = False

    def give_back(self) -> None:
        """There is nothing to give back."""


class Nowhere:
    """Implements `External` without an outside: every call is a failure that was not sent."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def sight(self, resource: Session) -> Sight:
        """Nothing but why nothing can be called."""
        return Sight(link=Link(blocked=self._why(resource)))

    def project(
        self,
        resource: Session,  # noqa: ARG002 - nothing is ever seen here
        remote: Any,  # noqa: ARG002
    ) -> Mapping[str, Any]:
        """No fields."""
        return {}

    def ticket(
        self,
        resource: Session,  # noqa: ARG002 - nobody gets one
        *,
        creates: bool,  # noqa: ARG002
        look: bool,  # noqa: ARG002
        ring: Callable[[], None],  # noqa: ARG002
    ) -> Ticket:
        """One that is never granted."""
        return _Never()

    def take(self, *, creates: bool) -> None:
        """There is no budget."""

    async def observe(self, resource: Session, look: object) -> Failure:  # noqa: ARG002
        """Nothing can be seen."""
        return self._why(resource)

    async def create(self, resource: Session, *_: object) -> Failure:
        """Nothing can be made."""
        return self._why(resource)

    upload = rotate = discard = send = create

    async def mount(self, *_: object) -> Failure:
        """Nothing can be changed."""
        return UNKNOWN

    unmount = update = interrupt = delete = mount

    def _why(self, resource: Session) -> Failure:
        return self._standing.trouble(resource.metadata.uid) or UNKNOWN
