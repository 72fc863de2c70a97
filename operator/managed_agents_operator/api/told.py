"""What of a status the API tells, with whatever it adds to that one day. Part of `status.SessionStatus`.

What the API leaves out or tells as null stays out.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from managed_agents_operator.api.base import Free, FreeModel, Model
from managed_agents_operator.api.once import Once


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
    """Version that the session runs. Later versions of the agent don't reach it."""


class Price(Model):
    """An amount of money as the API writes it."""

    amount: str | None = None
    """Whole cents: "42" is 0.42 dollars."""
    currency: str | None = None
    """Currency."""


_read = Once(AgentSnapshot.model_validate)


def _agent(value: Any) -> Any:
    """Read once of all that share it: it is most of a status. What is none is left to the schema."""
    return _read(value) if isinstance(value, dict) else value


# As a status holds it.
Agent = Annotated[AgentSnapshot | None, BeforeValidator(_agent)]


class BudgetStatus(Model):
    """The budget that is in force."""

    max_list_cost: Price | None = None
    """List cost at which the session pauses. A turn that is under way may go past it."""


class CacheCreation(Told):
    """Tokens written to the prompt cache."""

    ephemeral_5m_input_tokens: int | None = None
    """Tokens kept for five minutes."""
    ephemeral_1h_input_tokens: int | None = None
    """Tokens kept for an hour."""


class ServerToolUse(Told):
    """Calls of tools that the API itself runs."""

    web_search_requests: int | None = None
    """Web searches."""
    web_fetch_requests: int | None = None
    """Pages fetched."""


class Stats(Told):
    """How long the session has been at it."""

    active_seconds: float | None = None
    """Seconds at work, added up over all threads of the session: more than usage.activeSeconds where threads worked at
    the same time."""
    duration_seconds: float | None = None
    """Seconds from its creation until the last write of this status, or until it ended. Never written for its own sake,
    so take createdAt for its age."""
