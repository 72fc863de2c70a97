"""ConfigMaps and Secrets of the one namespace: each holds one key, or lacks it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.engine.world.numbers import Numbers

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.external import Version

Named = tuple[SourceKind, str]


@dataclass(frozen=True)
class SourceObject:
    """One of them. `value` is what stands at the key, None where the key is missing."""

    uid: str
    version: str
    value: bytes | None


class Sources:
    """All of them by kind and name."""

    def __init__(self, versions: Iterable[int]) -> None:
        self._versions = iter(versions)
        self._uids = Numbers()
        self.objects: dict[Named, SourceObject] = {}

    def put(self, kind: SourceKind, name: str, value: bytes | None) -> None:
        """Make it, or write what it holds; a write that changes nothing is none."""
        before = self.objects.get((kind, name))
        if before is None or before.value != value:
            uid = before.uid if before else f"{kind.lower()}-{next(self._uids)}"
            self.objects[kind, name] = SourceObject(uid, str(next(self._versions)), value)

    def delete(self, kind: SourceKind, name: str) -> None:
        self.objects.pop((kind, name), None)

    def value(self, kind: SourceKind, name: str) -> bytes | None:
        """What stands there now; None if anything of it is missing."""
        found = self.objects.get((kind, name))
        return found.value if found else None

    def versions(self) -> dict[Named, Version]:
        """As a watch tells them: all that are there."""
        return {named: Version(one.uid, one.version) for named, one in self.objects.items()}
