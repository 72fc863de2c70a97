"""Connection and ClusterConnection: which API is called, with which key, and for which Sessions.

A Connection serves its own namespace, a ClusterConnection those that it allows (`selector.py`). Doors parse watch
events with `parse`; `crd.py` makes the CRDs from these models. How a connection fares is said by the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from managed_agents_operator.api.base import Condition, Meta, Model, camel
from managed_agents_operator.api.resources import SecretKeyRef
from managed_agents_operator.api.schema import SET, Rule, list_map
from managed_agents_operator.api.selector import AllowedNamespaces
from managed_agents_operator.api.session import GROUP

CONNECTION = "Connection"
CONNECTIONS = "connections"
CLUSTER_CONNECTION = "ClusterConnection"
CLUSTER_CONNECTIONS = "clusterconnections"
CONNECTION_FINALIZER = f"{GROUP}/connection"

BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# What ends in a label without letters is taken for an address by every client.
NAME = "([A-Za-z0-9_-]+[.])*[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*[.]?"
HOST = f"({NAME}|{BYTE}([.]{BYTE}){{3}}|[[][0-9A-Fa-f:.]+[]])"
PATH = "(/[A-Za-z0-9._~%!$&()*+,;=:/-]*)?"
CREDENTIALS = "^[A-Za-z]+://[^/?#]*@"

# Everything that the client could not make sense of is refused here, where somebody reads why.
BaseUrl = Annotated[
    str,
    StringConstraints(max_length=512),
    # What may stand before an @ is for the rule below, which names the remedy. Both are said to be forbidden because an
    # invalid value is repeated in the answer, and there may be a password in it.
    Rule(
        f"self.matches('{CREDENTIALS}') || (self.matches('^https?://{HOST}(:[1-9][0-9]{{0,4}})?{PATH}$') && isURL(self)"
        " && (url(self).getPort() == '' || int(url(self).getPort()) < 65536)"
        # Not the hostname of url(self), whose length and so its price have no bound.
        " && (!self.contains('[') || isIP(self.substring(self.indexOf('[') + 1, self.indexOf(']')))))",
        "baseURL is http:// or https:// with a host, and a port and a path if need be, without query, fragment or"
        " blanks: write https://api.anthropic.com",
        reason="FieldValueForbidden",
    ),
    Rule(
        f"!self.matches('{CREDENTIALS}')",
        "baseURL carries no credentials: take them out, put the key into a Secret and name it in apiKeySecretRef",
        reason="FieldValueForbidden",
    ),
    AfterValidator(lambda url: url.rstrip("/")),
]
WorkspaceId = Annotated[
    str,
    StringConstraints(max_length=128),
    Rule(
        "self.matches('^[!-~]+$')",
        "workspaceId has letters, digits and signs, and no blanks: write it as the console shows it, or remove it",
    ),
]
BetaHeader = Annotated[
    str,
    StringConstraints(max_length=128),
    Rule(
        "self.matches('^[A-Za-z0-9._-]+$')",
        "each of betaHeaders has letters, digits, -, _ and .: write each value as an item of its own, without commas or"
        " blanks",
    ),
]
PerMinute = Annotated[int, Field(gt=0, le=1_000_000)]


def _rules(kind: str) -> tuple[Rule, ...]:
    """At the root, where the field reference looks for rules that speak of several fields or of what was before."""
    fixed = f"put it back, or make another {kind}"
    return (
        Rule(
            "has(self.spec.apiKeySecretRef) != has(self.spec.authTokenSecretRef)",
            f"a {kind} needs exactly one of apiKeySecretRef, authTokenSecretRef: set one and remove the other",
            ".spec.apiKeySecretRef",
            "FieldValueForbidden",
        ),
        Rule(
            "self.spec.baseURL == oldSelf.spec.baseURL",
            f"baseURL is fixed, because the sessions that were made there stay there: {fixed}",
            ".spec.baseURL",
            "FieldValueForbidden",
        ),
        Rule(
            "!has(oldSelf.spec.workspaceId)"
            " || (has(self.spec.workspaceId) && self.spec.workspaceId == oldSelf.spec.workspaceId)",
            f"workspaceId is fixed once it is set, because sessions stay in their workspace: {fixed}",
            ".spec.workspaceId",
            "FieldValueForbidden",
        ),
    )


class ConnectionSpec(Model):
    """Which API is called, with which key, and how often."""

    base_url: Annotated[BaseUrl, Field(alias="baseURL")] = "https://api.anthropic.com"
    """Where the API is. A path before /v1 and plain http are fine for a server of your own, credentials are not. Fixed
    from the start."""
    api_key_secret_ref: SecretKeyRef | None = None
    """Secret with the API key, sent as x-api-key, to baseURL alone. That of a Connection is in its own namespace, that
    of a ClusterConnection in the namespace of the operator. May change, as may what it holds: the next call is signed
    with the new key."""
    auth_token_secret_ref: SecretKeyRef | None = None
    """Secret with a token, sent as Bearer; instead of apiKeySecretRef, and in the same namespace. May change, as may
    what it holds."""
    workspace_id: WorkspaceId | None = None
    """Workspace that the key belongs to: sent with each call, and what the answers must carry. May be added later,
    never changed. Absent: whichever the key opens."""
    beta_headers: Annotated[tuple[BetaHeader, ...], Field(max_length=20), SET] = ()
    """Values of the anthropic-beta header beside those that the operator itself needs. May change."""
    creates_per_minute: PerMinute = 300
    """How many sessions may be created in a minute, evenly spread. May change."""
    requests_per_minute: PerMinute = 600
    """How many other calls may be made in a minute; sweeps use at most half of them. May change."""

    @property
    def secret_ref(self) -> SecretKeyRef:
        """Where the key is."""
        ref = self.api_key_secret_ref or self.auth_token_secret_ref
        if ref is None:
            raise AssertionError("the schema asks for one of the two")
        return ref

    @property
    def secret_field(self) -> str:
        """The field that says so."""
        return f"spec.{camel('api_key_secret_ref' if self.api_key_secret_ref else 'auth_token_secret_ref')}"


class ClusterConnectionSpec(ConnectionSpec):
    """Which API is called, with which key, how often, and for whom."""

    allowed_namespaces: AllowedNamespaces | None = None
    """Namespaces whose Sessions may use it: those that are named, and those that are selected. May change: Sessions of
    a namespace that is no longer among them stay as they are and can only be deleted. Absent: no namespace."""

    def allows(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether Sessions of a namespace with these labels may use it."""
        return self.allowed_namespaces is not None and self.allowed_namespaces.holds(namespace, labels)


class ConnectionStatus(Model):
    """How it fares. Written by the operator."""

    observed_generation: int = -1
    """Value of metadata.generation that this status speaks of. -1 before the first look."""
    workspace_id: str | None = None
    """Workspace that last answered to the key. Absent until then, and where the server names none."""
    sessions: int | None = None
    """How many Sessions use it. Written at most once a minute. While there are any, deletion of it waits."""
    circuit: Literal["Closed", "Open"] | None = None
    """Closed: calls are made. Open: the API refuses the key (401, 402, 403), so that only one call is tried now and
    then, until it is answered. Absent while there is no key."""
    conditions: Annotated[tuple[Condition, ...], list_map("type")] | None = None
    """Ready: whether the API answers to the key. Reconciling, Stalled: present only while it does not, and either that
    passes by itself or waits for a person. Each reason has a row under Conditions."""


class ConnectionMeta(Meta):
    """What of the metadata the operator decides by."""

    namespace: str = ""
    """Namespace of a Connection; empty for a ClusterConnection."""


class Connection(Model):
    """An API, and a key for it, for the Sessions of its namespace."""

    rules: ClassVar[tuple[Rule, ...]] = _rules(CONNECTION)
    metadata: ConnectionMeta
    """Metadata of the resource."""
    spec: ConnectionSpec
    """Which API is called, with which key, and how often."""
    status: ConnectionStatus = ConnectionStatus()
    """How it fares. Written by the operator."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """The object as the API server sent it; raises pydantic.ValidationError if it never passed our schema."""
        return cls.model_validate(dict(body))


class ClusterConnection(Model):
    """An API, and a key for it from the operator's namespace, for the Sessions of the namespaces that it allows."""

    rules: ClassVar[tuple[Rule, ...]] = _rules(CLUSTER_CONNECTION)
    metadata: ConnectionMeta
    """Metadata of the resource."""
    spec: ClusterConnectionSpec
    """Which API is called, with which key, how often, and for whom."""
    status: ConnectionStatus = ConnectionStatus()
    """How it fares. Written by the operator."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """The object as the API server sent it; raises pydantic.ValidationError if it never passed our schema."""
        return cls.model_validate(dict(body))
