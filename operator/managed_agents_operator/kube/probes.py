"""What the kubelet and Prometheus ask: /healthz, /readyz and /metrics on one port.

Made by `app`, which says what counts as alive and as ready. Nothing here calls anybody: an answer tells what is known.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import orjson
from aiohttp import web

from managed_agents_operator.settings import WrongSettings
from managed_agents_operator.telemetry import exposition


@dataclass(frozen=True)
class Check:
    """One thing that can be well or not. `seconds` is its age, None where nothing has an age yet."""

    ok: bool
    seconds: float | None = None
    note: str | None = None

    @classmethod
    def age(cls, seconds: float | None, bound: float) -> Self:
        """Well while younger than `bound` seconds, or not there yet."""
        return cls(seconds is None or seconds <= bound, seconds)


Checks = Callable[[], Mapping[str, Check]]


class Probes:
    """The HTTP server behind the probes. An async context manager; port 0 takes a free one, and `port` says which.

    `alive` and `ready` name what is checked; an answer is 200 when all of it is well, else 503, and lists it as JSON.
    """

    def __init__(self, port: int, alive: Checks, ready: Checks) -> None:
        self.port = port
        self._application = web.Application()
        self._application.router.add_get("/healthz", _answering(alive))
        self._application.router.add_get("/readyz", _answering(ready))
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


def _answering(checks: Checks) -> Callable[[web.Request], object]:
    async def answer(_: web.Request) -> web.Response:
        found = checks()
        ok = all(check.ok for check in found.values())
        body = {"ok": ok, "checks": {name: _shown(check) for name, check in found.items()}}
        return web.Response(status=200 if ok else 503, body=orjson.dumps(body), content_type="application/json")

    return answer


def _shown(check: Check) -> dict[str, object]:
    fields = {name: value for name, value in asdict(check).items() if value is not None}
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in fields.items()}


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(text=exposition(), content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
