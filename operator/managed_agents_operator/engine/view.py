"""Everything a decision is made from, gathered: the rungs of the ladder are functions of a `View` and of nothing else.

The reconciler builds it, from the object, the outside and the memory of the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from managed_agents_operator.api.base import Condition
from managed_agents_operator.api.session import (
    CLAIM_ANNOTATION,
    FINALIZER,
    RECONCILE_ANNOTATION,
    Session,
    immutable_part,
)
from managed_agents_operator.engine.claim import Claim, connection_of, digest, replacing
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.external import Sight
from managed_agents_operator.engine.looks import Look, LookSession
from managed_agents_operator.engine.memory import Memory, Permit, kick_key
from managed_agents_operator.engine.mounts import declared_files
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import Process, Terms, rfc3339

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """One decision's whole input. `now` is monotonic, `boot` the boot clock, `wall` UTC."""

    resource: Session
    memory: Memory
    sight: Sight
    now: float
    boot: float
    wall: datetime
    process: Process
    terms: Terms

    @property
    def uid(self) -> str:
        """Uid of the resource."""
        return self.resource.metadata.uid

    @property
    def generation(self) -> int:
        """Generation of the spec as this process sees it."""
        return self.resource.metadata.generation

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return self.resource.metadata.deletion_timestamp is not None

    @property
    def guarded(self) -> bool:
        """Whether our finalizer is there."""
        return FINALIZER in self.resource.metadata.finalizers

    @property
    def claim_text(self) -> str | None:
        """The annotation that holds the claim, whole."""
        return self.resource.metadata.annotations.get(CLAIM_ANNOTATION)

    @property
    def asked(self) -> str | None:
        """The wish for a fresh look, as its annotation says."""
        return self.resource.metadata.annotations.get(RECONCILE_ANNOTATION)

    @cached_property
    def claim(self) -> Claim | None:
        """The claim, if it can be read."""
        return Claim.parse(self.claim_text)

    @cached_property
    def digest(self) -> str:
        """Digest of what of the spec can't change."""
        return digest(immutable_part(self.resource.spec))

    @property
    def id(self) -> str | None:
        """The id in status. One that is known but not written yet is not there: it is written before all else."""
        return self.resource.status.id

    @property
    def remote(self) -> Remote | None:
        """The session as last seen."""
        return self.sight.remote

    @property
    def n(self) -> int:
        """The incarnation that this resource is in."""
        own = self.claim.n if self.claim and self.claim.uid == self.uid else 0
        return max(own, self.resource.status.incarnation or 0, 1)

    @cached_property
    def own_claim(self) -> Claim | None:
        """The claim, if it was made for this very resource."""
        return self.claim if self.claim and self.claim.uid == self.uid else None

    @cached_property
    def differences(self) -> dict[str, Any]:
        """What was found out already of how the session differs from the spec, by step (see `drift.difference`)."""
        return {}

    @cached_property
    def replacing(self) -> bool:
        """Whether a claim stands for a session that is to take the place of the one in status."""
        return replacing(self.resource)

    @property
    def adopting(self) -> bool:
        """Whether spec names a session that is not ours yet; it may be in status already, if it was observed."""
        status, wish = self.resource.status, self.resource.spec.session_id
        return wish is not None and status.incarnation is None and self.id in (None, wish)

    @property
    def managed_keys(self) -> tuple[str, ...]:
        """Keys of metadata that came from spec: as status has it, else those that the session was made with."""
        known, own = self.resource.status.managed_metadata_keys, self.own_claim
        if known is not None:
            return known
        return (own.keys or ()) if own is not None and own.n == self.incarnation else ()

    @property
    def incarnation(self) -> int:
        """That of the session in status; 0 where there is none."""
        status = self.resource.status
        return (status.incarnation or 1) if status.id is not None else 0

    @property
    def foreign_claim(self) -> Claim | None:
        """A claim that another resource made: a restored backup, or a copied manifest."""
        return self.claim if self.claim and self.claim.uid != self.uid else None

    @property
    def owner(self) -> str:
        """What `k8s_owner` of our sessions says; cut to what the API takes, since it is for people to read."""
        meta = self.resource.metadata
        return f"{self.process.cluster}/{meta.namespace}/{meta.name}"[:512]

    @property
    def uids(self) -> frozenset[str]:
        """The uids whose marker counts as ours: until a restored claim is rewritten, its uid too."""
        foreign = self.foreign_claim
        return frozenset({self.uid, foreign.uid} if foreign else {self.uid})

    def ours(self, remote: Remote) -> bool:
        """Whether nobody else's marker is on it. A server that keeps no metadata has no markers at all."""
        marker = remote.marker
        return not remote.marked or (marker is not None and marker.uid in self.uids)

    @property
    def trace(self) -> bool:
        """Whether anything tells that this resource may have had a life outside."""
        status = self.resource.status
        left = (
            status.id,
            status.incarnation,
            status.created_from,
            status.workspace_id,
            status.creation,
            status.kickoff,
        )
        return self.guarded or bool(self.claim_text) or any(x is not None for x in left)

    @property
    def workspace(self) -> str | None:
        """Where the session was made; before that is known, where the claim was written."""
        return self.resource.status.workspace_id or (self.claim.workspace if self.claim else None)

    @property
    def settled(self) -> bool:
        """Whether it is known that the claim on the object made nothing."""
        creation = self.resource.status.creation
        claim = self.claim
        if self.own_claim is not None and self.own_claim.adopts:
            return True
        refused = bool(
            creation and claim and creation.outcome == "Refused" and (creation.by, creation.at) == (claim.by, claim.at)
        )
        return refused or (self.claim_text is not None and self.memory.settled == self.claim_text)

    @property
    def permitted(self) -> Permit | None:
        """The permit, if it still holds for the claim and the spec as they stand now."""
        permit = self.memory.permit
        if permit is None or self.claim_text != permit.claim.text or self.boot >= permit.deadline:
            return None
        return permit if permit.resource.metadata.generation == self.generation else None

    @property
    def kick_key(self) -> str:
        """The state of the kick-off, as status has it."""
        sent = self.resource.status.kickoff
        return kick_key(self.id, sent.tries if sent else None, sent.at if sent else None)

    def seen(self, look: Look) -> Any:
        """What was seen in this pass for a look; None where nothing was, or the look failed."""
        answer = self.sight.seen.get(look)
        return None if isinstance(answer, Failure) else answer

    def saw(self, look: Look, kind: type[T]) -> T | None:
        """What was seen in this pass for a look, if it was seen and is of that kind."""
        seen = self.sight.seen.get(look)
        return seen if isinstance(seen, kind) else None

    def told(self, type_: str) -> Condition | None:
        """A condition as it stands in status."""
        return next((c for c in self.resource.status.conditions or () if c.type == type_), None)

    def fresh(self, remote: Remote) -> bool:
        """Whether a mutation may hang on what was seen: a single read of this pass, however slow, or not long ago."""
        young = self.saw(LookSession(remote.id), Remote) is not None or self.now - remote.seen_at <= self.terms.fresh
        return not remote.listed and remote.seen_at >= self.memory.fresh_after and young

    @property
    def stamp(self) -> str:
        """Now, as RFC 3339 in UTC."""
        return rfc3339(self.wall)

    def _later(self, own: Claim | None) -> str:
        """Now; never the very moment of the claim before, by which a refusal that status tells of is known."""
        made = own.made if own is not None and own.by == self.process.by else None
        return rfc3339(max(self.wall, made + timedelta(microseconds=1))) if made and made.tzinfo else self.stamp

    def new_claim(self, n: int, spec_digest: str, **more: Any) -> Claim:
        """A claim of this process, made now; `more` are fields that seldom are set.

        That there may be uploads is never forgotten, nor what this incarnation takes the place of.
        """
        spec, own = self.resource.spec, self.own_claim
        known: dict[str, Any] = {"uploads": True} if own and own.uploads else {}
        if own and own.n == n and own.replaces:
            known["replaces"] = own.replaces
        return Claim(
            **{
                "uid": self.uid,
                "n": n,
                "at": self._later(own),
                "by": self.process.by,
                "agent": spec.agent.id if spec.agent else None,
                "connection": connection_of(self.resource) or self.process.connection,
                "workspace": self.sight.link.workspace,
                "digest": spec_digest,
                "files": declared_files(spec),
                "keys": tuple(sorted(spec.metadata or ())) or None,
                **known,
                **more,
            }
        )
