"""The door: the ASGI application of the faked API. Every request comes in here and every answer goes out here.

In this order: written into the log, hit by a fault if one applies, admitted, carried out, committed, answered. Handlers
run without interruption, so a request sees and makes one consistent state.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.wire import answering
from managed_agents_simulator.wire.admission import admit, presented
from managed_agents_simulator.wire.call import Call, Reply
from managed_agents_simulator.wire.errors import ApiError
from managed_agents_simulator.wire.faults import Faults, Rule
from managed_agents_simulator.wire.logbook import NOTED, Entry, Logbook
from managed_agents_simulator.wire.query import Query
from managed_agents_simulator.wire.reading import read_body, read_form
from managed_agents_simulator.wire.routes import find

if TYPE_CHECKING:
    from managed_agents_simulator.world import World


class Door:
    """The faked API over one world."""

    def __init__(self, world: World, *, latency: float = 0.0) -> None:
        """`latency` is waited, in seconds, before each request is carried out."""
        self.world = world
        self.latency = latency
        self.logbook = Logbook()
        self.faults = Faults()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        headers = Headers(scope=scope)
        request_id = self.world.identifiers.make("req_")
        entry = self._log(scope, headers, request_id)
        visit = answering.Visit(scope, receive, send, entry)
        refusal, raw = await self._read(scope, receive, headers, entry)
        rule = self.faults.match(scope["method"], scope["path"], entry.key, raw)
        if rule is not None:
            entry.fault = rule.number
            if rule.effect.when == "before" and await answering.befall(visit, rule):
                return
        if self.latency:
            await asyncio.sleep(self.latency)
        reply, workspace = await self._serve(scope, headers, raw, refusal, request_id)
        reply = answering.dressed(self.world, reply, request_id, workspace)
        await self._deliver(visit, reply, rule)

    async def _deliver(self, visit: answering.Visit, reply: Reply, rule: Rule | None) -> None:
        if rule is None or rule.effect.when == "before":
            await visit.answer(reply)
        elif not await answering.befall(visit, rule):
            await answering.distort(visit, reply, rule.effect)

    async def _read(
        self, scope: Scope, receive: Receive, headers: Headers, entry: Entry
    ) -> tuple[ApiError | None, bytes]:
        try:
            raw = await read_body(scope, receive)
        except ApiError as refusal:
            return refusal, b""
        if raw and not headers.get("content-type", "").startswith("multipart/"):
            try:
                entry.body = json.loads(raw)
            except ValueError:
                entry.body = raw.decode(errors="replace")
        return None, raw

    async def _serve(
        self, scope: Scope, headers: Headers, raw: bytes, refusal: ApiError | None, request_id: str
    ) -> tuple[Reply, str | None]:
        """The reply to a request, refusals included, and the workspace that it was admitted to."""
        workspace: str | None = None
        world = self.world
        world.catch_up()
        try:
            if refusal is not None:
                raise refusal
            query = Query(scope["query_string"].decode("latin-1"))
            key = admit(world, scope["method"], scope["path"], headers, query)
            workspace = key.workspace
            handler, path = find(scope["method"], scope["path"])
            payload, form = await self._parse(headers, raw)
            reply = handler(Call(world, world.workspaces[workspace], path, query, payload, form))
        except ApiError as error:
            body: Any = {"error": error.message} if world.modes.string_errors else error.envelope(request_id)
            reply = Reply(body, status=error.status)
        world.catch_up()
        world.ledger.commit()
        return reply, workspace

    async def _parse(self, headers: Headers, raw: bytes) -> tuple[Any, dict[str, Any]]:
        if headers.get("content-type", "").startswith("multipart/"):
            return None, await read_form(headers, raw)
        if not raw:
            return None, {}
        try:
            return json.loads(raw), {}
        except ValueError:
            raise ApiError(400, "The request body is not valid JSON.") from None

    def _log(self, scope: Scope, headers: Headers, request_id: str) -> Entry:
        secret = presented(headers)
        noted = {name: headers[name] for name in NOTED if name in headers}
        return self.logbook.open(
            at=wire_time(self.world.clock.now()),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            key=secret[-4:] if secret else None,
            headers=noted,
            request_id=request_id,
        )
