"""The plan of a turn: which steps, at which share of its length, for the way it is to end.

Pure. `life` asks for a plan when a turn begins; the steps name functions of `acts`.
"""

from __future__ import annotations

from managed_agents_simulator.clock import SECOND, Instant
from managed_agents_simulator.sessions.behaviour import Behaviour
from managed_agents_simulator.sessions.turn import Step, Turn

_OPENING = ((0.05, "take_in"), (0.08, "request_starts"), (0.25, "think"), (0.35, "request_ends"))
_TOOL = ((0.36, "use_tool"), (0.50, "tool_answers"))
_CLOSING = ((0.52, "request_starts"), (0.86, "preview"), (0.90, "speak"), (0.92, "request_ends"))
_FAILING = ((0.52, "request_starts"), (0.70, "request_fails"))
_EVALUATION = (0.60, 0.84)


def plan(behaviour: Behaviour, *, speed: float, tools: bool, outcome: str | None, now: Instant) -> Turn:
    """A turn that begins now.

    `tools` says whether the agent has a tool to use, `outcome` names the outcome to be worked on. A turn that ends in
    a question to the client neither speaks nor finishes an outcome.
    """
    length = max(1000, round(behaviour.turn_seconds * SECOND / speed))
    moments = [*_OPENING]
    if tools:
        moments += _TOOL
    if behaviour.stop_reason in ("retries_exhausted", "terminated"):
        moments += _FAILING
    elif behaviour.stop_reason != "requires_action":
        moments += _CLOSING
    steps = [Step(round(share * length), act) for share, act in moments]
    if behaviour.reschedules:
        pause = round(behaviour.reschedule_seconds * SECOND / speed)
        steps.append(Step(round(0.45 * length), "reschedule", {"pause": pause}))
    if outcome is not None and behaviour.stop_reason == "end_turn":
        steps += _evaluations(outcome, behaviour.outcome_revisions, length)
    steps.append(Step(length, "come_to_rest"))
    steps.sort(key=lambda step: step.at)
    return Turn(length, behaviour.gain, steps, behaviour.stop_reason, started=now)


def _evaluations(outcome: str, revisions: int, length: Instant) -> list[Step]:
    first, last = _EVALUATION
    rounds = revisions + 1
    stride = (last - first) / rounds
    steps = []
    for iteration in range(rounds):
        begins = first + iteration * stride
        detail = {"outcome": outcome, "iteration": iteration, "final": iteration == revisions}
        steps.append(Step(round(begins * length), "evaluate", detail))
        steps.append(Step(round((begins + stride / 2) * length), "judge", detail))
    return steps
