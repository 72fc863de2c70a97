"""The way to the API server: what is sent, what answers mean, and whose credentials are used."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from kubernetes.aio.client.rest import RESTClientObject
from tests.kube.conftest import cut, status, streaming

from managed_agents_operator import __version__
from managed_agents_operator.engine.errors import (
    ClusterError,
    ClusterUnreachable,
    ObjectGone,
    WriteConflict,
    WriteRefused,
)
from managed_agents_operator.kube.access import Cluster, object_path
from managed_agents_operator.kube.answers import Expired, Forbidden, failure
from managed_agents_operator.settings import WrongSettings

MEANINGS = [
    (400, "bad", WriteRefused, "no patch"),
    (401, "who", ClusterUnreachable, "a person or a new token mends it"),
    (403, "forbidden", Forbidden, "a role may be granted later"),
    (404, "not found", ObjectGone, "gone"),
    (409, "the object has been modified", WriteConflict, "decide again"),
    (410, "too old resource version", Expired, "list again"),
    (413, "limit is 3145728", WriteRefused, "too large for the API server"),
    (415, "media type", WriteRefused, "will never be taken"),
    (422, "invalid", WriteRefused, "against the schema"),
    (429, "too many", ClusterUnreachable, "later"),
    (500, "etcdserver: request is too large", WriteRefused, "too large for etcd, whatever the status says"),
    (500, "rpc error: trying to send message larger than max (3 vs 2)", WriteRefused, "too large on the way to etcd"),
    (500, "etcdserver: leader changed", ClusterUnreachable, "later"),
    (503, "apiserver is shutting down", ClusterUnreachable, "later"),
    (504, "timeout", ClusterUnreachable, "nobody knows"),
    (302, "elsewhere", ClusterUnreachable, "nothing is followed"),
]


@pytest.mark.parametrize(("code", "message", "expected", "reason"), MEANINGS)
async def test_what_a_status_means(server, cluster, code, message, expected, reason):
    server.says(status(code, message))
    with pytest.raises(ClusterError) as raised:
        await cluster.call("PATCH", "/x", body={})
    assert type(raised.value) is expected, reason
    assert message in str(raised.value), reason
    assert len(server.requests) == 1 or code == 401, reason
    if isinstance(raised.value, WriteRefused):
        assert raised.value.code == code


@pytest.mark.parametrize("content", [b"", b"<html>\nproxy", b"[]", b"null", b'{"message": null}', b"\xff\x00"])
def test_any_body_of_a_failure_is_taken(content):
    assert "\n" not in str(failure(500, content))


async def test_what_is_sent(server, cluster):
    server.says((200, {"a": 1}))
    assert await cluster.call("PATCH", "/x", params={"p": "1"}, body={"b": 2}, content_type="application/y") == {"a": 1}
    method, path, headers, body = server.requests[0]
    assert (method, path, body) == ("PATCH", "/x?p=1", b'{"b":2}')
    assert headers["Authorization"] == "Bearer first"
    assert headers["User-Agent"] == f"managed-agents-operator/{__version__}"
    assert headers["Content-Type"] == "application/y"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
async def test_an_answer_that_is_no_object_is_none(server, cluster, body):
    server.says((200, body))
    with pytest.raises(ClusterUnreachable, match="can't be read"):
        await cluster.call("GET", "/x")


async def test_a_write_whose_answer_is_lost_is_not_repeated(server, cluster):
    server.says((200, {}), cut)
    await cluster.call("GET", "/x")
    with pytest.raises(ClusterUnreachable, match="did not answer"):
        await cluster.call("PATCH", "/x", body={})
    assert [method for method, *_ in server.requests] == ["GET", "PATCH"]


async def test_nobody_there(kubeconfig, server):
    server.url = "http://127.0.0.1:1"
    async with await Cluster.connect(kubeconfig()) as cluster:
        with pytest.raises(ClusterUnreachable, match="did not answer"):
            await cluster.call("GET", "/x")


async def test_after_a_401_the_credentials_are_read_again_and_the_call_repeated_once(server, kubeconfig):
    async with await Cluster.connect(kubeconfig()) as cluster:
        kubeconfig({"token": "second"})
        server.says(status(401), (200, {"a": 1}))
        assert await cluster.call("PATCH", "/x", body={}) == {"a": 1}
        server.says(status(401))
        with pytest.raises(ClusterUnreachable):
            await cluster.call("PATCH", "/x", body={})
    tokens = [headers["Authorization"] for _, _, headers, _ in server.requests]
    assert tokens == ["Bearer first", "Bearer second", "Bearer second"], "and not again right away"


async def test_a_pod_reads_its_token_again(server, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("first")
    (tmp_path / "ca.crt").write_text("no certificate, and none is needed")
    host, port = server.url.removeprefix("http://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    incluster = "kubernetes.aio.config.incluster_config"
    monkeypatch.setattr(f"{incluster}.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(f"{incluster}.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    cluster = await Cluster.connect(None)
    assert cluster.server == f"https://{host}:{port}"
    assert await cluster._authorization() == {"Authorization": "bearer first"}
    token.write_text("second")
    assert await cluster._reauthenticate() is True
    assert await cluster._reauthenticate() is False, "not in a hurry"
    assert await cluster._authorization() == {"Authorization": "bearer second"}


async def test_the_frameworks_session_has_credentials_that_renew_themselves(server, cluster, kubeconfig):
    answers = []
    server.says((200, {}))
    async with cluster.session(
        on_answer=lambda path, query, status: answers.append((path, dict(query), status))
    ) as session:
        async with session.get(f"{cluster.server}/x"):
            pass
        cluster._configuration.api_key["BearerToken"] = "Bearer second"
        async with session.get(f"{cluster.server}/x?watch=true"):
            pass
    tokens = [headers["Authorization"] for _, _, headers, _ in server.requests]
    assert tokens == ["Bearer first", "Bearer second"]
    assert answers == [("/x", {}, 200), ("/x", {"watch": "true"}, 200)]


PROXIES = [
    ({}, None, "none is set"),
    ({"http_proxy": "http://proxy:3128"}, "http://proxy:3128", "the environment's"),
    ({"https_proxy": "http://proxy:3128"}, None, "for another scheme"),
    ({"http_proxy": "http://proxy:3128", "no_proxy": "127.0.0.1"}, None, "not for this host"),
]


@pytest.mark.parametrize(("environment", "expected", "reason"), PROXIES)
async def test_proxies_of_the_environment_are_used(cluster, monkeypatch, environment, expected, reason):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with cluster.session() as session:
        assert (session._default_proxy and str(session._default_proxy)) == expected, reason


async def test_writes_at_a_time_are_bounded(server, kubeconfig):
    now, most = 0, 0

    async def slow(request):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.json_response({})

    server.says(slow)
    async with await Cluster.connect(kubeconfig(), connections=4) as cluster, asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(cluster.call("PATCH", "/x", body={}))
    assert most == 4


async def test_a_stream_ends_and_fails_like_a_call(server, cluster):
    server.says(streaming({"type": "ADDED", "object": {"n": 1}}))
    assert [event["object"]["n"] async for event in cluster.stream("/x", params={})] == [1]
    server.says(status(403))
    with pytest.raises(Forbidden):
        [event async for event in cluster.stream("/x", params={})]
    server.says(streaming({"type": "ERROR", "object": {"code": 410, "message": "too old"}}))
    with pytest.raises(Expired, match="too old"):
        [event async for event in cluster.stream("/x", params={})]
    server.says(streaming({"type": "ADDED", "object": {"n": "x" * 2**22}}))
    with pytest.raises(Expired, match="too long"):
        [event async for event in cluster.stream("/x", params={})]


async def test_that_a_stream_is_open_is_told_before_its_first_event(server, cluster):
    opened = asyncio.Event()
    server.says(status(403))
    with pytest.raises(Forbidden):
        [event async for event in cluster.stream("/x", params={}, on_open=opened.set)]
    assert not opened.is_set()
    server.says(streaming(hang=True))
    reading = asyncio.create_task(anext(cluster.stream("/x", params={}, on_open=opened.set)))
    await opened.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


PATHS = [
    (("", "v1", "secrets", None, None), "/api/v1/secrets"),
    (("", "v1", "secrets", "ns", "a.b"), "/api/v1/namespaces/ns/secrets/a.b"),
    (("g.dev", "v1", "things", "ns", None), "/apis/g.dev/v1/namespaces/ns/things"),
    (("", "v1", "namespaces", None, "kube-system"), "/api/v1/namespaces/kube-system"),
]


@pytest.mark.parametrize(("parts", "path"), PATHS)
def test_paths(parts, path):
    assert object_path(*parts) == path


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a b", "A", "%2e%2e", "a?b", "a\n", "x" * 254, "-a", "a-"])
def test_names_that_no_object_has_reach_no_url(name):
    with pytest.raises(ObjectGone):
        object_path("", "v1", "secrets", "ns", name)


@given(st.text(max_size=20), st.text(max_size=20))
@example("a", "../../b/secrets/c")
@example("a/secrets/b?x=", "c")
def test_whatever_is_named_the_path_is_of_that_namespace_or_none(namespace, name):
    try:
        path = object_path("", "v1", "secrets", namespace, name)
    except ObjectGone:
        return
    assert path.split("/") == ["", "api", "v1", "namespaces", namespace, "secrets", name]
    assert namespace not in (".", "..")
    assert name not in (".", "..")


NOWHERE = [
    (None, "^KUBECONFIG: not set", "neither a pod nor a file"),
    ("/nowhere", "^KUBECONFIG: there is no file /nowhere", "a slip of the pen"),
    ("{tmp}/empty", "^KUBECONFIG: can't be used", "nothing in it"),
    ("{tmp}/broken", "^KUBECONFIG: can't be used", "not YAML"),
    ("{tmp}/text", "^KUBECONFIG: can't be used", "YAML, and no kubeconfig"),
]


@pytest.mark.parametrize(("given", "said", "reason"), NOWHERE)
async def test_no_way_to_a_cluster_is_said_in_one_line(tmp_path, monkeypatch, given, said, reason):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    for name, content in {"empty": "", "broken": "a: [\n  b: {", "text": "hello"}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(WrongSettings, match=said) as raised:
        await Cluster.connect(given and given.format(tmp=tmp_path))
    assert "\n" not in str(raised.value), reason


def test_the_client_still_documents_the_extension_point_we_use():
    assert "Override in a subclass" in (RESTClientObject._create_pool_manager.__doc__ or "")
