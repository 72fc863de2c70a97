"""Secrets: what is read, what is missing, and what a watch notices through everything that ends one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json

import pytest
from aiohttp import web
from tests.kube.conftest import cut, eventually, status, streaming

from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.engine.ports import SecretMissing
from managed_agents_operator.kube.secrets import Secrets

SECRET = {
    "metadata": {"namespace": "ns", "name": "gh", "uid": "u1", "resourceVersion": "7"},
    "data": {
        "token": base64.b64encode(b"ghp_secret\n").decode(),
        "binary": base64.b64encode(b"\xff\xfe").decode(),
        "empty": "",
    },
}


async def test_a_key_is_read_as_it_is(server, cluster):
    server.says((200, SECRET))
    found = await Secrets(cluster).read("ns", "gh", "token")
    assert (found.value, found.uid, found.resource_version) == ("ghp_secret\n", "u1", "7")
    assert "ghp_secret" not in repr(found)
    assert server.requests[0][:2] == ("GET", "/api/v1/namespaces/ns/secrets/gh")
    assert (await Secrets(cluster).read("ns", "gh", "empty")).value == ""


MISSING = [
    ((200, SECRET), "gh", "nope", "nope in Secret ns/gh is missing", "the key"),
    ((200, {**SECRET, "data": None}), "gh", "token", "token in Secret ns/gh is missing", "all keys"),
    ((200, SECRET), "gh", "binary", "binary in Secret ns/gh is not text", "of no use as a token"),
    (status(404), "gh", "token", "Secret ns/gh does not exist", "the Secret"),
    ((200, SECRET), "../gh", "token", "Secret ns/../gh does not exist", "no Secret is called so, and no URL is made"),
]


@pytest.mark.parametrize(("answer", "name", "key", "said", "reason"), MISSING)
async def test_what_is_missing_is_named(server, cluster, answer, name, key, said, reason):
    server.says(answer)
    with pytest.raises(SecretMissing) as raised:
        await Secrets(cluster).read("ns", name, key)
    assert str(raised.value) == said, reason
    assert raised.value.key == (None if "exist" in said else key), reason
    assert "secret" not in repr(raised.value.__cause__), reason


async def test_not_allowed_is_not_missing(server, cluster):
    server.says(status(403, "secrets is forbidden"))
    with pytest.raises(ClusterUnreachable, match="forbidden"):
        await Secrets(cluster).read("ns", "gh", "token")


def item(name, version, namespace="ns"):
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}}


def listing(version, *items, more=""):
    return 200, {"metadata": {"resourceVersion": version, "continue": more}, "items": list(items)}


def event(kind, name, version):
    return {"type": kind, "object": item(name, version)}


GONE = streaming({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
HANGS = streaming(hang=True)


@contextlib.asynccontextmanager
async def watching(secrets):
    """The changes, as they come."""
    changes = []
    task = asyncio.create_task(secrets.watch(lambda namespace, name: changes.append((namespace, name))))
    try:
        yield changes
    finally:
        assert not task.done() or task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(server, requests):
    await eventually(lambda: len(server.requests) >= requests)
    await asyncio.sleep(0.05)


def secrets(cluster, *namespaces):
    return Secrets(cluster, namespaces, backoffs=lambda: itertools.repeat(0.01), jitter=lambda: 0.0)


WATCHES = [
    ([listing("5", item("a", "1")), HANGS], [], "what the first list shows is no change"),
    ([listing("5"), streaming(event("ADDED", "a", "6"), hang=True)], ["a"], "a new one"),
    (
        [listing("5", item("a", "1")), streaming(event("MODIFIED", "a", "6"), event("DELETED", "a", "7"), hang=True)],
        ["a", "a"],
        "changed, then gone",
    ),
    (
        [listing("5", item("a", "1")), streaming(event("ADDED", "a", "1"), event("BOOKMARK", "", "9"), hang=True)],
        [],
        "what is known already, and a bookmark",
    ),
    (
        [listing("5"), streaming(event("ADDED", "a", "6")), streaming(event("MODIFIED", "a", "7"), hang=True)],
        ["a", "a"],
        "a watch that ends goes on",
    ),
    (
        [listing("5", item("a", "1"), item("b", "1")), GONE, listing("9", item("a", "8"), item("c", "8")), HANGS],
        ["a", "b", "c"],
        "changed, gone and new while nobody watched",
    ),
    ([listing("5", item("a", "1")), status(410), listing("9", item("a", "1")), HANGS], [], "nothing differs"),
    (
        [
            listing("5", item("a", "1"), more="m"),
            listing("5", item("b", "1")),
            GONE,
            listing("9", item("b", "1")),
            HANGS,
        ],
        ["a"],
        "pages are one listing",
    ),
    ([status(403), listing("5", item("a", "1")), HANGS], [], "a role granted later"),
    (
        [listing("5"), status(403), streaming(event("ADDED", "a", "6"), hang=True)],
        ["a"],
        "list without watch, then both",
    ),
    (
        [listing("5"), (200, b'{"type": "ADDED", "obj'), streaming(event("ADDED", "a", "6"), hang=True)],
        ["a"],
        "half a line",
    ),
]


@pytest.mark.parametrize(("answers", "changed", "reason"), WATCHES)
async def test_what_a_watch_notices(server, cluster, answers, changed, reason):
    server.says(*answers)
    async with watching(secrets(cluster)) as changes:
        await settled(server, len(answers))
        assert changes == [("ns", name) for name in changed], reason


async def test_a_watch_survives_a_server_that_goes_away(server, cluster):
    server.says(cut, status(500), listing("5"), cut, status(503), streaming(event("ADDED", "a", "6"), hang=True))
    async with watching(secrets(cluster)) as changes:
        await eventually(lambda: changes)
    assert changes == [("ns", "a")]
    watches = [path for _, path, *_ in server.requests if "watch=true" in path]
    assert all("resourceVersion=5" in path for path in watches), "where it stood, without listing again"


async def test_only_metadata_is_asked_for(server, cluster):
    server.says(listing("5"), HANGS)
    async with watching(secrets(cluster)):
        await settled(server, 2)
    assert [headers["Accept"].split(";")[1] for _, _, headers, _ in server.requests] == [
        "as=PartialObjectMetadataList",
        "as=PartialObjectMetadata",
    ]


async def test_what_was_read_before_the_first_list_may_have_changed_before_it(server, cluster):
    watched = secrets(cluster)
    server.says((200, SECRET))
    await watched.read("ns", "gh", "token")
    server.says(status(404))
    with pytest.raises(SecretMissing):
        await watched.read("ns", "later", "token")
    server.says(listing("5", item("gh", "8"), item("other", "1")), HANGS)
    async with watching(watched) as changes:
        await settled(server, 4)
    assert sorted(changes) == [("ns", "gh"), ("ns", "later")]


async def test_each_namespace_is_watched_by_itself(server, cluster):
    async def by_path(request):
        if "watch=true" in request.path_qs:
            namespace = request.path.split("/")[4]
            return await streaming({"type": "ADDED", "object": item("a", "6", namespace)}, hang=True)(request)
        return web.Response(body=json.dumps(listing("5")[1]).encode())

    server.says(by_path)
    async with watching(secrets(cluster, "one", "two")) as changes:
        await eventually(lambda: len(changes) == 2)
    assert sorted(changes) == [("one", "a"), ("two", "a")]
    assert {path.split("?")[0] for _, path, *_ in server.requests} == {
        "/api/v1/namespaces/one/secrets",
        "/api/v1/namespaces/two/secrets",
    }


@pytest.mark.parametrize(("refusals", "expected"), [(2, 0), (3, 1), (10, 1)])
async def test_not_allowed_is_told_once_it_is_certain_and_once(server, cluster, caplog, refusals, expected):
    server.says(*[status(403, "secrets is forbidden")] * refusals, listing("5"), HANGS)
    async with watching(secrets(cluster)):
        await settled(server, refusals + 2)
    told = [record.message for record in caplog.records if "can't be watched" in record.message]
    assert len(told) == expected
    assert all("Grant list and watch on secrets" in line for line in told)
