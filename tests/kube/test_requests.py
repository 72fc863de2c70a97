"""Each request to the API server is counted once, by its resource and by what became of it."""

from __future__ import annotations

import contextlib

import pytest
from tests.kube.conftest import cut, status

from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.kube.requests import WRITES, resource
from managed_agents_operator.telemetry import REGISTRY

SESSION = "/apis/managedagents.dev/v1alpha1/namespaces/canary/sessions/canary"
PATHS = [
    (SESSION, "sessions", "an object"),
    (f"{SESSION}/status", "sessions/status", "its status"),
    ("/apis/managedagents.dev/v1alpha1/sessions", "sessions", "a list of all namespaces"),
    ("/apis/managedagents.dev/v1alpha1/namespaces/canary/sessions", "sessions", "a list of one"),
    ("/apis/managedagents.dev/v1alpha1/namespaces/canary/sessions/status", "sessions", "one that is called status"),
    ("/apis/managedagents.dev/v1alpha1/clusterconnections/c/status", "clusterconnections/status", "of no namespace"),
    ("/apis/events.k8s.io/v1/namespaces/canary/events", "events", "an Event"),
    ("/apis/coordination.k8s.io/v1/namespaces/canary/leases/l", "leases", "a Lease"),
    ("/api/v1/namespaces/canary/secrets/s", "secrets", "of the core group"),
    ("/api/v1/namespaces/kube-system", "namespaces", "a namespace itself"),
    ("/api/v1/namespaces", "namespaces", "all of them"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x", "customresourcedefinitions", "a CRD"),
    ("/apis/a/v1/canaries", "other", "one that we know nothing of"),
    ("/version", "other", "none at all"),
    ("/x", "other", "nor this"),
]


@pytest.mark.parametrize(("path", "label", "reason"), PATHS)
def test_a_path_is_about_one_of_few_resources(path, label, reason):
    assert resource(path) == label, reason


def requests(method, of, code):
    labels = {"method": method, "resource": of, "code": code}
    return REGISTRY.get_sample_value("managed_agents_kubernetes_requests_total", labels) or 0


ENDS = [((200, {}), "200", "done"), (status(409), "409", "a conflict"), (cut, "lost", "no answer")]


@pytest.mark.parametrize(("answer", "code", "reason"), ENDS)
async def test_a_request_counts_by_its_end(server, cluster, answer, code, reason):
    server.says(answer)
    before = requests("PATCH", "sessions/status", code)
    with contextlib.suppress(ClusterError):
        await cluster.call("PATCH", f"{SESSION}/status", body={})
    assert requests("PATCH", "sessions/status", code) == before + 1, reason


async def test_the_bytes_of_bodies_count(server, cluster):
    def sent(method):
        return REGISTRY.get_sample_value("managed_agents_kubernetes_sent_bytes_total", {"method": method}) or 0

    server.says((200, {}))
    before = sent("PATCH"), sent("GET")
    await cluster.call("PATCH", SESSION, body={"a": 1})
    await cluster.call("GET", SESSION)
    assert (sent("PATCH"), sent("GET")) == (before[0] + len(b'{"a":1}'), before[1])


def test_writes_have_series_from_the_start():
    assert all(
        REGISTRY.get_sample_value(
            "managed_agents_kubernetes_requests_total", {"method": method, "resource": of, "code": "500"}
        )
        is not None
        for method, of in WRITES
    )
