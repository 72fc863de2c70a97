"""The claim on our side, the marker on theirs: how a session is found again when an answer was lost.

The claim stands in an annotation of the resource before anything is created, the marker in the metadata of the remote
session. Both carry the uid of the resource and the incarnation, so that a listing can be matched against a claim. Used
by the ladder, which decides, and by the kinds, which send the marker; nothing here reads or writes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from managed_agents_operator.api.session import CLAIM_ANNOTATION, METADATA_OWNER, METADATA_UID, Session
from managed_agents_operator.engine.terms import RFC3339, instant

ENVIRONMENT_CLAIM = "environment"
"""How a claim names the key of the operator's environment."""
LONGEST_NUMBER = 18
"""Digits of an incarnation: what is longer nobody of us wrote, and it would fit no status."""
LONGEST_TEXT = 512
"""Characters of each text of a claim: the longest are the ids of the API."""
_SELDOM = frozenset({"adopts", "files", "keys", "uploads", "repaired"})
"""What is left out of the annotation where there is nothing to say."""


def digest(value: Any) -> str:
    """Short digest of a JSON value, the same however its keys are ordered: 16 hexadecimal digits."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


class Claim(BaseModel):
    """What the annotation `managedagents.dev/claim` holds, as JSON.

    `at` is RFC 3339 in UTC, `by` a random id of the process that wrote it, `workspace` null until an answer named one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    uid: str
    n: int
    at: str
    by: str
    agent: str | None = None
    connection: str = ENVIRONMENT_CLAIM
    workspace: str | None = None
    digest: str
    replaces: str | None = None
    adopts: str | None = None
    """The session in spec.sessionId: nothing is created for this claim."""
    files: tuple[str, ...] | None = None
    """For each file that a creation for this claim mounts 8 digits of where, and 8 of what if it has a file id."""
    keys: tuple[str, ...] | None = None
    """Keys of metadata that a creation for this claim sets."""
    uploads: bool = False
    """Whether the operator may have uploaded files for this resource."""
    repaired: bool = False
    """Whether it was written anew because it had got lost: what stood there before is not known."""

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The claim in an annotation; None where there is none, or somebody spoiled it (its text is still a trace).

        Anybody may write one who may write the resource. What we never write is none: it would fit no status.
        """
        if not text:
            return None
        try:
            claim = cls.model_validate_json(text)
        except ValidationError:
            return None
        return claim if _in_our_form(claim) else None

    @property
    def text(self) -> str:
        """As the annotation holds it."""
        said = self.model_dump(mode="json")
        return orjson.dumps({k: v for k, v in said.items() if v or k not in _SELDOM}).decode()

    @property
    def made(self) -> datetime | None:
        """When it was written; None if nobody can tell."""
        return instant(self.at)


def _in_our_form(claim: Claim) -> bool:
    ids = (claim.uid, claim.by, claim.digest, claim.agent, claim.replaces, claim.adopts)
    bounded = all(text is None or 0 < len(text) <= LONGEST_TEXT for text in (*ids, claim.connection, claim.workspace))
    timely = RFC3339.fullmatch(claim.at) is not None and claim.made is not None
    return bounded and timely and 0 < claim.n < 10**LONGEST_NUMBER


def replacing(resource: Session) -> bool:
    """Whether a claim of a resource stands for a session that is to take the place of the one in status."""
    claim, status = Claim.parse(resource.metadata.annotations.get(CLAIM_ANNOTATION)), resource.status
    own = claim is not None and claim.uid == resource.metadata.uid
    return status.id is not None and own and claim is not None and claim.n > (status.incarnation or 1)


def connection_of(resource: Session) -> str | None:
    """The connection of the session in status, as claims name it; None without a session."""
    ref = resource.status.connection_ref
    if resource.status.id is None:
        return None
    return f"{ref.kind}/{ref.name}" if ref is not None else ENVIRONMENT_CLAIM


def may_search(resource: Session) -> bool:
    """Whether a search for sessions of a resource may be of use: without an id, or where there may be one beside it."""
    return resource.status.id is None or resource.metadata.deletion_timestamp is not None or replacing(resource)


@dataclass(frozen=True, slots=True)
class Marker:
    """Whose a remote session is: `k8s_uid` = uid/incarnation/digest, and `k8s_owner` = cluster/namespace/name."""

    uid: str
    n: int
    digest: str
    owner: str | None = None

    @classmethod
    def parse(cls, metadata: Mapping[str, str]) -> Self | None:
        """The marker in a session's metadata; None for sessions that are nobody's, or not in our form."""
        parts = metadata.get(METADATA_UID, "").split("/")
        if len(parts) != 3 or not parts[0] or not parts[1].isdecimal() or len(parts[1]) > LONGEST_NUMBER:
            return None
        return cls(parts[0], int(parts[1]), parts[2], metadata.get(METADATA_OWNER) or None)

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Cluster, namespace and name of the owner; None where it does not say, or not in our form."""
        parts = (self.owner or "").split("/")
        return (parts[0], parts[1], parts[2]) if len(parts) == 3 and all(parts) else None

    @property
    def metadata(self) -> dict[str, str]:
        """The two pairs as sent to the API."""
        pairs = {METADATA_UID: f"{self.uid}/{self.n}/{self.digest}"}
        return pairs | ({METADATA_OWNER: self.owner} if self.owner else {})
