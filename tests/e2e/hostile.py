"""A server of the API that means ill, and remembers everything that it was asked.

For tests of a Connection that somebody points at it. It keeps sessions as the real one does; `names`, `tells` and
`instead` say how it lies: about ids, about sessions, or with any bytes at all in the place of an answer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

PREFIX = "/gateway"
KEY = "gl-hostile-0123456789"


@dataclass
class Call:
    """One request as it came, with the path as it was on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any

    @property
    def parts(self) -> list[str]:
        """The parts of its path, each decoded."""
        return [unquote(part) for part in self.target.partition("?")[0].split("/")][1:]


@dataclass
class Hostile:
    """The server; all of it may be changed while it runs."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    names: Callable[[dict[str, Any]], Any] = lambda session: session["own"]
    tells: Callable[[dict[str, Any]], dict[str, Any]] = lambda session: session
    instead: Callable[[Call], bytes | Iterator[bytes] | None] = lambda call: None

    def answer(self, call: Call) -> bytes | Iterator[bytes]:
        """What goes back over the wire."""
        self.calls.append(call)
        return self.instead(call) or reply(*self._truly(call))

    def named(self, owner: str) -> dict[str, Any]:
        """The session that was made for a resource; that there are two is a failure of the test."""
        (one,) = [s for s in self.sessions if s["metadata"].get("k8s_owner", "").endswith(f"/{owner}")]
        return one

    def strangers(self) -> list[str]:
        """Requests of paths that nobody has any business with, whatever ids were told."""
        known = {str(self.names(s)) for s in self.sessions}
        return [f"{call.method} {call.target}" for call in self.calls if not _meant(call.parts, known)]

    def _truly(self, call: Call) -> tuple[int, Any]:
        route = call.parts[2:]
        match call.method, route:
            case "POST", ["sessions"]:
                return 200, self._told(self._make(call.body))
            case "GET", ["sessions"]:
                living = [s for s in self.sessions if s["archived_at"] is None or "include_archived" in call.target]
                return 200, {"data": [self._told(s) for s in living], "next_page": None}
            case "GET", ["agents", name]:
                return 200, {"id": name, "type": "agent", "version": 1}
            case "GET", ["sessions", _, "events"]:
                return 200, {"data": [], "next_page": None}
            case _, ["sessions", name, *action]:
                one = next((s for s in self.sessions if self.names(s) == name), None)
                return (404, {"error": "no such session"}) if one is None else self._change(call, one, action)
        return 404, {"error": "no such path"}

    def _make(self, body: dict[str, Any]) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        agent = body["agent"] if isinstance(body["agent"], str) else body["agent"]["id"]
        made = {"own": f"sesn_{len(self.sessions) + 1}", "type": "session", "status": "idle", "created_at": now}
        made |= {"updated_at": now, "archived_at": None, "title": body.get("title"), "resources": []}
        made |= {"metadata": dict(body["metadata"]), "agent": {"id": agent, "version": 1}, "environment_id": "env_1"}
        self.sessions.append(made)
        return made

    def _change(self, call: Call, one: dict[str, Any], action: list[str]) -> tuple[int, Any]:
        if call.method == "POST":
            one.update({"title": call.body["title"]} if call.body and "title" in call.body else {})
            one.update({"archived_at": one["created_at"], "status": "terminated"} if action == ["archive"] else {})
        return 200, self._told(one)

    def _told(self, session: dict[str, Any]) -> dict[str, Any]:
        name = self.names(session)
        return self.tells({**{k: v for k, v in session.items() if k != "own"}, "id": name})


def reply(status: int = 200, body: Any = b"", **headers: str) -> bytes:
    """An answer as it goes over the wire."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(raw)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def without_end(head: bytes, piece: bytes) -> Iterator[bytes]:
    """An answer that goes on for as long as somebody reads it."""
    yield head
    while True:
        yield piece


def _meant(parts: list[str], known: set[str]) -> bool:
    prefix, version, *route = parts
    if (prefix, version) != (PREFIX.strip("/"), "v1"):
        return False
    match route:
        case ["sessions"] | ["files"] | ["agents", "agent_sample"]:
            return True
        case ["sessions", name] | ["sessions", name, "archive" | "events" | "resources"]:
            return name in known
    return False


@contextmanager
def hostile() -> Iterator[Hostile]:
    """Such a server, while it is needed."""
    state = Hostile()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            is_json = "json" in self.headers.get("content-type", "")
            said = state.answer(Call(self.command, self.path, dict(self.headers), json.loads(raw) if is_json else raw))
            self.close_connection = True
            with suppress(OSError):
                for piece in [said] if isinstance(said, bytes) else said:
                    self.wfile.write(piece)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - as http.server wants them

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}{PREFIX}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
