"""What we answer: the whole session as the API last told it, and what must be remembered to keep one session one.

Written by the kinds through the status writer, read by the engine. The meaning of each condition is in
`engine/conditions.py`. Objects that belong to the API keep fields that we don't know yet.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from managed_agents_operator.api.base import Condition, Free, FreeModel, Model, Time
from managed_agents_operator.api.schema import ATOMIC, list_map


def _without_nulls(value: Any) -> Any:
    """A merge patch can't carry a null in an object: kept here, it would look like a change on every pass."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


# In the API's own form, as much of it as can stand in a status.
Payload = Annotated[Free, BeforeValidator(_without_nulls)]


class Told(FreeModel):
    """What the API told: fields that we don't know are kept, those that are null are not."""

    @model_validator(mode="before")
    @classmethod
    def _absent_for_null(cls, data: Any) -> Any:
        return _without_nulls(data)


class AgentSnapshot(Told):
    """The agent as the session took it at creation, in the API's own form (snake_case)."""

    id: str | None = None
    """Id of the agent."""
    name: str | None = None
    """Name of the agent."""
    version: int | None = None
    """Version of the agent."""


class Price(Model):
    """An amount of money as the API writes it."""

    amount: str | None = None
    """Whole cents."""
    currency: str | None = None
    """Currency."""


class BudgetStatus(Model):
    """The budget that is in force."""

    max_list_cost: Price | None = None
    """List cost at which the session pauses."""


class CacheCreation(Told):
    """Tokens written to the prompt cache."""

    ephemeral_5m_input_tokens: int | None = None
    """Kept for five minutes."""
    ephemeral_1h_input_tokens: int | None = None
    """Kept for an hour."""


class ServerToolUse(Told):
    """Calls of tools that the API itself runs."""

    web_search_requests: int | None = None
    """Web searches."""
    web_fetch_requests: int | None = None
    """Pages fetched."""


class Usage(Told):
    """What the session used so far."""

    input_tokens: int | None = None
    """Tokens read."""
    output_tokens: int | None = None
    """Tokens written."""
    cache_read_input_tokens: int | None = None
    """Tokens read from the prompt cache."""
    cache_creation: CacheCreation | None = None
    """Tokens written to the prompt cache."""
    active_seconds: float | None = None
    """Time that is charged: overlapping work counts once."""
    server_tool_use: ServerToolUse | None = None
    """Calls of tools that the API itself runs."""
    list_cost: Price | None = None
    """What all this costs at list prices."""


class Stats(Told):
    """How long the session has been at it."""

    active_seconds: float | None = None
    """Time at work, summed over its threads."""
    duration_seconds: float | None = None
    """Age of the session."""


class Source(Model):
    """What went into a mount when it was last mounted or renewed; a difference to what stands there now is a change."""

    kind: Literal["File", "ConfigMap", "Secret"] | None = None
    """File for a fileId of the spec, else the kind of the object that content or token came from."""
    name: str | None = None
    """Name of the ConfigMap or Secret."""
    key: str | None = None
    """Key in it."""
    uid: str | None = None
    """Its uid when it was read."""
    resource_version: str | None = None
    """Its version when it was read. Contents are never compared, and never stand here."""
    file_id: str | None = None
    """Id of the file that was mounted: that of the spec, or of the operator's upload."""


class MountedResource(Told):
    """One thing mounted into the session, as the API tells it."""

    name: str
    """Name within this list: that of spec.resources, or one made up for what others mounted."""
    id: str | None = None
    """Id of the mount. Memory stores have none."""
    type: str | None = None
    """file, github_repository or memory_store."""
    file_id: str | None = None
    """Id of the session's own copy of the file, never the one in spec."""
    mount_path: str | None = None
    """Where it lies."""
    url: str | None = None
    """Address of the repository."""
    checkout: Payload | None = None
    """What is checked out, in the API's own form."""
    memory_store_id: str | None = None
    """Id of the memory store."""
    access: str | None = None
    """Whether the agent may write to the memory store."""
    source: Source | None = None
    """What went into it. Only of mounts that came from spec and go with it."""
    created_at: Time | None = None
    """When it was mounted."""
    updated_at: Time | None = None
    """When it last changed."""


class Creation(Model):
    """The claim that was refused, so that it needs no search."""

    n: int | None = None
    """Incarnation the claim was for."""
    by: str | None = None
    """Process that claimed."""
    at: Time | None = None
    """When it claimed."""
    outcome: Literal["Refused"] | None = None
    """What came of it."""
    generation: int | None = None
    """Generation of the spec that was refused."""


class Kickoff(Model):
    """Whether the initialEvents went out."""

    digest: str | None = None
    """Digest of the initialEvents."""
    tries: int | None = None
    """How often sending was permitted."""
    at: Time | None = None
    """When sending was last permitted."""
    event_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the events at the API."""
    sent_at: Time | None = None
    """When they were accepted. From then on initialEvents are fixed."""
    state: Literal["Sent", "Doubtful", "Refused"] | None = None
    """Sent, Doubtful (nobody can tell, so they are not sent again) or Refused."""


class SessionStatus(Model):
    """What is known of the session. Written by the operator."""

    observed_generation: int = -1
    """Generation of the spec that this status speaks of; -1 before the first look."""
    id: str | None = None
    """Id of the session at the API."""
    state: str | None = None
    """The API's own word: idle, running, rescheduling, terminated, or one that is new."""
    stop_reason: str | None = None
    """Why the session last became idle, in the API's own word."""
    agent: AgentSnapshot | None = None
    """The agent as the session took it at creation, in the API's own form (snake_case). Long texts are replaced by
    their length and sha256."""
    environment_id: str | None = None
    """Id of the environment."""
    vault_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the vaults."""
    title: str | None = None
    """Title of the session."""
    metadata: dict[str, str] | None = None
    """Pairs kept with the session, the operator's two among them."""
    deployment_id: str | None = None
    """Id of the deployment that the session belongs to, if it does."""
    budget: BudgetStatus | None = None
    """The budget that is in force."""
    usage: Usage | None = None
    """What the session used so far."""
    cost: str | None = None
    """What it costs at list prices, for people."""
    stats: Stats | None = None
    """How long the session has been at it."""
    resources: Annotated[tuple[MountedResource, ...], list_map("name")] | None = None
    """What is mounted into the session, whoever mounted it."""
    outcome_evaluations: Annotated[tuple[Payload, ...], ATOMIC] | None = None
    """How its outcomes were judged, in the API's own form (snake_case)."""
    created_at: Time | None = None
    """When the session was made."""
    updated_at: Time | None = None
    """When the session last changed."""
    archived_at: Time | None = None
    """When the session was archived."""
    idle_since: Time | None = None
    """Since when it has been idle."""
    last_observed_at: Time | None = None
    """When the operator last looked; only moves when something else is written."""
    last_handled_reconcile_at: str | None = None
    """Value of the annotation managedagents.dev/reconcile-requested-at that was last acted on."""
    previous_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the last ten sessions that this one took the place of, the newest last."""
    incarnation: int | None = None
    """Counts the sessions made for this resource. Absent while a session is only observed."""
    created_from: str | None = None
    """Digest of the part of the spec that the session was made from and that can't change."""
    workspace_id: str | None = None
    """Workspace that the session lives in."""
    creation: Creation | None = None
    """The claim that was refused, so that it needs no search."""
    kickoff: Kickoff | None = None
    """Whether the initialEvents went out."""
    managed_metadata_keys: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Keys of metadata that came from spec and go with it."""
    conditions: Annotated[tuple[Condition, ...], list_map("type")] | None = None
    """Ready, Synced and others: whether things are as they should be, and if not, why."""
