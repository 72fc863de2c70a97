"""What the engine and the kinds ask of the cluster.

Protocols beside their users, so that neither the engine nor the kinds know how the cluster is reached; `app` joins them
with what `kube` implements, and a test with a few lines of its own. Failures are those of `engine.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from managed_agents_operator.api.reasons.names import EventReason
from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.api.session import KIND
from managed_agents_operator.engine.errors import ClusterError


class Regarding(Protocol):
    """The object an Event is about; what the models call metadata."""

    @property
    def namespace(self) -> str:
        """Where it is."""
        ...

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def uid(self) -> str:
        """Which of all that were ever called so."""
        ...

    @property
    def resource_version(self) -> str:
        """The version of it that the Event is about."""
        ...


@dataclass(frozen=True)
class SourceValue:
    """One key of one ConfigMap or Secret as it was when it was read. `value` stays out of every repr, log and message.

    `uid` and `resource_version` are those of the object: both differ after any change of it.
    """

    value: bytes = field(repr=False)
    uid: str
    resource_version: str


class SourceMissing(ClusterError):
    """A ConfigMap or Secret, or a key in it, is not there or of no use. `key` is None when it is missing itself."""

    def __init__(
        self, kind: SourceKind, namespace: str, name: str, key: str | None, problem: str = "is missing"
    ) -> None:
        what = (
            f"{kind} {namespace}/{name} does not exist"
            if key is None
            else f"{key} in {kind} {namespace}/{name} {problem}"
        )
        super().__init__(what)
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.key = key


class Writer(Protocol):
    """Reads and writes the objects of one kind. Every write names the version it was decided on.

    Objects are plain dicts as the API server answered. Raises `WriteConflict`, `ObjectGone`, `WriteRefused` and
    `ClusterUnreachable`.
    """

    async def patch_object(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        """Merge `patch` into the object and return it as stored. Status in it has no effect."""
        ...

    async def patch_status(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        """Merge `patch["status"]` (the changed fields, None to remove one) and return the object as stored."""
        ...

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The object now, past any cache of ours; None when it is not there."""
        ...

    def list_pages(self, limit: int = 500) -> AsyncIterator[list[dict[str, Any]]]:
        """Every object of the watched namespaces, `limit` to a page."""
        ...


class Unwatched(Exception):
    """Which version of a ConfigMap or Secret is there is not known, not yet or not at all."""


class Sources(Protocol):
    """Reads ConfigMaps and Secrets when they are used, and knows their versions. No content is kept."""

    async def read(self, kind: SourceKind, namespace: str, name: str, key: str) -> SourceValue:
        """One key of one of them, byte for byte. Raises `SourceMissing` and `ClusterUnreachable`."""
        ...

    def version(self, kind: SourceKind, namespace: str, name: str) -> tuple[str, str] | None:
        """Uid and resourceVersion as the watch last told them; None for one that is not there. Raises `Unwatched`."""
        ...


class Events(Protocol):
    """Tells people. Never fails and never waits: what can't be told is dropped."""

    def publish(
        self,
        regarding: Regarding,
        type: Literal["Normal", "Warning"],
        reason: EventReason,
        action: str,
        note: str,
        *,
        kind: str = KIND,
    ) -> None:
        """Queue one Event about an object of a kind. `reason` and `action` are CamelCase words, `note` a sentence."""
        ...
