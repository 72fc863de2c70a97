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

NAMES = ("a", "b")
MOSTLY_A = st.sampled_from(("a", "a", "a", "b"))
FAULTS = (None, None, None, None, "refused", "later", "unclear", "unreachable")
SPECS = st.fixed_dictionaries(
    {
        "agent": st.sampled_from([{"id": "agent_1"}, {"id": "agent_1"}, {"id": "agent_2"}, {"id": "agent_bad"}]),
        "environment": st.just({"id": "env_1"}),
        "deletionPolicy": st.sampled_from(["Archive", "Archive", "Delete", "Retain"]),
    },
    optional={"initialEvents": st.just([{"type": "user.message", "text": "go"}]), "title": st.just("zero")},
)
EDITS = st.one_of(
    st.fixed_dictionaries({"title": st.sampled_from([None, "one", "two"])}),
    st.fixed_dictionaries({"metadata": st.sampled_from([None, {"team": "x"}, {"team": "y", "more": "z"}])}),
    st.fixed_dictionaries({"suspend": st.booleans()}),
)


CALLS = ("create", "send", "update", "archive", "delete", "interrupt", "patch_object", "patch_status")
GATES = st.sampled_from(
    [("create sent", False), ("send sent", False), ("LookSearch", False), ("LookSession", False), ("read", False)]
    + [(call, done) for call in CALLS for done in (False, True)]
)
TROUBLE = ("refused", "later", "unclear", "unreachable", "crash", "crash", "meanwhile", "meanwhile")


class Story(RuleBasedStateMachine):
    """One world and all that can happen to it. It begins with one resource."""

    @initialize(
        lag=st.sampled_from([0.0, 0.0, 20.0]),
        flight=st.sampled_from([0.0, 55.0]),
        header=st.booleans(),
        archive_terminates=st.booleans(),
        refuses=st.booleans(),
        keeps=st.sampled_from([True, True, True, False]),
        spec=SPECS,
    )
    def begin(self, lag, flight, header, archive_terminates, refuses, keeps, spec):
        self.world = World()
        api = self.world.api
        api.list_lag, api.flight, api.names_workspace = lag, flight, header
        api.archive_terminates, api.refuses_while_running = archive_terminates, refuses
        api.bad_agents, api.keeps_metadata = {"agent_bad"}, keeps
        self.judge = Judge(self.world)
        self.backups = {}
        self.world.cluster.apply("a", spec)

    def _known(self, name):
        return name in self.world.cluster.objects

    def _findable(self, name):
        """Where a server keeps no metadata, what is written here is all that anybody knows."""
        return self._known(name) and self.world.api.keeps_metadata

    # people

    @rule(name=st.sampled_from(NAMES), spec=SPECS)
    def apply(self, name, spec):
        if not self._known(name):
            self.world.cluster.apply(name, spec)

    @rule(name=MOSTLY_A, fields=EDITS)
    def edit(self, name, fields):
        self._edit(name, fields)

    def _edit(self, name, fields):
        if self._known(name):
            self.world.cluster.edit(name, **fields)

    @rule(name=MOSTLY_A, agent=st.sampled_from(["agent_1", "agent_2", "agent_bad"]))
    def mend(self, name, agent):
        """Another agent, as long as admission lets it through."""
        if self._known(name) and not self.world.status(name).get("id"):
            self.world.cluster.edit(name, agent={"id": agent})

    @rule(name=MOSTLY_A)
    def delete(self, name):
        self._delete(name)

    def _delete(self, name):
        if self._known(name):
            self.world.cluster.delete(name)

    @rule(name=MOSTLY_A)
    def replace(self, name):
        self._replace(name)

    def _replace(self, name):
        if self._findable(name):
            self.world.cluster.replace(name)
            self._let_time_go_by()

    @rule(name=MOSTLY_A)
    def wipe_status(self, name):
        self._wipe_status(name)

    def _wipe_status(self, name):
        if self._findable(name):
            self.world.cluster.wipe_status(name)
            self._let_time_go_by()

    def _let_time_go_by(self):
        """Who takes every trace away while the session is not even listed leaves nothing to find it by."""
        self.world.advance(self.world.api.list_lag)

    @rule(name=MOSTLY_A)
    def back_up(self, name):
        if self._known(name):
            body = copy.deepcopy(self.world.cluster.objects[name])
            body["metadata"].pop("deletionTimestamp", None)
            self.backups[name] = body

    @rule(name=MOSTLY_A, status=st.booleans())
    def lose_and_restore(self, name, status):
        """The namespace was lost, finalizers and all, and comes back from a backup."""
        if self._findable(name) and name in self.backups:
            self.world.cluster.vanish(name)
            self.world.cluster.restore(name, self.backups[name], status=status)

    @rule(name=MOSTLY_A, value=st.sampled_from(["1", "2"]))
    def ask(self, name, value):
        if self._known(name):
            self.world.cluster.annotate(name, reconcile_requested_at=value)

    # others

    @precondition(lambda self: self.world.api.living())
    @rule(data=st.data(), how=st.sampled_from(["archive", "terminate", "delete", "speak"]))
    def outside(self, data, how):
        id = data.draw(st.sampled_from([s.id for s in self.world.api.living()]))
        getattr(self.world.api, f"{how}_outside")(id)

    @rule(works=st.booleans(), home=st.booleans())
    def change_key(self, works, home):
        """Another key: one that is refused, or one of another workspace."""
        self.world.api.key_works = works
        self.world.api.workspace = self.world.api.home if home else "wrkspc_2"

    @rule(open_=st.booleans())
    def budget(self, open_):
        self.world.open_budget() if open_ else self.world.close_budget()

    @rule(name=MOSTLY_A)
    def force_delete(self, name):
        if self._known(name):
            self.world.cluster.annotate(name, force_delete="true")

    @rule(bad=st.booleans())
    def lose_agent(self, bad):
        self.world.api.bad_agents = {"agent_bad"} | ({"agent_2"} if bad else set())

    # processes

    @rule(name=MOSTLY_A, at=GATES, what=st.sampled_from(TROUBLE), data=st.data())
    def arm(self, name, at, what, data):
        """The next call of this kind meets trouble: a fault, the end of the process, or something that people do."""
        if what == "meanwhile":
            act = data.draw(st.sampled_from(["delete", "replace", "wipe_status", "edit"]))
            rest = {"fields": data.draw(EDITS)} if act == "edit" else {}
            what = partial(getattr(self, f"_{act}"), name, **rest)
        self.world.armed.append(Trouble(*at, what))

    @precondition(lambda self: self._anybody("wanting"))
    @rule(data=st.data(), faults=st.lists(st.sampled_from(FAULTS), max_size=6))
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
    @rule(data=st.data(), fault=st.sampled_from(FAULTS))
    def go_on(self, data, fault):
        operator, uid = data.draw(st.sampled_from(self._anybody("running")))
        operator.go_on(uid, fault)

    def _anybody(self, where):
        return [(o, uid) for o in self.world.operators for uid in list(getattr(o, where))]

    @rule()
    def watch(self):
        for operator in self.world.operators:
            operator.watch()

    @rule()
    def work(self):
        """Everybody passes as often as he wants, and all is looked over."""
        self.world.run()
        for operator in self.world.operators:
            operator.sweep()
        self.world.run()

    @rule(data=st.data())
    def crash(self, data):
        operator = data.draw(st.sampled_from(self.world.operators))
        self.world.crash(operator)
        if not self.world.operators:
            self.world.start()

    @precondition(lambda self: len(self.world.operators) < 2)
    @rule()
    def another_process(self):
        """The lease went over while the old process still hangs."""
        self.world.start()

    @rule(seconds=st.sampled_from([0.5, 3.0, 6.0, 31.0, 95.0, 700.0]))
    def wait(self, seconds):
        self.world.advance(seconds)

    @invariant()
    def never_two(self):
        if hasattr(self, "judge"):
            self.judge.never_two()

    def teardown(self):
        if hasattr(self, "judge"):
            self.world.calm()
            self.world.settle()
            self.judge.at_the_end()
