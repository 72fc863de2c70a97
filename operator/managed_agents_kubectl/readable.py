"""Events of a session as people read them: when, who, what.

Pure; used by `logs`. What only machines care for (spans, threads, usage of tokens) is left out unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from managed_agents_kubectl import words
from managed_agents_operator.claude.models import Money
from managed_agents_operator.kinds.projection import dollars

LONGEST = 200
"""Characters of the input or result of a tool."""
MOST_LINES = 8
QUIET = ("span.model_request_", "span.outcome_evaluation_start", "span.outcome_evaluation_ongoing", "session.thread_")
"""Types that begin so are not shown unless they are asked for."""
WHO = 8

Event = Mapping[str, Any]
Told = tuple[str, str]
"""Who, and what: lines of text."""


def wanted(event: Event, types: Collection[str]) -> bool:
    """Whether an event is to be shown; `types` are whole types or their beginnings, none of them means the usual."""
    type_ = str(event.get("type") or "")
    if types:
        return any(type_ == one or type_.startswith(f"{one.rstrip('.*')}.") for one in types)
    return not type_.startswith(QUIET)


def text(event: Event, hint: Callable[[str], str], *, full: bool = False) -> str:
    """One event, its further lines set in. `hint` makes a command of ours from its first word."""
    who, what = _told(event, hint, full=full)
    head = f"{words.clock(event.get('processed_at'))}  {who:<{WHO}}"
    first, *more = words.lines(what) or [""]
    blank = " " * (len(head) + 1)
    return "\n".join([f"{head} {first}".rstrip(), *(f"{blank}{line}".rstrip() for line in more)])


def _told(event: Event, hint: Callable[[str], str], *, full: bool) -> Told:
    type_ = str(event.get("type") or "")
    if make := _TELLERS.get(type_):
        try:
            return make(event, full)
        except (AttributeError, KeyError, TypeError):
            # Not of the shape that is documented: told like one that nobody knows.
            return "event", _raw(event, full=full)
    if type_ == "session.status_idle":
        return "session", _idle(event, hint)
    if type_.startswith("session.status_"):
        return "session", type_.removeprefix("session.status_")
    return "event", _raw(event, full=full)


def _raw(event: Event, *, full: bool) -> str:
    rest = {name: value for name, value in event.items() if name not in ("id", "type", "processed_at")}
    said = words.compact(rest, None if full else LONGEST) if rest else ""
    return f"{event.get('type')} {said}".rstrip()


def _content(event: Event) -> str:
    content = event.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(map(_block, content if isinstance(content, list) else []))


def _block(block: Any) -> str:
    if not isinstance(block, Mapping):
        return str(block)
    if isinstance(block.get("text"), str):
        return str(block["text"])
    source = block.get("source")
    where = source.get("file_id") or source.get("url") or source.get("type") if isinstance(source, Mapping) else None
    return f"[{block.get('type')}{f' {where}' if where else ''}]"


def _queued(event: Event) -> str:
    return "" if event.get("processed_at") else "(queued) "


def _message(event: Event, full: bool) -> Told:
    return "user", _queued(event) + _content(event)


def _agent(event: Event, full: bool) -> Told:
    return "agent", _content(event)


def tool(event: Event) -> str:
    """The name of a tool that an event uses, with that of its server."""
    server = event.get("mcp_server_name")
    return words.harmless(f"{server}/{event.get('name')}" if server else event.get("name"))


def _use(event: Event, full: bool) -> Told:
    asks = " (asks)" if event.get("evaluated_permission") == "ask" else ""
    return "tool", f"{tool(event)}{asks} {words.compact(event.get('input'), None if full else LONGEST)}"


def _custom_use(event: Event, full: bool) -> Told:
    said = f"{tool(event)} {words.compact(event.get('input'), None if full else LONGEST)}"
    return "tool", f"{said} (waits for a user.custom_tool_result of its caller)"


def _result(event: Event, full: bool) -> Told:
    said = _content(event)
    if not full:
        found = said.rstrip().split("\n")
        cut = [words.short(line, LONGEST) for line in found[:MOST_LINES]]
        said = "\n".join([*cut, *([f"… {len(found) - MOST_LINES} more lines"] if len(found) > MOST_LINES else [])])
    return "result", f"error: {said}" if event.get("is_error") else said


def _confirmation(event: Event, full: bool) -> Told:
    why = event.get("deny_message")
    verb = "allows" if event["result"] == "allow" else "denies"
    return "user", f"{_queued(event)}{verb} {event['tool_use_id']}{f': {why}' if why else ''}"


def _custom_result(event: Event, full: bool) -> Told:
    return "user", f"result of {event.get('custom_tool_use_id') or event.get('tool_use_id')}: {_result(event, full)[1]}"


def _outcome(event: Event, full: bool) -> Told:
    return "user", f"{_queued(event)}wants an outcome: {event['description']}"


def _evaluation(event: Event, full: bool) -> Told:
    why = event.get("explanation")
    return "grader", f"{event['result']}{f': {why}' if why else ''}"


def _error(event: Event, full: bool) -> Told:
    error = event["error"]
    retry = (error.get("retry_status") or {}).get("type")
    return "error", f"{error.get('type')}: {error.get('message')}{f' ({retry})' if retry else ''}"


def _usage(event: Event, full: bool) -> Told:
    used = event["usage"]
    parts = [f"{used['input_tokens']} tokens in" if "input_tokens" in used else None]
    parts += [f"{used['output_tokens']} out" if "output_tokens" in used else None]
    if cost := used.get("list_cost"):
        parts.insert(0, f"cost {dollars(Money.model_validate(cost))}")
    return "session", "used so far: " + ", ".join(part for part in parts if part)


def _updated(event: Event, full: bool) -> Told:
    changed = [name for name in event if name not in ("id", "type", "processed_at")]
    return "session", f"updated: {', '.join(changed)}"


def _idle(event: Event, hint: Callable[[str], str]) -> str:
    reason = event.get("stop_reason")
    kind = reason.get("type") if isinstance(reason, Mapping) else None
    if kind != "requires_action" or not isinstance(reason, Mapping):
        details = event.get("stop_details")
        why = details.get("explanation") or details.get("category") if isinstance(details, Mapping) else None
        return f"idle ({kind or 'no reason told'}{f': {why}' if why else ''})"
    asked = ", ".join(str(one) for one in reason.get("event_ids") or ())
    return f"waits for an answer to {asked}: {hint('approve')}, or deny"


def _plain(who: str, said: str) -> Callable[[Event, bool], Told]:
    return lambda _event, _full: (who, said)


_TELLERS: Mapping[str, Callable[[Event, bool], Told]] = {
    "user.message": _message,
    "system.message": lambda event, _: ("system", _content(event)),
    "user.interrupt": _plain("user", "interrupts"),
    "user.tool_confirmation": _confirmation,
    "user.custom_tool_result": _custom_result,
    "user.tool_result": _custom_result,
    "user.define_outcome": _outcome,
    "agent.message": _agent,
    "agent.thinking": _plain("agent", "(thinks)"),
    "agent.tool_use": _use,
    "agent.mcp_tool_use": _use,
    "agent.custom_tool_use": _custom_use,
    "agent.tool_result": _result,
    "agent.mcp_tool_result": _result,
    "agent.thread_message_sent": lambda e, _: ("agent", f"to {e.get('to_agent_name') or 'thread'}: {_content(e)}"),
    "agent.thread_message_received": lambda e, _: ("agent", f"from {e.get('from_agent_name')}: {_content(e)}"),
    "agent.thread_context_compacted": _plain("agent", "(context compacted)"),
    "span.outcome_evaluation_end": _evaluation,
    "session.error": _error,
    "session.usage": _usage,
    "session.updated": _updated,
    "session.deleted": _plain("session", "deleted"),
}
