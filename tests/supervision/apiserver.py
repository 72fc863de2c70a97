"""An API server with a memory, over HTTP: what a whole operator in this process needs of one, and nothing more.

It lists, watches, reads, creates, replaces and merges; preconditions hold. Rights, schemas and histories are the real
one's, in the tests marked e2e.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json

from aiohttp import web
from tests.engine.world.cluster import merged

GROUP = "managedagents.dev/v1alpha1"
SERVED = {
    "v1": {"namespaces": False, "configmaps": True, "secrets": True},
    GROUP: {"sessions": True, "connections": True, "clusterconnections": False},
}
"""The resources of each version, and whether they are in namespaces."""
KINDS = {"sessions": "Session", "connections": "Connection", "clusterconnections": "ClusterConnection"}


class ApiServer:
    """`async with ApiServer() as server`: `server.url` leads there; `server.put(path, body)` is what people do."""

    def __init__(self):
        self.objects = {}
        """By path, without `/status`."""
        self.url = ""
        self._versions = itertools.count(1)
        self._watches = []
        self._held, self._gate = "", asyncio.Event()
        self.holding = 0
        """How many requests are held."""

    async def __aenter__(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.05, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.put("/api/v1/namespaces/kube-system", {"metadata": {"name": "kube-system"}})
        return self

    async def __aexit__(self, *exc):
        await self._runner.cleanup()

    def put(self, path, body):
        """Store the next version of an object, and tell those who watch."""
        known = self.objects.get(path)
        name = path.rsplit("/", 1)[1]
        meta = {"name": name, "uid": f"uid-{name}", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
        if "/namespaces/" in path and not path.endswith(f"/namespaces/{name}"):
            meta["namespace"] = path.split("/namespaces/")[1].split("/")[0]
        version = str(next(self._versions))
        stored = {**body, "metadata": {**meta, **body["metadata"], "resourceVersion": version}}
        self.objects[path] = stored
        for collection, queue in self._watches:
            if _of(collection, path):
                queue.put_nowait({"type": "MODIFIED" if known else "ADDED", "object": stored})
        return stored

    @contextlib.asynccontextmanager
    async def held(self, method):
        """Requests of this method are not answered meanwhile."""
        self._held = method
        yield
        self._held = ""
        self._gate.set()

    async def _handle(self, request):
        if request.method == self._held:
            self.holding += 1
            await self._gate.wait()
        path = request.path.removesuffix("/status")
        body = await request.json() if request.can_read_body else None
        match request.method:
            case "GET" if request.query.get("watch"):
                return await self._watch(request)
            case "GET":
                return self._read(path)
            case "PATCH" if path in self.objects:
                return self._replaced(path, merged(self.objects[path], body), body)
            case "PUT" if path in self.objects:
                return self._replaced(path, body, body)
            case "POST":
                return web.json_response(self.put(f"{path}/{body['metadata']['name']}", body), status=201)
        return _failure(404)

    def _replaced(self, path, body, asked):
        if asked["metadata"].get("resourceVersion") != self.objects[path]["metadata"]["resourceVersion"]:
            return _failure(409)
        return web.json_response(self.put(path, body))

    def _read(self, path):
        if path in self.objects:
            return web.json_response(self.objects[path])
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if path in ("/api", "/apis"):
            group = {"name": GROUP.partition("/")[0], "versions": [{"version": "v1alpha1"}]}
            group["preferredVersion"] = group["versions"][0]
            return web.json_response({"versions": ["v1"]} if path == "/api" else {"groups": [group]})
        if version in SERVED:
            told = [
                {
                    "name": plural,
                    "singularName": plural[:-1],
                    "kind": KINDS.get(plural, plural[:-1].title()),
                    "namespaced": namespaced,
                    "verbs": ["list", "watch", "patch", "get"],
                }
                for plural, namespaced in SERVED[version].items()
            ]
            return web.json_response({"kind": "APIResourceList", "resources": told})
        if path.rsplit("/", 1)[1] not in {plural for plurals in SERVED.values() for plural in plurals}:
            return _failure(404)
        items = [body for at, body in self.objects.items() if _of(path, at)]
        meta = {"resourceVersion": str(next(self._versions))}
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items})

    async def _watch(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        watch = (request.path, asyncio.Queue())
        self._watches.append(watch)
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while True:
                    event = await watch[1].get()
                    await response.write(json.dumps(event).encode() + b"\n")
        except (TimeoutError, ConnectionError):
            return response
        finally:
            self._watches.remove(watch)


def _of(collection, path):
    """Whether an object is in a collection, of its namespace or of all."""
    before, _, name = path.rpartition("/")
    head, _, plural = collection.rpartition("/")
    everywhere = before.startswith(f"{head}/namespaces/") and before.endswith(f"/{plural}")
    return bool(name) and (before == collection or everywhere)


def _failure(code):
    return web.json_response({"kind": "Status", "message": "said the server", "code": code}, status=code)
