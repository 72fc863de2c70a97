"""A story of life and death that hypothesis writes: what becomes of sessions and resources, whatever people do.

Run by `test_model.py`; what must be true of it is the judge's.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.engine.world.features import ON
from tests.engine.world.stage import NAME, Stage, troubles

THEIRS = ("theirs_1", "theirs_2")
GO = [{"type": "user.message", "text": "go"}]


def told(**features):
    """What is told of the features that are on, by feature."""
    return [one for feature, those in features.items() if feature in ON for one in those]


WISHES = {
    "archived": {"archived": st.just(True)},
    "ttl": {"ttlSecondsAfterIdle": st.sampled_from([40, 400]), "ttlSecondsAfterCreation": st.sampled_from([100, 500])},
    "replace": {"onImmutableChange": st.just("Replace")},
    "lost": {"onLost": st.just("Replace")},
}
TOOLS = {"id": "agent_1", "overrides": {"tools": [{"type": "one"}]}}
MORE_TOOLS = {"id": "agent_1", "overrides": {"tools": [{"type": "one"}, {"type": "two", "configs": []}]}}
WITH_TOOLS = told(tools=[TOOLS, MORE_TOOLS])


def cents(amount):
    """A budget."""
    return {"maxListCost": {"amount": amount, "currency": "USD"}}


SOME = {field: wish for feature, wishes in WISHES.items() if feature in ON for field, wish in wishes.items()}
MADE = st.fixed_dictionaries(
    {
        "agent": st.sampled_from([{"id": "agent_1"}] * 3 + [{"id": "agent_bad"}, *WITH_TOOLS]),
        "environment": st.just({"id": "env_1"}),
        "deletionPolicy": st.sampled_from(["Archive", "Archive", "Delete", "Retain"]),
    },
    optional={
        "initialEvents": st.just(GO),
        "title": st.just("zero"),
        **({"budget": st.just(cents("100"))} if "budget" in ON else {}),
        **SOME,
    },
)
POLICIES = ["Full", "Observe"] if "observe" in ON else ["Full"]
FOUND = st.fixed_dictionaries(
    {
        "sessionId": st.sampled_from(THEIRS[:1] * 3 + THEIRS[1:]),
        "deletionPolicy": st.sampled_from(["Archive", "Retain"]),
        "managementPolicy": st.sampled_from(POLICIES if "adopt" in ON else ["Observe"]),
    },
    optional={
        "title": st.just("zero"),
        "metadata": st.just({"team": "x"}),
        "agent": st.just({"id": "agent_1"}),
        **SOME,
    },
)
SPECS = st.one_of(MADE, MADE, FOUND) if ON & {"adopt", "observe"} else MADE
AGENTS = st.sampled_from([{"id": "agent_1"}, {"id": "agent_2"}, {"id": "agent_bad"}, *WITH_TOOLS])
EDITS = st.one_of(
    st.fixed_dictionaries({"title": st.sampled_from([None, "one", "two"])}),
    st.fixed_dictionaries({"metadata": st.sampled_from([None, {"team": "x"}, {"team": "y", "more": "z"}])}),
    st.fixed_dictionaries({"suspend": st.booleans()}),
    st.fixed_dictionaries({"agent": AGENTS}),
    *told(
        archived=[st.just({"archived": True})],
        budget=[st.fixed_dictionaries({"budget": st.sampled_from([cents("200"), cents("300"), {"removed": True}])})],
        tools=[st.fixed_dictionaries({"agent": st.sampled_from([TOOLS, MORE_TOOLS])})],
        ttl=[
            st.fixed_dictionaries({"ttlSecondsAfterIdle": st.sampled_from([None, 40, 400])}),
            st.fixed_dictionaries({"ttlSecondsAfterCreation": st.sampled_from([None, 100, 500])}),
        ],
        replace=[
            st.fixed_dictionaries({"onImmutableChange": st.just("Replace"), "agent": AGENTS}),
            st.fixed_dictionaries({"environment": st.sampled_from([{"id": "env_1"}, {"id": "env_2"}])}),
            st.fixed_dictionaries({"onImmutableChange": st.sampled_from([None, "Replace"])}),
        ],
        lost=[st.fixed_dictionaries({"onLost": st.sampled_from([None, "Replace"])})],
        adopt=[
            st.fixed_dictionaries({"sessionId": st.sampled_from([None, *THEIRS]), "initialEvents": st.none()}),
        ],
        observe=[st.fixed_dictionaries({"managementPolicy": st.sampled_from([None, "Observe"])})],
    ),
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
AHEAD = troubles(
    ACTS,
    ("create", "send", "patch_object", "patch_status"),
    ("update", "archive", "delete", "interrupt"),
    [(call, False) for call in ("create sent", "create sent", "send sent", "LookSearch", "LookSession", "read")],
)
STOPS = ["requires_action", "budget_reached", "retries_exhausted", "refusal", "end_turn"]
OUTSIDE = ["archive", "terminate", "delete", "speak", *told(metadata=["edit", "edit"])]


class Story(Stage):
    """It begins with one resource, and with trouble ahead."""

    @initialize(
        lag=st.sampled_from([0.0, 0.0, 20.0]),
        flight=st.sampled_from([0.0, 55.0]),
        server=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        keeps=st.sampled_from([True, True, True, False]),
        spec=SPECS,
        ahead=AHEAD,
    )
    def begin(self, lag, flight, server, keeps, spec, ahead):
        self.open(lag, flight, server)
        # Where nothing can be marked as ours, nothing is adopted.
        self.world.api.keeps_metadata = keeps or bool(ON & {"adopt"})
        for id in THEIRS if ON & {"adopt", "observe"} else ():
            self.world.api.create_outside(id)
        self.act("a", "apply", spec)
        self.foresee(ahead)

    @rule(name=NAME, act=ACTS)
    def people(self, name, act):
        self.act(name, *act)

    @precondition(lambda self: self.world.api.living())
    @rule(data=st.data(), how=st.sampled_from(OUTSIDE))
    def outside(self, data, how):
        id = data.draw(st.sampled_from([s.id for s in self.world.api.living()]))
        getattr(self.world.api, f"{how}_outside")(id)

    @precondition(lambda self: "stops" in ON and self.world.api.living())
    @rule(data=st.data(), how=st.sampled_from(STOPS))
    def stopped(self, data, how):
        """Somebody lets it work, and it stops in some way."""
        id = data.draw(st.sampled_from([s.id for s in self.world.api.living()]))
        self.world.api.stop_outside(id, how)

    @rule(ahead=AHEAD)
    def meet(self, ahead):
        """The next calls of these kinds meet trouble: a fault, the end of the process, or something that people do."""
        self.foresee(ahead)
