"""The files that this operator uploaded, by the resource that they were uploaded for.

The session kind orders (`want`) and tells what it uploaded and deleted itself; the ladder reads what is known through
`Sight.uploads`. One listing of all files answers everybody who asked before it began; it holds nobody up, and rings
those it was for. Whose a file is stands in its name.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_left, insort
from collections.abc import Callable
from functools import partial

from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.models import File
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.looks import LookUploads, OwnFile
from managed_agents_operator.kinds.batches import Batches
from managed_agents_operator.kinds.circuit import Circuit

log = logging.getLogger(__name__)

LAG_SECONDS = 120.0
"""How long our own word of a file counts for more than a list, which may lag."""
_REST = re.compile(r"([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)-([0-9a-f]{16})", re.ASCII)
"""Mount and digest, which follow the uid. A mount may look like a digest, so that this one is taken from the right."""


def file_name(cluster: str, uid: str, mount: str, digest: str) -> str:
    """The name that a file is uploaded under."""
    return f"k8s-{cluster}-{uid}-{mount}-{digest}"


class Names:
    """Names and ids of files, in the order of names."""

    def __init__(self, files: dict[str, str]) -> None:
        """`files` is id to name."""
        self._names = dict(files)
        self._sorted = sorted((name, id) for id, name in files.items())

    def __contains__(self, id: str) -> bool:
        return id in self._names

    def add(self, id: str, name: str) -> None:
        """Know one more."""
        if id not in self._names:
            self._names[id] = name
            insort(self._sorted, (name, id))

    def remove(self, id: str) -> None:
        """Know one less."""
        if (name := self._names.pop(id, None)) is not None:
            del self._sorted[bisect_left(self._sorted, (name, id))]

    def below(self, prefix: str) -> tuple[OwnFile, ...]:
        """Those whose name begins so, read."""
        found = []
        for at in range(bisect_left(self._sorted, (prefix,)), len(self._sorted)):
            name, id = self._sorted[at]
            if not name.startswith(prefix):
                break
            if parts := _REST.fullmatch(name, len(prefix)):
                found.append(OwnFile(id, parts[1], parts[2]))
        return tuple(found)

    def of_nobody(self, prefix: str, knows: Callable[[str], bool]) -> int:
        """How many have no resource. Uid and mount may both have dashes, so that any cut between them may be right."""
        return sum(not any(map(knows, _cuts(name.removeprefix(prefix)))) for name, _ in self._sorted)


class Uploads:
    """The index of one connection. Times are monotonic seconds; `knows` tells whether a resource of a uid is there."""

    def __init__(
        self,
        client: Client,
        circuit: Circuit,
        monotonic: Callable[[], float],
        ring: Callable[[str], None],
        knows: Callable[[str], bool],
        cluster: str,
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._ring = ring
        self._batches = Batches("uploads", self._list, circuit, monotonic, ring)
        self._knows = knows
        self._cluster = cluster
        self._prefix = f"k8s-{cluster}-"
        self._names = Names({})
        self._fresh: dict[str, tuple[str | None, float]] = {}
        """What we know better than a list: id to name, None for a file that was removed, and since when."""
        self._doubts: dict[str, float] = {}
        self.listed_at: float | None = None
        """Begin of the newest whole listing; None before the first."""
        self._workspace: str | None = None

    def name(self, uid: str, mount: str, digest: str) -> str:
        """The name that a file of this cluster is uploaded under."""
        return file_name(self._cluster, uid, mount, digest)

    def want(self, uid: str, look: LookUploads) -> bool | Failure:
        """Order the listing: True if it was not on its way yet, or the failure of the last one, told once."""
        after = max(look.after, self._doubts.get(uid, float("-inf")))
        if self._batches.waits(uid, look):
            return False
        if self.listed_at is not None and self.listed_at > after and not self._elsewhere:
            # It is there already, and was not when it was decided to ask.
            self._ring(uid)
            return False
        return not self._batches.join(uid, after) and self._batches.order(uid, look)

    def known(self, uid: str) -> tuple[OwnFile, ...] | None:
        """The files of a resource; None before a listing could tell."""
        if self.listed_at is None or self.listed_at <= self._doubts.get(uid, float("-inf")) or self._elsewhere:
            return None
        return self._names.below(f"{self._prefix}{uid}-")

    def has(self, file_id: str) -> bool:
        """Whether it is an upload of this cluster."""
        return file_id in self._names

    @property
    def _elsewhere(self) -> bool:
        """Whether the listing was made with a key of another workspace than the one that is used now."""
        here = self._client.health.workspace
        return None not in (here, self._workspace) and here != self._workspace

    def added(self, uid: str, file: OwnFile) -> None:
        """We uploaded one."""
        name = self.name(uid, file.mount, file.digest)
        self._fresh[file.id] = (name, self._monotonic())
        self._names.add(file.id, name)

    def removed(self, file_id: str) -> None:
        """One is not there any more."""
        self._fresh[file_id] = (None, self._monotonic())
        self._names.remove(file_id)

    def forget(self, uid: str) -> None:
        """Nobody knows whether one of its files was uploaded: only a listing that begins from now on can tell."""
        self._doubts[uid] = self._monotonic()

    async def close(self) -> None:
        """End a listing that is under way, as nobody will read it."""
        await self._batches.close()

    @property
    def age(self) -> float:
        """Seconds that the listing under way owes a step."""
        return self._batches.age(self._client)

    async def _list(self, batch: dict[str, LookUploads], began: float) -> None:  # noqa: ARG002 - it lists everybody's
        self._fresh = {id: word for id, word in self._fresh.items() if word[1] >= began - LAG_SECONDS}
        files: dict[str, str] = {}
        workspace: str | None = None
        async for page in self._client.files.iterate(before_page=partial(self._batches.turn, self._client)):
            workspace = page.workspace or workspace
            files |= {file.id: name for file in page.value.items if (name := self._ours(file))}
        for id, (name, _) in self._fresh.items():
            if name is None:
                files.pop(id, None)
            else:
                files[id] = name
        self._names, self._workspace = Names(files), workspace
        self._doubts = {uid: at for uid, at in self._doubts.items() if at >= began}
        self.listed_at = began
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%d uploaded files have no resource", self._names.of_nobody(self._prefix, self._knows))

    def _ours(self, file: File) -> str | None:
        """Its name, None for one of others. A copy that a session mounted has the same name, but is that session's."""
        if (file.scope and file.scope.id) or not (file.filename or "").startswith(self._prefix):
            return None
        return file.filename


def _cuts(rest: str) -> list[str]:
    """All that may be the uid at the begin of what follows the prefix."""
    return [rest[: dash.start()] for dash in re.finditer("-", rest)]
