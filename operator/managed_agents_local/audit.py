"""Who asked what of the API server: its audit log, so that writes are counted where they arrive.

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
# What else the operator asks for, to see which of its rights it uses.
- level: Metadata
  userGroups: [system:serviceaccounts]
- level: None
"""


WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the API server answered; `code` is its HTTP status, so refused ones are here too."""

    user: str
    """Who: `admin`, or `system:serviceaccount:<namespace>:<name>`."""
    agent: str
    """The User-Agent that was sent; empty when none was."""
    verb: str
    """One of create, update, patch, delete, deletecollection, and for accounts also get, list, watch."""
    group: str
    """The API group, empty for that of Secrets."""
    resource: str
    """The plural, with the subresource after a slash: `sessions`, `sessions/status`."""
    namespace: str
    name: str
    code: int
    at: str
    """When it arrived, RFC 3339 with microseconds."""


class AuditLog:
    """The writes of one control plane since it was started, and all requests of service accounts.

    Each line is read once, however often one asks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writes: list[Request] = []
        self._requests: list[Request] = []
        self._position = 0

    def __len__(self) -> int:
        """How many writes there were; a mark for `writes(since=...)`."""
        self._read_on()
        return len(self._writes)

    def writes(self, *, user: str | None = None, resource: str | None = None, since: int = 0) -> list[Request]:
        """The writes in order of their answers, those after mark `since`, by one `user` and to one `resource` if given.

        `resource` without a subresource takes its subresources too.
        """
        self._read_on()
        return [
            write
            for write in self._writes[since:]
            if user in (None, write.user) and resource in (None, write.resource, write.resource.partition("/")[0])
        ]

    def requests(self, user: str, since: str = "") -> list[Request]:
        """All that a service account asked for, reads too, from a moment on (as `Request.at` tells it)."""
        self._read_on()
        return [request for request in self._requests if request.user == user and request.at >= since]

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
                request = _request(line)
                self._requests.append(request)
                if request.verb in WRITES:
                    self._writes.append(request)


def _request(line: bytes) -> Request:
    event = json.loads(line)
    target = event.get("objectRef", {})
    return Request(
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(filter(None, (target.get("resource"), target.get("subresource")))),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        at=event["requestReceivedTimestamp"],
    )
