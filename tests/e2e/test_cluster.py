"""What we read and write in the cluster ourselves, on a real API server."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.kube.conftest import eventually

from managed_agents_operator.api.session import GROUP, KIND, PLURAL, VERSION
from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone, WriteConflict, WriteRefused
from managed_agents_operator.kube.access import object_path
from managed_agents_operator.kube.events import Events
from managed_agents_operator.kube.fitness import fit
from managed_agents_operator.kube.lease import Lease
from managed_agents_operator.kube.writer import Writer

pytestmark = pytest.mark.e2e

SPEC = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}


@pytest.fixture
def writer(cluster, namespace):
    return Writer(cluster, GROUP, VERSION, PLURAL, [namespace])


@pytest.fixture
def create(cluster, namespace):
    async def create(name, spec=SPEC, where=None):
        where = where or namespace
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": name}, "spec": spec}
        return await cluster.call("POST", object_path(GROUP, VERSION, PLURAL, where), body=body)

    return create


def version(body):
    return body["metadata"]["resourceVersion"]


async def test_a_patch_merges_and_answers_what_is_stored(writer, create, namespace):
    made = await create("a")
    patch = {
        "metadata": {"finalizers": ["managedagents.dev/session"], "annotations": {"managedagents.dev/claim": "{}"}}
    }
    patched = await writer.patch_object(namespace, "a", patch, resource_version=version(made))
    assert patched["metadata"]["finalizers"] == ["managedagents.dev/session"]
    assert await writer.read(namespace, "a") == patched
    managers = {entry["manager"] for entry in patched["metadata"]["managedFields"]}
    assert "managed-agents-operator" in managers


async def test_a_status_patch_leaves_the_spec_and_other_fields_alone(writer, create, namespace):
    made = await create("a")
    first = {"status": {"id": "sesn_1", "state": "running", "usage": {"inputTokens": 1}}}
    once = await writer.patch_status(namespace, "a", {**first, "spec": {"title": "no"}}, resource_version=version(made))
    second = {"status": {"state": "idle", "id": None}}
    twice = await writer.patch_status(namespace, "a", second, resource_version=version(once))
    assert "title" not in twice["spec"]
    assert twice["status"] == {"observedGeneration": -1, "state": "idle", "usage": {"inputTokens": 1}}
    assert twice["metadata"]["generation"] == 1


async def test_an_old_version_is_a_conflict_and_changes_nothing(writer, create, namespace):
    made = await create("a")
    new = await writer.patch_object(
        namespace, "a", {"metadata": {"labels": {"a": "1"}}}, resource_version=version(made)
    )
    for patch in (writer.patch_object, writer.patch_status):
        with pytest.raises(WriteConflict):
            await patch(namespace, "a", {"status": {"id": "x"}}, resource_version=version(made))
    assert await writer.read(namespace, "a") == new


async def test_another_object_of_the_same_name_is_a_conflict(writer, create, control_plane, namespace):
    old = await create("a")
    control_plane.kubectl("delete", "session", "a", "-n", namespace)
    await create("a")
    with pytest.raises(WriteConflict):
        await writer.patch_status(namespace, "a", {"status": {"id": "x"}}, resource_version=version(old))


async def test_what_is_gone_is_gone(writer, namespace):
    assert await writer.read(namespace, "nobody") is None
    for patch in (writer.patch_object, writer.patch_status):
        with pytest.raises(ObjectGone):
            await patch(namespace, "nobody", {}, resource_version="1")
        with pytest.raises(ObjectGone):
            await patch("no-namespace", "nobody", {}, resource_version="1")


TOO_MUCH = [
    ({"usage": "no object"}, {422}, "against the schema"),
    ({"agent": {"system": "x" * 1_700_000}}, {413, 500}, "more than etcd takes"),
    ({"agent": {"system": "x" * 4_000_000}}, {413}, "more than the API server reads"),
]


@pytest.mark.parametrize(("status", "codes", "reason"), TOO_MUCH, ids=[reason for *_, reason in TOO_MUCH])
async def test_what_the_schema_or_the_storage_refuses_is_refused(writer, create, namespace, status, codes, reason):
    made = await create("a")
    with pytest.raises(WriteRefused) as raised:
        await writer.patch_status(namespace, "a", {"status": status}, resource_version=version(made))
    assert raised.value.code in codes, reason
    assert await writer.read(namespace, "a") == made


async def test_all_pages_are_listed_and_only_of_the_watched_namespaces(cluster, writer, create, namespace):
    made = [await create(f"a{n}") for n in range(7)]
    await create("elsewhere", where="default")
    pages = [page async for page in writer.list_pages(limit=3)]
    assert [len(page) for page in pages] == [3, 3, 1]
    listed = [item for page in pages for item in page]
    assert {item["metadata"]["uid"] for item in listed} == {item["metadata"]["uid"] for item in made}
    assert all(item["spec"]["agent"] == {"id": "agent_1"} for item in listed)
    snapshot = await writer.snapshot()
    assert snapshot.objects == {
        item["metadata"]["uid"]: (namespace, item["metadata"]["name"], int(version(item))) for item in listed
    }
    assert snapshot.version >= max(int(version(item)) for item in listed)
    everywhere = Writer(cluster, GROUP, VERSION, PLURAL)
    names = [item["metadata"]["name"] async for page in everywhere.list_pages() for item in page]
    assert {"elsewhere", "a0"} <= set(names)


async def test_an_api_server_that_is_away_is_unreachable_and_then_there_again(cluster, control_plane):
    control_plane.stop_apiserver()
    try:
        with pytest.raises(ClusterUnreachable):
            await cluster.call("GET", "/api")
    finally:
        control_plane.start_apiserver()
    assert (await cluster.call("GET", "/api"))["kind"] == "APIVersions"


async def test_the_cluster_is_fit_and_says_which_it_is(cluster, control_plane):
    uid = control_plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").stdout
    assert await fit(cluster, [(GROUP, VERSION, PLURAL)], None, "kube-system") == uid


async def test_a_kind_that_is_not_installed_is_waited_for_and_told(cluster, caplog):
    waiting = asyncio.create_task(
        fit(cluster, [(GROUP, VERSION, PLURAL), ("nowhere.dev", "v1", "things")], None, "default")
    )
    await eventually(lambda: caplog.records)
    assert "things.nowhere.dev/v1 is not installed: kubectl apply" in caplog.records[0].message
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_namespace_that_names_the_cluster_and_is_not_there_is_told(cluster, caplog):
    waiting = asyncio.create_task(fit(cluster, [(GROUP, VERSION, PLURAL)], None, "nowhere"))
    await eventually(lambda: caplog.records)
    assert "no namespace nowhere: mend MANAGED_AGENTS_IDENTITY_NAMESPACE" in caplog.records[0].message
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_event_is_beside_its_object(cluster, control_plane, create, namespace):
    made = await create("a")
    metadata = made["metadata"]

    class Meta:
        name, uid, resource_version = "a", metadata["uid"], metadata["resourceVersion"]

    Meta.namespace = namespace
    events = Events(cluster, GROUP, VERSION)
    running = asyncio.create_task(events.run())
    events.publish(Meta(), "Warning", "InvalidSpec", "Create", "agent.id: \x1b[31mnot found" + "!" * 2000)
    events.publish(Meta(), "Normal", "Created", "Create", "")
    await events.flush()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    told = control_plane.kubectl("describe", "session", "a", "-n", namespace).stdout
    assert "InvalidSpec" in told
    assert "agent.id: [31mnot found!!!" in told
    assert "Created" in told


async def test_of_two_one_leads_and_the_other_takes_over(cluster, control_plane, namespace):
    def lease():
        return Lease(cluster, namespace, seconds=3, renew_within=2, every=0.1)

    one, two = lease(), lease()
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    waiting = asyncio.create_task(two.acquire())
    await asyncio.sleep(4)
    assert not waiting.done(), "a holder that renews keeps it for longer than it says"
    assert one.held
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)
    await one.release()
    await waiting
    assert two.held
    spec = json.loads(control_plane.kubectl("get", "lease", "-n", namespace, "-o", "json").stdout)["items"][0]["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == (two.identity, 1)

    three = lease()
    await three.acquire()
    assert three.held, "two never renewed: its time ran out"
    await two.renew()
    assert not two.held


async def test_a_lease_survives_an_api_server_that_restarts_and_not_one_that_stays_away(
    cluster, control_plane, namespace
):
    lease = Lease(cluster, namespace, seconds=30, renew_within=20, every=0.2)
    await lease.acquire()
    renewing = asyncio.create_task(lease.renew())
    await asyncio.to_thread(control_plane.restart_apiserver)
    renewed = lease._renewed
    await eventually(lambda: lease._renewed > renewed)
    assert not renewing.done()
    lease._renew_within = 0.5
    await asyncio.to_thread(control_plane.stop_apiserver)
    try:
        await renewing
        assert not lease.held
    finally:
        control_plane.start_apiserver()
