"""The ASGI application of the control API: a table of methods and paths over one world and one door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from managed_agents_simulator.backstage import edits, journal
from managed_agents_simulator.clock import wire_time
from managed_agents_simulator.library import files
from managed_agents_simulator.modes import Modes
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.door import Door
from managed_agents_simulator.wire.errors import ApiError
from managed_agents_simulator.wire.query import Query
from managed_agents_simulator.wire.reading import read_body
from managed_agents_simulator.world import DEFAULT_WORKSPACE, World

PREFIX = "/_simulator"

_EDITS = {
    "edit": edits.edit,
    "archive": edits.archive,
    "delete": edits.delete,
    "terminate": edits.terminate,
    "finish": edits.finish,
    "behaviour": edits.behave,
    "events": edits.emit,
}


@dataclass(frozen=True, slots=True)
class _Ask:
    """A control request: the variable parts of its path, its query and its JSON body."""

    door: Door
    parts: tuple[str, ...]
    query: Query
    given: Any

    @property
    def world(self) -> World:
        return self.door.world


class StageDoor:
    """The control API. Answers are JSON; a request that makes no sense is a 400 with `{"error": text}`."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one control request."""
        try:
            raw = await read_body(scope, receive)
            query = scope["query_string"].decode("latin-1")
            path = scope["path"].removeprefix(PREFIX)
            status, body = 200, self.serve(scope["method"], path, query, json.loads(raw) if raw else {})
        except KeyError as missing:
            status, body = 404, {"error": f"{missing.args[0]} is not known here"}
        except (ValueError, TypeError, ApiError) as wrong:
            status, body = 400, {"error": str(wrong)}
        content = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def serve(self, method: str, path: str, query: str, given: Any) -> Any:
        """Carry out one control request; `path` is below the prefix, `given` the JSON body.

        Raises KeyError for what is not there, ValueError, TypeError or ApiError for what makes no sense.
        """
        wanted = f"{method} {path}"
        for pattern, handler in _TABLE:
            match = pattern.fullmatch(wanted)
            if match:
                self.door.world.catch_up()
                answer = handler(_Ask(self.door, match.groups(), Query(query), given))
                self.door.world.catch_up()
                self.door.world.ledger.commit()
                return answer
        raise KeyError(wanted)


def _set_modes(ask: _Ask) -> Any:
    ask.world.modes = ask.world.modes.changed(ask.given)
    return asdict(ask.world.modes)


def _reset_modes(ask: _Ask) -> Any:
    ask.world.modes = Modes()
    return asdict(ask.world.modes)


def _reset(ask: _Ask) -> Any:
    ask.door.faults.remove()
    ask.world.reset()


def _set_behaviour(ask: _Ask) -> Any:
    ask.world.behaviour = ask.world.behaviour.changed(ask.given)
    return asdict(ask.world.behaviour)


def _edit(ask: _Ask) -> Any:
    name, what = ask.parts
    session = _session(ask.world, name)
    if session.deleted is not None:
        raise ValueError(f"session {name} is deleted")
    _EDITS[what](ask.world, session, ask.given)
    return journal.told(session)


def _add_key(ask: _Ask) -> Any:
    workspace = ask.world.workspace(ask.given.get("workspace") or DEFAULT_WORKSPACE)
    reads_only = bool(ask.given.get("reads_only"))
    return asdict(ask.world.add_key(ask.given.get("secret"), workspace.id, reads_only=reads_only))


def _revoke(ask: _Ask) -> Any:
    key = ask.world.keys[ask.parts[0]]
    key.revoked = True
    ask.world.ledger.save(key)
    return asdict(key)


def _clock(ask: _Ask) -> Any:
    return {"now": wire_time(ask.world.clock.now()), "speed": ask.world.speed}


def _move_clock(ask: _Ask) -> Any:
    if "speed" in ask.given:
        if not ask.given["speed"] > 0:
            raise ValueError("speed is a number above zero")
        ask.world.speed = float(ask.given["speed"])
    ask.world.clock.advance(float(ask.given.get("advance", 0)))
    ask.world.stirred.set()
    return _clock(ask)


def _session(world: World, name: str) -> Session:
    for workspace in world.workspaces.values():
        if name in workspace.sessions:
            return workspace.sessions[name]
    return world.buried[name]


_ROUTES: dict[str, Callable[[_Ask], Any]] = {
    "GET /health": lambda _: {"status": "ok"},
    "GET /requests": lambda ask: ask.door.logbook.since(ask.query.number("since", 0, None) or 0),
    "DELETE /requests": lambda ask: ask.door.logbook.clear(),
    "DELETE /": _reset,
    "GET /modes": lambda ask: asdict(ask.world.modes),
    "PUT /modes": _set_modes,
    "DELETE /modes": _reset_modes,
    "GET /faults": lambda ask: ask.door.faults.shown(),
    "POST /faults": lambda ask: ask.door.faults.add(ask.given).shown(),
    "DELETE /faults": lambda ask: ask.door.faults.remove(),
    r"DELETE /faults/(\d+)": lambda ask: ask.door.faults.remove(int(ask.parts[0])),
    "GET /sessions": lambda ask: journal.everything(ask.world),
    "GET /sessions/([^/]+)": lambda ask: journal.told(_session(ask.world, ask.parts[0])),
    f"POST /sessions/([^/]+)/({'|'.join(_EDITS)})": _edit,
    "GET /files": lambda ask: files.everything(ask.world),
    "GET /behaviour": lambda ask: asdict(ask.world.behaviour),
    "PUT /behaviour": _set_behaviour,
    "GET /workspaces": lambda ask: [workspace.to_json() for workspace in ask.world.workspaces.values()],
    "GET /keys": lambda ask: [asdict(key) for key in ask.world.keys.values()],
    "POST /keys": _add_key,
    "DELETE /keys/([^/]+)": _revoke,
    "GET /clock": _clock,
    "POST /clock": _move_clock,
}
_TABLE = [(re.compile(route), handler) for route, handler in _ROUTES.items()]
