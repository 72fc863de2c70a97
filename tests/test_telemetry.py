"""Numbers as others read them: names and labels by Prometheus' conventions, and each format as it is asked for."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from managed_agents_operator.claude.calls import ROUTES
from managed_agents_operator.kube.requests import WRITES
from managed_agents_operator.telemetry import METRICS, PREFIX, REGISTRY, code, exposition
from managed_agents_operator.telemetry.collectors import Followed, Tally

UNITS = ("seconds", "bytes")
OTHER_UNITS = re.compile(r"milli|_ms\b|minute|hour|percent|_kb|_mb|cents")
BOUNDED = {
    "version": "one",
    "namespace": "namespaces with Sessions",
    "connection": "connections that are open",
    "agent": "a hundred and one",
    **dict.fromkeys(("state", "condition", "status", "reason", "currency", "type"), "tables of the ledger"),
    **dict.fromkeys(("method", "endpoint", "resource", "code"), "tables of routes, resources and codes"),
    **dict.fromkeys(("budget", "priority", "sweep", "outcome"), "words of this code"),
}
"""Every label there is, and what bounds its values."""


def told(collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def test_numbers_are_asked_for_when_they_are_shown():
    left, now = Followed("tests_left", "Tests to run.", ("where", "sort"), "gauge"), [3.0]
    left.follow(lambda: now[0], "here", "e2e")
    now[0] = 2
    assert told(left) == (
        '# HELP tests_left Tests to run.\n# TYPE tests_left gauge\ntests_left{sort="e2e",where="here"} 2.0\n'
    )
    left.drop("here", "e2e")
    left.drop("here", "e2e")
    assert "here" not in told(left)
    with pytest.raises(ValueError, match="has the labels"):
        left.follow(lambda: 1.0, "here")


def test_a_gauge_is_shown_while_anything_adds_to_it():
    cost = Tally("tests_cost", "What they cost.", ("where",), "gauge", per=100)
    cost.add(("here",), 250)
    cost.add(("here",), 0)
    cost.add(("here",), -250, of=-1)
    assert 'tests_cost{where="here"} 0.0' in told(cost), "one of the two is still there"
    cost.add(("here",), 0, of=-1)
    assert "here" not in told(cost)


def test_a_counter_is_shown_until_it_is_dropped_and_exact():
    spent = Tally("tests_spent_total", "What they cost in all.", ("where",), "counter", per=100)
    spent.add(("here",), 0)
    assert 'tests_spent_total{where="here"} 0.0' in told(spent)
    for _ in range(10):
        spent.add(("here",), 10)
    assert 'tests_spent_total{where="here"} 1.0' in told(spent), "ten times a dime, which no float is"
    spent.drop(("here",))
    assert "here" not in told(spent)


def test_what_is_written_into_a_label_stays_in_it():
    left = Followed("tests_left", "Tests to run.", ("where",), "gauge")
    left.follow(lambda: 1.0, 'a "b"\n# TYPE forged counter\\')
    (family,) = text_string_to_metric_families(told(left))
    assert family.samples[0].labels == {"where": 'a "b"\n# TYPE forged counter\\'}


def test_each_metric_is_named_once_and_as_it_is_shown():
    shown = {}
    for family in REGISTRY.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name.startswith(PREFIX):
            shown[name] = (family.type, family.documentation)
    assert shown == {metric.name: (metric.kind, metric.meaning) for metric in METRICS}
    assert len(METRICS) == len({metric.name for metric in METRICS})


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_follows_the_conventions(metric):
    assert re.fullmatch(rf"{PREFIX}[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not OTHER_UNITS.search(metric.name), "base units alone"
    assert metric.kind != "histogram" or metric.name.endswith(tuple(f"_{unit}" for unit in UNITS))
    assert set(metric.labels) <= set(BOUNDED), "a label without a bound"
    assert metric.meaning.endswith(".")


CODES = [
    (200, "200", "as it is"),
    (529, "529", "the API's own"),
    (499, "4xx", "one that nobody knows, by its class"),
    (999, "other", "none at all"),
    (-1, "other", "even less"),
]


@pytest.mark.parametrize(("status", "label", "reason"), CODES)
def test_a_status_is_one_of_few(status, label, reason):
    assert code(status) == label, reason


TEXT, OPEN = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"
ACCEPTED = [
    ("", TEXT, "nothing is asked for"),
    ("*/*", TEXT, "anything will do"),
    ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT, "Prometheus 2 without OpenMetrics"),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75", OPEN, "and with"),
    ("application/openmetrics-text; version=0.0.1", TEXT, "a version that is too old"),
    ("application/openmetrics-text; version=newest", TEXT, "a version that is none"),
    (",;=,version=", TEXT, "no header at all"),
]


@pytest.mark.parametrize(("accept", "content_type", "reason"), ACCEPTED)
def test_the_format_is_the_one_that_is_asked_for(accept, content_type, reason):
    body, told_type = exposition(accept)
    assert told_type.startswith(content_type), reason
    assert body.endswith(b"# EOF\n") == (content_type == OPEN), reason
    assert b"managed_agents_leading" in body
    assert b"process_cpu_seconds" in body
    assert b"_created" not in body


def test_failures_have_series_before_the_first_of_them():
    assert {("POST", "/v1/sessions/{id}/events"), ("PATCH", "sessions/status")} <= {*ROUTES, *WRITES}
    text = exposition()[0].decode()
    for series in (
        'api_requests_total{code="529",endpoint="/v1/sessions/{id}/events",method="POST"} ',
        'kubernetes_requests_total{code="500",method="PATCH",resource="sessions/status"} ',
        'events_total{outcome="dropped"} ',
        'sweep_failures_total{sweep="full"} ',
        "pass_failures_total ",
    ):
        assert f"\n{PREFIX}{series}" in text
