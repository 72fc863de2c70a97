"""The Managed Agents API, one method for each call that we make; files and the resources of sessions have their own.

Built by the app, one for each connection, and called by the kinds. Every method is one HTTP call that is never repeated
here and raises a `ClaudeError` unless it succeeds; tickets for the budget are got before. `{id}` in a path is always
one part of it, whatever it holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import ValidationError

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.bounds import cursor, usable
from managed_agents_operator.claude.exchange import Credentials, Exchange
from managed_agents_operator.claude.files import Files
from managed_agents_operator.claude.health import Health
from managed_agents_operator.claude.models import Event, Page, Session
from managed_agents_operator.claude.pages import PAGE_SIZE, BeforePage, sized, walk
from managed_agents_operator.claude.quota import Budget, Clock
from managed_agents_operator.claude.resources import Resources
from managed_agents_operator.claude.transport import READ_SECONDS

Order = Literal["asc", "desc"]
SessionPage = Page[dict[str, Any]]
"""Raw items, each with an `id`: most of them are only compared with what was seen before."""
EventPage = Page[Event]


class Client:
    """One connection to the API; an async context manager, and calls are made within it.

    `credentials` gives the headers that sign a call (`x-api-key` or `authorization`) and is asked for each, so that a
    rotated key counts at once; what it raises comes out of the call. `workspace` is sent as anthropic-workspace-id,
    `betas` are sent as anthropic-beta beside what we need.
    `create_timeout` bounds, in seconds, how long a POST that creates or sends may be under way, `read_timeout` how long
    any other call may wait for the next byte. `budget` is told of each 429, and nothing is sent while it is paused.
    Raises `ValueError` for a `base_url` that is none, or holds a password, query or fragment.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        workspace: str | None = None,
        betas: Sequence[str] = (),
        create_timeout: float = 60,
        read_timeout: float = READ_SECONDS,
        clock: Clock,
        budget: Budget | None = None,
    ) -> None:
        self._exchange = Exchange(
            base_url,
            credentials,
            workspace=workspace,
            betas=betas,
            read_timeout=read_timeout,
            send_timeout=create_timeout,
            clock=clock,
            budget=budget,
        )
        self.budget = budget
        self.files = Files(self._exchange)
        self.resources = Resources(self._exchange)

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"<Client of {self._exchange!r}>"

    def configure(self, *, workspace: str | None, betas: Sequence[str]) -> None:
        """Take over what may change of a connection, from the next call on."""
        self._exchange.configure(workspace=workspace, betas=betas)

    @property
    def exchange(self) -> Exchange:
        """What carries out the calls, for those that the operator itself makes none of."""
        return self._exchange

    @property
    def health(self) -> Health:
        """How this connection fares."""
        return self._exchange.health

    @property
    def workspace_wanted(self) -> str | None:
        """The workspace that all answers are to name, None where any will do."""
        return self._exchange.workspace_wanted

    def workspace_now(self) -> str | None:
        """The workspace that answered to the key as it is now; None before it had an answer that names one."""
        return self._exchange.workspace_now()

    async def create_session(self, body: Mapping[str, Any], *, secrets: Sequence[str] = ()) -> Answer[Session]:
        """`POST /v1/sessions`. An answer without a readable id is `Unreadable`: there may be a session all the same.

        `secrets` are texts of the body that no message may hold.
        """
        return await self._exchange.call("POST", ["sessions"], body=body, creates=True, secrets=secrets, read=_session)

    async def get_session(self, id: str) -> Answer[Session]:
        """`GET /v1/sessions/{id}`."""
        return await self._exchange.call("GET", ["sessions", id], read=_session)

    async def update_session(self, id: str, body: Mapping[str, Any]) -> Answer[Session | None]:
        """`POST /v1/sessions/{id}`. None when the server took it without saying what became of it."""
        return await self._exchange.call("POST", ["sessions", id], body=body, read=_session_or_none)

    async def archive_session(self, id: str) -> Answer[Session | None]:
        """`POST /v1/sessions/{id}/archive`. None when the server took it without saying what became of it."""
        return await self._exchange.call("POST", ["sessions", id, "archive"], read=_session_or_none)

    async def delete_session(self, id: str) -> Answer[None]:
        """`DELETE /v1/sessions/{id}`."""
        return await self._exchange.call("DELETE", ["sessions", id], read=lambda _: None)

    async def list_sessions(
        self,
        *,
        statuses: Sequence[str] = (),
        agent_id: str | None = None,
        created_at_gte: str | None = None,
        include_archived: bool = False,
        order: Order | None = None,
        limit: int | None = PAGE_SIZE,
        page: str | None = None,
    ) -> Answer[SessionPage]:
        """One page of `GET /v1/sessions`, raw. `created_at_gte` is RFC 3339; `page` the cursor of the page before."""
        query = [("statuses[]", status) for status in statuses]
        query += [("include_archived", "true")] if include_archived else []
        query += _given({"agent_id": agent_id, "created_at[gte]": created_at_gte, "order": order, "page": page})
        return await self._exchange.call("GET", ["sessions"], query=[*query, *sized(limit)], read=_sessions)

    def iterate_sessions(
        self,
        *,
        statuses: Sequence[str] = (),
        agent_id: str | None = None,
        created_at_gte: str | None = None,
        include_archived: bool = False,
        order: Order | None = None,
        before_page: BeforePage | None = None,
    ) -> AsyncIterator[Answer[SessionPage]]:
        """All pages of `GET /v1/sessions`; `before_page` is awaited before each call, for a ticket.

        Pages of 20 where 100 are refused. Raises `CursorRefused` when a cursor has expired and `Unreadable` when the
        pages repeat: in both cases what was seen is no whole list, and it is to be read from its start.
        """
        one_page = partial(
            self.list_sessions,
            statuses=statuses,
            agent_id=agent_id,
            created_at_gte=created_at_gte,
            include_archived=include_archived,
            order=order,
        )
        return walk(lambda limit, page: one_page(limit=limit, page=page), lambda item: str(item["id"]), before_page)

    async def send_events(self, id: str, events: Sequence[Mapping[str, Any]]) -> Answer[list[Event]]:
        """`POST /v1/sessions/{id}/events`. The events as the server took them, or none if it did not say."""
        body = {"events": list(events)}
        return await self._exchange.call("POST", ["sessions", id, "events"], body=body, sends=True, read=_sent)

    async def list_events(
        self,
        id: str,
        *,
        types: Sequence[str] = (),
        order: Order = "asc",
        limit: int | None = PAGE_SIZE,
        page: str | None = None,
    ) -> Answer[EventPage]:
        """One page of `GET /v1/sessions/{id}/events`."""
        query = [("types[]", name) for name in types]
        query += [*_given({"order": order}), *sized(limit), *_given({"page": page})]
        return await self._exchange.call("GET", ["sessions", id, "events"], query=query, read=_events)

    def iterate_events(
        self, id: str, *, types: Sequence[str] = (), order: Order = "asc", before_page: BeforePage | None = None
    ) -> AsyncIterator[Answer[EventPage]]:
        """All pages of `GET /v1/sessions/{id}/events`, with the same care and errors as `iterate_sessions`."""
        one_page = partial(self.list_events, id, types=types, order=order)
        return walk(lambda limit, page: one_page(limit=limit, page=page), lambda event: event.id, before_page)

    async def get_agent(self, id: str, version: int | None = None) -> Answer[dict[str, Any]]:
        """`GET /v1/agents/{id}`, raw; the latest version unless one is asked for."""
        query = _given({"version": None if version is None else str(version)})
        return await self._exchange.call("GET", ["agents", id], query=query, read=_agent)


def _given(fields: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields.items() if value is not None]


def _session(raw: Any) -> Session:
    try:
        return Session.model_validate(raw)
    except ValidationError:
        raise ValueError("the answer is no session with an id") from None


def _session_or_none(raw: Any) -> Session | None:
    return None if raw is None or (isinstance(raw, dict) and not raw.get("id")) else _session(raw)


def _agent(raw: Any) -> dict[str, Any]:
    if isinstance(raw, dict):
        return raw
    raise ValueError("the answer is no agent")


def _page(raw: Any) -> Page[dict[str, Any]]:
    items = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("the answer is no list")
    return Page(items, cursor(raw.get("next_page")))


def _sessions(raw: Any) -> SessionPage:
    page = _page(raw)
    # One that can't be asked for may be the one that is looked for: a list without it would prove what is not true.
    if not all(isinstance(item.get("id"), str) and usable(item["id"]) for item in page.items):
        raise ValueError("an item of the list has no id, or one that no path can hold")
    return page


def _events(raw: Any) -> EventPage:
    page = _page(raw)
    return Page([Event.model_validate(item) for item in page.items], page.next_page)


def _sent(raw: Any) -> list[Event]:
    return [] if raw is None else _events(raw).items
