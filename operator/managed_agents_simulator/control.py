"""A client of the simulator's control API, for tests, demos and people at a prompt.

`Control(base_url)` speaks to a running simulator over HTTP; every method is one call. Nothing here touches the faked
API itself. Errors of the control API come as `ControlError` with its text.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

Caller = Callable[[str, str, str, Any], Any]
"""Carries out one call: method, path, query string and JSON body in, the JSON answer out."""


class ControlError(Exception):
    """The control API refused: the request made no sense, or names what is not there."""


class Control:
    """Steers one simulator. Sessions are named by id and found in every workspace, deleted ones included."""

    def __init__(self, base_url: str | Caller) -> None:
        """`base_url` is that of a running simulator, or what carries out calls in the same process."""
        self._caller = _OverHttp(base_url) if isinstance(base_url, str) else base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if isinstance(self._caller, _OverHttp):
            self._caller.client.close()

    def healthy(self) -> bool:
        """Whether the simulator answers."""
        try:
            return bool(self._call("GET", "/health"))
        except httpx.TransportError:
            return False

    def requests(self, *, since: int = 0, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """The request log after entry `since`, in order of arrival; `path` is compared whole.

        Each entry has n, at, method, path, query, key (its last four characters), headers, body (parsed JSON), status
        (None while unanswered or when the connection was cut), fault (the rule's id or None) and request_id.
        """
        entries: list[dict[str, Any]] = self._call("GET", "/requests", params={"since": since})
        return [
            entry for entry in entries if method in (None, entry["method"]) and (path is None or entry["path"] == path)
        ]

    def reset(self) -> None:
        """All that is there as at the very beginning: no sessions, no files, documented behaviour, no faults.

        Keys stay and work; the request log, and time, go on.
        """
        self._call("DELETE", "/")

    def clear_requests(self) -> None:
        """Forget the log; numbers go on."""
        self._call("DELETE", "/requests")

    def modes(self, **changes: Any) -> dict[str, Any]:
        """Throw some switches and give all of them; see `modes.Modes` for the names."""
        return self._dict("PUT", "/modes", json=changes)

    def reset_modes(self) -> None:
        """All switches back to the documented behaviour."""
        self._call("DELETE", "/modes")

    def fault(
        self,
        kind: str,
        *,
        method: str | None = None,
        path: str = "",
        key: str | None = None,
        containing: str | None = None,
        skip: int = 0,
        times: int | None = 1,
        **effect: Any,
    ) -> int:
        """Add a rule to the fault plan and give its id.

        `path` is a regular expression searched in the path, `key` the last four characters of an API key, `containing`
        a text in the request's body, `times` None means always. The kinds and what else they take (when, status, body,
        headers, seconds, retry_after) are those of `wire.faults.Effect`.
        """
        chosen = {"method": method, "path": path, "key": key, "containing": containing}
        rule = {**chosen, "skip": skip, "times": times, "effect": {"kind": kind, **effect}}
        return int(self._call("POST", "/faults", json=rule)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Every rule, with how many requests it has `seen` and how many it `hits`."""
        return self._list("GET", "/faults")

    def remove_fault(self, number: int) -> None:
        """Take one rule out; requests that it holds back go on."""
        self._call("DELETE", f"/faults/{number}")

    def clear_faults(self) -> None:
        """Take all rules out."""
        self._call("DELETE", "/faults")

    def sessions(self, *, workspace: str | None = None, alive: bool = False) -> list[dict[str, Any]]:
        """The journal: every session ever made, in order; `alive` leaves out the archived and the deleted.

        Each has id, workspace, status, agent_id, agent_version, environment_id, vault_ids, title, metadata, resources,
        tokens, budget (cents), turns, pending, events (what clients sent), created_at, updated_at, archived_at and
        deleted_at.
        """
        return [
            session
            for session in self._list("GET", "/sessions")
            if workspace in (None, session["workspace"])
            and not (alive and (session["archived_at"] or session["deleted_at"]))
        ]

    def session(self, identifier: str) -> dict[str, Any]:
        """The journal's entry of one session."""
        return self._dict("GET", f"/sessions/{identifier}")

    def files(self, *, scoped: bool = False) -> list[dict[str, Any]]:
        """All uploaded files of all workspaces, in order; with `scoped` the copies that sessions have, too.

        Each has id, workspace, filename, mime_type, size, scope (a session's id or None) and the sha256 of its content.
        """
        return [file for file in self._list("GET", "/files") if scoped or file["scope"] is None]

    def edit(self, identifier: str, **fields: Any) -> dict[str, Any]:
        """Put title, metadata (whole), status (any word) or resources (whole, of any kind) of a session."""
        return self._dict("POST", f"/sessions/{identifier}/edit", json=fields)

    def finish(self, identifier: str, stop_reason: str = "end_turn") -> dict[str, Any]:
        """End a session's turn now, in one of the ways of `sessions.behaviour.STOPS` or `budget_reached`."""
        return self._dict("POST", f"/sessions/{identifier}/finish", json={"stop_reason": stop_reason})

    def archive(self, identifier: str) -> dict[str, Any]:
        """Archive a session, whatever it is doing."""
        return self._dict("POST", f"/sessions/{identifier}/archive")

    def delete(self, identifier: str) -> dict[str, Any]:
        """Delete a session, whatever it is doing."""
        return self._dict("POST", f"/sessions/{identifier}/delete")

    def terminate(self, identifier: str) -> dict[str, Any]:
        """End a session by an unrecoverable error."""
        return self._dict("POST", f"/sessions/{identifier}/terminate")

    def emit(self, identifier: str, kind: str, **fields: Any) -> dict[str, Any]:
        """Add an event of any type, known to clients or not, to a session's history."""
        return self._dict("POST", f"/sessions/{identifier}/events", json={"type": kind, **fields})

    def behaviour(self, identifier: str | None = None, **changes: Any) -> dict[str, Any]:
        """Change how turns go, of one session or of all; see `sessions.behaviour.Behaviour` for the names.

        Gives the behaviour of all, or the journal's entry of the one. A session without changes loses its own.
        """
        if identifier is None:
            return self._dict("PUT", "/behaviour", json=changes)
        return self._dict("POST", f"/sessions/{identifier}/behaviour", json=changes)

    def workspaces(self) -> list[dict[str, Any]]:
        """Every workspace: identifier and name. There are always `default` and `other`."""
        return self._list("GET", "/workspaces")

    def api_keys(self) -> list[dict[str, Any]]:
        """Every API key: secret, workspace, revoked."""
        return self._list("GET", "/keys")

    def other_key(self) -> str:
        """A key of the workspace `other`."""
        other = next(entry["identifier"] for entry in self.workspaces() if entry["name"] == "other")
        return str(next(key["secret"] for key in self.api_keys() if key["workspace"] == other))

    def add_key(self, secret: str | None = None, workspace: str | None = None, *, reads_only: bool = False) -> str:
        """Add a key to a workspace, or move a known one there; it works (again) from now on.

        With one that `reads_only`, whatever changes something is refused with 403.
        """
        wanted = {"secret": secret, "workspace": workspace, "reads_only": reads_only}
        return str(self._call("POST", "/keys", json=wanted)["secret"])

    def revoke_key(self, secret: str) -> None:
        """Have a key refused with 401 from now on."""
        self._call("DELETE", f"/keys/{secret}")

    def advance(self, seconds: float) -> str:
        """Move the simulator's clock forward; everything due happens. Gives the new time."""
        return str(self._call("POST", "/clock", json={"advance": seconds})["now"])

    def speed(self, factor: float) -> None:
        """How many times faster turns run that begin from now on."""
        self._call("POST", "/clock", json={"speed": factor})

    def _list(self, method: str, path: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._call(method, path)
        return answer

    def _dict(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(method, path, **arguments)
        return answer

    def _call(self, method: str, path: str, *, params: dict[str, Any] | None = None, json: Any = None) -> Any:
        return self._caller(method, path, urlencode(params or {}), json or {})


class _OverHttp:
    """Carries out calls by HTTP."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(base_url=f"{base_url.rstrip('/')}/_simulator", timeout=30)

    def __call__(self, method: str, path: str, query: str, given: Any) -> Any:
        response = self.client.request(method, f"{path}?{query}", json=given)
        if not response.is_success:
            raise ControlError(response.json()["error"])
        return response.json()
