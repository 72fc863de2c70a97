"""How a session lives: turns begin, go on, are interrupted, reach the budget and end.

The world calls `step` when something is due; the endpoints call `wake`, `interrupt` and `rebudget` after what a client
did; the control API calls `finish` and `terminate`. All of them leave the session in a state that `World.touch` can
record, and call it themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from managed_agents_simulator.clock import SECOND, Instant, wire_time
from managed_agents_simulator.sessions import emission
from managed_agents_simulator.sessions.acts import ACTS
from managed_agents_simulator.sessions.script import plan
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.sessions.turn import Step, Turn
from managed_agents_simulator.sessions.usage import NANO_PER_CENT

if TYPE_CHECKING:
    from managed_agents_simulator.world import World

WORK = ("user.message", "user.define_outcome", "user.tool_confirmation", "user.custom_tool_result", "user.tool_result")
_REFUSAL = {"type": "refusal", "category": "general_harms", "explanation": "The request was declined."}


def step(world: World, session: Session, at: Instant) -> None:
    """Carry out what is due at this instant: one errand, one pause's end, the budget's end, or one step of a turn."""
    if session.errands and session.errands[0].at <= at:
        errand = session.errands.pop(0)
        emission.error(world, session, at, **errand.detail)
    elif (turn := session.turn) is None:
        pass
    elif turn.started is None:
        turn.resume(at)
        emission.running(world, session, at)
    elif turn.cap is not None and turn.own(at) >= turn.cap:
        turn.pause(at)
        emission.idle(world, session, at, {"type": "budget_reached"})
    elif turn.steps:
        coming = turn.steps.pop(0)
        if coming.act == "come_to_rest":
            _come_to_rest(world, session, at, coming.detail)
        else:
            ACTS[coming.act](world, session, at, coming.detail)
    world.touch(session)


def wake(world: World, session: Session, now: Instant) -> None:
    """Begin a turn if the session rests and there is work for it."""
    work = any(event.type in WORK for event in session.history.waiting) or any(
        outcome["result"] == "pending" for outcome in session.outcomes
    )
    if work and session.turn is None and not session.pending:
        _begin(world, session, now)
    world.touch(session)


def go_on(world: World, session: Session, now: Instant) -> None:
    """Go on after the last question to the client was answered."""
    _begin(world, session, now)
    world.touch(session)


def interrupt(world: World, session: Session, now: Instant, *, later: int = 0) -> None:
    """Obey an interrupt: a running turn ends a moment later, open questions lapse at once, rest is left alone.

    `later` outcomes were defined after the interrupt and are still to be worked on.
    """
    if at_budget(session):
        _lapse(world, session, now)
        world.touch(session)
        return
    for outcome in session.outcomes[: len(session.outcomes) - later]:
        if outcome["completed_at"] is None:
            outcome["result"], outcome["completed_at"] = "interrupted", wire_time(now)
    if session.status == "terminated" and world.modes.terminated_accepts_events:
        session.frozen = None
        emission.idle(world, session, now, {"type": "end_turn"})
    if session.turn is not None:
        _break_off(world, session, session.turn, now)
    elif session.pending or session.status == "running":
        session.pending.clear()
        _lapse(world, session, now)
        emission.idle(world, session, now, {"type": "end_turn"})
        wake(world, session, now)
    else:
        _lapse(world, session, now)
    world.touch(session)


def _break_off(world: World, session: Session, turn: Turn, now: Instant) -> None:
    if turn.started is None:
        turn.resume(now)
        emission.running(world, session, now)
    if world.modes.stuck_after_interrupt:
        turn.steps, turn.cap = [], None
    elif not any(step.detail.get("interrupted") for step in turn.steps):
        moment = round(world.behaviour_of(session).interrupt_seconds * SECOND / world.speed)
        turn.steps = [Step(turn.own(now) + moment, "come_to_rest", {"interrupted": True})]


def at_budget(session: Session) -> bool:
    """Whether the session rests because its budget is used up."""
    turn = session.turn
    return turn is not None and turn.started is None and turn.resumes is None


def rebudget(world: World, session: Session, now: Instant) -> None:
    """Apply a changed budget to the turn under way; one that waited for it goes on."""
    if session.turn is not None:
        _set_cap(session, now)
        if at_budget(session) and (session.turn.cap is None or session.turn.cap > session.turn.spent):
            session.turn.resume(now)
            emission.running(world, session, now)
    world.touch(session)


def finish(world: World, session: Session, now: Instant, stop: str) -> None:
    """End the running turn now, in the given way. A session at rest begins and ends one."""
    if session.turn is None:
        session.pending.clear()
        _begin(world, session, now)
    turn = session.current_turn
    if turn.started is None:
        turn.resume(now)
        emission.running(world, session, now)
    if stop == "budget_reached":
        turn.pause(now)
        emission.idle(world, session, now, {"type": "budget_reached"})
    else:
        ACTS["take_in"](world, session, now, {})
        turn.stop = stop
        _come_to_rest(world, session, now, {})
    world.touch(session)


def terminate(world: World, session: Session, now: Instant) -> None:
    """An unrecoverable error ends the session."""
    settle(session, now)
    session.pending.clear()
    emission.error(world, session, now, "unknown_error", "The session failed and can't go on.", "terminal")
    emission.terminated(world, session, now)
    world.touch(session)


def _begin(world: World, session: Session, now: Instant, *, announce: bool = True) -> None:
    session.turns += 1
    pending = next((outcome["outcome_id"] for outcome in session.outcomes if outcome["completed_at"] is None), None)
    session.turn = plan(
        world.behaviour_of(session),
        speed=world.speed,
        tools=any(tool["type"] == "agent_toolset_20260401" for tool in session.agent["tools"]),
        outcome=pending,
        now=now,
    )
    _set_cap(session, now)
    if announce:
        emission.running(world, session, now)


def _set_cap(session: Session, now: Instant) -> None:
    turn = session.current_turn
    turn.cap = None
    if session.budget is None:
        return
    room = session.budget * NANO_PER_CENT - session.charged
    whole = session.turn_cost()
    if whole >= room:
        turn.cap = max(turn.own(now), -(-turn.length * max(0, room) // max(1, whole)))


def _come_to_rest(world: World, session: Session, at: Instant, detail: dict[str, Any]) -> None:
    turn = session.current_turn
    interrupted = bool(detail.get("interrupted"))
    settle(session, at)
    if interrupted:
        _lapse(world, session, at)
        emission.idle(world, session, at, {"type": "end_turn"})
    elif turn.stop == "requires_action":
        _ask(world, session, at)
    elif turn.stop == "retries_exhausted":
        for event in list(session.history.waiting):
            emission.process(world, session, event, at)
        emission.error(world, session, at, "model_overloaded_error", "The model is overloaded.", "exhausted")
        emission.idle(world, session, at, {"type": "retries_exhausted"})
    elif turn.stop == "terminated":
        terminate(world, session, at)
        return
    elif any(event.type in WORK for event in session.history.waiting):
        _begin(world, session, at, announce=False)
        return
    elif turn.stop == "refusal":
        emission.idle(world, session, at, {"type": "refusal"}, stop_details=_REFUSAL)
    else:
        emission.idle(world, session, at, {"type": "end_turn"})
    wake(world, session, at)


def _ask(world: World, session: Session, at: Instant) -> None:
    custom = next((tool for tool in session.agent["tools"] if tool["type"] == "custom"), None)
    if custom is not None:
        event = emission.emit(world, session, at, "agent.custom_tool_use", name=custom["name"], input={})
    else:
        asked = {"command": "git push"}
        event = emission.emit(
            world, session, at, "agent.tool_use", name="bash", input=asked, evaluated_permission="ask"
        )
    session.pending = [event.id]
    if not world.modes.waiting_keeps_running:
        emission.idle(world, session, at, {"type": "requires_action", "event_ids": [event.id]})


def settle(session: Session, at: Instant) -> None:
    """Put an end to the turn under way and keep what it used; status and events are the caller's."""
    if session.turn is not None:
        session.charged = session.spent(at)
        session.usage = session.used(at)
        session.active = session.active_time(at)
        session.turn = None


def _lapse(world: World, session: Session, at: Instant) -> None:
    """The interrupt is dealt with, and with it what waited before it, unless the mode says otherwise."""
    waiting = session.history.waiting
    last = max((place for place, event in enumerate(waiting) if event.type == "user.interrupt"), default=-1)
    for event in waiting[: last + 1]:
        if event.type == "user.interrupt" or not world.modes.interrupt_keeps_queue:
            emission.process(world, session, event, at)
