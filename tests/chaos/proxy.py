"""A way between the operator and one of its two sides that can be broken: the n-th request, or its answer.

Runs in a thread of its own, so that a test may wait for what the operator does meanwhile. Nothing is known here of what
the requests mean; what is done to them, and when, is for who adds the rules.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web
from tests.chaos.answers import OURS, abort, carried, slowly, truncated

BEFORE = ("drop", "hold", "delay", "answer", "old", "kill", "freeze")
"""What is done to a request on its way: it is not there yet."""
AFTER = ("cut", "late", "slow", "truncate", "twice", "kill in", "kill after", "freeze in")
"""What is done once the other side has carried it out."""
ANY = "*"
"""Whatever the method is."""


@dataclass
class Rule:
    """Hits the matching requests after the first `skip`, `times` of them.

    `seconds` is how long a delay lasts, `status` and `body` what is answered in place of the other side; "old" answers
    what was answered before to the same question.
    """

    act: str
    method: str
    path: str
    skip: int = 0
    times: int = 1
    seconds: float = 1.0
    status: int = 500
    body: bytes = b"{}"
    hits: int = 0
    seen: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def applies(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it if it matches."""
        if self.method not in (ANY, method) or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or self.hits >= self.times:
            return False
        self.hits += 1
        return True

    def __str__(self) -> str:
        return f"{self.act} {self.method} {self.path} skip={self.skip} times={self.times}"


class Proxy:
    """`with Proxy("kubernetes", url, ca) as proxy`: `proxy.url` leads there.

    `kill` ends the operator at once, `freeze` stops it.
    """

    def __init__(
        self,
        name: str,
        upstream: str,
        ca: str | None,
        kill: Callable[[], None],
        freeze: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self._upstream, self._ca = name, upstream.rstrip("/"), ca
        self._kill, self._freeze = kill, freeze
        self._known: dict[str, tuple[int, Any, bytes]] = {}
        self._streams: list[web.Request] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {name}", daemon=True)
        self._rules: list[Rule] = []
        self._began = time.monotonic()
        self._whole = asyncio.Event()
        self._whole.set()
        self.trace: list[str] = []
        """Every hit: when, on which request, and what was done."""
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, act: str, method: str, path: str, **more: Any) -> Rule:
        """Break the way. Raises ValueError for what can't be done."""
        if act not in (*BEFORE, *AFTER):
            raise ValueError(f"nobody knows how to {act}")
        rule = Rule(act, method, path, **more)
        self._loop.call_soon_threadsafe(self._rules.append, rule)
        return rule

    def detour(self, kubeconfig: Path, path: Path) -> Path:
        """Write a kubeconfig with the rights of another one, and its cluster by this way."""
        told = yaml.safe_load(kubeconfig.read_text())
        told["clusters"][0]["cluster"] = {"server": self.url}
        path.write_text(yaml.safe_dump(told))
        return path

    def partition(self) -> None:
        """Nothing passes any more, either way, and nobody is told: neither of what is under way nor of what comes."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def sever(self) -> None:
        """End every stream that is open."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for request in self._streams:
            abort(request)

    def remove(self, rule: Rule) -> None:
        """Mend one of it."""
        self._loop.call_soon_threadsafe(lambda: self._rules.remove(rule) if rule in self._rules else None)

    def release(self) -> None:
        """What is held goes on, and nothing else is held."""
        self._loop.call_soon_threadsafe(self._forget, "hold")

    def clear(self) -> None:
        """Mend all of it; what is held goes on."""
        self._loop.call_soon_threadsafe(self._forget)

    def hits(self) -> int:
        """How many requests were hit so far."""
        return len(self.trace)

    def _forget(self, act: str | None = None) -> None:
        if act is None:
            self._whole.set()
        for rule in [rule for rule in self._rules if act in (None, rule.act)]:
            rule.released.set()
            self._rules.remove(rule)

    async def _open(self) -> None:
        tls = ssl.create_default_context(cafile=self._ca) if self._ca else False
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2, handler_cancellation=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        await self._session.close()
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._carry(request)
        except (aiohttp.ClientError, ConnectionError):
            # One of the two ends is gone.
            return abort(request)

    async def _carry(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        await self._whole.wait()
        rules = (one for one in self._rules if one.applies(request.method, request.path_qs))
        rule = next(rules, Rule("", "", ""))
        if rule.act:
            at = time.monotonic() - self._began
            self.trace.append(f"{at:7.2f} {self.name}: {rule.act} {request.method} {request.path_qs[:120]}")
        if rule.act in BEFORE and (instead := await self._before(request, rule)):
            return instead
        if "watch=" in request.query_string and request.method == "GET":
            return await self._stream(request, body)
        status, headers, answer = await self._forward(request, body)
        await self._whole.wait()
        if request.method == "GET" and "resourceVersion=" not in request.query_string:
            self._known.setdefault(request.path_qs, (status, headers, answer))
        if rule.act == "twice":
            status, headers, answer = await self._forward(request, body)
        if rule.act in AFTER and (instead := await self._after(request, rule, status, headers, answer)):
            return instead
        return web.Response(status=status, headers=headers, body=answer)

    async def _before(self, request: web.Request, rule: Rule) -> web.StreamResponse | None:
        """What is done to a request on its way; None lets it go on."""
        match rule.act:
            case "kill":
                self._kill()
            case "freeze":
                self._freeze()
            case "drop":
                return abort(request)
            case "old" if known := self._known.pop(request.path_qs, None):
                return web.Response(status=known[0], headers=known[1], body=known[2])
            case "answer":
                return web.Response(status=rule.status, body=rule.body, content_type="application/json")
            case "hold":
                await rule.released.wait()
            case "delay":
                await asyncio.sleep(rule.seconds)
        return None

    async def _after(
        self, request: web.Request, rule: Rule, status: int, headers: Any, answer: bytes
    ) -> web.StreamResponse | None:
        """What is done to its answer; None lets it go on."""
        match rule.act:
            case "cut":
                return abort(request)
            case "kill in":
                self._kill()
                return abort(request)
            case "late":
                await asyncio.sleep(rule.seconds)
            case "slow":
                return await slowly(request, status, headers, answer, rule.seconds)
            case "freeze in":
                self._freeze()
            case "truncate":
                return await truncated(request, status, headers, answer)
            case "kill after":
                # The answer is on its way: it may have been read, and it may not.
                self._loop.call_later(0.003, self._kill)
        return None

    def _ask(self, request: web.Request, body: bytes) -> Any:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in OURS]
        url = self._upstream + request.raw_path
        return self._session.request(
            request.method,
            aiohttp.client.URL(url, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
        )

    async def _forward(self, request: web.Request, body: bytes) -> tuple[int, Any, bytes]:
        try:
            async with self._ask(request, body) as answer:
                return answer.status, carried(answer.headers), await answer.read()
        except aiohttp.ClientError:
            return 502, {}, b"{}"

    async def _stream(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._ask(request, body) as answer:
            response = web.StreamResponse(status=answer.status, headers=carried(answer.headers))
            await response.prepare(request)
            self._streams.append(request)
            try:
                async for chunk in answer.content.iter_any():
                    await self._whole.wait()
                    await response.write(chunk)
            finally:
                self._streams.remove(request)
            return response
