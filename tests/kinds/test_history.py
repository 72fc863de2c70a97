"""What events tell, read from a server that lists them in its own way."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.kinds.stage import wire

from managed_agents_operator.api.status import Kickoff
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.errors import BadRequest, ClaudeError, CursorRefused, NotFound
from managed_agents_operator.claude.models import Event, Page
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.kinds.history import delivery, spoken_to, stop
from managed_agents_operator.kinds.projection import remote

BARE = {"agent": "agent_sample", "environment_id": "env_sample"}


def says(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


OUTCOME = {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "c"}}


@pytest.fixture
async def id(client) -> str:
    return (await client.create_session(BARE)).value.id


async def idle():
    return remote(wire(status="idle"), 1.0)


async def delivered(client, id, *declared, look=idle):
    return await delivery(client, look, id, declared)


# whether the first events arrived


async def test_nothing_arrived(client, id):
    assert await delivered(client, id, says("go")) == await delivered(client, id, says("x"))
    seen = await delivered(client, id, says("go"))
    assert (seen.event_ids, seen.worked) == (None, False)


async def test_events_that_wait_in_the_queue_arrived(client, control, id):
    await client.send_events(id, [says("somebody's")])
    sent = await client.send_events(id, [says("go"), says("on")])
    assert all(event.processed_at is None for event in sent.value)
    seen = await delivered(client, id, says("go"), says("on"))
    assert seen.event_ids == tuple(event.id for event in sent.value)


async def test_events_that_were_worked_on_arrived_and_tell_when(client, control, id):
    sent = await client.send_events(id, [OUTCOME])
    control.finish(id)
    seen = await delivered(client, id, OUTCOME)
    assert seen.event_ids == (sent.value[0].id,)
    assert seen.worked
    assert seen.sent_at is not None


async def test_the_same_text_twice_is_two_events(client, id):
    await client.send_events(id, [says("go")])
    seen = await delivered(client, id, says("go"), says("go"))
    assert len(seen.event_ids) == 1
    assert seen.worked, "they go out together, so that one proves the other"


async def test_one_of_them_proves_the_others_wherever_it_stands(client, id):
    """A server may have written the first one anew."""
    await client.send_events(id, [says("  go "), says("on")])
    seen = await delivered(client, id, says("go"), says("on"))
    assert seen.event_ids is not None
    assert seen.worked


async def test_other_clients_messages_are_not_ours(client, id):
    await client.send_events(id, [says("somebody's")])
    control_seen = await delivered(client, id, says("go"))
    assert control_seen.event_ids is None


async def test_work_is_a_sign_although_no_event_is_ours(client, id):
    async def busy():
        return remote(wire(status="running"), 1.0)

    assert (await delivered(client, id, says("go"), look=busy)).worked


async def test_a_session_that_is_gone_when_it_is_looked_at_shows_no_work(client, id):
    async def gone():
        return Absent(None, 1.0)

    assert not (await delivered(client, id, says("go"), look=gone)).worked


async def test_a_listing_that_fails_leaves_nothing_unawaited(client):
    """An unawaited look would be a warning in the log, and an error here."""
    with pytest.raises(NotFound):
        await delivered(client, "sesn_none", says("go"))


# why it is idle


def sent(*events) -> Kickoff:
    return Kickoff(state="Sent", event_ids=tuple(event.id for event in events))


async def test_new_and_idle_for_no_reason(client, id):
    seen = await stop(client, id, None)
    assert not seen.own


async def test_the_idle_after_our_own_events(client, control, id):
    ours = (await client.send_events(id, [says("go")])).value
    control.finish(id, "refusal")
    seen = await stop(client, id, sent(*ours))
    assert (seen.reason, seen.own) == ("refusal", True)
    assert seen.at is not None


async def test_an_idle_from_before_our_events_is_not_theirs(client, control, id):
    await client.send_events(id, [says("somebody's")])
    control.finish(id)
    ours = (await client.send_events(id, [says("go")])).value
    seen = await stop(client, id, sent(*ours))
    assert not seen.own


async def test_other_clients_messages_in_between_change_nothing(client, control, id):
    ours = (await client.send_events(id, [says("go")])).value
    control.finish(id)
    for _ in range(3):
        await client.send_events(id, [says("somebody's")])
        control.finish(id, "retries_exhausted")
    seen = await stop(client, id, sent(*ours))
    assert (seen.reason, seen.own) == ("retries_exhausted", True)


async def test_a_session_that_waits_names_the_tools(client, control, id):
    ours = (await client.send_events(id, [says("go")])).value
    control.finish(id, "requires_action")
    seen = await stop(client, id, sent(*ours))
    assert seen.reason == "requires_action"
    [pending] = control.session(id)["pending"]
    assert seen.asked == (f"bash ({pending})",)


async def test_ids_that_nobody_told_are_taken_for_any(client, control, id):
    """A server that answers to events with an empty body."""
    control.modes(send_body=False, send_status=202)
    answer = (await client.send_events(id, [says("go")])).value
    assert answer == []
    assert not (await stop(client, id, sent())).own, "it runs, and no idle came yet"
    control.finish(id)
    assert (await stop(client, id, sent())).own


async def test_our_events_that_nobody_finds_prove_nothing(client, control, id):
    await client.send_events(id, [says("somebody's")])
    control.finish(id)
    assert not (await stop(client, id, Kickoff(state="Sent", event_ids=("sevt_lost",)))).own


async def test_once_it_was_over_the_newest_idle_is_enough(client, control, id):
    ours = (await client.send_events(id, [says("go")])).value
    control.finish(id)
    for _ in range(60):
        await client.send_events(id, [says("somebody's")])
        control.finish(id)
    control.clear_requests()
    whole = await stop(client, id, sent(*ours))
    pages = len(control.requests())
    control.clear_requests()
    short = await stop(client, id, sent(*ours), over=True)
    assert short == whole
    assert (pages, len(control.requests())) == (2, 1)


async def test_a_session_that_is_gone_tells_no_reason(client):
    assert (await stop(client, "sesn_none", None)).reason is None


class Script:
    """A client whose events are pages as a server might list them, or errors; filters may be refused."""

    def __init__(self, *pages: Any, filters: bool = True) -> None:
        self.pages, self.filters, self.asked = pages, filters, []

    def iterate_events(self, id, *, types=(), order="asc"):
        self.asked.append((tuple(types), order))
        return self._iterate(types)

    async def _iterate(self, types):
        if types and not self.filters:
            raise BadRequest("types[]: unknown parameter", status=400)
        for page in self.pages:
            if isinstance(page, ClaudeError):
                raise page
            yield Answer(Page([Event.model_validate(event) for event in page], "next"), None)


def event(id: str, type: str, at: str | None = "2026-11-22T09:30:00Z", **fields: Any) -> dict[str, Any]:
    return {"id": id, "type": type, "processed_at": at, **fields}


IDLE = event("e-idle", "session.status_idle", stop_reason={"type": "end_turn"})


WAITS = event("e-idle", "session.status_idle", stop_reason={"type": "requires_action", "event_ids": ["e1", "e2", "e3"]})
BASH = event("e1", "agent.tool_use", name="bash", input={"command": "canary-of-the-input"})
DOCS = event("e2", "agent.mcp_tool_use", name="search", mcp_server_name="docs", input={"q": "canary-of-the-input"})
OWN = event("e3", "agent.custom_tool_use", name="approve", input={"text": "canary-of-the-input"})


async def test_each_open_question_is_told_by_its_tool_and_never_by_its_input():
    seen = await stop(Script([WAITS, OWN, DOCS, BASH, event("e0", **says("go"))]), "sesn_1", None)
    assert seen.asked == ("bash (e1)", "docs/search (e2)", "approve (e3)")
    assert "canary" not in repr(seen)


async def test_tools_are_only_listed_for_those_that_wait():
    script = Script([IDLE, event("e2", **says("go"))])
    await stop(script, "sesn_1", None)
    assert len(script.asked) == 1


async def test_a_question_that_is_not_found_is_told_by_its_id():
    seen = await stop(Script([WAITS, BASH, event("e0", **says("go"))]), "sesn_1", None)
    assert seen.asked == ("bash (e1)", "e2", "e3")


# What stands for the name of a tool; why it is not told.
NO_NAMES = [
    ({"name": None}, "there is none"),
    ({"name": "x y\nz"}, "a text is no name"),
    ({"name": "n" * 500}, "too long for a message"),
    ({"name": {"a": 1}}, "of another form"),
    ({"name": "ok", "mcp_server_name": "http://canary"}, "nor is an address"),
]


@pytest.mark.parametrize(("fields", "why"), NO_NAMES)
async def test_a_name_that_is_none_is_left_out(fields, why):
    seen = await stop(Script([WAITS, event("e1", "agent.tool_use", **fields)]), "sesn_1", None)
    assert seen.asked == ("e1", "e2", "e3"), why


async def test_a_server_without_that_filter_tells_the_tools_too():
    script = Script([WAITS, event("e9", "agent.message"), OWN, DOCS, BASH, event("e0", **says("go"))], filters=False)
    assert (await stop(script, "sesn_1", None)).asked == ("bash (e1)", "docs/search (e2)", "approve (e3)")


class Refusing(Script):
    """Refuses to list uses of tools."""

    def __init__(self, *pages: Any, error: Exception) -> None:
        super().__init__(*pages)
        self.error = error

    async def _iterate(self, types):
        if "agent.tool_use" in types or not types:
            raise self.error
        async for page in super()._iterate(types):
            yield page


async def test_without_the_tools_their_ids_are_told():
    for error in (BadRequest("no", status=400), NotFound("no", status=404)):
        seen = await stop(Refusing([WAITS, BASH], error=error), "sesn_1", None)
        assert seen.asked == ("e1", "e2", "e3")
    with pytest.raises(CursorRefused):
        await stop(Refusing([WAITS, BASH], error=CursorRefused("expired", status=400)), "sesn_1", None)


async def test_of_a_long_history_only_the_youngest_uses_are_read():
    many = [event(f"u{n}", "agent.tool_use", name="bash") for n in range(5000)]
    script = Script([WAITS], many, [BASH])
    assert (await stop(script, "sesn_1", None)).asked == ("e1", "e2", "e3")


async def test_a_server_without_that_filter_is_asked_without_it():
    script = Script(
        [event("e3", "agent.message"), IDLE], [event("e1", "session.created"), event("e2", **says("go"))], filters=False
    )
    seen = await stop(script, "sesn_1", Kickoff(state="Sent", event_ids=("e2",)))
    assert (seen.reason, seen.own) == ("end_turn", True)
    assert script.asked[-1] == ((), "desc")


async def test_a_filter_that_is_not_heeded_does_no_harm():
    script = Script([event("e3", "agent.message"), IDLE, event("e2", **says("go"))])
    assert (await stop(script, "sesn_1", Kickoff(state="Sent", event_ids=("e2",)))).own


async def test_an_event_that_waits_is_never_before_an_idle_wherever_it_is_listed():
    """Some lists are by the time of processing, and what has none comes first or last."""
    script = Script([IDLE, event("e2", at=None, **says("go"))])
    assert not (await stop(script, "sesn_1", Kickoff(state="Sent", event_ids=("e2",)))).own


async def test_a_server_that_stamps_nothing_is_believed_by_its_order():
    script = Script([{**IDLE, "processed_at": None}, event("e2", at=None, **says("go"))])
    seen = await stop(script, "sesn_1", Kickoff(state="Sent", event_ids=("e2",)))
    assert (seen.own, seen.at) == (True, None)


@pytest.mark.parametrize("error", [CursorRefused("expired", status=400), NotFound("gone", status=404)])
async def test_half_a_history_tells_nothing(error):
    script = Script([event("e3", "agent.message")], error)
    with pytest.raises(type(error)):
        await delivery(script, idle, "sesn_1", [says("go")])
    with pytest.raises(type(error)):
        await spoken_to(script, "sesn_1")


async def test_a_history_that_breaks_off_is_no_session_without_a_reason():
    script = Script([event("e3", "agent.message")], CursorRefused("expired", status=400))
    with pytest.raises(CursorRefused):
        await stop(script, "sesn_1", None)


async def test_a_stop_reason_of_a_form_that_nobody_knows_is_none():
    script = Script(
        [event("e-idle", "session.status_idle", at="soon", stop_reason="end_turn"), event("e2", **says("x"))]
    )
    assert (await stop(script, "sesn_1", None)).reason is None


# whether anybody spoke to it


async def test_nobody_spoke_to_a_new_one(client, id):
    assert not await spoken_to(client, id)


@pytest.mark.parametrize("type_", ["user.message", "user.interrupt", "system.message", "user.word_of_tomorrow"])
async def test_whatever_a_client_sends_counts(client, control, id, type_):
    control.emit(id, type_)
    assert await spoken_to(client, id)


async def test_nothing_of_what_was_said_gets_into_the_log(client, control, id, caplog):
    caplog.set_level(logging.DEBUG)
    await client.send_events(id, [says("canary-of-the-kick-off")])
    await delivered(client, id, says("canary-of-the-kick-off"))
    await stop(client, id, None)
    assert "canary" not in caplog.text
