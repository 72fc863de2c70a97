"""Where every story is told: processes, network and time, and what must be true at its end.

A story adds what people do (`people`), what other clients do, and how it begins.
"""

from __future__ import annotations

from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.engine.world.judge import Judge
from tests.engine.world.people import People
from tests.engine.world.world import Trouble, World

NAME = st.sampled_from(("a", "a", "a", "b"))
FAULTS = st.sampled_from((None, None, None, None, "refused", "later", "unclear", "unreachable"))
SPELLS = ("refused key", "another workspace", "no turns", "no agent")


def troubles(acts, often, seldom, also=()):
    """What may lie ahead: a fault, the end of the process or an act of people, at a gate of one of these calls."""
    gates = st.sampled_from([(call, done) for call in (*often, *often, *seldom) for done in (False, True)] + list(also))
    fault = st.sampled_from(("unclear", "unclear", "later", "unreachable", "refused", "crash", "crash"))
    act = st.tuples(NAME, acts)
    return st.lists(st.tuples(gates, st.one_of(fault, act, st.tuples(st.just("crash"), act))), max_size=3)


class Stage(People, RuleBasedStateMachine):
    """One world and all that can happen to it by itself. `overlaps`: two processes may work at once."""

    overlaps = True

    def open(self, lag, flight, server):
        """The world as a story finds it."""
        self.world, self.backups = World(), {}
        api = self.world.api
        api.list_lag, api.flight = lag, flight
        api.names_workspace, api.archive_terminates, api.refuses_while_running = server
        api.bad_agents = {"agent_bad"}
        self.judge = Judge(self.world)

    def foresee(self, ahead):
        """The next calls of these kinds meet trouble."""
        for at, what in ahead:
            match what:
                case "crash", act:
                    trouble = Trouble(*at, "crash", self._doing(act))
                case str():
                    trouble = Trouble(*at, what)
                case act:
                    trouble = Trouble(*at, self._doing(act))
            self.world.armed.append(trouble)

    def _doing(self, act):
        name, what = act
        return partial(self.act, name, *what)

    @rule(what=st.sampled_from(SPELLS), seconds=st.sampled_from([0.0, 100.0]))
    def spell(self, what, seconds):
        """A while in which nothing goes as it should."""
        api = self.world.api
        api.key_works, api.open = what != "refused key", what != "no turns"
        api.workspace = "wrkspc_2" if what == "another workspace" else api.home
        api.bad_agents = {"agent_bad", "agent_1"} if what == "no agent" else {"agent_bad"}
        self.work()
        self.world.advance(seconds)
        self.work()
        api.bad_agents = {"agent_bad"}
        api.key_works, api.workspace = True, api.home
        self.world.open_budget()

    @precondition(lambda self: self._anybody("wanting"))
    @rule(data=st.data(), faults=st.lists(FAULTS, max_size=6))
    def a_pass(self, data, faults):
        """One pass to its end, with trouble."""
        operator, uid = data.draw(st.sampled_from(self._anybody("wanting")))
        operator.begin(uid)
        for fault in faults:
            if uid not in operator.running:
                return
            operator.go_on(uid, fault)
        operator.finish(uid)

    @precondition(lambda self: self._anybody("wanting"))
    @rule(data=st.data(), gates=st.integers(0, 3))
    def a_pass_that_hangs(self, data, gates):
        """A pass that stands still at one of its gates."""
        operator, uid = data.draw(st.sampled_from(self._anybody("wanting")))
        operator.begin(uid)
        for _ in range(gates):
            if uid in operator.running:
                operator.go_on(uid)

    @precondition(lambda self: self._anybody("running"))
    @rule(data=st.data(), fault=FAULTS)
    def go_on(self, data, fault):
        operator, uid = data.draw(st.sampled_from(self._anybody("running")))
        operator.go_on(uid, fault)

    def _anybody(self, where):
        return [(o, uid) for o in self.world.operators for uid in list(getattr(o, where))]

    @rule(seconds=st.sampled_from([0.0, 1.0, 6.0, 31.0, 95.0, 700.0]))
    def work(self, seconds=0.0):
        """Time goes by, everybody passes as often as he wants, and all is looked over."""
        self.world.advance(seconds)
        self.world.run()
        for operator in self.world.operators:
            operator.sweep()
        self.world.run()

    @rule(data=st.data(), also=st.booleans())
    def restart(self, data, also):
        """A process dies and another one takes its place; or the old one hangs and lives on beside it."""
        if not (also and self.overlaps) or len(self.world.operators) > 1:
            self.world.crash(data.draw(st.sampled_from(self.world.operators)))
        self.world.start()

    @invariant()
    def never_two(self):
        if hasattr(self, "judge"):
            self.judge.never_two()

    def teardown(self):
        if hasattr(self, "judge"):
            self.world.calm()
            self.world.settle()
            self.judge.at_the_end()
