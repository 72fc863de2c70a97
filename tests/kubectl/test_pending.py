"""Which uses of tools wait for an answer, and which of them an approval is for."""

from __future__ import annotations

import asyncio

import pytest

from managed_agents_kubectl.pending import pending
from managed_agents_kubectl.scope import Failed
from managed_agents_kubectl.sending import choose, confirmation
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.models import Page


async def pages(newest_first, size=2, read=None):
    for at in range(0, len(newest_first), size):
        if read is not None:
            read.append(at)
        yield Answer(Page(newest_first[at : at + size], None), None)


def questions(newest_first):
    return asyncio.run(pending(pages(newest_first)))


def use(id, type_="agent.tool_use", name="bash"):
    return {"id": id, "type": type_, "name": name, "input": {"command": id}}


def idle(*ids):
    return {"id": "i", "type": "session.status_idle", "stop_reason": {"type": "requires_action", "event_ids": [*ids]}}


RUNNING = {"id": "r", "type": "session.status_running"}
DONE = {"id": "d", "type": "session.status_idle", "stop_reason": {"type": "end_turn"}}


def answered(id, type_="user.tool_confirmation", key="tool_use_id"):
    return {"id": "a", "type": type_, key: id, "processed_at": None}


HISTORIES = [
    ([], [], "nothing ever happened"),
    ([use("1"), idle("1")], ["1"], "one waits"),
    ([use("1"), use("2"), idle("1", "2")], ["1", "2"], "both, in the order of the session"),
    ([use("1"), use("2"), idle("1", "2"), answered("1")], ["2"], "what was answered waits no more, taken in or not"),
    ([use("1"), use("2"), idle("1", "2"), answered("1"), idle("2")], ["2"], "the last idle event counts"),
    ([use("1"), idle("1"), answered("1"), RUNNING], [], "it works again"),
    ([use("1"), idle("1"), DONE], [], "an interrupt ended the question"),
    ([use("1"), DONE], [], "it came to its end"),
    ([idle("9")], ["9"], "a use that can't be found still waits"),
    (
        [use("1", "agent.custom_tool_use"), idle("1"), answered("1", "user.custom_tool_result", "custom_tool_use_id")],
        [],
        "a result is an answer too",
    ),
    ([use("1"), {"id": "i", "type": "session.status_idle", "stop_reason": None}], [], "a server need not say why"),
]


@pytest.mark.parametrize(("history", "waiting", "reason"), HISTORIES, ids=[row[2] for row in HISTORIES])
def test_what_waits(history, waiting, reason):
    assert [one.id for one in questions(history[::-1])] == waiting, reason


def test_no_more_is_read_than_needed():
    read = []
    asyncio.run(pending(pages([idle("2"), use("2"), use("1"), idle("1")], read=read)))
    assert read == [0]


ONE, TWO = questions([idle("1", "2"), use("2", "agent.mcp_tool_use"), use("1")])
[CUSTOM] = questions([idle("3"), use("3", "agent.custom_tool_use", "mine")])
[LOST] = questions([idle("4")])
CHOICES = [
    ([ONE], [], False, [ONE], "the only one is meant"),
    ([ONE, CUSTOM], [], False, [ONE], "also beside one that yes is no answer to"),
    ([ONE, TWO], [], False, None, "of two none"),
    ([ONE, TWO], [], True, [ONE, TWO], "all when it is said so"),
    ([ONE, TWO, CUSTOM], [], True, [ONE, TWO], "of those that can be answered so"),
    ([ONE, TWO], ["2", "2"], False, [TWO], "the one that is named, once"),
    ([LOST], [], False, [LOST], "of one that was not found the API will say"),
]


@pytest.mark.parametrize(("waiting", "ids", "every", "chosen", "reason"), CHOICES, ids=[row[4] for row in CHOICES])
def test_which_are_meant(waiting, ids, every, chosen, reason):
    assert choose(waiting, ids, every=every, verb="approve") == chosen, reason


REFUSALS = [
    ([], [], "nothing waits for a yes or no", "there is nothing"),
    ([CUSTOM], [], "1 wait for a result of their caller", "there is something else"),
    ([ONE], ["7\x1b"], r"7\\x1b waits for no answer \(waiting: 1\)", "another one is named"),
    ([CUSTOM], ["3"], r"mine \(3\) waits for a result", "one that yes is no answer to is named"),
]


@pytest.mark.parametrize(("waiting", "ids", "message", "reason"), REFUSALS, ids=[row[3] for row in REFUSALS])
def test_what_can_not_be_answered_is_said(waiting, ids, message, reason):
    with pytest.raises(Failed, match=message):
        choose(waiting, ids, every=False, verb="approve")


def test_an_answer_is_as_the_api_takes_it():
    assert confirmation(ONE, allow=True, why="x") == {
        "type": "user.tool_confirmation",
        "tool_use_id": "1",
        "result": "allow",
    }
    assert confirmation(ONE, allow=False, why="no")["deny_message"] == "no"
    assert "deny_message" not in confirmation(ONE, allow=False, why=None)


def test_what_is_told_of_one_moves_no_terminal():
    """All of it is the server's, and a Connection may name any server."""
    [one] = questions([idle("\x1b[2J1"), {**use("\x1b[2J1", name="b\x1b[1m"), "input": {"a": "\x1b[1m\u202e"}}])
    assert one.id == "\x1b[2J1"
    assert one.told().isprintable()
    assert one.told().endswith(r"(\x1b[2J1)")
