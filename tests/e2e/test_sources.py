"""ConfigMaps and Secrets on a real API server: what is read of them, and what a watch of them notices."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json

import pytest
from tests.kube.conftest import eventually

from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.engine.ports import SourceMissing, Unwatched
from managed_agents_operator.kube.access import Cluster, object_path
from managed_agents_operator.kube.sources import Sources

pytestmark = pytest.mark.e2e


async def made(cluster, kind, namespace, name, **fields):
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}
    return await cluster.call("POST", object_path("", "v1", f"{kind.lower()}s", namespace), body=body)


async def ended(task):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.1)  # a stream that is cut off takes leave by TLS, which aiohttp does not wait for


@contextlib.asynccontextmanager
async def watching(sources):
    """The changes, as they come, once the first lists are there."""
    changes, listed = [], []
    task = asyncio.create_task(sources.watch(lambda *what: changes.append(what), lambda: listed.append(1)))
    await eventually(lambda: len(listed) == 2)
    yield changes
    await ended(task)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_config_maps_and_secrets_are_read_and_their_changes_noticed(cluster, control_plane, namespace, kind):
    sources = Sources(cluster, backoffs=lambda: itertools.repeat(0.2))
    with pytest.raises(Unwatched):
        sources.version(kind, namespace, "gh")
    with pytest.raises(SourceMissing):
        await sources.read(kind, namespace, "gh", "token")
    told = (kind, namespace, "gh")
    literal = {"ConfigMap": "data", "Secret": "stringData"}[kind]
    patch = ("patch", kind, "gh", "-n", namespace, "--type=merge", "-p")
    async with watching(sources) as changes:
        await eventually(lambda: told in changes)
        changes.clear()
        assert sources.version(*told) is None

        await made(cluster, kind, namespace, "gh", **{literal: {"token": "one"}})
        await eventually(lambda: changes == [told])
        first = await sources.read(kind, namespace, "gh", "token")
        assert sources.version(*told) == (first.uid, first.resource_version)
        control_plane.kubectl(*patch, json.dumps({literal: {"token": "two"}}))
        await eventually(lambda: changes == [told] * 2)
        second = await sources.read(kind, namespace, "gh", "token")
        assert sources.version(*told) == (second.uid, second.resource_version)
        assert (first.value, second.value) == (b"one", b"two")
        assert first.uid == second.uid
        assert first.resource_version != second.resource_version

        control_plane.restart_apiserver()
        control_plane.kubectl("delete", kind, "gh", "-n", namespace)
        await eventually(lambda: changes == [told] * 3)
        assert sources.version(*told) is None


CONTENT = b"\xff\x00\r\n\xc3\x84 "


async def test_content_comes_byte_for_byte_and_may_be_empty(cluster, namespace):
    encoded = base64.b64encode(CONTENT).decode()
    await made(cluster, "Secret", namespace, "s", data={"file": encoded, "empty": ""})
    data = {"text": "\N{SNOWMAN}\r\n", "empty": ""}
    await made(cluster, "ConfigMap", namespace, "c", data=data, binaryData={"file": encoded, "hollow": ""})
    sources = Sources(cluster)

    async def read(kind, name, *keys):
        return [(await sources.read(kind, namespace, name, key)).value for key in keys]

    assert await read("Secret", "s", "file", "empty") == [CONTENT, b""]
    texts = ["\N{SNOWMAN}\r\n".encode(), b"", CONTENT, b""]
    assert await read("ConfigMap", "c", "text", "empty", "file", "hollow") == texts


async def test_a_large_config_map_that_was_applied_ends_no_watch(cluster, namespace, control_plane):
    """kubectl apply notes all of it in an annotation, which the metadata of every event carries."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large", "namespace": namespace}}
    sources = Sources(cluster, [namespace])
    async with watching(sources) as changes:
        for letter in "ab":
            body["data"] = {"k": letter + '"\n<' * 20_000}
            control_plane.kubectl("apply", "-f", "-", input=json.dumps(body))
        await eventually(lambda: changes.count(("ConfigMap", namespace, "large")) == 2)


async def test_of_what_is_watched_names_and_versions_are_kept(cluster, namespace):
    sources = Sources(cluster, [namespace])
    async with watching(sources) as changes:
        await made(cluster, "Secret", namespace, "held", stringData={"token": "needle"})
        await made(cluster, "ConfigMap", namespace, "held", data={"text": "needle"})
        await eventually(lambda: len(changes) == 2)
    found = await sources.read("Secret", namespace, "held", "token")
    versions = sources._versions["Secret", namespace]
    assert versions._there == {(namespace, "held"): (found.uid, found.resource_version)}
    assert all("needle" not in repr(vars(one)) for one in sources._versions.values())


def known(sources, kind, namespace):
    """Whether it is known which of a kind are there; that others were listed says nothing of this one."""
    try:
        sources.version({"configmap": "ConfigMap", "secret": "Secret"}[kind], namespace, "gh")
    except Unwatched:
        return False
    return True


async def test_a_service_account_is_told_what_it_may_not_do(control_plane, namespace, caplog):
    control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    kubeconfig = control_plane.service_account(namespace, "nobody")
    async with await Cluster.connect(str(kubeconfig)) as cluster:
        with pytest.raises(ClusterUnreachable, match="cannot get resource"):
            await Sources(cluster).read("Secret", namespace, "gh", "token")
        sources = Sources(cluster, [namespace], backoffs=lambda: itertools.repeat(0.05))
        changes, listed = [], []
        task = asyncio.create_task(sources.watch(lambda *what: changes.append(what), lambda: listed.append(1)))
        await eventually(lambda: len(caplog.records) == 2)
        for kind in ("configmap", "secret"):
            grant = ("create", "role", kind, "--verb=get,list,watch", f"--resource={kind}s", "-n", namespace)
            control_plane.kubectl(*grant)
            bind = ("create", "rolebinding", kind, f"--role={kind}", f"--serviceaccount={namespace}:nobody")
            control_plane.kubectl(*bind, "-n", namespace)
            await eventually(lambda: listed and known(sources, kind, namespace))  # noqa: B023 (called at once)
            control_plane.kubectl("create", kind, *{"secret": ["generic"]}.get(kind, []), "gh", "-n", namespace)
        expected = [("ConfigMap", namespace, "gh"), ("Secret", namespace, "gh")]
        await eventually(lambda: [what for what in changes if what[2] == "gh"] == expected)
        await ended(task)
    assert sorted(record.message.split()[0] for record in caplog.records) == ["ConfigMaps", "Secrets"]
