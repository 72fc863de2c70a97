"""A story that hypothesis writes: what people, other clients, processes and the network do to one world.

Run by `test_model.py`; what must be true of it is the judge's.
"""

from __future__ import annotations

import copy
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.engine.world.judge import Judge
from tests.engine.world.world import Trouble, World

NAME = st.sampled_from(("a", "a", "a", "b"))
FAULTS = st.sampled_from((None, None, None, None, "refused", "later", "unclear", "unreachable"))
SPECS = st.fixed_dictionaries(
    {
        "agent": st.sampled_from([{"id": "agent_1"}, {"id": "agent_1"}, {"id": "agent_1"}, {"id": "agent_bad"}]),
        "environment": st.just({"id": "env_1"}),
        "deletionPolicy": st.sampled_from(["Archive", "Archive", "Delete", "Retain"]),
    },
    optional={"initialEvents": st.just([{"type": "user.message", "text": "go"}]), "title": st.just("zero")},
)
EDITS = st.one_of(
    st.fixed_dictionaries({"title": st.sampled_from([None, "one", "two"])}),
    st.fixed_dictionaries({"metadata": st.sampled_from([None, {"team": "x"}, {"team": "y", "more": "z"}])}),
    st.fixed_dictionaries({"suspend": st.booleans()}),
    st.fixed_dictionaries({"agent": st.sampled_from([{"id": "agent_1"}, {"id": "agent_2"}, {"id": "agent_bad"}])}),
)
ACTS = st.one_of(
    st.tuples(st.just("apply"), SPECS),
    st.tuples(st.just("edit"), EDITS),
    st.tuples(st.just("edit"), EDITS),
    st.tuples(st.sampled_from(["delete", "delete", "replace", "wipe", "wipe", "back_up", "force"]), st.none()),
    st.tuples(st.just("restore"), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from(["1", "2"])),
)
"""What people do to a resource, and with what."""
OFTEN = ("create", "send", "patch_object", "patch_status")
SELDOM = ("update", "archive", "delete", "interrupt")
GATES = st.sampled_from(
    [(call, done) for call in (*OFTEN, *OFTEN, *SELDOM) for done in (False, True)]
    + [("create sent", False), ("create sent", False), ("send sent", False)]
    + [("LookSearch", False), ("LookSession", False), ("read", False)]
)
TROUBLE = st.one_of(
    st.sampled_from(("unclear", "unclear", "later", "unreachable", "refused", "crash", "crash")),
    st.tuples(NAME, ACTS),
)
TROUBLES = st.lists(st.tuples(GATES, TROUBLE), max_size=3)
SPELLS = ("refused key", "another workspace", "no turns", "no agent")


class Story(RuleBasedStateMachine):
    """One world and all that can happen to it. It begins with one resource, and with trouble ahead."""

    @initialize(
        lag=st.sampled_from([0.0, 0.0, 20.0]),
        flight=st.sampled_from([0.0, 55.0]),
        server=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        keeps=st.sampled_from([True, True, True, False]),
        spec=SPECS,
        ahead=TROUBLES,
    )
    def begin(self, lag, flight, server, keeps, spec, ahead):
        self.world, self.backups = World(), {}
        api = self.world.api
        api.list_lag, api.flight, api.keeps_metadata = lag, flight, keeps
        api.names_workspace, api.archive_terminates, api.refuses_while_running = server
        api.bad_agents = {"agent_bad"}
        self.judge = Judge(self.world)
        self.world.cluster.apply("a", spec)
        self.meet(ahead)

    # people

    @rule(name=NAME, act=ACTS)
    def people(self, name, act):
        what, how = act
        cluster = self.world.cluster
        if what == "apply" and name not in cluster.objects:
            cluster.apply(name, how)
        elif name in cluster.objects:
            getattr(self, f"_{what}", self._nothing)(name, how)

    def _nothing(self, name, how):
        pass

    def _edit(self, name, fields):
        """As admission lets it through: what a session was made from is fixed once it is there."""
        if "agent" not in fields or not self.world.status(name).get("id"):
            self.world.cluster.edit(name, **fields)

    def _delete(self, name, _):
        self.world.cluster.delete(name)

    def _force(self, name, _):
        self.world.cluster.annotate(name, force_delete="true")
        self.world.cluster.delete(name)

    def _ask(self, name, value):
        self.world.cluster.annotate(name, reconcile_requested_at=value)

    def _replace(self, name, _):
        self._take_away(name, self.world.cluster.replace)

    def _wipe(self, name, _):
        self._take_away(name, self.world.cluster.wipe_status)

    def _take_away(self, name, traces):
        """Of a server that keeps no metadata, what is written here is all that anybody knows."""
        if self.world.api.keeps_metadata:
            traces(name)
            # Nobody finds a session by anything while it is not even listed.
            self.world.advance(self.world.api.list_lag)

    def _back_up(self, name, _):
        body = copy.deepcopy(self.world.cluster.objects[name])
        body["metadata"].pop("deletionTimestamp", None)
        self.backups[name] = body

    def _restore(self, name, status):
        """The namespace was lost, finalizers and all, and comes back from a backup."""
        if name in self.backups and self.world.api.keeps_metadata:
            self.world.cluster.vanish(name)
            self.world.cluster.restore(name, self.backups[name], status=status)

    # others

    @precondition(lambda self: self.world.api.living())
    @rule(data=st.data(), how=st.sampled_from(["archive", "terminate", "delete", "speak"]))
    def outside(self, data, how):
        id = data.draw(st.sampled_from([s.id for s in self.world.api.living()]))
        getattr(self.world.api, f"{how}_outside")(id)

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

    # processes

    @rule(ahead=TROUBLES)
    def meet(self, ahead):
        """The next calls of these kinds meet trouble: a fault, the end of the process, or something that people do."""
        for at, what in ahead:
            act = what if isinstance(what, str) else partial(self.people, *what)
            self.world.armed.append(Trouble(*at, act))

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
        if not also or len(self.world.operators) > 1:
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
