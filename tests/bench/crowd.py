"""Many Sessions at once, and when each of them was seen to change: the load of the benchmark, in one event loop.

Speaks to the API server by itself, since kubectl would take more of the two cores than what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import httpx
import orjson
import yaml

PATH = "/apis/managedagents.dev/v1alpha1/namespaces/{}/sessions"
EVERYWHERE = "/apis/managedagents.dev/v1alpha1/sessions"
AT_ONCE = 16


class Crowd:
    """`async with Crowd(world) as crowd`: makes Sessions, and follows all by one watch."""

    def __init__(self, world):
        cluster = world.cluster
        user = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]
        self._simulator = world.simulator
        self._kubernetes = httpx.AsyncClient(
            base_url=cluster.url,
            verify=ssl.create_default_context(cafile=str(cluster.ca)),
            headers={"authorization": f"Bearer {user['token']}"},
            timeout=60,
        )
        headers = {"x-api-key": world.simulator.key, "anthropic-version": "2023-06-01"}
        headers |= {"anthropic-beta": "managed-agents-2026-04-01"}
        self._claude = httpx.AsyncClient(base_url=world.simulator.url, headers=headers, trust_env=False, timeout=60)
        self.ids = {}
        self.ready = {}
        """When each name was first seen to be Ready (monotonic)."""
        self.states = {}
        """By name: when it was first seen in each state since `forget`."""
        self._changed = asyncio.Event()

    async def __aenter__(self):
        self._watch = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_):
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._kubernetes.aclose()
        await self._claude.aclose()

    async def make(self, names, namespace="default", **spec):
        """Sessions of these names; when the first was sent."""
        began, left = time.monotonic(), list(reversed(names))

        async def some():
            while left:
                await self._create(left.pop(), namespace, spec)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return began

    async def _create(self, name, namespace, more):
        spec = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}, **more}
        head = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session"}
        body = orjson.dumps({**head, "metadata": {"name": name}, "spec": spec})
        headers = {"content-type": "application/json"}
        (await self._kubernetes.post(PATH.format(namespace), content=body, headers=headers)).raise_for_status()

    async def all_ready(self, names, seconds):
        """When the last of them was seen to be Ready."""
        async with asyncio.timeout(seconds):
            left = set(names)
            while left := {name for name in left if name not in self.ready}:
                self._changed.clear()
                await self._changed.wait()
                await asyncio.sleep(0.05)
        return max(self.ready[name] for name in names)

    async def so_many_ready(self, count):
        """Wait until so many of all are Ready."""
        while len(self.ready) < count:
            self._changed.clear()
            await self._changed.wait()

    async def speak(self, name):
        """Somebody gives it work; when that was answered."""
        message = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}
        path = f"/v1/sessions/{self.ids[name]}/events"
        answer = await self._claude.post(path, params={"beta": "true"}, json={"events": [message]})
        answer.raise_for_status()
        return time.monotonic()

    async def retitle(self, name, title):
        """Somebody gives it another title, which the operator only shows; when that was answered."""
        path = f"/v1/sessions/{self.ids[name]}"
        answer = await self._claude.post(path, params={"beta": "true"}, json={"title": title})
        answer.raise_for_status()
        return time.monotonic()

    def forget(self):
        """What was seen of states until now."""
        self.states.clear()

    async def seen(self, name, what):
        """When a name was first seen with this state or title since `forget`."""
        while what not in self.states.get(name, {}):
            self._changed.clear()
            await self._changed.wait()
        return self.states[name][what]

    async def _follow(self):
        version = ""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if not version:
                    listed = orjson.loads((await self._kubernetes.get(EVERYWHERE)).content)
                    version = listed["metadata"]["resourceVersion"]
                    for item in listed["items"]:
                        self._see(item)
                query = {"watch": "1", "resourceVersion": version}
                async with self._kubernetes.stream("GET", EVERYWHERE, params=query, timeout=None) as stream:
                    async for line in stream.aiter_lines():
                        event = orjson.loads(line)
                        if event["type"] == "ERROR":
                            version = ""
                            break
                        version = event["object"]["metadata"]["resourceVersion"]
                        self._see(event["object"])

    def _see(self, body):
        now, name, status = time.monotonic(), body["metadata"]["name"], body.get("status") or {}
        if id := status.get("id"):
            self.ids[name] = id
        if any((c["type"], c["status"]) == ("Ready", "True") for c in status.get("conditions") or ()):
            self.ready.setdefault(name, now)
        seen = self.states.setdefault(name, {})
        for what in (status.get("state"), status.get("title")):
            if what:
                seen.setdefault(what, now)
        self._changed.set()
