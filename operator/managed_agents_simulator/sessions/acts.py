"""What happens at the steps of a turn: each act emits its events and changes the session accordingly.

`script` names these functions and `life` calls them; `ACTS` at the end is the table. An act is given the session, the
instant it happens at and the step's detail. None of them decides what comes next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from managed_agents_simulator.clock import Instant, wire_time
from managed_agents_simulator.sessions import emission
from managed_agents_simulator.sessions.session import Session

if TYPE_CHECKING:
    from managed_agents_simulator.world import World

Act = Callable[["World", Session, Instant, dict[str, Any]], None]


def take_in(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The agent reads what clients sent up to now."""
    for event in list(session.history.waiting):
        if event.type != "user.interrupt":
            emission.process(world, session, event, at)
    for outcome in session.outcomes:
        if outcome["result"] == "pending":
            outcome["result"] = "running"


def request_starts(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """A model request begins."""
    _marks(session)["request"] = emission.emit(world, session, at, "span.model_request_start").id


def request_ends(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The model request under way succeeds."""
    _end_request(world, session, at, failed=False)


def request_fails(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The model request under way fails, and is tried again."""
    _end_request(world, session, at, failed=True)
    emission.error(world, session, at, "model_overloaded_error", "The model is overloaded.", "retrying")


def think(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The model thinks."""
    preview = world.identifiers.make("sevt_")
    start = {"type": "event_start", "event": {"type": "agent.thinking", "id": preview}}
    session.history.publish(start, preview="agent.thinking")
    emission.emit(world, session, at, "agent.thinking", identifier=preview)


def use_tool(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The agent runs a built-in tool."""
    event = emission.emit(
        world, session, at, "agent.tool_use", name="bash", input={"command": "ls"}, evaluated_permission="allow"
    )
    _marks(session)["tool"] = event.id


def tool_answers(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The built-in tool is done."""
    content = [{"type": "text", "text": "README.md\nsrc\n"}]
    used = _marks(session).get("tool", "")
    emission.emit(world, session, at, "agent.tool_result", tool_use_id=used, content=content, is_error=False)


def preview(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The answer begins to appear on the streams that asked for previews."""
    coming = _marks(session)["message"] = world.identifiers.make("sevt_")
    start = {"type": "event_start", "event": {"type": "agent.message", "id": coming}}
    session.history.publish(start, preview="agent.message")
    for word in world.behaviour_of(session).reply.split(" "):
        delta = {"type": "content_delta", "index": 0, "content": {"type": "text", "text": f"{word} "}}
        fragment = {"type": "event_delta", "event_id": coming, "delta": delta}
        session.history.publish(fragment, preview="agent.message")


def speak(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The agent's answer is whole."""
    reply = world.behaviour_of(session).reply
    content = [{"type": "text", "text": reply}]
    emission.emit(world, session, at, "agent.message", identifier=_marks(session).get("message"), content=content)


def reschedule(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """A transient error: the session waits until it is run again."""
    emission.error(world, session, at, "model_rate_limited_error", "Rate limited; retrying.", "retrying")
    session.current_turn.pause(at, resumes=at + detail["pause"])
    session.status = "rescheduling"
    session.updated = at
    emission.thread_status(world, session, at, "rescheduled")
    emission.emit(world, session, at, "session.status_rescheduled")


def evaluate(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The grader looks at an outcome."""
    outcome = _outcome(session, detail)
    if outcome["completed_at"] is not None:
        return
    outcome["result"], outcome["iteration"] = "evaluating", detail["iteration"]
    about = {"iteration": detail["iteration"], "outcome_id": detail["outcome"]}
    _marks(session)["evaluation"] = emission.emit(world, session, at, "span.outcome_evaluation_start", **about).id
    emission.emit(world, session, at, "span.outcome_evaluation_ongoing", **about)


def judge(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    """The grader's verdict on an outcome."""
    outcome = _outcome(session, detail)
    if outcome["completed_at"] is not None:
        return
    result, explanation = _verdict(world, session, outcome, detail)
    outcome["result"], outcome["explanation"] = result, explanation
    if result != "needs_revision":
        outcome["completed_at"] = wire_time(at)
    emission.emit(
        world,
        session,
        at,
        "span.outcome_evaluation_end",
        outcome_evaluation_start_id=_marks(session).get("evaluation", ""),
        result=result,
        explanation=explanation,
        iteration=detail["iteration"],
        outcome_id=detail["outcome"],
        usage=_span_usage(session),
    )


def _verdict(world: World, session: Session, outcome: dict[str, Any], detail: dict[str, Any]) -> tuple[str, str]:
    if detail["iteration"] + 1 >= outcome["max_iterations"] and not detail["final"]:
        return "max_iterations_reached", "The allowed iterations are used up."
    if not detail["final"]:
        return "needs_revision", "One criterion of the rubric is not met yet."
    scripted = world.behaviour_of(session).outcome_result
    return scripted or "satisfied", "Every criterion of the rubric was looked at."


def _end_request(world: World, session: Session, at: Instant, *, failed: bool) -> None:
    emission.emit(
        world,
        session,
        at,
        "span.model_request_end",
        model_request_start_id=_marks(session).get("request", ""),
        is_error=failed,
        model_usage=_span_usage(session),
    )


def _span_usage(session: Session) -> dict[str, Any]:
    gain = session.turn.gain.part(0.5) if session.turn else session.usage
    return {
        "input_tokens": gain.input_tokens,
        "output_tokens": gain.output_tokens,
        "cache_creation_input_tokens": gain.cache_creation_5m + gain.cache_creation_1h,
        "cache_read_input_tokens": gain.cache_read_input_tokens,
        "speed": session.agent["model"].get("speed", "standard"),
    }


def _marks(session: Session) -> dict[str, str]:
    return session.current_turn.marks


def _outcome(session: Session, detail: dict[str, Any]) -> dict[str, Any]:
    return next(outcome for outcome in session.outcomes if outcome["outcome_id"] == detail["outcome"])


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        take_in,
        request_starts,
        request_ends,
        request_fails,
        think,
        use_tool,
        tool_answers,
        preview,
        speak,
        reschedule,
        evaluate,
        judge,
    )
}
