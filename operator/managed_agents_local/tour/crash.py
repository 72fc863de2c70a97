"""The act in which the operator is killed in the middle of its work, and started again.

Called by `demo.py` after all the others. The simulator holds its answers back so that the kill falls where it hurts
most: after sessions were made and before the operator could know of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from managed_agents_local.tour.acts import WRONG
from managed_agents_local.tour.screen import Finding
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.tour.stage import Stage
from managed_agents_local.tour.witness import require

REPORTS = tuple(f"report-{number}" for number in range(1, 6))
LATE = "late"
"""Applied while no operator runs."""
PATIENCE = {"MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS": "6"}
"""Not set before the kill: on a slow machine too, the operator shall wait until then for the answers held back."""
SETTLED = ("bare", "triage", "files", "replace", WRONG)
GONE = "mounts"
"""Its resource was deleted."""
SAMPLE = "03-kickoff-and-budget.yaml"


@dataclass(frozen=True, slots=True)
class Killed:
    """How things stood when the operator was gone."""

    unknown: int
    """How many sessions were made that no resource told of."""
    writes: int
    """A mark in the audit log."""
    posts: Mapping[str, int]
    """How many creations there had been until then for each that was settled."""


def crash(stage: Stage) -> Iterator[Finding]:
    """Kill it in the middle of creations, start it again, and count."""
    killed = _kill(stage)
    stage.screen.say("One more is applied while no operator runs:")
    stage.prompt.run(f'sed "s/name: triage/name: {LATE}/" {stage.sample(SAMPLE)} | kubectl apply -f -')
    stage.start_operator(PATIENCE)
    stage.screen.say("It finds the sessions that it never heard of. Their first events it sends")
    stage.screen.say("once it is sure that they never were: after 12 s here, after 90 s by default.")
    names = (*REPORTS, LATE)
    stage.witness.until_true("Ready", names)
    seen = stage.witness.until_true("Finished", names)
    yield _once(stage, killed, [seen[name] for name in names])
    yield _left_alone(stage, killed)


def _kill(stage: Stage) -> Killed:
    stage.witness.until("nothing is left to tell of what came before", lambda seen: _settled(stage, seen))
    writes = stage.witness.mark()
    posts = {name: len(stage.witness.creations(name)) for name in (*SETTLED, GONE)}
    stage.screen.say("The simulated API answers one more creation, and holds back the answers after it:")
    rule = stage.world.control.fault("delay", method="POST", path="^/v1/sessions$", when="after", skip=1, times=None)
    numbers = " ".join(name.rpartition("-")[2] for name in REPORTS)
    copy = f'sed "s/name: triage/name: report-$n/" {stage.sample(SAMPLE)}'
    stage.prompt.run(f"for n in {numbers}; do echo ---; {copy}; done | kubectl apply -f -")
    stage.witness.until(
        "the API makes a session for each report", lambda _: all(stage.witness.remote(name) for name in REPORTS)
    )
    stage.screen.command(f"kill -9 {stage.world.operator.process.pid}")
    stage.world.kill_operator()
    stage.world.control.remove_fault(rule)
    seen = stage.witness.look()
    unknown = sum(1 for name in REPORTS if not seen[name].id)
    require(
        unknown, "the operator is killed before the resources tell of all sessions that were made: they told of all"
    )
    return Killed(unknown, writes, posts)


def _settled(stage: Stage, seen: Mapping[str, Sighting]) -> bool:
    """Whether status tells the last change of every session that is to be left alone."""
    last = {name: stage.witness.remote(name)[-1:] for name in SETTLED}
    return all(seen[name].updated_at == remote["updated_at"] for name, found in last.items() for remote in found)


def _once(stage: Stage, killed: Killed, seen: Sequence[Sighting]) -> Finding:
    for each in seen:
        remote = stage.witness.the_one(each.name)
        posts = len(stage.witness.creations(each.name))
        require(posts == 1, f"{each.name} was created by one POST: there were {posts}")
        require(each.id == remote["id"], f"{each.name} names its session {remote['id']}: it names {each.id!r}")
        require(not remote["archived_at"], f"{remote['id']} of {each.name} lives: it was archived")
        sent = len(remote["events"])
        require(sent == each.first_events, f"{each.name} got its {each.first_events} first events once: it got {sent}")
    events = sum(each.first_events for each in seen)
    return Finding(
        "Killed with -9 in the middle of creations, the operator made nothing twice",
        (
            f"at the kill: {len(REPORTS)} sessions at the API, {killed.unknown} of them unknown to their resource",
            f"request log: {len(seen)} POSTs for {len(seen)} resources; journal: {len(seen)} sessions, all alive",
            f"journal: {events} first events, each sent once; all {len(seen)} turns Finished",
        ),
    )


def _left_alone(stage: Stage, killed: Killed) -> Finding:
    for name in SETTLED:
        writes = stage.witness.writes(name, killed.writes)
        require(writes == 0, f"{name}, long settled, is not written to after the restart: there were {writes} writes")
    for name, before in killed.posts.items():
        more = len(stage.witness.creations(name)) - before
        require(more == 0, f"{name}, long settled, is not created again: there were {more} POSTs more")
    return Finding(
        "What was settled before, the new process left alone",
        (f"audit log: 0 writes to {', '.join(SETTLED)}; request log: no POST for them, nor for the deleted {GONE}",),
    )
