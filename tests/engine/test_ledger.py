"""How many there are, and what they cost: counted once, whoever tells it how often."""

from __future__ import annotations

import itertools

import pytest

from managed_agents_operator import telemetry
from managed_agents_operator.engine.ledger import LINGER_SECONDS, MOST_AGENTS, Ledger

NAMES = (f"ledger-{n}" for n in itertools.count())
USD = "USD"


class Stage:
    """A process that watches and writes. Each has a namespace of its own, since metrics are those of the process."""

    def __init__(self, **settings):
        self.now = 0.0
        self.ledger = Ledger(lambda: self.now, **settings)
        self.namespace = next(NAMES)
        self.version = 0

    def body(self, uid="u1", **status):
        self.version += 1
        meta = {"uid": uid, "namespace": self.namespace, "resourceVersion": str(self.version)}
        return {"metadata": meta, "status": status}

    def sees(self, uid="u1", event="MODIFIED", **status):
        body = self.body(uid, **status)
        self.ledger.see(event, body)
        return body

    def writes(self, before, uid="u1", **status):
        """The answer to a write, and its echo."""
        body = self.body(uid, **status)
        self.ledger.wrote(before["status"], body)
        self.ledger.see("MODIFIED", body)
        return body

    def anew(self):
        """Another process takes over, whose own numbers begin where the metrics of this one were."""
        other = Stage()
        other.namespace, other.version = self.namespace, self.version
        return other

    @property
    def spent(self):
        return telemetry.SPENT.value(self.namespace, USD)

    @property
    def cost(self):
        return telemetry.COST.value(self.namespace, USD)

    def sessions(self, state):
        return telemetry.SESSIONS.value(self.namespace, state)

    def conditions(self, *labels):
        return telemetry.CONDITIONS.value(self.namespace, *labels)


@pytest.fixture
def stage():
    return Stage()


def used(cents=None, **usage):
    price = {} if cents is None else {"listCost": {"amount": str(cents), "currency": USD}}
    return {"id": "sesn_1", "usage": usage | price}


def ready(reason="Idle", status="True", type_="Ready"):
    return {"type": type_, "status": status, "reason": reason}


def shown(namespace):
    """Every series with this namespace."""
    return [line for line in telemetry.exposition()[0].decode().splitlines() if f'"{namespace}"' in line]


STATES = [
    ({}, "none", "there is no session yet"),
    ({"id": "sesn_1"}, "none", "nor known what it does"),
    ({"id": "sesn_1", "state": "idle"}, "idle", "the API's own word"),
    ({"id": "sesn_1", "state": "dreaming"}, "other", "a word that is new makes no series"),
]


@pytest.mark.parametrize(("status", "state", "reason"), STATES)
def test_a_session_counts_by_its_state(stage, status, state, reason):
    stage.sees(**status)
    assert stage.sessions(state) == 1, reason


CONDITIONS = [
    (ready(), ("Ready", "True", "Idle"), "of the table"),
    (ready("KickoffUnknown", type_="Stalled"), ("Stalled", "True", "KickoffUnknown"), "the same reasons"),
    (ready("sk-ant-canary"), ("Ready", "True", "other"), "a reason that somebody made up"),
    (ready("EndTurn"), ("Ready", "True", "other"), "one of another condition"),
    (ready(type_="Canary"), ("other", "True", "other"), "a condition that somebody made up"),
    (ready(status="Canary"), ("Ready", "Unknown", "Idle"), "a status that is none"),
]


@pytest.mark.parametrize(("condition", "labels", "reason"), CONDITIONS)
def test_a_session_counts_by_its_conditions(stage, condition, labels, reason):
    stage.sees(conditions=[condition])
    assert stage.conditions(*labels) == 1, reason
    assert "anary" not in "".join(shown(stage.namespace))


def test_what_changes_is_counted_anew_and_what_is_old_is_not(stage):
    old = stage.sees(id="sesn_1", state="running")
    stage.sees(id="sesn_1", state="idle", conditions=[ready()])
    stage.ledger.see(None, old)
    assert (stage.sessions("running"), stage.sessions("idle")) == (0, 1), "the newest wins"
    stage.sees("u2", id="sesn_2", state="idle", conditions=[ready()])
    assert (stage.sessions("idle"), stage.conditions("Ready", "True", "Idle")) == (2, 2)


def test_what_is_deleted_is_shown_no_more(stage):
    stage.sees(**used(250, inputTokens=5), state="idle", conditions=[ready()])
    stage.sees("u2", id="sesn_2")
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    assert (stage.sessions("idle"), stage.sessions("none"), stage.cost) == (0, 1, 0)
    stage.ledger.see("DELETED", {"metadata": {"uid": "u2"}})
    gauges = [line for line in shown(stage.namespace) if "_total{" not in line]
    assert gauges == []


def test_what_was_spent_in_a_namespace_is_shown_for_a_while_after_it_is_empty(stage):
    stage.writes(stage.sees(**used(0)), **used(40))
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    stage.now += LINGER_SECONDS - 1
    stage.ledger.see("ADDED", {"metadata": {"uid": "u2", "namespace": next(NAMES), "resourceVersion": "1"}})
    assert stage.spent == 0.4
    stage.now += 1
    stage.ledger.see("ADDED", {"metadata": {"uid": "u3", "namespace": next(NAMES), "resourceVersion": "1"}})
    assert shown(stage.namespace) == []


def test_a_namespace_that_is_used_again_goes_on(stage):
    stage.writes(stage.sees(**used(0)), **used(40))
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    stage.sees("u2")
    stage.now += 2 * LINGER_SECONDS
    stage.ledger.see("ADDED", {"metadata": {"uid": "u3", "namespace": next(NAMES), "resourceVersion": "1"}})
    assert stage.spent == 0.4


def test_every_type_of_token_has_a_place(stage):
    cache = {"ephemeral5mInputTokens": 4, "ephemeral1hInputTokens": 5}
    known = {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheCreation": cache}
    stage.writes(stage.sees(id="sesn_1"), **used(**known))
    for type_, count in {"input": 1, "output": 2, "cache_read": 3, "cache_write_5m": 4, "cache_write_1h": 5}.items():
        assert telemetry.TOKENS.value(stage.namespace, type_) == count
        assert telemetry.USED.value(stage.namespace, type_) == count


def test_series_are_there_before_anything_is_spent(stage):
    stage.sees()
    assert f'managed_agents_list_cost_total{{currency="USD",namespace="{stage.namespace}"}} 0.0' in shown(
        stage.namespace
    )


AMOUNTS = [
    ("250", USD, "USD", 2.5, "cents"),
    ("250", None, "USD", 2.5, "the API has but one currency"),
    ("250", "EUR", "other", 2.5, "dollars and others are no sum"),
    ("2.5", USD, "USD", 0, "no whole cents"),
    ("-5", USD, "USD", 0, "less than nothing"),
    ("9" * 30, USD, "USD", 0, "more than there is"),
    (250, USD, "USD", 0, "no text"),
]


@pytest.mark.parametrize(("amount", "currency", "label", "dollars", "reason"), AMOUNTS)
def test_an_amount_is_whole_cents(stage, amount, currency, label, dollars, reason):
    price = {"amount": amount} | ({} if currency is None else {"currency": currency})
    stage.sees(id="sesn_1", usage={"listCost": price})
    assert telemetry.COST.value(stage.namespace, label) == dollars, reason


def test_the_growth_of_each_write_counts_once(stage):
    stored = stage.sees(**used(0))
    stored = stage.writes(stored, **used(10))
    stage.ledger.see("MODIFIED", stored)
    stored = stage.writes(stored, **used(25))
    assert (stage.spent, stage.cost) == (0.25, 0.25)
    stage.writes(stored, **used(25), title="another")
    assert stage.spent == 0.25


def test_another_process_goes_on_from_what_is_stored(stage):
    """Also what a session cost while nobody was there: its first write is of that, and of nothing before."""
    stored = stage.writes(stage.sees(**used(0)), **used(40))
    after = stage.anew()
    after.ledger.see(None, stored)
    assert after.spent == 0.4, "what was stored is not counted again"
    after.writes(stored, **used(55))
    assert after.spent == 0.55


def test_a_difference_is_counted_by_whoever_wrote_it(stage):
    """The other one only sees it, be it a process that was to end and has not yet."""
    stored = stage.sees(**used(0))
    other = stage.anew()
    other.ledger.see(None, stored)
    stored = stage.writes(stored, **used(10))
    other.ledger.see("MODIFIED", stored)
    assert stage.spent == 0.1
    other.writes(stored, **used(15))
    assert stage.spent == 0.15


WIPED = [
    ({}, "all of it"),
    ({"id": "sesn_1"}, "usage alone"),
    (used(5), "an older one was put back"),
    (used(90000), "somebody wrote what is not true"),
]


@pytest.mark.parametrize(("status", "reason"), WIPED)
def test_what_was_taken_away_is_not_counted_again(stage, status, reason):
    stored = stage.writes(stage.sees(**used(0)), **used(40))
    stage.writes(stored, **used(40))
    wiped = stage.sees(**status)
    again = stage.writes(wiped, **used(40))
    assert stage.spent == 0.4, reason
    stage.writes(again, **used(41))
    assert stage.spent == 0.41, f"{reason}: and it goes on"


def test_a_status_that_was_wiped_while_nobody_was_there_is_found_and_not_counted_again(stage):
    stage.writes(stage.sees(**used(0)), **used(40))
    after = stage.anew()
    found = after.writes(after.sees(), **used(40))
    after.writes(found, **used(42))
    assert after.spent == 0.42


def test_an_adopted_session_counts_from_then_on(stage):
    stored = stage.writes(stage.sees(), **used(5000))
    assert (stage.spent, stage.cost) == (0, 50), "it was spent by somebody else"
    stage.writes(stored, **used(5001))
    assert stage.spent == 0.01


def test_what_a_session_cost_while_no_resource_had_it_is_not_counted(stage):
    stage.writes(stage.sees(**used(0)), **used(40))
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    stage.writes(stage.sees("u2"), "u2", **used(90))
    assert stage.spent == 0.4


def test_a_session_that_takes_the_place_of_another_counts_from_nothing(stage):
    stored = stage.writes(stage.sees(**used(0)), **used(40))
    stored = stage.writes(stored, **(used(0) | {"id": "sesn_2"}))
    stage.writes(stored, **(used(7) | {"id": "sesn_2"}))
    assert stage.spent == 0.47
    assert stage.cost == 0.07, "the old one is in no status any more"


def test_a_cost_that_falls_counts_nothing_until_it_is_higher_than_before(stage):
    stored = stage.writes(stage.sees(**used(0)), **used(40, inputTokens=40))
    stored = stage.writes(stored, **used(30, inputTokens=30))
    stored = stage.writes(stored, **used(38, inputTokens=38))
    assert stage.spent == 0.4
    assert telemetry.USED.value(stage.namespace, "input") == 40
    stage.writes(stored, **used(41))
    assert stage.spent == 0.41


def test_a_session_that_two_resources_have_counts_once(stage):
    first, second = stage.sees("u1", **used(0)), stage.sees("u2", **used(0))
    first = stage.writes(first, "u1", **used(40))
    second = stage.writes(second, "u2", **used(40))
    assert (stage.spent, stage.cost) == (0.4, 0.4)
    stage.ledger.see("DELETED", {"metadata": {"uid": "u1"}})
    assert stage.cost == 0.4, "and on, while one of them is there"
    stage.writes(second, "u2", **used(50))
    assert (stage.spent, stage.cost) == (0.5, 0.5)


def test_agents_have_series_only_where_that_is_asked_for_and_not_without_end():
    by_agent = Stage(by_agent=True)
    for n in range(MOST_AGENTS + 5):
        status = used(0) | {"id": f"sesn_{n}", "agent": {"id": f"agent_{by_agent.namespace}_{n}", "name": "Canary"}}
        stored = by_agent.sees(f"u{n}", **status)
        by_agent.writes(stored, f"u{n}", **(status | {"usage": {"listCost": {"amount": "10"}}}))
    text = telemetry.exposition()[0].decode()
    of_them = [line for line in text.splitlines() if f"agent_{by_agent.namespace}" in line]
    assert len({line.partition('agent="')[2].partition('"')[0] for line in of_them}) == MOST_AGENTS
    assert telemetry.AGENT_COST.value(f"agent_{by_agent.namespace}_0", USD) == 0.1
    assert telemetry.AGENT_SPENT.value(f"agent_{by_agent.namespace}_0", USD) == 0.1
    assert telemetry.AGENT_COST.value("other", USD) == 0.5
    assert "Canary" not in text
    before = telemetry.AGENT_SPENT.value("other", USD)
    unasked = Stage()
    unasked.writes(unasked.sees(**used(0)), **used(10), agent={"id": "agent_unasked"})
    assert "agent_unasked" not in telemetry.exposition()[0].decode()
    assert telemetry.AGENT_SPENT.value("other", USD) == before
