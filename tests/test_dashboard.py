"""The dashboard can be imported anywhere, and what is deployed beside it is made of the same files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from managed_agents_operator.telemetry import METRICS, PREFIX

MONITORING = Path(__file__).parents[1] / "deploy/monitoring"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
QUERIES = [(panel["title"], target) for panel in PANELS for target in panel.get("targets", ())]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LABELS = {metric.name: set(metric.labels) for metric in METRICS}
FROM_SCRAPE = {"instance", "pod", "job"}


def asked(query):
    """The metrics that a query names, by the names of their families."""
    names = re.findall(rf"{PREFIX}\w+", query)
    return {name if name in LABELS else re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def test_it_belongs_to_no_instance_of_grafana():
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"]
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["namespace"]["datasource"] == SOURCE
    assert variables["namespace"]["allValue"] == ".*"
    assert all(panel["datasource"] == SOURCE for panel in PANELS if panel["type"] != "row")


def test_panels_have_ids_and_places_of_their_own():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert all(0 <= x < 24 for x, _ in cells), panel["title"]
        taken |= cells


def test_it_answers_what_people_ask():
    """Whoever finds a row gone looks for its answer in vain."""
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == [
        "What is it costing",
        "What is stuck",
        "Does the API answer",
        "Who waits for the budget of calls",
        "Is what is told up to date",
        "Does the operator keep up",
        "Does the cluster take what is written",
        "The process",
    ]


@pytest.mark.parametrize(("title", "target"), QUERIES, ids=[f"{title} {t['refId']}" for title, t in QUERIES])
def test_a_query_asks_for_what_there_is(title, target):
    query = target["expr"]
    assert target["datasource"] == SOURCE
    assert asked(query) <= set(LABELS), "a metric that there is not"
    known = set().union(*(LABELS[name] for name in asked(query))) | FROM_SCRAPE | {"le"}
    for labels in re.findall(r"(?:by|on) \(([^)]*)\)", query):
        assert {label.strip() for label in labels.split(",")} <= known
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known
    by_namespace = any("namespace" in LABELS[name] for name in asked(query))
    assert ('namespace=~"$namespace"' in query) == by_namespace, "the variable counts where there is such a label"


def test_every_metric_is_drawn_somewhere():
    """What nobody looks at need not be told."""
    drawn = {name for _, target in QUERIES for name in asked(target["expr"])}
    assert {metric.name for metric in METRICS} - drawn == {
        f"{PREFIX}agent_sessions_list_cost",
        f"{PREFIX}agent_tokens_total",
    }, "both by agent; each is beside its like"


def test_the_rules_of_the_prometheus_operator_are_the_same():
    """Where they differ, prometheus-rules.yaml is right: what follows its `groups:` belongs below `spec:`."""
    rules = yaml.safe_load((MONITORING / "prometheus-rules.yaml").read_text())
    assert yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())["spec"] == rules


def test_labels_of_ours_are_honoured():
    monitor = yaml.safe_load((MONITORING / "pod-monitor.yaml").read_text())
    assert all(endpoint["honorLabels"] for endpoint in monitor["spec"]["podMetricsEndpoints"])
    named = set(yaml.safe_load((MONITORING / "kustomization.yaml").read_text())["resources"])
    assert named == {"pod-monitor.yaml", "prometheus-rule.yaml"}
