"""The operator's roles, on a real API server: a life uses every right of them and asks for none that they lack.

That the base grants just these to its account is in test_deploy.py. What is told where one is missing is here too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.chaos.proxy import Proxy
from tests.e2e.connecting import shared
from tests.e2e.rights import Right, as_rule, granted, unused
from tests.e2e.scene import FAST

from managed_agents_local.audit import Request

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"
NAME, NAMESPACE = "managed-agents-operator", "managed-agents-system"
LEASES = "coordination.k8s.io"
LEADING = {"MANAGED_AGENTS_LEADER_ELECTION": "true"}


def request(verb, resource, name="", code=200, group="managedagents.dev"):
    return Request("operator", "", verb, group, resource, "team", name, code, "")


ALL = Right("", "namespaces", "", "get")
ONE = Right("", "namespaces", "kube-system", "get")
PATCH = Right("managedagents.dev", "sessions", "", "patch")
TABLE = [
    ([PATCH], [request("patch", "sessions")], [], "it was used"),
    ([PATCH], [], ["patch sessions of managedagents.dev"], "it was not"),
    (
        [PATCH],
        [request("patch", "sessions/status")],
        ["patch sessions of managedagents.dev"],
        "a subresource is another",
    ),
    ([PATCH], [request("patch", "sessions", code=403)], ["patch sessions of managedagents.dev"], "it was refused"),
    ([ALL, ONE], [request("get", "namespaces", "kube-system", group="")], ["get namespaces"], "one name needs not all"),
    ([ALL, ONE], [request("get", "namespaces", "team", group="")], ["get namespaces kube-system"], "nor all that one"),
]


@pytest.mark.parametrize(("rights", "requests", "left", "reason"), TABLE, ids=[reason for *_, reason in TABLE])
def test_a_right_too_many_is_named(rights, requests, left, reason):
    assert unused(rights, requests) == left, reason


@pytest.fixture
def detour(scene):
    """A way to the API server that can be held up."""
    cluster = scene.world.cluster
    with Proxy("kubernetes", cluster.url, str(cluster.ca), scene.kill) as proxy:
        yield proxy


def test_a_life_uses_every_right_and_lacks_none(scene, detour, installed, tmp_path, team, opened_to):
    begun = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    scene.kubectl("delete", "lease", NAME, "-n", NAMESPACE, "--ignore-not-found")
    config = detour.detour(installed.kubeconfig, tmp_path / "detour")
    detour.add("hold", "GET", r"^/api/v1/namespaces\?.*watch=")
    operator = scene.world.start_operator(FAST | LEADING | {"KUBECONFIG": str(config)}, wait=False)
    operator.process.wait_for_line("Leading")
    scene.until("the watch of Namespaces", detour.hits)
    # Whether the labels of its namespace would let it use another connection is read, as nobody has told of them.
    hidden = team()
    hidden.apply(hidden.session("unseen"))
    hidden.wait_ready("unseen")
    detour.clear()
    operator.wait_ready()
    files, mounts = (scene.sample(SAMPLES / name) for name in ("05-files.yaml", "02-mounts.yaml"))
    scene.apply(*files, *mounts, scene.session("wrong", agent={"id": "agent_nobody"}))
    # Connections of both kinds, each with Sessions that come before anybody looked at what they name.
    own, other = team(), team(may="yes")
    opened_to(own, "sk-own")
    shared(scene, "sk-shared", allowedNamespaces={"selector": {"matchLabels": {"may": "yes"}}})
    named = {"connectionRef": {"kind": "ClusterConnection", "name": "shared"}}
    own.apply(own.session("one"), own.session("late", connectionRef={"kind": "Connection", "name": "later"}))
    other.apply(other.session("two", **named))
    early = team(may="yes")
    early.apply(early.session("three", **named))
    own.wait_ready("one")
    other.wait_ready("two")
    early.wait_ready("three")
    scene.wait_ready("files", "mounts")
    scene.wait("wrong", "InvalidSpec")
    # A copied manifest: whether the one that it is a copy of is there is read.
    copied = scene.object("mounts")
    meta = {"name": "copy", "namespace": "default"}
    meta |= {key: copied["metadata"][key] for key in ("annotations", "finalizers")}
    scene.kubectl("create", "-f", "-", input=json.dumps({**copied, "metadata": meta}))
    scene.wait_ready("copy")
    for where, names in (
        (hidden, ("unseen",)),
        (own, ("one", "late")),
        (other, ("two",)),
        (early, ("three",)),
        (scene, ("files", "mounts", "copy")),
    ):
        for name in names:
            where.delete(name)
    own.kubectl("delete", "connection", "default", "-n", own.namespace, "--timeout=40s")
    scene.kubectl("delete", "clusterconnection", "shared", "--timeout=40s")
    scene.until("an Event", lambda: "InvalidSpec" in scene.kubectl("get", "events"))
    assert scene.stop() == 0

    asked = scene.world.cluster.audit.requests(scene.world.account, since=begun)
    refused = sorted({f"{one.verb} {one.resource}" for one in asked if one.code == 403})
    rights = [right for role in granted().values() for right in role]
    assert (unused(rights, asked), refused) == ([], [])


ABSENT = [
    (["watch sessions of managedagents.dev"], {}, "the framework's, which tries again"),
    (["patch sessions/status of managedagents.dev"], {}, "what was done can't be said"),
    ([f"create leases of {LEASES}"], LEADING, "nobody ever leads"),
    (["list connections of managedagents.dev"], {}, "it does not begin without knowing them"),
    (["list secrets", "get secrets"], {}, "keys, and that they changed"),
    (
        [
            "create events of events.k8s.io",
            "patch connections/status of managedagents.dev",
            f"update leases {NAME} of {LEASES}",
        ],
        LEADING,
        "each is told for itself, and who leads can't go on leading",
    ),
]


@pytest.fixture(scope="module")
def world(opened, tmp_path_factory):
    with opened(tmp_path_factory.mktemp("trouble")) as scene:
        yield scene


@pytest.fixture
def trouble(world):
    """A scene in which something of everything is to be done, and nothing of it was."""
    one = world.connection("one", apiKeySecretRef={"name": "none", "key": "apiKey"})
    world.apply(one, world.connection(), world.secret("key", apiKey=world.world.simulator.key))
    world.apply(world.session("wrong", agent={"id": "agent_nobody"}), world.session("right"))
    yield world
    world.kill()
    world.clear()


@pytest.mark.parametrize(("missing", "env", "reason"), ABSENT, ids=[reason for *_, reason in ABSENT])
def test_a_right_that_is_missing_is_told(trouble, missing, env, reason):
    rights = [right for role in granted().values() for right in role]
    left = [right for right in rights if str(right) not in missing]
    assert len(left) == len(rights) - len(missing), "they are all there to be taken away"
    config = account(trouble, f"short-of-{len(missing)}-{missing[0].replace(' ', '-').replace('/', '-')}", left)
    trouble.kubectl("delete", "lease", NAME, "-n", NAMESPACE, "--ignore-not-found")
    operator = trouble.world.start_operator(FAST | env | {"KUBECONFIG": str(config)}, wait=False)
    for right in missing:
        verb, resource = right.split()[:2]
        operator.process.wait_for_line(f'cannot {verb} resource "{resource}"')


def account(scene, name, rights):
    """A kubeconfig of an account with just these."""
    meta, api = {"name": name}, "rbac.authorization.k8s.io"
    scene.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta | {"namespace": NAMESPACE}},
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": meta, "rules": list(map(as_rule, rights))},
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        },
    )
    return scene.world.cluster.service_account(NAMESPACE, name)
