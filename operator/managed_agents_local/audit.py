"""Who wrote what to the API server: its audit log, so that writes are counted where they arrive.

`controlplane.py` passes POLICY to kube-apiserver; tests and the demo read the log.
"""

import json
from dataclasses import dataclass
from pathlib import Path

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
"""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that the API server answered; `code` is its HTTP status, so refused ones are here too."""

    user: str
    """Who: `admin`, or `system:serviceaccount:<namespace>:<name>`."""
    agent: str
    """The User-Agent that was sent; empty when none was."""
    verb: str
    """One of create, update, patch, delete, deletecollection."""
    resource: str
    """The plural, with the subresource after a slash: `sessions`, `sessions/status`."""
    namespace: str
    name: str
    code: int
    at: str
    """When it arrived, RFC 3339 with microseconds."""


class AuditLog:
    """The writes of one control plane since it was started. Each line is read once, however often one asks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writes: list[Write] = []
        self._position = 0

    def __len__(self) -> int:
        """How many writes there were; a mark for `writes(since=...)`."""
        self._read_on()
        return len(self._writes)

    def writes(self, *, user: str | None = None, resource: str | None = None, since: int = 0) -> list[Write]:
        """The writes in order of their answers, those after mark `since`, by one `user` and to one `resource` if given.

        `resource` without a subresource takes its subresources too.
        """
        self._read_on()
        return [
            write
            for write in self._writes[since:]
            if user in (None, write.user) and resource in (None, write.resource, write.resource.partition("/")[0])
        ]

    def _read_on(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                # A line without an end is still being written.
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                self._writes.append(_write(line))


def _write(line: bytes) -> Write:
    event = json.loads(line)
    target = event.get("objectRef", {})
    return Write(
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        resource="/".join(filter(None, (target.get("resource"), target.get("subresource")))),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        at=event["requestReceivedTimestamp"],
    )
