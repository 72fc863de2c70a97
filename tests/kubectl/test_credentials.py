"""Whose key is used, where it is sent, and what is said where it may not be read: over a cluster in memory."""

from __future__ import annotations

import base64

import pytest

from managed_agents_kubectl.calling import guard
from managed_agents_kubectl.cluster import Kubernetes
from managed_agents_kubectl.credentials import access, named, usual
from managed_agents_kubectl.installation import identities
from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone
from managed_agents_operator.kube.answers import Forbidden

GROUP = "/apis/managedagents.dev/v1alpha1"
DEPLOYMENTS = "/apis/apps/v1/namespaces/managed-agents-system/deployments"
OURS, SHARED = Place("Connection", "team", "default"), Place("ClusterConnection", "", "default")


class Cluster:
    """Answers by path; what it does not have is gone, and what a person may not see is forbidden."""

    def __init__(self, **objects):
        self.objects = {}
        self.forbidden = set()

    async def call(self, method, path, *, params=None, body=None):
        if path in self.forbidden:
            raise Forbidden("no")
        if path not in self.objects:
            raise ObjectGone("not there")
        found = self.objects[path]
        if isinstance(found, Exception):
            raise found
        return found

    def connection(self, place=OURS, **spec):
        where = f"namespaces/{place.namespace}/connections" if place.namespace else "clusterconnections"
        meta = {"name": place.name, "uid": "u", "resourceVersion": "1", "generation": 1}
        meta |= {"creationTimestamp": "2026-11-28T12:00:00Z"} | ({"namespace": "team"} if place.namespace else {})
        known = {"baseURL": "https://api.team", "apiKeySecretRef": {"name": "key", "key": "apiKey"}}
        self.objects[f"{GROUP}/{where}/{place.name}"] = {"metadata": meta, "spec": known | spec}

    def secret(self, namespace, name, **values):
        data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
        meta = {"uid": "s", "resourceVersion": "1"}
        self.objects[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = {"metadata": meta, "data": data}

    def deployment(self, *env, mounts=(), volumes=()):
        container = {"name": "operator", "env": list(env), "volumeMounts": list(mounts)}
        template = {"spec": {"containers": [container], "volumes": list(volumes)}}
        self.objects[DEPLOYMENTS] = {"items": [{"spec": {"template": template}}], "metadata": {}}


@pytest.fixture
def cluster(monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Cluster()


@pytest.fixture
def key(cluster):
    async def read(place, **flags):
        return await access(Kubernetes(cluster, "team", None), Scope(**flags), place)

    return read


async def test_a_connection_has_its_key_in_its_own_namespace(cluster, key):
    cluster.connection(workspaceId="wrkspc_1", betaHeaders=["b"])
    cluster.secret("team", "key", apiKey="sk-team")
    found = await key(OURS)
    assert found.headers == {"x-api-key": "sk-team"}
    assert (found.spec.base_url, found.spec.workspace_id) == ("https://api.team", "wrkspc_1")
    assert "sk-team" not in repr(found)


async def test_a_shared_one_has_it_in_that_of_the_operator(cluster, key):
    cluster.connection(SHARED, apiKeySecretRef=None, authTokenSecretRef={"name": "key", "key": "token"})
    cluster.secret("elsewhere", "key", token="tok-1")
    found = await key(SHARED, operator_namespace="elsewhere")
    assert found.headers == {"authorization": "Bearer tok-1"}


async def test_the_own_key_of_a_person_goes_to_no_address_of_a_connection(cluster, key, monkeypatch):
    cluster.connection()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-mine")
    found = await key(OURS, own_key=True)
    assert found.headers == {"x-api-key": "sk-mine"}
    assert found.spec.base_url == "https://api.anthropic.com"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:1/")
    assert (await key(OURS, own_key=True)).spec.base_url == "http://localhost:1"


async def test_for_the_operators_key_that_of_the_person_stands_in(cluster, key, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "tok-mine")
    found = await key(ENVIRONMENT)
    assert found.headers == {"authorization": "Bearer tok-mine"}


async def test_without_one_the_operators_own_is_read_where_its_deployment_says(cluster, key):
    ref = {"secretKeyRef": {"name": "other", "key": "k"}}
    cluster.deployment(
        {"name": "ANTHROPIC_API_KEY", "valueFrom": ref},
        {"name": "ANTHROPIC_BASE_URL", "value": "https://api.own/"},
        {"name": "MANAGED_AGENTS_WORKSPACE_ID", "value": "wrkspc_9"},
    )
    cluster.secret("managed-agents-system", "other", k="sk-op")
    found = await key(ENVIRONMENT)
    assert found.headers == {"x-api-key": "sk-op"}
    assert (found.spec.base_url, found.spec.workspace_id) == ("https://api.own", "wrkspc_9")


@pytest.mark.parametrize(("items", "key_"), [(None, "apiKey"), ([{"key": "k", "path": "apiKey"}], "k")])
async def test_a_key_that_is_mounted_as_a_file_is_that_of_its_secret(cluster, key, items, key_):
    secret = {"secretName": "mounted"} | ({"items": items} if items else {})
    cluster.deployment(
        {"name": "MANAGED_AGENTS_API_KEY_FILE", "value": "/etc/anthropic/api-key/apiKey"},
        mounts=[{"name": "tmp", "mountPath": "/tmp"}, {"name": "key", "mountPath": "/etc/anthropic/api-key/"}],
        volumes=[{"name": "tmp", "emptyDir": {}}, {"name": "key", "secret": secret}],
    )
    cluster.secret("managed-agents-system", "mounted", **{key_: "sk-file"})
    assert (await key(ENVIRONMENT)).headers == {"x-api-key": "sk-file"}


@pytest.mark.parametrize("hidden", [True, False])
async def test_where_nobody_may_look_at_the_deployment_the_base_is_believed(cluster, key, hidden):
    if hidden:
        cluster.forbidden.add(DEPLOYMENTS)
    cluster.secret("managed-agents-system", "anthropic-api-key", apiKey="sk-op")
    found = await key(ENVIRONMENT)
    assert found.headers == {"x-api-key": "sk-op"}
    assert found.spec.base_url == "https://api.anthropic.com"


async def test_a_key_of_the_operator_goes_to_no_address_of_the_person(cluster, key, monkeypatch):
    """Who has a gateway of their own in the environment, and no key, would hand the operator's key to it."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://gateway")
    cluster.secret("managed-agents-system", "anthropic-api-key", apiKey="sk-op")
    assert (await key(ENVIRONMENT)).spec.base_url == "https://api.anthropic.com"


TROUBLES = [
    (OURS, "/api/v1/namespaces/team/secrets/key", "forbidden", r"may not read Secret team/key.*--own-key"),
    (
        OURS,
        f"{GROUP}/namespaces/team/connections/default",
        "forbidden",
        r"may not get Connection team/default.*--own-key",
    ),
    (
        OURS,
        f"{GROUP}/namespaces/team/connections/default",
        "missing",
        r"Connection team/default is not there.*--own-key",
    ),
    (OURS, "/api/v1/namespaces/team/secrets/key", "missing", "Secret team/key does not exist.*--own-key"),
    (OURS, "/api/v1/namespaces/team/secrets/key", "down", "can't read Secret team/key: no answer"),
    (
        ENVIRONMENT,
        "/api/v1/namespaces/managed-agents-system/secrets/anthropic-api-key",
        "forbidden",
        r"may not read Secret managed-agents-system/anthropic-api-key.*ANTHROPIC_API_KEY",
    ),
]


@pytest.mark.parametrize(("place", "path", "trouble", "said"), TROUBLES)
async def test_what_keeps_one_from_calling_is_said_with_the_way_out(cluster, key, place, path, trouble, said):
    cluster.connection()
    cluster.secret("team", "key", apiKey="sk-team")
    match trouble:
        case "forbidden":
            cluster.forbidden.add(path)
        case "missing":
            del cluster.objects[path]
        case "down":
            cluster.objects[path] = ClusterUnreachable("no answer")
    with pytest.raises(Failed, match=said) as refused:
        await key(place)
    assert "\n" not in str(refused.value)


async def test_an_own_key_that_is_not_there_is_asked_for(cluster, key):
    with pytest.raises(Failed, match="set ANTHROPIC_API_KEY"):
        await key(OURS, own_key=True)


USUAL = [
    ([OURS, SHARED], {"names": ["team"]}, None, OURS, "the one of the namespace"),
    ([SHARED], {"names": ["team"]}, None, SHARED, "the shared one that lets it in"),
    ([SHARED], {"names": ["other"]}, None, ENVIRONMENT, "not one that does not"),
    ([SHARED], None, None, ENVIRONMENT, "which is so where nothing is said"),
    ([SHARED], {"selector": {"matchLabels": {"a": "b"}}}, {"a": "b"}, SHARED, "by its labels"),
    ([SHARED], {"selector": {"matchLabels": {"a": "b"}}}, {}, ENVIRONMENT, "or not"),
    ([], None, None, ENVIRONMENT, "none at all"),
]


@pytest.mark.parametrize(("there", "allowed", "labels", "place", "reason"), USUAL, ids=[row[4] for row in USUAL])
async def test_the_usual_connection_is_found_as_the_operator_finds_it(cluster, there, allowed, labels, place, reason):
    for one in there:
        cluster.connection(one, **({"allowedNamespaces": allowed} if one is SHARED and allowed is not None else {}))
    cluster.objects["/api/v1/namespaces/team"] = {"metadata": {"name": "team", "labels": labels}}
    assert await usual(Kubernetes(cluster, "team", None), "team") == place, reason


async def test_one_that_may_not_be_looked_at_must_be_named(cluster):
    cluster.forbidden.add(f"{GROUP}/clusterconnections/default")
    with pytest.raises(Failed, match=r"may not get ClusterConnection default.*--connection"):
        await usual(Kubernetes(cluster, "team", None), "team")


NAMED = [
    ("x", Place("Connection", "team", "x")),
    ("connection/x", Place("Connection", "team", "x")),
    ("connections.managedagents.dev/x", Place("Connection", "team", "x")),
    ("ClusterConnection/x", Place("ClusterConnection", "", "x")),
    ("environment", ENVIRONMENT),
]


@pytest.mark.parametrize(("text", "place"), NAMED)
def test_a_connection_is_named_as_kubectl_names_things(text, place):
    assert named(text, "team") == place


@pytest.mark.parametrize("text", ["", "/x", "secret/x", "connection/"])
def test_what_names_none_says_how(text):
    with pytest.raises(Failed, match="write NAME"):
        named(text, "team")


MARKED = {"k8s_uid": "uid-1/1/d", "k8s_owner": "c/team/one"}
GUARDS = [
    (MARKED, {"incarnation": 1}, {}, True, None, "its own"),
    ({}, {"incarnation": 1, "metadata": MARKED}, {}, True, "does not carry the marker", "the marker is gone"),
    ({"k8s_uid": "uid-2/1/d"}, {"incarnation": 1}, {}, False, "does not carry the marker", "somebody else's"),
    ({"k8s_uid": "odd"}, {"incarnation": 1}, {}, False, "does not carry the marker", "or nobody knows whose"),
    ({}, {"incarnation": 1}, {}, True, None, "a server that keeps no metadata has no markers"),
    ({}, {}, {}, False, None, "one that is observed is looked at"),
    ({}, {}, {}, True, "only observes", "and not changed"),
    ({"k8s_uid": "uid-2/1/d"}, {}, {}, True, "only observes", "whoever has it"),
    (
        {"k8s_uid": "uid-2/1/d"},
        {},
        {"uid": "uid-2", "n": 1, "at": "2026-11-28T12:00:00Z", "by": "b", "digest": "d"},
        True,
        "only observes",
        "whatever a claim says, which anybody may write who may write the resource",
    ),
    (MARKED, {"incarnation": 1, "workspaceId": "w2"}, {}, False, "one of workspace w1", "the key of another workspace"),
    (
        {"k8s_uid": "uid-0/1/d"},
        {"incarnation": 1},
        {"uid": "uid-0", "n": 1, "at": "2026-11-28T12:00:00Z", "by": "b", "digest": "d"},
        True,
        None,
        "a restored backup, whose session still carries the uid of before",
    ),
]


@pytest.mark.parametrize(
    ("metadata", "status", "claim", "changing", "said", "reason"), GUARDS, ids=[g[5] for g in GUARDS]
)
def test_a_session_is_that_of_its_resource(metadata, status, claim, changing, said, reason):
    import json

    annotations = {"managedagents.dev/claim": json.dumps(claim)} if claim else {}
    body = {"metadata": {"name": "one", "namespace": "team", "uid": "uid-1", "annotations": annotations}}
    wire = Session.model_validate({"id": "sesn_1", "metadata": metadata})
    if said is None:
        guard(body | {"status": status}, wire, "w1", changing=changing)
    else:
        with pytest.raises(Failed, match=said):
            guard(body | {"status": status}, wire, "w1", changing=changing)


NAMESPACES = "/api/v1/namespaces"
SYSTEM, TEAM, IDENTITY = (f"{NAMESPACES}/{name}" for name in ("kube-system", "team", "identity"))


async def test_the_cluster_is_known_by_the_uids_of_its_namespaces_as_far_as_they_can_be_seen(cluster):
    """Where the operator may not read kube-system, another one names the cluster."""
    for path in (SYSTEM, TEAM, IDENTITY):
        cluster.objects[path] = {"metadata": {"uid": path.rpartition("/")[2]}}
    cluster.deployment({"name": "MANAGED_AGENTS_IDENTITY_NAMESPACE", "value": "identity"})
    kubernetes = Kubernetes(cluster, "team", None)
    assert await identities(kubernetes, Scope(), "team") == {"kube-system", "team", "identity"}
    cluster.forbidden = {SYSTEM, NAMESPACES}
    assert await identities(kubernetes, Scope(), "team") == {"team", "identity"}
    assert await identities(kubernetes, Scope(), None) == {"identity"}
    cluster.forbidden = {SYSTEM, TEAM, IDENTITY}
    with pytest.raises(Failed, match="may not get Namespace kube-system"):
        await identities(kubernetes, Scope(), "team")
    items = [{"metadata": {"uid": uid}} for uid in ("a", "b")]
    cluster.objects[NAMESPACES] = {"items": items, "metadata": {}}
    assert await identities(kubernetes, Scope(), None) == {"a", "b"}
