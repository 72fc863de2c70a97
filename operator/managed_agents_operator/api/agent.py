"""What a session runs with: agent, environment, vaults, connection. Part of `session.SessionSpec`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from managed_agents_operator.api.base import Free, FreeModel, Id, Model
from managed_agents_operator.api.schema import ATOMIC, Rule


class ModelOverride(FreeModel):
    """Model to use instead of the agent's. Other fields (effort, speed, inference_geo) pass through to the API."""

    id: Id
    """Id of the model."""


class Overrides(Model):
    """What this session changes of its agent. Absent: as in the agent. An empty list or text clears it."""

    model: ModelOverride | None = None
    """Model to use instead of the agent's. Other fields (effort, speed, inference_geo) pass through to the API.
    Fixed once the session exists."""
    system: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    """System prompt. Fixed once the session exists."""
    tools: Annotated[tuple[Free, ...], Field(max_length=256), ATOMIC] | None = None
    """Tools in the API's own form (snake_case). May change; takes effect while the session is idle. Taken out of the
    spec, those of the session stay as they are; to have the agent's own again, declare them."""
    mcp_servers: Annotated[tuple[Free, ...], Field(max_length=20), ATOMIC] | None = None
    """MCP servers in the API's own form (snake_case). May change; takes effect while the session is idle. Taken out of
    the spec, those of the session stay as they are; to have the agent's own again, declare them."""
    skills: Annotated[tuple[Free, ...], Field(max_length=20), ATOMIC] | None = None
    """Skills in the API's own form (snake_case). Fixed once the session exists."""


class Agent(Model):
    """Which agent runs the session."""

    id: Id
    """Id of the agent at the API."""
    version: Annotated[int, Field(gt=0)] | None = None
    """Version to pin. Absent: the latest when the session is created."""
    overrides: Overrides | None = None
    """What this session changes of its agent. Absent: as in the agent. An empty list or text clears it."""


class Environment(Model):
    """Where the session runs."""

    id: Id
    """Id of the environment at the API."""


class Vault(Model):
    """A vault whose credentials the session may use."""

    id: Id
    """Id of the vault at the API."""


class ConnectionRef(Model):
    """A Connection in the namespace of the Session, or a ClusterConnection that lets this namespace use it."""

    kind: Literal["Connection", "ClusterConnection"] = "Connection"
    """Whether it is one of this namespace or of the cluster."""
    name: Annotated[
        str,
        StringConstraints(max_length=253),
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "name of a connection has lower case letters, digits, - and . and begins and ends with a letter or digit:"
            " write it as kubectl get connections,clusterconnections shows it",
        ),
    ]
    """Name of it."""
