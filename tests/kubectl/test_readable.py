"""Events as people read them."""

from __future__ import annotations

import pytest

from managed_agents_kubectl.readable import text, wanted

AT = "2026-11-28T12:00:00.5Z"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def hint(verb):
    return f"kubectl managedagents {verb} triage -n team"


def told(type_, *, full=False, at=AT, **fields):
    return text({"id": "sevt_1", "type": type_, "processed_at": at, **fields}, hint, full=full)


def said(*texts):
    return [{"type": "text", "text": one} for one in texts]


LINES = [
    ("user.message", {"content": said("Go.")}, "user     Go.", "who, and what"),
    ("agent.message", {"content": said("a", "b")}, f"agent    a\n{' ' * 30}b", "blocks and lines are set in"),
    ("agent.message", {"content": said("\x1b[2J")}, "agent    \\x1b[2J", "what an agent writes moves no terminal"),
    ("agent.message", {"content": [{"type": "redacted"}]}, "agent    [redacted]", "what can't be shown is named"),
    (
        "user.message",
        {"content": [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}]},
        "user     [image file_1]",
        "a picture by its source",
    ),
    ("agent.tool_use", {"name": "bash", "input": {"c": "ls"}}, 'tool     bash {"c": "ls"}', "tools with their input"),
    (
        "agent.tool_use",
        {"name": "bash", "input": {}, "evaluated_permission": "ask"},
        "tool     bash (asks) {}",
        "one that asks says so",
    ),
    (
        "agent.mcp_tool_use",
        {"name": "search", "mcp_server_name": "docs", "input": None},
        "tool     docs/search null",
        "one of a server by both names",
    ),
    ("agent.tool_result", {"content": said("x"), "is_error": True}, "result   error: x", "errors of tools are told"),
    (
        "agent.tool_result",
        {"content": said("\n".join("123456789"))},
        f"result   1\n{chr(10).join(' ' * 30 + n for n in '2345678')}\n{' ' * 30}… 1 more lines",
        "long results are cut",
    ),
    (
        "session.status_idle",
        {"stop_reason": {"type": "end_turn"}},
        "session  idle (end_turn)",
        "why a session is idle",
    ),
    (
        "session.status_idle",
        {"stop_reason": {"type": "refusal"}, "stop_details": {"category": "bio", "explanation": None}},
        "session  idle (refusal: bio)",
        "and what more is told of it",
    ),
    (
        "session.status_idle",
        {"stop_reason": {"type": "requires_action", "event_ids": ["sevt_7"]}},
        "session  waits for an answer to sevt_7: kubectl managedagents approve triage -n team, or deny",
        "what it waits for, and what to type",
    ),
    ("session.status_idle", {"stop_reason": None}, "session  idle (no reason told)", "a server need not say why"),
    ("session.status_rescheduled", {}, "session  rescheduled", "other states by their word"),
    (
        "session.error",
        {"error": {"type": "billing_error", "message": "No credit.", "retry_status": {"type": "terminal"}}},
        "error    billing_error: No credit. (terminal)",
        "errors with what becomes of them",
    ),
    (
        "session.usage",
        {"usage": {"list_cost": {"amount": "17", "currency": "USD"}, "input_tokens": 5}},
        "session  used so far: cost $0.17, 5 tokens in",
        "cost as people read it",
    ),
    ("session.updated", {"title": "x", "budget": None}, "session  updated: title, budget", "what changed, by name"),
    (
        "user.tool_confirmation",
        {"tool_use_id": "sevt_7", "result": "deny", "deny_message": "no"},
        "user     denies sevt_7: no",
        "answers with their reason",
    ),
    ("x.new", {"a": 1}, 'event    x.new {"a": 1}', "what nobody knows is shown as it is"),
    ("session.error", {"error": "odd"}, 'event    session.error {"error": "odd"}', "so is what has another shape"),
    ("session.deleted", {}, "session  deleted", "the last one"),
]


@pytest.mark.parametrize(("type_", "fields", "line", "reason"), LINES, ids=[row[3] for row in LINES])
def test_an_event_is_told(type_, fields, line, reason):
    assert told(type_, **fields) == f"2026-11-28 12:00:00  {line}", reason


def test_what_waits_in_the_queue_has_no_time_and_says_so():
    assert told("user.message", at=None, content=said("Go.")) == f"{' ' * 21}user     (queued) Go."


def test_nothing_is_shortened_when_all_is_asked_for():
    long = "x" * 500
    assert long in told("agent.tool_use", name="bash", input=long, full=True)
    assert long not in told("agent.tool_use", name="bash", input=long)
    assert "… " not in told("agent.tool_result", content=said("\n".join("123456789")), full=True)


WANTED = [
    ("agent.message", (), True, "what people care for"),
    ("span.model_request_start", (), False, "not what machines do"),
    ("span.outcome_evaluation_end", (), True, "but the verdict on an outcome"),
    ("session.thread_status_idle", (), False, "nor threads, which tell all twice"),
    ("span.model_request_start", ("span",), True, "unless it is asked for by a beginning"),
    ("agent.message", ("agent.message",), True, "or whole"),
    ("agent.messages", ("agent.message",), False, "a beginning ends at a point"),
    ("user.message", ("agent", "session"), False, "then nothing else is shown"),
    ("user.message", ("user.*",), True, "a star may stand for the rest"),
]


@pytest.mark.parametrize(("type_", "types", "shown", "reason"), WANTED, ids=[row[3] for row in WANTED])
def test_types_choose(type_, types, shown, reason):
    assert wanted({"type": type_}, types) is shown, reason
