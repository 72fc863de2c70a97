"""With which key, and where, the API is called for a Session: as the operator would, by the person's own rights.

Used by `calling`. Which connection it is, is for `engine.choosing` where a Session has one already, and follows the
same order here where it has none. A key of the person's own is only ever sent to the address of their own environment,
since whoever may make a Connection says where its calls go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from managed_agents_kubectl.cluster import CORE, OURS, Kubernetes, Missing, Object, Refused
from managed_agents_kubectl.installation import own_connection
from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.api.connection import (
    CLUSTER_CONNECTIONS,
    CONNECTIONS,
    ClusterConnection,
    Connection,
    ConnectionSpec,
)
from managed_agents_operator.engine.choosing import DEFAULT, ENVIRONMENT, Place, bound
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.keys import NoKey, read_key
from managed_agents_operator.kube.answers import Forbidden
from managed_agents_operator.kube.sources import Sources

OWN = "ANTHROPIC_API_KEY (and ANTHROPIC_BASE_URL)"
ANOTHER_WAY = f"ask for that right, or set {OWN} to a key of the same workspace and add --own-key"
KINDS = {"connection": "Connection", "clusterconnection": "ClusterConnection"}


@dataclass(frozen=True, slots=True)
class Access:
    """Where to call, and the headers that sign a call. `told` says whose key it is, for messages."""

    place: Place
    spec: ConnectionSpec
    headers: Mapping[str, str] = field(repr=False)
    told: str


def connection_of(body: Object) -> Place:
    """The connection that the session of a Session was made with."""
    return bound(body) or ENVIRONMENT


def named(text: str, namespace: str) -> Place:
    """What `--connection` names: NAME, connection/NAME, clusterconnection/NAME or environment. Raises `Failed`."""
    kind, slash, name = text.rpartition("/")
    if text == "environment":
        return ENVIRONMENT
    known = KINDS.get(kind.lower().partition(".")[0].removesuffix("s"), "") if slash else "Connection"
    if not known or not name:
        raise Failed(f"--connection {text!r}: write NAME, connection/NAME, clusterconnection/NAME or environment")
    return Place(known, namespace if known == "Connection" else "", name)


async def usual(kubernetes: Kubernetes, namespace: str) -> Place:
    """The connection of a Session that names none. Raises `Failed` where that can't be found out."""
    own, shared = Place("Connection", namespace, DEFAULT), Place("ClusterConnection", "", DEFAULT)
    try:
        await _connection(kubernetes, own)
    except Missing:
        pass
    else:
        return own
    try:
        found = await _connection(kubernetes, shared)
    except Missing:
        return ENVIRONMENT
    except Refused as error:
        raise Failed(
            f"{error}, so that the connection of namespace {namespace} is not known: add --connection"
        ) from None
    return shared if await _lets_in(kubernetes, found, namespace) else ENVIRONMENT


async def access(kubernetes: Kubernetes, scope: Scope, place: Place) -> Access:
    """The key of a connection, or the person's own. Raises `Failed`, with the Secret and what else can be done."""
    if scope.own_key:
        mine = _own(place)
        if mine is None:
            raise Failed("--own-key: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN")
        return mine
    if place != ENVIRONMENT:
        try:
            found = await _connection(kubernetes, place)
        except Missing as error:
            raise Failed(f"{error}, and with it the key: make it again, or set {OWN} and add --own-key") from None
        except Refused as error:
            raise Failed(f"{error}, which names the key: {ANOTHER_WAY}") from None
        home = place.namespace or scope.operator_namespace
        return await _read(kubernetes, place, found.spec, home)
    mine = _own(place)
    if mine is not None:
        return mine
    return await _read(kubernetes, place, await own_connection(kubernetes, scope), scope.operator_namespace)


async def _connection(kubernetes: Kubernetes, place: Place) -> Connection | ClusterConnection:
    if place.kind == "Connection":
        body = await kubernetes.get(OURS, CONNECTIONS, place.namespace, place.name, what=place.kind)
        return Connection.parse(body)
    return ClusterConnection.parse(await kubernetes.get(OURS, CLUSTER_CONNECTIONS, None, place.name, what=place.kind))


async def _lets_in(kubernetes: Kubernetes, found: Connection | ClusterConnection, namespace: str) -> bool:
    if not isinstance(found, ClusterConnection):
        return True
    if found.spec.allows(namespace, {}):
        return True
    allowed = found.spec.allowed_namespaces
    if allowed is None or allowed.selector is None:
        return False
    body = await kubernetes.get(CORE, "namespaces", None, namespace, what="Namespace")
    return found.spec.allows(namespace, body["metadata"].get("labels") or {})


async def _read(kubernetes: Kubernetes, place: Place, spec: ConnectionSpec, home: str) -> Access:
    ref = spec.secret_ref
    secret = f"Secret {home}/{ref.name}"
    try:
        headers = await read_key(Sources(kubernetes.cluster), spec, home)
    except Forbidden:
        raise Failed(f"you may not read {secret}, which holds the key of {place}: {ANOTHER_WAY}") from None
    except NoKey as error:
        raise Failed(f"{place} has no key: {error}; or set {OWN} and add --own-key") from None
    except ClusterError as error:
        raise Failed(f"can't read {secret}: {error}") from None
    return Access(place, spec, headers, f"the key in {secret}")


def _own(place: Place) -> Access | None:
    """The person's own key, to the address of their own environment."""
    key, token = (os.environ.get(name, "").strip() for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
    if not key and not token:
        return None
    headers = {"x-api-key": key} if key else {"authorization": f"Bearer {token}"}
    url = os.environ.get("ANTHROPIC_BASE_URL", "").strip()
    told = f"the key in {'ANTHROPIC_API_KEY' if key else 'ANTHROPIC_AUTH_TOKEN'}"
    return Access(place, ConnectionSpec(base_url=url) if url else ConnectionSpec(), headers, told)
