"""`kubectl managedagents send|interrupt|approve|deny`: the few things that a person says to a session.

Called by `cli`. Each is one POST that is never repeated; where its answer is lost, that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from managed_agents_kubectl import tables, words
from managed_agents_kubectl.calling import Line, said, send, session_of
from managed_agents_kubectl.pending import Question, pending
from managed_agents_kubectl.scope import OK, Failed, Scope
from managed_agents_operator.claude.feed import Feed
from managed_agents_operator.claude.models import Event

LONGEST = 400
"""Characters of the input of a tool that are told of one that is answered."""


async def message(scope: Scope, name: str, *, text: str, output: str) -> int:
    """`send`: a user.message of one text block."""
    if not text.strip():
        raise Failed("there is no text to send")
    event = {"type": "user.message", "content": [{"type": "text", "text": text}]}
    async with session_of(scope, name, changing=True) as line:
        sent = await send(line, [event], line.hint("logs") + " --tail 5")
        _tell(line, sent, [event], output, "sent to")
        if (line.body.get("status") or {}).get("stopReason") == "requires_action":
            way = line.hint("approve")
            click.echo(f"note: the session waits for an answer to a tool first: {way}, or deny", err=True)
    return OK


async def interrupt(scope: Scope, name: str, *, output: str) -> int:
    """`interrupt`: a user.interrupt alone. An idle session may wait for answers, which it gives up then."""
    event = {"type": "user.interrupt"}
    async with session_of(scope, name, changing=True) as line:
        sent = await send(line, [event], line.hint("logs") + " --tail 5")
        _tell(line, sent, [event], output, "interrupted:")
    return OK


async def answer(
    scope: Scope, name: str, *, allow: bool, ids: Sequence[str], every: bool, why: str | None, output: str
) -> int:
    """`approve` and `deny`: what waits for a yes or no is given one."""
    verb = "approve" if allow else "deny"
    async with session_of(scope, name, changing=True) as line:
        with said(line.access, line.id):
            waiting = await pending(Feed(line.client).pages(line.id, "desc"))
        chosen = choose(waiting, ids, every=every, verb=line.hint(verb))
        if chosen is None:
            show(waiting)
            raise Failed(f"{len(waiting)} uses of tools wait: add --id ID (again for more of them), or --all")
        # Never cut where what is printed is for programs, or goes into a record.
        full = output != "text"
        events = [confirmation(one, allow=allow, why=why) for one in chosen]
        for one in chosen:
            click.echo(f"{'allowing' if allow else 'denying'} {one.told(None if full else LONGEST)}", err=True)
        sent = await send(line, events, line.hint("logs") + " --types user --tail 5")
        _tell(line, sent, events, output, "answered:")
    return OK


def choose(waiting: Sequence[Question], ids: Sequence[str], *, every: bool, verb: str) -> list[Question] | None:
    """Which of those that wait are meant; None where that is not clear. Raises `Failed` for what can't be answered."""
    known = {one.id: one for one in waiting}
    if missing := [id for id in ids if id not in known]:
        open_ = ", ".join(known) or "nothing"
        raise Failed(f"{words.harmless(', '.join(missing))} waits for no answer (waiting: {open_})")
    asked = [known[id] for id in dict.fromkeys(ids)]
    if custom := [one for one in asked if not one.confirmable]:
        told = ", ".join(f"{one.tool} ({one.id})" for one in custom)
        raise Failed(f"{told} waits for a result of its caller (user.custom_tool_result), and not for yes or no")
    if asked:
        return asked
    fit = [one for one in waiting if one.confirmable]
    if not fit:
        others = f"; {len(waiting)} wait for a result of their caller" if waiting else ""
        raise Failed(f"nothing waits for a yes or no{others}")
    return fit if every or len(fit) == 1 else None


def show(waiting: Sequence[Question]) -> None:
    """What waits, as a table."""
    rows = [
        (one.id, one.tool, "yes or no" if one.confirmable else "a result", words.compact(one.input, 100))
        for one in waiting
    ]
    tables.table(("ID", "TOOL", "WAITS FOR", "INPUT"), rows)


def confirmation(one: Question, *, allow: bool, why: str | None) -> dict[str, Any]:
    """The event that answers."""
    event: dict[str, Any] = {"type": "user.tool_confirmation", "tool_use_id": one.id}
    if allow:
        return event | {"result": "allow"}
    return event | {"result": "deny"} | ({"deny_message": why} if why else {})


def _tell(line: Line, sent: Sequence[Event], wishes: Sequence[Mapping[str, Any]], output: str, done: str) -> None:
    """What the API took; a server need not say."""
    told = [event.model_dump(mode="json", exclude_unset=True) for event in sent]
    if output in ("json", "yaml"):
        tables.document(output, {"session": line.id, "events": told or [dict(wish) for wish in wishes]})
        return
    ids = [event.id for event in sent if event.id]
    if output == "name":
        for id in ids:
            click.echo(f"event/{words.harmless(id)}")
        return
    for id in ids or ["(without an id)"]:
        click.echo(f"{done} session {line.id}: event {words.harmless(id)}")
