"""What the kubelet and Prometheus ask: /healthz, /readyz and /metrics on one port.

Made by `app`, which says how far the process is and what may not grow old. Nothing here calls anybody: an answer tells
what is known.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import orjson
from aiohttp import web

from managed_agents_operator.settings import WrongSettings
from managed_agents_operator.telemetry import exposition

Age = Callable[[], float | None]
"""Seconds since something, None before it ever was."""


@dataclass(frozen=True)
class Check:
    """One thing that can be well or not. `seconds` is its age, None where nothing has an age yet."""

    ok: bool
    seconds: float | None = None
    note: str | None = None


class Health:
    """What is known of this process's well-being: how far it is, and how long ago things happened.

    `phase` is starting, standby, working or draining. `watch_bound` is how many seconds the framework may go without an
    answer of the API server to one of its watches.
    """

    def __init__(self, watch_bound: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.phase = "starting"
        self._watch_bound = watch_bound
        self._clock = clock
        self._answered: dict[str, float] = {}
        self._granted: set[str] = set()
        self.expect(1)
        self._ages: dict[str, tuple[Age, float | None]] = {}

    def expect(self, watches: int) -> None:
        """So many watches are to be answered from now on."""
        self._watches, self._expected_since = watches, self._clock()

    def answered(self, watch: str, granted: bool) -> None:
        """The API server has just answered the framework when it asked for this watch.

        One that is refused is no watch, but nothing that a restart would mend.
        """
        self._answered[watch] = self._clock()
        if granted:
            self._granted.add(watch)

    def watch(self, name: str, age: Age, bound: float | None = None) -> None:
        """Show this age from now on; past `bound` seconds it is not well any more."""
        self._ages[name] = (age, bound)

    def alive(self) -> dict[str, Check]:
        """Whether a restart would help."""
        checks = {"phase": Check(ok=True, note=self.phase)}
        for name, (age, bound) in (self._ages | {"watch": (self._watch_age, self._watch_bound)}).items():
            seconds = age()
            checks[name] = Check(seconds is None or bound is None or seconds <= bound, seconds)
        return checks

    def ready(self) -> dict[str, Check]:
        """Whether this process does its part: working, with every watch, or standing by."""
        ready = self.phase == "standby" or (self.phase == "working" and len(self._granted) >= self._watches)
        return {"phase": Check(ok=ready, note=self.phase)}

    def _watch_age(self) -> float | None:
        """Of the watch that was not answered for longest: the others go on without it, and would hide it."""
        since = list(self._answered.values())
        if self.phase == "working" and len(since) < self._watches:
            since.append(self._expected_since)
        return self._clock() - min(since) if since else None


class Probes:
    """The HTTP server behind the probes. An async context manager; port 0 takes a free one, and `port` says which.

    An answer is 200 when all checks are well, else 503, and lists them as JSON.
    """

    def __init__(self, port: int, health: Health) -> None:
        self.port = port
        self._application = web.Application()
        self._application.router.add_get("/healthz", _answering(health.alive))
        self._application.router.add_get("/readyz", _answering(health.ready))
        self._application.router.add_get("/metrics", _metrics)
        self._runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=0.5, handle_signals=False)

    async def __aenter__(self) -> Self:
        listening = _listening(self.port)
        self.port = listening.getsockname()[1]
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()


def _listening(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both, backlog=16
        )
    except OSError as e:
        raise WrongSettings(
            f"MANAGED_AGENTS_HTTP_PORT: {port} can't be used ({e.strerror}): name a free port, or 0 for any"
        ) from None


def _answering(checks: Callable[[], Mapping[str, Check]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.Response:
        found = checks()
        ok = all(check.ok for check in found.values())
        body = {"ok": ok, "checks": {name: _shown(check) for name, check in found.items()}}
        return web.Response(status=200 if ok else 503, body=orjson.dumps(body), content_type="application/json")

    return answer


def _shown(check: Check) -> dict[str, object]:
    fields = {name: value for name, value in asdict(check).items() if value is not None}
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in fields.items()}


async def _metrics(request: web.Request) -> web.Response:
    body, content_type = exposition(",".join(request.headers.getall("Accept", [])))
    headers = {"Content-Type": content_type, "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, headers=headers)
