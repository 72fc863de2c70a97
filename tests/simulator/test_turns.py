"""How sessions live in time: the clock stands still and is moved by hand, so every moment is exact."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control

TURN = ["session.status_running", "session.thread_status_running", "user.message"]
REQUEST = ["span.model_request_start", "span.model_request_end"]
OUTCOME: Any = {
    "type": "user.define_outcome",
    "description": "A report.",
    "rubric": {"type": "text", "content": "It is short."},
}


def capped(cents: int) -> Any:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


async def events(client: AsyncAnthropic, session: str, **wanted: Any) -> list[Any]:
    return [event async for event in client.beta.sessions.events.list(session, **wanted)]


async def last_stop(client: AsyncAnthropic, session: str) -> Any:
    return (await events(client, session, types=["session.status_idle"], order="desc"))[0].stop_reason


async def test_a_turn_from_start_to_rest(client: AsyncAnthropic, control: Control, bare: Any, message: Any) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    assert [event.type for event in await events(client, session.id)] == TURN
    assert (await events(client, session.id))[-1].processed_at is None, "it waits until the agent takes it in"

    control.advance(7)

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    types = [event.type for event in await events(client, session.id)]
    assert types == [
        *TURN,
        "span.model_request_start",
        "agent.thinking",
        "span.model_request_end",
        "agent.tool_use",
        "agent.tool_result",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    moments = [event.processed_at for event in await events(client, session.id)]
    assert moments == sorted(moments)
    assert (await last_stop(client, session.id)).type == "end_turn"


async def test_usage_and_cost_grow_while_it_runs(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    seen = [session]
    for _ in range(4):
        control.advance(2)
        seen.append(await client.beta.sessions.retrieve(session.id))

    tokens = [one.usage.output_tokens for one in seen]
    assert tokens == [0, 800, 1600, 2400, 2400]
    costs = [int(one.usage.list_cost.amount) for one in seen if one.usage.list_cost]
    assert costs == [0, 6, 12, 18, 18]
    assert [one.usage.active_seconds for one in seen] == [0, 2, 4, 6, 6]
    assert [one.stats.duration_seconds for one in seen] == [0, 2, 4, 6, 8]
    usage = (await events(client, session.id, types=["session.usage"]))[0].usage
    assert usage.output_tokens == 2400


async def test_speed_shortens_turns(simulator: Simulator, client: AsyncAnthropic, bare: Any, message: Any) -> None:
    simulator.control.speed(10)
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    simulator.control.advance(0.6)

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"


async def test_messages_that_come_while_it_works_are_worked_on_next(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(3)
    sent = await client.beta.sessions.events.send(session.id, events=[message])
    assert sent.data
    assert sent.data[0].processed_at is None

    control.advance(4)
    assert (await client.beta.sessions.retrieve(session.id)).status == "running"
    control.advance(6)
    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    idles = await events(client, session.id, types=["session.status_idle"])
    assert len(idles) == 1, "it did not rest in between"
    assert control.session(session.id)["turns"] == 2


async def test_an_interrupt_takes_a_moment_and_voids_what_waits(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(3)
    await client.beta.sessions.events.send(session.id, events=[message])
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    assert (await client.beta.sessions.retrieve(session.id)).status == "running"

    control.advance(0.5)

    stopped = await client.beta.sessions.retrieve(session.id)
    assert stopped.status == "idle"
    assert stopped.usage.active_seconds == 3.5
    assert (await last_stop(client, session.id)).type == "end_turn"
    assert all(event.processed_at for event in await events(client, session.id))


async def test_a_message_after_the_interrupt_starts_a_turn(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}, message])
    control.advance(1)

    assert (await client.beta.sessions.retrieve(session.id)).status == "running"
    assert control.session(session.id)["turns"] == 2


async def test_an_interrupt_also_voids_an_outcome_not_begun(
    client: AsyncAnthropic, control: Control, bare: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[OUTCOME])
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    control.advance(1)

    stopped = await client.beta.sessions.retrieve(session.id)
    assert (stopped.status, stopped.outcome_evaluations[0].result) == ("idle", "interrupted")


async def test_an_outcome_after_the_interrupt_is_worked_on(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}, OUTCOME])
    control.advance(10)

    done = await client.beta.sessions.retrieve(session.id)
    assert (done.status, done.outcome_evaluations[0].result) == ("idle", "satisfied")


async def test_impatience_does_not_put_off_the_end(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    for _ in range(5):
        await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
        control.advance(0.1)

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"


async def test_an_interrupt_frees_a_session_that_only_says_it_runs(
    client: AsyncAnthropic, control: Control, bare: Any
) -> None:
    session = await client.beta.sessions.create(**bare)
    control.edit(session.id, status="running")
    assert [found.id async for found in client.beta.sessions.list(statuses=["running"])] == [session.id]
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    assert [found.id async for found in client.beta.sessions.list(statuses=["running"])] == []


async def test_an_interrupt_at_rest_changes_nothing(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    assert [event.type for event in await events(client, session.id)] == ["user.interrupt"]


async def test_the_budget_stops_it_and_a_higher_one_lets_it_go_on(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, budget=capped(9), initial_events=[message])
    control.advance(60)

    stopped = await client.beta.sessions.retrieve(session.id)
    assert stopped.status == "idle"
    assert stopped.usage.list_cost
    assert stopped.usage.list_cost.amount == "9"
    assert (await last_stop(client, session.id)).type == "budget_reached"
    with pytest.raises(anthropic.BadRequestError, match=r"user\.tool_confirmation"):
        await client.beta.sessions.events.send(session.id, events=[message])
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    with pytest.raises(anthropic.BadRequestError) as refused:
        await client.beta.sessions.update(session.id, budget=capped(8))
    assert refused.value.body["error"]["details"]["reason"] == "budget_not_raised"  # type: ignore[index]

    resumed = await client.beta.sessions.update(session.id, budget=capped(100))
    assert resumed.status == "running", "no event is needed"
    control.advance(6)
    done = await client.beta.sessions.retrieve(session.id)
    assert done.status == "idle"
    assert done.usage.output_tokens == 2400
    assert (await last_stop(client, session.id)).type == "end_turn"


async def test_a_removed_budget_lets_it_go_on_and_never_comes_back(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, budget=capped(9), initial_events=[message])
    control.advance(60)
    freed = await client.beta.sessions.update(session.id, budget=None)
    assert (freed.status, freed.budget) == ("running", None)

    with pytest.raises(anthropic.BadRequestError) as refused:
        await client.beta.sessions.update(session.id, budget=capped(5000))
    assert refused.value.body["error"]["details"]["reason"] == "budget_create_only"  # type: ignore[index]


async def test_a_budget_lowered_while_it_runs_still_stops_it(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, budget=capped(1000), initial_events=[message])
    control.advance(2)
    await client.beta.sessions.update(session.id, budget=capped(12))
    control.advance(10)

    assert (await last_stop(client, session.id)).type == "budget_reached"


async def test_a_model_without_a_price_has_no_budget(client: AsyncAnthropic) -> None:
    agent = await client.beta.agents.create(name="Preview", model="claude-preview-1")
    with pytest.raises(anthropic.BadRequestError) as refused:
        await client.beta.sessions.create(agent=agent.id, environment_id="env_sample", budget=capped(5))
    assert refused.value.body["error"]["details"]["reason"] == "model_not_budgetable"  # type: ignore[index]


async def test_it_asks_and_goes_on_when_answered(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    control.behaviour(stop_reason="requires_action")
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(6)
    asked = (await last_stop(client, session.id)).event_ids
    assert len(asked) == 1
    with pytest.raises(anthropic.BadRequestError, match="does not wait"):
        await client.beta.sessions.events.send(
            session.id, events=[{"type": "user.tool_confirmation", "tool_use_id": "sevt_unknown", "result": "allow"}]
        )
    with pytest.raises(anthropic.BadRequestError, match="deny"):
        await client.beta.sessions.events.send(
            session.id,
            events=[
                {"type": "user.tool_confirmation", "tool_use_id": asked[0], "result": "allow", "deny_message": "no"}
            ],
        )

    control.behaviour(stop_reason="end_turn")
    await client.beta.sessions.events.send(
        session.id, events=[{"type": "user.tool_confirmation", "tool_use_id": asked[0], "result": "allow"}]
    )
    assert (await client.beta.sessions.retrieve(session.id)).status == "running"
    control.advance(6)
    assert (await last_stop(client, session.id)).type == "end_turn"


async def test_a_custom_tool_waits_for_its_result(client: AsyncAnthropic, control: Control, message: Any) -> None:
    tool: Any = {"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
    agent = await client.beta.agents.create(name="Custom", model="claude-opus-5-5", tools=[tool])
    control.behaviour(stop_reason="requires_action")
    session = await client.beta.sessions.create(agent=agent.id, environment_id="env_sample", initial_events=[message])
    control.advance(6)
    use = (await events(client, session.id, types=["agent.custom_tool_use"]))[0]
    assert use.name == "look"

    sent = await client.beta.sessions.events.send(
        session.id,
        events=[{"type": "user.custom_tool_result", "custom_tool_use_id": use.id, "content": []}],
    )
    assert sent.data
    assert sent.data[0].processed_at is not None, "results are processed on receipt"
    assert (await client.beta.sessions.retrieve(session.id)).status == "running"


async def test_an_interrupt_voids_open_questions(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    control.behaviour(stop_reason="requires_action")
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(6)
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])

    assert (await last_stop(client, session.id)).type == "end_turn"
    assert control.session(session.id)["pending"] == []


@pytest.mark.parametrize("stop", ["end_turn", "retries_exhausted", "refusal", "budget_reached", "requires_action"])
async def test_a_turn_can_be_ended_by_hand(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any, stop: str
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.finish(session.id, stop)

    assert (await client.beta.sessions.retrieve(session.id)).status == "idle"
    assert (await last_stop(client, session.id)).type == stop


async def test_a_refusal_says_why(client: AsyncAnthropic, control: Control, bare: Any, message: Any) -> None:
    control.behaviour(stop_reason="refusal")
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(6)

    idle = (await events(client, session.id, types=["session.status_idle"]))[0]
    assert idle.stop_reason.type == "refusal"
    assert idle.stop_details.category == "general_harms"


async def test_exhausted_retries_leave_it_idle_with_an_error(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    control.behaviour(stop_reason="retries_exhausted")
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(6)

    assert (await last_stop(client, session.id)).type == "retries_exhausted"
    errors = await events(client, session.id, types=["session.error"])
    assert [error.error.retry_status.type for error in errors] == ["retrying", "exhausted"]


async def test_an_unrecoverable_error_terminates_it(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    control.behaviour(stop_reason="terminated")
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(6)

    ended = await client.beta.sessions.retrieve(session.id)
    assert (ended.status, ended.archived_at) == ("terminated", None)
    assert [found.id async for found in client.beta.sessions.list(statuses=["terminated"])] == [session.id]
    with pytest.raises(anthropic.ConflictError):
        await client.beta.sessions.events.send(session.id, events=[message])
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.update(session.id, budget=None)
    assert (await client.beta.sessions.archive(session.id)).archived_at is not None


async def test_a_transient_error_reschedules_it(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    control.behaviour(reschedules=True)
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(3)
    assert (await client.beta.sessions.retrieve(session.id)).status == "rescheduling"
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.archive(session.id)
    control.advance(2)
    assert (await client.beta.sessions.retrieve(session.id)).status == "running"
    control.advance(3)
    done = await client.beta.sessions.retrieve(session.id)
    assert done.status == "idle"
    assert done.usage.active_seconds == 6, "waiting is not running"


async def test_an_outcome_is_pursued_judged_and_revised(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[OUTCOME])
    seen = [session.outcome_evaluations[0].result]
    for _ in range(70):
        control.advance(0.1)
        evaluation = (await client.beta.sessions.retrieve(session.id)).outcome_evaluations[0]
        if evaluation.result != seen[-1]:
            seen.append(evaluation.result)

    assert seen == ["pending", "running", "evaluating", "needs_revision", "evaluating", "satisfied"]
    done = (await client.beta.sessions.retrieve(session.id)).outcome_evaluations[0]
    assert done.outcome_id.startswith("outc_")
    assert (done.iteration, done.description) == (1, "A report.")
    assert done.completed_at is not None
    defined = (await events(client, session.id, types=["user.define_outcome"]))[0]
    assert (defined.outcome_id, defined.max_iterations) == (done.outcome_id, 3)


async def test_an_outcome_is_given_up_after_its_iterations(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    control.behaviour(outcome_revisions=3)
    session = await client.beta.sessions.create(**bare, initial_events=[{**OUTCOME, "max_iterations": 2}])
    control.advance(6)

    done = (await client.beta.sessions.retrieve(session.id)).outcome_evaluations[0]
    assert (done.result, done.iteration) == ("max_iterations_reached", 1)


async def test_an_interrupt_ends_an_outcome(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[OUTCOME])
    control.advance(2)
    await client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    control.advance(1)

    assert (await client.beta.sessions.retrieve(session.id)).outcome_evaluations[0].result == "interrupted"


async def test_a_repository_can_fail_later(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    control.behaviour(repository_error="repository_authentication_error")
    session = await client.beta.sessions.create(
        **bare,
        resources=[{"type": "github_repository", "url": "https://github.com/o/r", "authorization_token": "ghp_x"}],
    )
    assert await events(client, session.id) == []
    control.advance(20)

    error = (await events(client, session.id, types=["session.error"]))[0].error
    assert error.type == "repository_authentication_error"
    assert error.repository_url == "https://github.com/o/r"
    assert (await client.beta.sessions.retrieve(session.id)).status == "idle", "it goes on without it"


async def test_one_session_can_behave_in_its_own_way(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    slow = await client.beta.sessions.create(**bare)
    quick = await client.beta.sessions.create(**bare)
    control.behaviour(slow.id, turn_seconds=100.0)
    for session in (slow, quick):
        await client.beta.sessions.events.send(session.id, events=[message])
    control.advance(10)

    running = [found.id async for found in client.beta.sessions.list(statuses=["running"])]
    assert running == [slow.id]


async def test_the_primary_thread_shows_the_session(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    thread = (await client.beta.sessions.threads.list(session.id)).data[0]
    assert (thread.status, thread.parent_thread_id, thread.session_id) == ("running", None, session.id)
    control.advance(6)

    thread = await client.beta.sessions.threads.retrieve(thread.id, session_id=session.id)
    assert thread.status == "idle"
    assert thread.usage is not None
    assert thread.usage.output_tokens == 2400
    listed = [event async for event in client.beta.sessions.threads.events.list(thread.id, session_id=session.id)]
    assert len(listed) == len(await events(client, session.id))
    with pytest.raises(anthropic.BadRequestError):
        await client.beta.sessions.threads.archive(thread.id, session_id=session.id)
    with pytest.raises(anthropic.NotFoundError):
        await client.beta.sessions.threads.retrieve("sthr_unknown", session_id=session.id)


async def test_self_hosted_tools_are_answered_by_the_client(
    client: AsyncAnthropic, raw: httpx.AsyncClient, control: Control, message: Any
) -> None:
    hosted = await client.beta.environments.create(name="ours", config={"type": "self_hosted"})
    control.behaviour(stop_reason="requires_action")
    ids = []
    for environment in (hosted.id, "env_sample"):
        session = await client.beta.sessions.create(
            agent="agent_sample", environment_id=environment, initial_events=[message]
        )
        ids.append(session.id)
    control.advance(6)

    answers = []
    for session_id in ids:
        asked = (await last_stop(client, session_id)).event_ids[0]
        result = {"events": [{"type": "user.tool_result", "tool_use_id": asked}]}
        answers.append((await raw.post(f"/v1/sessions/{session_id}/events", json=result)).status_code)
    assert answers == [200, 400]
