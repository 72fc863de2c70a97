"""What we answer: the whole session as the API last told it, and what must be remembered to keep one session one.

Written by the kinds through the status writer, read by the engine. The meaning of each condition is in
`engine/conditions.py`; objects that belong to the API are in `told.py`, or made from what is there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from managed_agents_operator.api.base import Condition, Model, Time
from managed_agents_operator.api.schema import ATOMIC, list_map
from managed_agents_operator.api.told import (
    Agent,
    BudgetStatus,
    CacheCreation,
    Payload,
    Price,
    ServerToolUse,
    Stats,
    Told,
)


class Usage(Told):
    """What the session used so far."""

    input_tokens: int | None = None
    """Tokens that the model read."""
    output_tokens: int | None = None
    """Tokens that the model wrote."""
    cache_read_input_tokens: int | None = None
    """Tokens read from the prompt cache."""
    cache_creation: CacheCreation | None = None
    """Tokens written to the prompt cache."""
    active_seconds: float | None = None
    """Seconds at work, and what running time is priced on: threads that worked at the same time count once. Idle time
    does not count."""
    server_tool_use: ServerToolUse | None = None
    """Calls of tools that the API itself runs."""
    list_cost: Price | None = None
    """What all this costs at list prices, tokens, searches and running time, rounded to a cent. Not the bill, which
    knows of discounts. Absent until the API tells it."""


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
    """Its version when it was read. What stands in it is never written here."""
    file_id: str | None = None
    """Id of the file that was mounted: that of the spec, or of the operator's upload."""


class MountedResource(Told):
    """One thing mounted into the session, as the API tells it."""

    name: str
    """Name within this list: that of spec.resources, or one made up for what others mounted."""
    id: str | None = None
    """Id of the mount at the API, not of what is mounted. Memory stores have none."""
    type: str | None = None
    """The API's own word: file, github_repository or memory_store, or one that is new."""
    file_id: str | None = None
    """Id of the session's own copy of the file, which the API made when it was mounted. Never the id in spec, nor that
    of the upload: those are in source."""
    mount_path: str | None = None
    """Where it lies in the sandbox. Some servers tell the path of a file as it was given, others below
    /mnt/session/uploads: either way it lies there."""
    url: str | None = None
    """Address of the repository."""
    checkout: Payload | None = None
    """What was asked to be checked out, in the API's own form. Absent: the default branch. What the agent checked out
    since is not told."""
    memory_store_id: str | None = None
    """Id of the memory store."""
    access: str | None = None
    """Whether the agent may write to the memory store."""
    source: Source | None = None
    """What went into it, of mounts that came from spec and go with it. When what stands in the ConfigMap or Secret
    changes, it is mounted or handed over anew, and this moves. Absent for what others mounted."""
    created_at: Time | None = None
    """When it was mounted."""
    updated_at: Time | None = None
    """When the mount last changed at the API. What the agent does with it does not count."""


class Creation(Model):
    """The claim that was refused, so that it needs no search."""

    n: int | None = None
    """Incarnation that the claim was for."""
    by: str | None = None
    """Process of the operator that claimed."""
    at: Time | None = None
    """When it claimed."""
    outcome: Literal["Refused"] | None = None
    """What came of it."""
    generation: int | None = None
    """Generation of the spec that was refused. Another one is tried at once."""


class Kickoff(Model):
    """Whether the initialEvents went out."""

    digest: str | None = None
    """Digest of the initialEvents that went out, or were to."""
    tries: int | None = None
    """How often the operator set out to send them. More than one does not mean that they were sent twice."""
    at: Time | None = None
    """When it last set out to send them."""
    event_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the events at the API."""
    sent_at: Time | None = None
    """When the API had accepted them. From then on initialEvents are fixed. Not when the session began to work on
    them."""
    state: Literal["Sent", "Doubtful", "Refused"] | None = None
    """Sent: the API has them. Doubtful: nobody can tell, so they are not sent again. Refused: the API does not take
    them. None of these tells whether the work is done: condition Finished does."""


class ChosenConnection(Model):
    """The connection that the session was made with."""

    kind: Literal["Connection", "ClusterConnection"]
    """Whether it is one of this namespace or of the cluster."""
    name: str
    """Name of it."""
    uid: str
    """Its uid when the session was made."""


class SessionStatus(Model):
    """What is known of the session. Written by the operator."""

    observed_generation: int = -1
    """Value of metadata.generation that this status speaks of. Smaller than it: what the spec says now was not looked
    at yet, and the rest is of an older spec. -1 before the first look."""
    id: str | None = None
    """Id of the session at the API. Absent until it was made or adopted. Another one after a replacement."""
    state: str | None = None
    """What the session does, in the API's own word. idle: nothing now, which is no sign of success: it may be done,
    have declined or given up, be over budget or wait for an answer, and stopReason tells which. running: it works.
    rescheduling: it goes on by itself after a passing error. terminated: it is over, by an error or because it was
    archived, and archivedAt tells which. Any other word is one that is new."""
    stop_reason: str | None = None
    """Why the session is idle, in the API's own word: end_turn (done, or interrupted), requires_action (waits for an
    answer to a tool), retries_exhausted, budget_reached, refusal. After initialEvents were sent, only of an idle that
    came after them. Absent while the session works, and while it never did."""
    agent: Agent = None
    """The agent as the session took it at creation, with its overrides, in the API's own form (snake_case). Later
    versions of the agent don't show here. Beyond 16 KiB, long texts and schemas are replaced by their length and
    sha256."""
    environment_id: str | None = None
    """Id of the environment that the session runs in."""
    vault_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the vaults whose credentials the session may use."""
    title: str | None = None
    """Title that the session has at the API."""
    metadata: dict[str, str] | None = None
    """Pairs that the session has at the API, those of others and the operator's own two (k8s_uid, k8s_owner) among
    them."""
    deployment_id: str | None = None
    """Id of the deployment that the session belongs to. Absent for those that the operator makes."""
    budget: BudgetStatus | None = None
    """The budget in force at the API. Absent: there is none, and nothing stops the session by its cost."""
    usage: Usage | None = None
    """What the session used since its creation, as the API last told it. It only grows, comes some seconds late while
    the session works, and is of this session alone: those in previousIds had their own."""
    cost: str | None = None
    """usage.listCost for people, like $0.42: what this session used so far at list prices, rounded to a cent. Not the
    bill. Absent until the API tells it."""
    stats: Stats | None = None
    """How long the session has been there and at work."""
    resources: Annotated[tuple[MountedResource, ...], list_map("name")] | None = None
    """What is mounted into the session now, whoever mounted it. What of spec.resources is missing here is not mounted
    (yet)."""
    mounting: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Where files are to lie that are being mounted: noted before each is sent, so that one whose answer is lost is
    known again, also when the spec does not want it any more. Gone once they are in resources."""
    outcome_evaluations: Annotated[tuple[Payload, ...], ATOMIC] | None = None
    """How its outcomes (user.define_outcome) were judged, in the API's own form (snake_case). result tells: satisfied
    is the one that means success."""
    created_at: Time | None = None
    """When the session was made at the API, not when this resource was."""
    updated_at: Time | None = None
    """When the session last changed at the API. What counts as a change is the API's business."""
    archived_at: Time | None = None
    """When the session was archived, by spec, by its ttl or by somebody else. Once it is here it stays, and the session
    is over, whatever state says. Absent with state terminated: the session ended by an error."""
    idle_since: Time | None = None
    """When the session last became idle (or was made, if it never worked); ttlSecondsAfterIdle counts from it. Absent
    while the session works."""
    last_observed_at: Time | None = None
    """When the operator had last looked at the session as it wrote this status. Looks that find nothing new are not
    written, so an old time here is no sign of trouble."""
    last_handled_reconcile_at: str | None = None
    """Value of the annotation managedagents.dev/reconcile-requested-at that was last acted on. Equal to it: the look
    that was asked for is done."""
    previous_ids: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Ids of the last ten sessions that this resource had before, the newest last. They were archived or are gone;
    their cost is not in usage."""
    incarnation: int | None = None
    """How many sessions were begun for this resource, this one included. Absent while a session is only observed."""
    created_from: str | None = None
    """Digest of the part of the spec that the session was made from and that can't change. For the operator: where spec
    differs from it, the session is replaced, or Ready says ImmutableChanged."""
    workspace_id: str | None = None
    """Workspace that the session lives in. A key of another workspace is not used on it."""
    connection_ref: ChosenConnection | None = None
    """Connection that the session was made with and that it stays with, replacements included. Absent until there is a
    session, and where the key of the operator's environment was used."""
    creation: Creation | None = None
    """The attempt to make the session that the API last refused. Absent in all other cases."""
    kickoff: Kickoff | None = None
    """Whether the initialEvents went out. Absent where there are none, or nothing was tried yet."""
    managed_metadata_keys: Annotated[tuple[str, ...], ATOMIC] | None = None
    """Keys of metadata that came from spec. Taken out of spec they are removed from the session; other keys are left
    alone."""
    conditions: Annotated[tuple[Condition, ...], list_map("type")] | None = None
    """Ready: whether the session is as spec asks. Synced: whether the last pass succeeded and nothing of spec is
    missing. Finished: whether the turn that initialEvents started is over, well or not. Reconciling, Stalled: present
    only while something is under way, or waits for a person. Each reason has a row under Conditions."""
