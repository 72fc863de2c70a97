"""The Session resource: its names, its spec, and the part of it that no live session can change.

Doors parse watch events with `Session.parse`; engine and kinds read what comes out; `crd.py` makes the CRD from it.
Parts of the spec have modules of their own, status is in `status.py`, rules over old and new in `fixed.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints

from managed_agents_operator.api.agent import Agent, ConnectionRef, Environment, Vault
from managed_agents_operator.api.base import Id, Meta, Model
from managed_agents_operator.api.budget import Budget
from managed_agents_operator.api.events import InitialEvents
from managed_agents_operator.api.fixed import FIXED
from managed_agents_operator.api.resources import Resource, Resources
from managed_agents_operator.api.schema import ATOMIC, Rule
from managed_agents_operator.api.status import SessionStatus

GROUP = "managedagents.dev"
VERSION = "v1alpha1"
PLURAL = "sessions"
KIND = "Session"
FINALIZER = f"{GROUP}/session"
CLAIM_ANNOTATION = f"{GROUP}/claim"
RECONCILE_ANNOTATION = f"{GROUP}/reconcile-requested-at"
FORCE_DELETE_ANNOTATION = f"{GROUP}/force-delete"
METADATA_UID = "k8s_uid"
METADATA_OWNER = "k8s_owner"

Metadata = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=14),
    Rule(
        "self.all(k, size(k) >= 1 && size(k) <= 64)",
        "keys of metadata have 1 to 64 characters: write a shorter key, and none that is empty",
    ),
    Rule(
        f"!self.exists(k, k == '{METADATA_UID}' || k == '{METADATA_OWNER}')",
        f"the keys {METADATA_UID} and {METADATA_OWNER} of metadata are the operator's: remove them",
    ),
    Rule(
        "self.all(k, self[k] != '')",
        "values of metadata can't be empty: remove the key instead",
    ),
]


def _needed(field: str) -> Rule:
    return Rule(
        f"has(self.spec.sessionId) || has(self.spec.{field})",
        f"{field} is needed to make a session: set {field}.id, or set sessionId to adopt a session that is there",
        f".spec.{field}",
        "FieldValueRequired",
    )


# At the root, where status can be read, and where the field reference looks for rules that speak of several fields.
SAID = (
    _needed("agent"),
    _needed("environment"),
    Rule(
        "!has(self.spec.sessionId) || self.spec.initialEvents.size() == 0",
        "initialEvents can't be sent to a session that is adopted (sessionId), since it has begun already: remove them",
        ".spec.initialEvents",
        "FieldValueForbidden",
    ),
    Rule(
        "self.spec.managementPolicy != 'Observe' || has(self.spec.sessionId)"
        " || (has(self.status) && has(self.status.id))",
        "managementPolicy Observe needs a session that is there: set sessionId, or remove managementPolicy until"
        " status.id is there",
        ".spec.managementPolicy",
        "FieldValueForbidden",
    ),
)


class SessionSpec(Model):
    """What the session should be."""

    session_id: Id | None = None
    """An existing session to adopt instead of making one. Fixed once it was adopted."""
    agent: Agent | None = None
    """Which agent runs the session; may be absent with sessionId only. Id and version are fixed once the session
    exists."""
    environment: Environment | None = None
    """Where the session runs; may be absent with sessionId only. Fixed once the session exists."""
    vaults: Annotated[tuple[Vault, ...], Field(max_length=50), ATOMIC] = ()
    """Vaults whose credentials the session may use. Fixed once the session exists."""
    connection_ref: ConnectionRef | None = None
    """Connection or ClusterConnection to make the session with. Absent: the Connection called default of this
    namespace, else the ClusterConnection called default if this namespace may use it, else the key of the operator's
    environment. Fixed once the session exists; status.connectionRef tells which it was."""
    title: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    """Title of the session. May change."""
    metadata: Metadata | None = None
    """Pairs kept with the session, yours to choose. May change; pairs that others set are left alone."""
    budget: Budget | None = None
    """What the session may cost. Can only be given at creation; may be raised later, or lifted for good. Absent: the
    operator leaves the budget alone."""
    resources: Resources = ()
    """What is mounted into the session. Files may come, go and change; repositories (but for their tokens) and memory
    stores are fixed once the session exists."""
    initial_events: InitialEvents = ()
    """What the session is told first, in this order, once. Fixed when sent."""
    archived: bool = False
    """True archives the session, interrupting it first if it works. There is no way back."""
    ttl_seconds_after_idle: Annotated[int, Field(gt=0, le=315_360_000)] | None = None
    """Archives the session when it has been idle for so many seconds. Work begins the count anew; a session that waits
    for an answer to a tool, or for its initial events, is not idle."""
    ttl_seconds_after_creation: Annotated[int, Field(gt=0, le=315_360_000)] | None = None
    """Archives the session so many seconds after it was made, interrupting it first if it works."""
    on_immutable_change: Literal["Reject", "Replace"] = "Reject"
    """What an edit of a field means that is fixed once the session exists. Reject: the edit is refused. Replace: the
    session is archived, and a new one is made that is told the initialEvents again."""
    on_lost: Literal["Stall", "Replace"] = "Stall"
    """What happens when the session was deleted outside. Stall: it is told. Replace: a new one is made that is told
    the initialEvents again."""
    management_policy: Literal["Full", "Observe"] = "Full"
    """Observe: status follows the session, and nothing is ever changed at the API, not even when this resource is
    deleted. Needs sessionId, or a session that is there already."""
    deletion_policy: Literal["Archive", "Delete", "Retain"] = "Archive"
    """What happens to the session when this resource is deleted: Archive keeps its history, Delete removes it for
    good, Retain leaves it as it is."""
    suspend: bool = False
    """While true nothing is done to the session, and none is created; its status is still followed. Deletion of this
    resource goes on."""


class Session(Model):
    """A session of the Managed Agents API, kept for as long as this resource lives."""

    rules: ClassVar[tuple[Rule, ...]] = (*SAID, *FIXED)
    metadata: Meta
    """Metadata of the resource."""
    spec: SessionSpec
    """What the session should be."""
    status: SessionStatus = SessionStatus()
    """What is known of the session. Written by the operator."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """The object as the API server sent it; raises pydantic.ValidationError if it never passed our schema."""
        return cls.model_validate(dict(body))


def immutable_part(spec: SessionSpec) -> dict[str, Any]:
    """What a live session can't change, as it is written in YAML.

    Unset fields, and fields that equal their default, are left out: else a later release with more defaulted fields
    would take every running session for one made from another spec.
    """
    whole = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    said = whole.get("agent", {})
    agent = {k: v for k, v in said.items() if k in ("id", "version")}
    overrides = {k: v for k, v in said.get("overrides", {}).items() if k in ("model", "system", "skills")}
    mounts = {resource.name: _lasting_mount(resource) for resource in spec.resources if resource.file is None}
    return {
        **({"sessionId": spec.session_id} if spec.session_id else {}),
        **({"agent": agent | ({"overrides": overrides} if overrides else {})} if said else {}),
        **({"environment": whole["environment"]} if spec.environment else {}),
        **({"vaults": whole["vaults"]} if spec.vaults else {}),
        **({"resources": mounts} if mounts else {}),
    }


def _lasting_mount(resource: Resource) -> dict[str, Any]:
    """Files come and go and a token is renewed; repositories and memory stores stay for the life of a session."""
    return resource.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude_defaults=True,
        exclude={"name": True, "github_repository": {"authorization_token_secret_ref"}},
    )
