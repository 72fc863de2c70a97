"""Whatever clients and time do in whatever order, a session stays consistent; sequences are found by hypothesis."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from managed_agents_simulator.backstage import edits
from managed_agents_simulator.clock import Clock
from managed_agents_simulator.identifiers import Identifiers
from managed_agents_simulator.sessions.behaviour import STOPS
from managed_agents_simulator.sessions.session import Session
from managed_agents_simulator.wire.call import Call
from managed_agents_simulator.wire.errors import ApiError
from managed_agents_simulator.wire.query import Query
from managed_agents_simulator.wire.routes import find
from managed_agents_simulator.world import DEFAULT_WORKSPACE, World

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "x"}]}
OUTCOME = {
    "type": "user.define_outcome",
    "description": "A report.",
    "rubric": {"type": "text", "content": "It is short."},
}
INTERRUPT = {"type": "user.interrupt"}
BATCHES = st.lists(st.sampled_from([MESSAGE, OUTCOME, INTERRUPT]), min_size=1, max_size=3)
REFUSALS = {400, 404, 409}


def capped(cents: int) -> dict[str, Any]:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(clock=Clock.standing(1_790_000_000_000_000), identifiers=Identifiers(1))
        self.workspace = self.world.workspaces[DEFAULT_WORKSPACE]
        self.sessions: list[str] = []
        self.spent: dict[str, int] = {}
        self.refusals: set[int] = set()

    def call(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """One request in this process; None when it was refused."""
        self.world.catch_up()
        handler, parts = find(method, path)
        try:
            return handler(Call(self.world, self.workspace, parts, Query(query), body)).body
        except ApiError as refusal:
            self.refusals.add(refusal.status)
            return None

    def pick(self, number: int) -> str:
        return self.sessions[number % len(self.sessions)]

    @initialize()
    def begin(self) -> None:
        self.create(cap=None, busy=False)

    @rule(cap=st.none() | st.integers(1, 40), busy=st.booleans())
    def create(self, cap: int | None, *, busy: bool) -> None:
        body: dict[str, Any] = {"agent": "agent_sample", "environment_id": "env_sample"}
        if cap is not None:
            body["budget"] = capped(cap)
        if busy:
            body["initial_events"] = [MESSAGE]
        self.sessions.append(self.call("POST", "/v1/sessions", body)["id"])

    @rule(number=st.integers(0, 9), events=BATCHES)
    def send(self, number: int, events: list[Any]) -> None:
        self.call("POST", f"/v1/sessions/{self.pick(number)}/events", {"events": events})

    @rule(number=st.integers(0, 9), answer=st.sampled_from(["allow", "deny"]))
    def answer(self, number: int, answer: str) -> None:
        session = self.workspace.sessions.get(self.pick(number))
        for asked in list(session.pending) if session else []:
            event = {"type": "user.tool_confirmation", "tool_use_id": asked, "result": answer}
            self.call("POST", f"/v1/sessions/{self.pick(number)}/events", {"events": [event]})

    @rule(number=st.integers(0, 9), cap=st.none() | st.integers(1, 60))
    def rebudget(self, number: int, cap: int | None) -> None:
        self.call("POST", f"/v1/sessions/{self.pick(number)}", {"budget": capped(cap) if cap else None})

    @rule(number=st.integers(0, 9), title=st.sampled_from(["a", "b", None]))
    def rename(self, number: int, title: str | None) -> None:
        self.call("POST", f"/v1/sessions/{self.pick(number)}", {"title": title, "metadata": {"t": title}})

    @rule(number=st.integers(0, 9))
    def archive(self, number: int) -> None:
        self.call("POST", f"/v1/sessions/{self.pick(number)}/archive")

    @rule(number=st.integers(0, 9))
    def delete(self, number: int) -> None:
        self.call("DELETE", f"/v1/sessions/{self.pick(number)}")

    @rule(stop=st.sampled_from(STOPS), reschedules=st.booleans())
    def behave(self, stop: str, *, reschedules: bool) -> None:
        self.world.behaviour = self.world.behaviour.changed({"stop_reason": stop, "reschedules": reschedules})

    @rule(
        number=st.integers(0, 9),
        edit=st.sampled_from([edits.archive, edits.terminate, edits.finish, edits.delete, edits.edit]),
    )
    def meddle(self, number: int, edit: Any) -> None:
        session = self.workspace.sessions.get(self.pick(number))
        if session is not None and (
            edit is not edits.finish or (session.status != "terminated" and not session.archived)
        ):
            edit(self.world, session, {})

    @rule(seconds=st.sampled_from([0.01, 0.4, 1.0, 2.7, 6.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.world.catch_up()

    @invariant()
    def refusals_are_the_clients_fault(self) -> None:
        assert self.refusals <= REFUSALS

    @invariant()
    def lists_are_what_get_says(self) -> None:
        shown = [self.call("GET", f"/v1/sessions/{name}") for name in self.sessions]
        alive = [session for session in shown if session]
        everything = self.call("GET", "/v1/sessions", query="include_archived=true&limit=100&order=asc")["data"]
        assert sorted(s["id"] for s in everything) == sorted(s["id"] for s in alive)
        default = self.call("GET", "/v1/sessions", query="limit=100")["data"]
        assert {s["id"] for s in default} == {s["id"] for s in alive if not s["archived_at"]}
        query = "statuses[]=running&statuses[]=rescheduling&include_archived=true&limit=100"
        working = self.call("GET", "/v1/sessions", query=query)["data"]
        assert {s["id"] for s in working} == {s["id"] for s in alive if s["status"] in ("running", "rescheduling")}

    @invariant()
    def money_is_never_given_back_and_caps_hold(self) -> None:
        now = self.world.clock.now()
        for session in self.workspace.sessions.values():
            spent = session.spent(now)
            assert spent >= self.spent.get(session.id, 0)
            self.spent[session.id] = spent
            if session.status == "running" and session.turn is not None and session.budget is not None:
                assert spent <= (session.budget + 1) * 10_000_000

    @invariant()
    def histories_are_in_order(self) -> None:
        for session in self.workspace.sessions.values():
            moments = [event.processed for event in session.history.settled]
            assert moments == sorted(moments, key=lambda moment: moment or 0)
            assert all(event.processed is None for event in session.history.waiting)
            if session.status == "terminated":
                assert session.turn is None
                assert session.pending == []

    @invariant()
    def nothing_is_lost_in_the_ledger(self) -> None:
        for session in self.workspace.sessions.values():
            written = json.loads(json.dumps(session.to_json()))
            assert json.loads(json.dumps(Session.from_json(written).to_json())) == written

    @invariant()
    def whoever_works_has_something_due(self) -> None:
        for session in self.workspace.sessions.values():
            if session.status in ("running", "rescheduling"):
                assert session.due() is not None, "else it would work for ever"


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
