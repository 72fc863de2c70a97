"""What can be seen from outside of the operator: the cluster's resources and audit log, and the API's journal and log.

Called by the acts, which know what ought to be seen. The operator's own word is never taken, but for what it wrote into
the resources: that is held against what the simulated API says.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from managed_agents_local.audit import AuditLog
from managed_agents_local.tour.screen import Screen
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.world import World

T = TypeVar("T")

PATIENCE_SECONDS = 90
LOOK_EVERY_SECONDS = 0.4


class NotSeen(Exception):
    """Something that the demo shows did not happen; the message says what, and what happened instead."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not seen: {what}")


def require(holds: object, what: str) -> None:
    """Have something hold that is claimed, and worded as such. Raises NotSeen."""
    if not holds:
        raise NotSeen(what)


class Witness:
    """Looks at both sides of one world, and shows the sessions while it waits. Resources are in `default`."""

    def __init__(self, world: World, audit: AuditLog, screen: Screen) -> None:
        self._world = world
        self._audit = audit
        self._screen = screen

    def look(self) -> dict[str, Sighting]:
        """Every Session resource by name, shown to the person too."""
        found = [Sighting.of(each) for each in self._world.sessions("default")]
        found.sort(key=lambda each: (each.born, each.name))
        process = self._world.operator.process
        life = f"running, process {process.pid}" if process.running else "killed"
        self._screen.sessions(found, f"operator: {life}")
        return {each.name: each for each in found}

    def until(self, what: str, holds: Callable[[dict[str, Sighting]], T | None]) -> T:
        """Look again and again until something holds, and give what it gave. Raises NotSeen."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            seen = self.look()
            if found := holds(seen):
                return found
            if self._world.fallen():
                raise NotSeen(f"{what}: a part ended by itself")
            if time.monotonic() > deadline:
                raise NotSeen(f"{what}, within {PATIENCE_SECONDS} s")
            time.sleep(LOOK_EVERY_SECONDS)

    def until_true(self, condition: str, names: Sequence[str]) -> dict[str, Sighting]:
        """Wait until a condition of all these resources is True. Raises NotSeen, at once for one that is stalled."""

        def all_true(seen: dict[str, Sighting]) -> dict[str, Sighting] | None:
            for name in names:
                stalled = seen[name].condition("Stalled") if name in seen else None
                if stalled and stalled.holds:
                    raise NotSeen(f"{name} turns {condition}: it stalled instead ({stalled.reason}): {stalled.message}")
            return seen if all(name in seen and seen[name].condition(condition).holds for name in names) else None

        return self.until(f"{', '.join(names)} turn {condition}", all_true)

    def remote(self, name: str) -> list[dict[str, Any]]:
        """The journal's entries of all sessions that were ever made for this resource, by anybody."""
        return [each for each in self._world.control.sessions() if _owner(each["metadata"]) == name]

    def the_one(self, name: str) -> dict[str, Any]:
        """The only session that was ever made for this resource. Raises NotSeen when there are more, or none."""
        found = self.remote(name)
        require(len(found) == 1, f"{name} has one session: the API made {len(found)} ({_ids(found)})")
        return found[0]

    def creations(self, name: str) -> list[dict[str, Any]]:
        """Every POST that was to create a session for this resource."""
        asked = self._world.control.requests(method="POST", path="/v1/sessions")
        return [each for each in asked if _owner((each["body"] or {}).get("metadata") or {}) == name]

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Every POST to one path of the API."""
        return self._world.control.requests(method="POST", path=path)

    def uploads(self, mount: str) -> list[dict[str, Any]]:
        """The files at the API that the operator uploaded for mounts of this name, and that are there now."""
        return [each for each in self._world.control.files() if f"-{mount}-" in each["filename"]]

    def unseen(self, secret: str, what: str) -> None:
        """Have a secret stand neither in a Session resource nor in what the operator logged. Raises NotSeen."""
        require(secret not in json.dumps(self._world.sessions()), f"{what} stands in no Session")
        require(secret not in self._world.operator_log.read_text(), f"{what} stands in no log of the operator")

    def writes(self, name: str, since: int) -> int:
        """How often the operator wrote to this resource after a mark."""
        written = self._audit.writes(user=self._world.account, resource="sessions", since=since)
        return sum(1 for each in written if each.name == name)

    def mark(self) -> int:
        """Now, for `writes`."""
        return len(self._audit)


def _owner(metadata: dict[str, str]) -> str:
    return metadata.get("k8s_owner", "").rpartition("/default/")[2]


def _ids(sessions: Sequence[dict[str, Any]]) -> str:
    return ", ".join(each["id"] for each in sessions) or "none"
