"""`External` over the fake API: the verbs of one process, with a gate at each end of each call.

Plays the part of the session kind; what it knows without asking is in `outlook`, what it does about mounts in
`contents`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.engine.world.api import FakeApi, Missing
from tests.engine.world.clock import FakeClock
from tests.engine.world.cluster import NAMESPACE, Cluster
from tests.engine.world.contents import Contents
from tests.engine.world.gates import gate
from tests.engine.world.inventory import CLUSTER_ID
from tests.engine.world.outlook import FAILURES, NOT_FOUND

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.claim import Claim, Marker
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Changes, Made, Sent
from managed_agents_operator.engine.looks import (
    Absent,
    Delivery,
    Found,
    Look,
    LookAgent,
    LookContents,
    LookFile,
    LookOwner,
    LookSearch,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    LookUploads,
    Stop,
    Stray,
)
from managed_agents_operator.engine.memory import PERMIT_EXPIRED
from managed_agents_operator.engine.remote import Remote


class FakeTicket:
    """A place in the budget. `ring` is called when it is granted after a wait."""

    def __init__(self, ring: Callable[[], None], *, granted: bool) -> None:
        self._ring, self.granted, self.over = ring, granted, False

    def give_back(self) -> None:
        self.over = True

    def grant(self) -> None:
        if not (self.over or self.granted):
            self.granted = True
            self._ring()


class FakeKind(Contents):
    """What one process sees and does. `ring` wakes a resource by uid."""

    def __init__(self, api: FakeApi, cluster: Cluster, clock: FakeClock, ring: Callable[[str], None]) -> None:
        super().__init__(api, cluster, clock, ring)
        self._waiting: list[FakeTicket] = []

    # without asking

    def ticket(self, resource: Session, *, creates: bool, look: bool, ring: Callable[[], None]) -> FakeTicket:
        ticket = FakeTicket(ring, granted=self._api.open)
        if not ticket.granted:
            self._waiting.append(ticket)
        return ticket

    def grant(self) -> None:
        """Everybody who waited has his turn."""
        waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            ticket.grant()

    def take(self, *, creates: bool) -> None:
        pass

    def project(self, resource: Session, remote: Remote) -> Mapping[str, Any]:
        return {
            "state": remote.state,
            "title": remote.title or None,
            "metadata": dict(remote.metadata) or None,
            "usage": dict(remote.usage) or None,
            "agent": {"id": remote.agent_id, "version": remote.agent_version},
            "environmentId": remote.environment_id,
            "createdAt": remote.created_at,
            "archivedAt": remote.archived_at,
        }

    # reading

    async def observe(self, resource: Session, look: Look) -> Any | Failure:
        if isinstance(look, LookTokens):
            tokens = await self._tokens(resource)
            return tokens if isinstance(tokens, str) else ""
        if isinstance(look, LookContents):
            return await self._contents(resource, look)
        if isinstance(look, LookOwner):
            there = self._cluster.objects.get(look.name) if look.namespace == NAMESPACE else None
            return there["metadata"]["uid"] if there else ""
        if fault := await gate(type(look).__name__, done=False):
            return FAILURES[fault]
        if refused := self.refused():
            return refused
        self.answered()
        self._api.looks[resource.metadata.uid] += 1
        try:
            return self._look(resource, look)
        except Missing as missing:
            return self.gone(str(missing))

    def _look(self, resource: Session, look: Look) -> Any:
        if isinstance(look, LookSearch):
            self.found[resource.metadata.uid] = self._search(look)
            self._ring(resource.metadata.uid)
            return True
        if isinstance(look, LookUploads):
            self.inventory.list_all()
            self._ring(resource.metadata.uid)
            return True
        if isinstance(look, LookAgent):
            return self._api.sees_agent(look.id)
        if isinstance(look, LookFile):
            return look.id in self._api.files.there
        if isinstance(look, LookSession):
            return self.put(self._api.get(look.id))
        session = self._api.get(look.id)
        if isinstance(look, LookStray):
            return Stray(self.put(session), bool(session.events))
        if isinstance(look, LookStop):
            spoke = [e for e in session.events if e[1] != "user.interrupt"]
            return (
                Stop(session.stop, self._clock.stamp_at(session.idle_since), own=True)
                if spoke and not self._api.busy(session)
                else Stop(None)
            )
        wishes = {e.text for e in resource.spec.initial_events}
        ids = tuple(id for id, _, text in session.events if text in wishes)
        return Delivery(ids or None, session.turns > 0, session.created_at)

    def _search(self, look: LookSearch) -> Found:
        every = [s for s in self._api.listed(archived=True) if s.created_at >= look.since]
        narrow = [s for s in every if look.agent in (None, s.agent)]
        remotes = [self.put(s) for s in narrow]
        mine = tuple(r for r in remotes if r.marker and r.marker.uid in look.uids)
        workspace = self._api.workspace if self._api.names_workspace else None
        return Found(mine, self._clock.monotonic(), workspace, any(r.metadata for r in remotes), bool(narrow))

    # changing

    async def create(
        self, resource: Session, claim: Claim, files: Mapping[str, str], still: Callable[[], bool]
    ) -> Made | Failure:
        meta, spec = resource.metadata, resource.spec
        try:
            tokens = await self._tokens(resource)
        except ClusterUnreachable:
            tokens = "a Secret can't be read now"
        if isinstance(tokens, str):
            return Failure(Consequence.LATER, "SecretMissing", tokens)
        owner = f"{CLUSTER_ID}/{meta.namespace}/{meta.name}"
        pairs = {**(spec.metadata or {}), **Marker(claim.uid, claim.n, claim.digest, owner).metadata}
        mounts = [wired(one, files, {name: token for name, (token, _) in tokens.items()}) for one in spec.resources]
        if spec.agent is None or spec.environment is None:
            raise AssertionError("without an agent and an environment nothing is created")
        if claim.workspace is not None and claim.workspace != self.workspace_now:
            return Failure(Consequence.LATER, PERMIT_EXPIRED, "the key was changed after the claim was written")
        budget = spec.budget.max_list_cost.amount if spec.budget and spec.budget.max_list_cost else None
        tools = tuple((spec.agent.overrides and spec.agent.overrides.tools) or ())
        wish = (spec.agent.id, spec.title, pairs, spec.environment.id, mounts, budget, tools)
        answer = await self._post("create", still, partial(self._api.create, *wish))
        if isinstance(answer, Failure):
            return answer
        return Made(self.put(answer), {name: version for name, (_, version) in tokens.items()})

    async def send(self, resource: Session, id: str, still: Callable[[], bool]) -> Sent | Failure:
        events = [(e.type, e.text or "") for e in resource.spec.initial_events]
        answer = await self._post("send", still, partial(self._api.send, id, events))
        return answer if isinstance(answer, Failure) else Sent(tuple(answer), self._clock.stamp())

    async def update(self, id: str, changes: Changes) -> Remote | Failure:
        answer = await self._call("update", lambda: self._api.update(id, changes.body))
        return answer if isinstance(answer, Failure) else self.put(answer)

    async def interrupt(self, id: str) -> Sent | Failure:
        answer = await self._call("interrupt", lambda: self._api.send(id, [("user.interrupt", "")]))
        return answer if isinstance(answer, Failure) else Sent(tuple(answer), self._clock.stamp())

    async def delete(self, id: str, how: str) -> Remote | Absent | Failure:
        call = self._api.archive if how == "Archive" else self._api.delete
        answer = await self._call(how.lower(), lambda: call(id))
        if answer == NOT_FOUND or answer is None:
            return self.gone(id)
        return answer if isinstance(answer, Failure) else self.put(answer)


def wired(wish: Resource, files: Mapping[str, str], tokens: Mapping[str, str]) -> dict[str, Any]:
    """A mount as a creation asks for it."""
    if file := wish.file:
        id = files.get(wish.name) if file.content else file.file_id
        if id is None:
            raise AssertionError(f"created without an upload for {wish.name}")
        return {"type": "file", "file_id": id, "mount_path": file.mount_path}
    if repository := wish.github_repository:
        token = tokens.get(wish.name)
        path = repository.mount_path
        return {"type": "github_repository", "url": repository.url, "mount_path": path, "authorization_token": token}
    if wish.memory_store:
        return {"type": "memory_store", "memory_store_id": wish.memory_store.id}
    raise AssertionError(f"{wish.name} is nothing")
