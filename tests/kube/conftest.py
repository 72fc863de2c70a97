"""A stand-in API server that does what its script says, and the way to it.

For what a real one never does on demand: refusing credentials, cutting connections, ending watches. What the real one
does is asked of the real one, in the tests marked e2e.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest
import yaml
from aiohttp import web

from managed_agents_operator.kube.access import Cluster


@dataclass
class ApiServer:
    """`script` answers each request; `requests` is what came, as (method, path with query, headers, body)."""

    url: str = ""
    requests: list = field(default_factory=list)
    script: object = None

    def says(self, *answers):
        """One answer a request, the last one stays: (status, body) or a coroutine function of the request."""
        left = list(answers)

        async def script(request):
            answer = left.pop(0) if len(left) > 1 else left[0]
            if callable(answer):
                return await answer(request)
            status, body = answer
            return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())

        self.script = script

    async def handle(self, request):
        self.requests.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        return await self.script(request)


def status(code, message="said the server"):
    """The body of a failure as the API server words it."""
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def streaming(*events, hang=False):
    """A watch with these events; it ends by itself, or hangs until the client leaves."""

    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        if hang:
            await asyncio.Event().wait()
        return response

    return answer


async def cut(request):
    """The connection ends without an answer."""
    request.transport.close()
    return web.Response()


@pytest.fixture
async def server():
    server = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def kubeconfig(server, tmp_path):
    """Writes a kubeconfig for the stand-in, with this user."""

    def write(user=None):
        path = tmp_path / "kubeconfig"
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": f"{server.url}/"}}],
            "users": [{"name": "it", "user": user or {"token": "first"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write


@pytest.fixture
async def cluster(kubeconfig):
    async with await Cluster.connect(kubeconfig()) as cluster:
        yield cluster


async def eventually(condition):
    """Waits until it is so, and returns what it is then; the test's own time-out is the only limit."""
    while not (found := condition()):  # noqa: ASYNC110 - what is waited for is not ours to signal
        await asyncio.sleep(0.005)
    return found
