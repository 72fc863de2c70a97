"""Which versions of ConfigMaps and Secrets a watch knows of, and what it notices through everything that ends one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json

import pytest
from aiohttp import web
from tests.kube.conftest import cut, eventually, status, streaming
from tests.kube.test_sources import CONFIG_MAP, SECRET

from managed_agents_operator.engine.ports import SourceMissing, Unwatched
from managed_agents_operator.kube.sources import Sources

KINDS = {"configmaps": "ConfigMap", "secrets": "Secret"}


def item(name, version, namespace="ns", uid="", **more):
    metadata = {"namespace": namespace, "name": name, "uid": uid or f"u-{name}", "resourceVersion": version}
    return {"metadata": {**metadata, **more}}


def listing(version, *items, more=""):
    return 200, {"metadata": {"resourceVersion": version, "continue": more}, "items": list(items)}


def event(type, *what, **more):
    return {"type": type, "object": item(*what, **more)}


GONE = streaming({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
HANGS = streaming(hang=True)
QUIET = (listing("5"), HANGS)


class Api:
    """Both kinds have a script of their own; `asked` are the paths that were asked for of each."""

    def __init__(self, server):
        self._server = server
        self._scripts, self.asked = {}, {kind: [] for kind in KINDS.values()}
        server.says(self._answer)

    def says(self, kind, *answers):
        """As the server: one answer a request, the last one stays."""
        self._server.says(*answers)
        self._scripts[kind], self._server.script = self._server.script, self._answer
        return self

    async def _answer(self, request):
        kind = next(kind for plural, kind in KINDS.items() if plural in request.path)
        self.asked[kind].append(request.path_qs)
        return await self._scripts[kind](request)

    async def settled(self, **requests):
        await eventually(lambda: all(len(self.asked[kind]) >= number for kind, number in requests.items()))
        await asyncio.sleep(0.05)


@pytest.fixture
def api(server):
    return Api(server).says("ConfigMap", *QUIET).says("Secret", *QUIET)


@pytest.fixture(params=KINDS.values())
def kind(request):
    return request.param


class Heard(list):
    """The changes, as they come, and how often a list was there."""

    listed = 0

    def changed(self, *what):
        self.append(what)

    def listing(self):
        self.listed += 1


@contextlib.asynccontextmanager
async def watching(sources):
    heard = Heard()
    task = asyncio.create_task(sources.watch(heard.changed, heard.listing))
    try:
        yield heard
    finally:
        assert not task.done() or task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sources(cluster, *namespaces):
    return Sources(cluster, namespaces, backoffs=lambda: itertools.repeat(0.01), jitter=lambda: 0.0)


NOTICED = [
    ([listing("5", item("a", "1")), HANGS], [], {"a": "1"}, "what the first list shows is no change"),
    ([listing("5"), streaming(event("ADDED", "a", "6"), hang=True)], ["a"], {"a": "6"}, "a new one"),
    (
        [listing("5", item("a", "1")), streaming(event("MODIFIED", "a", "6"), event("DELETED", "a", "7"), hang=True)],
        ["a", "a"],
        {"a": None},
        "changed, then gone",
    ),
    (
        [listing("5", item("a", "1")), streaming(event("ADDED", "a", "1"), event("BOOKMARK", "", "9"), hang=True)],
        [],
        {"a": "1", "": None},
        "what is known already, and a bookmark",
    ),
    (
        [listing("5"), streaming(event("ADDED", "a", "6")), streaming(event("MODIFIED", "a", "7"), hang=True)],
        ["a", "a"],
        {"a": "7"},
        "a watch that ends goes on",
    ),
    (
        [listing("5", item("a", "1"), item("b", "1")), GONE, listing("9", item("a", "8"), item("c", "8")), HANGS],
        ["a", "b", "c"],
        {"a": "8", "b": None, "c": "8"},
        "changed, gone and new while nobody watched",
    ),
    (
        [listing("5", item("a", "1")), status(410), listing("9", item("a", "1")), HANGS],
        [],
        {"a": "1"},
        "nothing differs",
    ),
    (
        [
            listing("5", item("a", "1"), more="m"),
            listing("5", item("b", "1")),
            GONE,
            listing("9", item("b", "1")),
            HANGS,
        ],
        ["a"],
        {"a": None, "b": "1"},
        "pages are one listing",
    ),
    ([status(403), listing("5", item("a", "1")), HANGS], [], {"a": "1"}, "a role granted later"),
    (
        [listing("5"), status(403), streaming(event("ADDED", "a", "6"), hang=True)],
        ["a"],
        {"a": "6"},
        "list without watch, then both",
    ),
    (
        [listing("5"), (200, b'{"type": "ADDED", "obj'), streaming(event("ADDED", "a", "6"), hang=True)],
        ["a"],
        {"a": "6"},
        "half a line",
    ),
    (
        [listing("5"), streaming(event("ADDED", "a", "6", annotations={"last-applied": "\1" * 2**18}), hang=True)],
        ["a"],
        {"a": "6"},
        "as many annotations as an object may have",
    ),
]


@pytest.mark.parametrize(("answers", "changed", "there", "reason"), NOTICED)
async def test_what_a_watch_notices(api, cluster, kind, answers, changed, there, reason):
    api.says(kind, *answers)
    watched = sources(cluster)
    async with watching(watched) as heard:
        await api.settled(**{kind: len(answers)})
        assert heard == [(kind, "ns", name) for name in changed], reason
        for name, version in there.items():
            assert watched.version(kind, "ns", name) == (version and (f"u-{name}", version)), reason


async def test_one_that_was_made_anew_is_another(api, cluster, kind):
    """Even in the same version, as after a restore of etcd."""
    api.says(kind, listing("5", item("a", "1")), GONE, listing("9", item("a", "1", uid="u2")), HANGS)
    watched = sources(cluster)
    async with watching(watched) as heard:
        await api.settled(**{kind: 4})
        assert heard == [(kind, "ns", "a")]
        assert watched.version(kind, "ns", "a") == ("u2", "1")


async def test_a_watch_survives_a_server_that_goes_away(api, cluster, kind):
    api.says(kind, cut, status(500), listing("5"), cut, status(503), streaming(event("ADDED", "a", "6"), hang=True))
    watched = sources(cluster)
    async with watching(watched) as heard:
        await eventually(lambda: heard)
        await api.settled(ConfigMap=2, Secret=2)
        assert heard.listed == 2, "one of each kind: what was known stays known when the server is away for a while"
    assert heard == [(kind, "ns", "a")]
    watches = [path for path in api.asked[kind] if "watch=true" in path]
    assert all("resourceVersion=5" in path for path in watches), "where it stood, without listing again"


async def test_only_metadata_is_asked_for(server, api, cluster):
    async with watching(sources(cluster)):
        await api.settled(ConfigMap=2, Secret=2)
    accepted = [headers["Accept"].split(";")[1] for _, _, headers, _ in server.requests]
    assert sorted(accepted) == ["as=PartialObjectMetadata"] * 2 + ["as=PartialObjectMetadataList"] * 2


@pytest.mark.parametrize(("kind", "body", "key"), [("Secret", SECRET, "token"), ("ConfigMap", CONFIG_MAP, "text")])
async def test_what_was_read_before_the_first_list_may_have_changed_before_it(api, cluster, kind, body, key):
    watched = sources(cluster)
    api.says(kind, (200, body))
    await watched.read(kind, "ns", "a", key)
    api.says(kind, status(404))
    with pytest.raises(SourceMissing):
        await watched.read(kind, "ns", "later", key)
    api.says(kind, listing("5", item("a", "8"), item("other", "1")), HANGS)
    async with watching(watched) as heard:
        await api.settled(**{kind: 4})
    assert heard == [(kind, "ns", "a"), (kind, "ns", "later")]


async def test_each_namespace_is_watched_by_itself(server, cluster):
    async def by_path(request):
        if "watch=true" in request.path_qs:
            namespace = request.path.split("/")[4]
            return await streaming(event("ADDED", "a", "6", namespace), hang=True)(request)
        return web.Response(body=json.dumps(listing("5")[1]).encode())

    server.says(by_path)
    watched = sources(cluster, "one", "two")
    async with watching(watched) as heard:
        await eventually(lambda: len(heard) == 4)
        assert heard.listed == 4
        with pytest.raises(Unwatched):
            watched.version("Secret", "three", "a")
    assert sorted(heard) == [(kind, namespace, "a") for kind in KINDS.values() for namespace in ("one", "two")]
    assert {path.split("?")[0] for _, path, *_ in server.requests} == {
        f"/api/v1/namespaces/{namespace}/{plural}" for plural in KINDS for namespace in ("one", "two")
    }


async def test_nothing_is_known_before_the_whole_list_is_there(api, cluster, kind):
    last = asyncio.Event()

    async def late(request):
        await last.wait()
        return web.json_response(listing("5", item("b", "1"))[1])

    api.says(kind, listing("5", item("a", "1"), more="m"), late, HANGS)
    watched = sources(cluster)
    with pytest.raises(Unwatched):
        watched.version(kind, "ns", "a")
    async with watching(watched) as heard:
        await api.settled(ConfigMap=2, Secret=2)
        with pytest.raises(Unwatched):
            watched.version(kind, "ns", "a")
        assert heard.listed == 1, "the other kind"
        last.set()
        await eventually(lambda: heard.listed == 2)
        assert watched.version(kind, "ns", "a") == ("u-a", "1")
        assert heard == []


async def test_one_kind_that_is_forbidden_does_not_hurt_the_other(api, cluster, kind):
    (other,) = set(KINDS.values()) - {kind}
    api.says(kind, status(403, "forbidden"))
    api.says(other, listing("5", item("a", "1")), streaming(event("MODIFIED", "a", "6"), hang=True))
    watched = sources(cluster)
    async with watching(watched) as heard:
        await api.settled(**{kind: 5, other: 2})
        assert heard == [(other, "ns", "a")]
        assert heard.listed == 1
        assert watched.version(other, "ns", "a") == ("u-a", "6")
        with pytest.raises(Unwatched):
            watched.version(kind, "ns", "a")


async def test_what_a_refused_watch_knew_counts_again_when_it_is_granted_again(api, cluster, kind):
    granted = asyncio.Event()

    async def refuses(request):
        if granted.is_set():
            return await HANGS(request)
        code, body = status(403, "forbidden")
        return web.json_response(body, status=code)

    api.says(kind, listing("5", item("a", "1")), refuses)
    watched = sources(cluster)
    async with watching(watched) as heard:
        await api.settled(ConfigMap=2, Secret=2)
        await api.settled(**{kind: 4})
        with pytest.raises(Unwatched):
            watched.version(kind, "ns", "a")
        before = heard.listed
        granted.set()
        await eventually(lambda: heard.listed > before)
        assert heard.listed == before + 1
        assert watched.version(kind, "ns", "a") == ("u-a", "1")


@pytest.mark.parametrize(("refusals", "expected"), [(2, 0), (3, 1), (10, 1)])
async def test_not_allowed_is_told_once_it_is_certain_and_once(api, cluster, caplog, kind, refusals, expected):
    api.says(kind, *[status(403, "it is forbidden")] * refusals, listing("5"), HANGS)
    async with watching(sources(cluster)):
        await api.settled(**{kind: refusals + 2})
    told = [record.message for record in caplog.records if "can't be watched" in record.message]
    assert len(told) == expected
    assert all(line.startswith(f"{kind}s of all namespaces can't be watched (it is forbidden)") for line in told)
    assert all(f"Grant list and watch on {kind.lower()}s" in line for line in told)
