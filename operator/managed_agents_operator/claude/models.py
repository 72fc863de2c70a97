"""The wire objects of the API as we read them, forgiving whatever a server adds, leaves out or names anew.

Made by `Client` and by the sweeps, read by the kinds. Unknown fields are kept, unknown words of an enumeration are
plain strings, every field but the id may be absent or null, and a known field of a shape we can't read is left out
rather than losing the object. What to make of the values is for the reader.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Generic, Self, TypeVar

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from managed_agents_operator.claude.bounds import BEARABLE, FEW, Count, Id, Line, Word

Item = TypeVar("Item")


def _texts(value: object) -> object:
    """Metadata as text to text: some servers keep numbers, and null stands for a key that is not there."""
    if not isinstance(value, Mapping):
        return {} if value is None else value
    return {key: text if isinstance(text, str) else json.dumps(text) for key, text in value.items() if text is not None}


def _listed(value: object) -> object:
    return [] if value is None else value


def _empty_if_null(value: object) -> object:
    return {} if value is None else value


def _snapshot(value: object) -> object:
    """Sessions of one agent share its snapshot, of many kilobytes. One independent server names the agent by its id."""
    try:
        return _agent(orjson.dumps({"id": value} if isinstance(value, str) else value, option=orjson.OPT_SORT_KEYS))
    except (TypeError, ValueError):
        # Of no use, or with numbers beyond 64 bits: as it comes.
        return value


@lru_cache(maxsize=512)
def _agent(text: bytes) -> SessionAgent | None:
    told = orjson.loads(text)
    return None if told is None else SessionAgent.model_validate(told)


class Wire(BaseModel):
    """What all wire objects share: `model_validate` fails only when there is no id where one is needed."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True, protected_namespaces=())

    @model_validator(mode="wrap")
    @classmethod
    def _forgive(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(raw)
        except ValidationError as errors:
            if not isinstance(raw, Mapping):
                raise
            odd = {error["loc"][0] for error in errors.errors(include_url=False) if error["loc"]}
            return handler({field: value for field, value in raw.items() if field not in odd})


class Money(Wire):
    """An amount of money. `amount` is whole cents as decimal text, `currency` USD so far."""

    amount: Word | None = None
    currency: Word | None = None


class Budget(Wire):
    """The limit of a session's list cost. `type` is `limit` so far."""

    type: Word | None = None
    max_list_cost: Money | None = None


class CacheCreation(Wire):
    """Tokens written to the prompt cache, by how long they are kept."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class ServerToolUse(Wire):
    """Calls of tools that run on the server."""

    web_search_requests: Count | None = None
    web_fetch_requests: Count | None = None


class Usage(Wire):
    """What a session has used so far, in tokens, seconds and list cost (absent until it is tracked)."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    active_seconds: float | None = None
    server_tool_use: ServerToolUse | None = None
    list_cost: Money | None = None


class Stats(Wire):
    """Seconds of work, summed over threads, and seconds since creation."""

    active_seconds: float | None = None
    duration_seconds: float | None = None


class SessionAgent(Wire):
    """The snapshot of the agent that a session was made from, defaults filled in by the server."""

    id: Word | None = None
    type: Word | None = None
    version: Count | None = None
    name: Word | None = None
    description: str | None = None
    system: str | None = None
    model: dict[str, Any] | str | None = None
    mcp_servers: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = []
    tools: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = []
    skills: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = []
    multiagent: dict[str, Any] | None = None
    execution_identity: dict[str, Any] | None = None


class SessionResource(Wire):
    """A file, repository or memory store of a session; memory stores have no `id` of their own here."""

    id: Word | None = None
    type: Word | None = None
    file_id: Word | None = None
    url: Line | None = None
    checkout: dict[str, Any] | None = None
    memory_store_id: Word | None = None
    access: Word | None = None
    instructions: str | None = None
    name: str | None = None
    description: str | None = None
    mount_path: Line | None = None
    created_at: Word | None = None
    updated_at: Word | None = None


class OutcomeEvaluation(Wire):
    """How an outcome that was asked for is judged. `result` is an open set of words."""

    type: str | None = None
    outcome_id: str | None = None
    description: str | None = None
    result: str | None = None
    iteration: Count | None = None
    explanation: str | None = None
    completed_at: str | None = None


class Session(Wire):
    """A session, from `/v1/sessions`. Timestamps are RFC 3339 text as they came; archived is `archived_at` alone."""

    id: Id
    type: Word | None = None
    status: Word | None = None
    agent: Annotated[SessionAgent | None, BeforeValidator(_snapshot)] = None
    environment_id: Word | None = None
    deployment_id: Word | None = None
    vault_ids: Annotated[list[Word], FEW, BeforeValidator(_listed)] = []
    title: str | None = None
    metadata: Annotated[dict[str, str], BeforeValidator(_texts)] = {}
    budget: Budget | None = None
    usage: Annotated[Usage, BeforeValidator(_empty_if_null)] = Usage()
    stats: Annotated[Stats, BeforeValidator(_empty_if_null)] = Stats()
    resources: Annotated[list[SessionResource], BeforeValidator(_listed), BEARABLE] = []
    outcome_evaluations: Annotated[list[OutcomeEvaluation], FEW, BeforeValidator(_listed)] = []
    created_at: str | None = None
    updated_at: str | None = None
    archived_at: str | None = None


class Scope(Wire):
    """What a file belongs to: `id` is that session's."""

    id: str | None = None


class File(Wire):
    """A file, from `/v1/files`. One with a `scope` is a session's own: a copy that it mounted, or what it made."""

    id: Id
    filename: str | None = None
    mime_type: str | None = None
    size_bytes: Count | None = None
    scope: Scope | None = None


class StopReason(Wire):
    """Why a session went idle; `event_ids` are what it waits for when `type` is `requires_action`."""

    type: Word | None = None
    event_ids: Annotated[list[Word], FEW, BeforeValidator(_listed)] = []


class Event(Wire):
    """An event of a session, from `/v1/sessions/{id}/events`. `processed_at` is null while it is queued.

    `name` and `mcp_server_name` are those of a tool that is used.
    """

    id: Word | None = None
    type: str = ""
    processed_at: str | None = None
    content: Any = None
    name: str | None = None
    mcp_server_name: str | None = None
    stop_reason: StopReason | None = None


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list, and the cursor of the next one, None at the end."""

    items: list[Item]
    next_page: str | None


def fingerprint(item: Mapping[str, Any]) -> bytes:
    """16 bytes that differ when anything in a raw list item does, save `stats.duration_seconds`, which always grows."""
    stats = item.get("stats")
    if isinstance(stats, Mapping) and "duration_seconds" in stats:
        item = {**item, "stats": {name: value for name, value in stats.items() if name != "duration_seconds"}}
    # Sorted, because some servers write maps in another order each time.
    try:
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Numbers beyond 64 bits: slower, and the same each time too.
        text = json.dumps(item, sort_keys=True).encode()
    return blake2b(text, digest_size=16).digest()
