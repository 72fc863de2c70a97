"""What a real operator shows is what alerts and dashboard ask for, read by Prometheus' own parser and engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from tests.e2e.scene import PATIENCE
from tests.toolbox.tools import tool

from managed_agents_operator.telemetry import METRICS, PREFIX

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("metrics"), pytest.mark.timeout(300)]

MONITORING = Path(__file__).parents[2] / "deploy/monitoring"
RULES = yaml.safe_load((MONITORING / "prometheus-rules.yaml").read_text())
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
OPEN_METRICS = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3"
CANARIES = ("canary-title", "canary-prompt", "canary-value", "sk-ant-canary")
EVERY = 60.0
VARIABLES = {"$namespace": ".*", "$__range": "1h", "$__rate_interval": "5m", "$__interval": "1m"}


class Prometheus:
    """Scrapes one operator, each time as if a minute had gone by, and answers queries over all that it read."""

    def __init__(self, operator):
        self._operator = operator
        self.scrapes = []

    def scrape(self, accept=OPEN_METRICS):
        url = f"http://127.0.0.1:{self._operator.port}/metrics"
        answer = httpx.get(url, headers={"Accept": accept}, trust_env=False, timeout=PATIENCE)
        at = len(self.scrapes) * EVERY
        labels = {"job": "managed-agents", "pod": "operator-0", "instance": "10.0.0.1:8080"}
        self.scrapes.append({"at": at, "type": answer.headers["Content-Type"], "text": answer.text, "labels": labels})
        return answer.text

    def ask(self, *queries):
        """The samples of each query, now; an error is a failure of the test."""
        now = self.scrapes[-1]["at"]
        asked = {"scrapes": self.scrapes, "queries": [{"expr": query, "at": now} for query in queries]}
        done = subprocess.run([tool("promql")], input=json.dumps(asked), capture_output=True, text=True, check=True)
        answers = json.loads(done.stdout)
        assert {
            query: answer["error"] for query, answer in zip(queries, answers, strict=True) if "error" in answer
        } == {}
        return dict(zip(queries, (answer["result"] for answer in answers), strict=True))

    def number(self, query):
        (sample,) = self.ask(query)[query]
        return sample["value"]


def drawn():
    """Every query of the dashboard, by what draws it, with its variables as Grafana fills them in."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], query


def alerts():
    return {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}


def named(query):
    """The families that a query asks for."""
    found = set(re.findall(rf"{PREFIX}\w+", query))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name not in NAMES else name for name in found}


NAMES = {metric.name for metric in METRICS}


@pytest.fixture(scope="module")
def world(opened, tmp_path_factory):
    """Sessions in several states, some of which cost, an orphan, a connection with a bad key; and three scrapes."""
    with opened(tmp_path_factory.mktemp("metrics")) as scene:
        operator = scene.start(MANAGED_AGENTS_METRICS_BY_AGENT="true")
        prometheus = Prometheus(operator)
        scene.apply(
            scene.session("idle", title="canary-title", metadata={"team": "canary-value"}),
            scene.session("wrong", agent={"id": "agent_unknown"}),
            scene.session("left", deletionPolicy="Retain"),
            scene.secret("key", apiKey="sk-ant-canary-0123456789"),
            scene.connection("refused"),
            scene.session("refused", connectionRef={"kind": "Connection", "name": "refused"}),
            scene.session("unserved", connectionRef={"kind": "Connection", "name": "nowhere"}),
        )
        scene.wait("wrong", "InvalidSpec")
        scene.wait("refused", "KeyRefused")
        scene.wait_ready("idle", "left")
        scene.delete("left")
        prometheus.scrape()
        scene.apply(scene.session("busy", initialEvents=[{"type": "user.message", "text": "canary-prompt"}]))
        scene.wait("busy", "EndTurn", "Finished")
        scene.settled("busy")
        scene.until("the orphan", lambda: "managed_agents_orphans" in operator.metrics() and orphans(operator) == 1)
        prometheus.scrape()
        scene.sweeps(2)
        prometheus.scrape(accept="text/plain;version=0.0.4")
        yield scene, prometheus


def orphans(operator):
    return sum(map(float, re.findall(r"^managed_agents_orphans\{.*\} (\S+)$", operator.metrics(), re.MULTILINE)))


def test_promtool_finds_nothing_to_mend(world):
    """Help, names and units, and that all of it can be read."""
    _, prometheus = world
    text = prometheus.scrapes[-1]["text"]
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if PREFIX in line]
    assert ours == []


def test_every_metric_is_told_and_every_series_is_one_of_few(world):
    _, prometheus = world
    for scrape in prometheus.scrapes:
        assert NAMES - families(scrape["text"]) == set()
        assert [canary for canary in CANARIES if canary in scrape["text"]] == []
    last = prometheus.scrapes[-1]["text"]
    assert "sesn_" not in last, "an id"
    assert len(last.splitlines()) < 1500


def families(text):
    """What is there by name, in either format: only in the older one a counter is called as its series are."""
    found = re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE)
    return {f"{name}_total" if kind == "counter" and not name.endswith("_total") else name for name, kind in found}


def test_each_query_of_the_dashboard_has_data(world):
    _, prometheus = world
    answers = prometheus.ask(*(query for _, query in drawn()))
    empty = [title for title, query in drawn() if not answers[query]]
    assert empty == []
    for title, query in drawn():
        assert named(query) <= NAMES, title
        assert set(re.findall(r"process_\w+", query)) <= families(prometheus.scrapes[-1]["text"]), title


def test_each_alert_reads_what_there_is(world):
    """Of what they ask here, some is wrong; each is told by its own alert alone."""
    _, prometheus = world
    answers = prometheus.ask(*alerts().values())
    firing = {name: answers[query] for name, query in alerts().items() if answers[query]}
    assert set(firing) == {"ManagedAgentsSessionsStalled", "ManagedAgentsKeyRefused", "ManagedAgentsOrphans"}
    stalled = {sample["metric"]["reason"]: sample["value"] for sample in firing["ManagedAgentsSessionsStalled"]}
    assert stalled == {"InvalidSpec": 1, "KeyMissing": 1}
    parts = [name for query in alerts().values() for name in re.findall(rf"{PREFIX}\w+", query)]
    there = prometheus.ask(*sorted(set(parts)))
    assert [name for name, samples in there.items() if not samples] == [], "each has series before anything happens"


def test_what_the_prometheus_operator_needs_is_built_of_it(world):
    scene, _ = world
    built = {each["kind"]: each for each in yaml.safe_load_all(scene.kubectl("kustomize", MONITORING))}
    assert built["PrometheusRule"]["spec"] == RULES
    assert json.loads(built["ConfigMap"]["data"]["grafana-dashboard.json"]) == DASHBOARD
    pods = yaml.safe_load((MONITORING.parent / "base/deployment.yaml").read_text())["spec"]["template"]
    selected = built["PodMonitor"]["spec"]["selector"]["matchLabels"].items()
    assert selected <= pods["metadata"]["labels"].items()
    assert {each["metadata"]["namespace"] for each in built.values()} == {"managed-agents-system"}


def test_sessions_are_counted_by_namespace_state_and_condition(world):
    scene, prometheus = world
    of = f'namespace="{scene.namespace}"'
    assert prometheus.number(f"sum(managed_agents_sessions{{{of}}})") == len(scene.world.sessions(scene.namespace))
    for state in ("idle", "none"):
        there = sum((s["status"].get("state") or "none") == state for s in scene.world.sessions(scene.namespace))
        assert prometheus.number(f'managed_agents_sessions{{{of},state="{state}"}}') == there
    ready = f'managed_agents_session_conditions{{{of},condition="Ready",reason="InvalidSpec",status="False"}}'
    assert prometheus.number(ready) == 1


def test_cost_and_tokens_are_those_of_status(world):
    scene, prometheus = world
    usage = scene.status("busy")["usage"]
    dollars = int(usage["listCost"]["amount"]) / 100
    assert dollars > 0
    asked = {
        "sum(managed_agents_sessions_list_cost)": dollars,
        "sum(managed_agents_list_cost_total)": dollars,
        "sum(managed_agents_agent_list_cost_total)": dollars,
        'sum(managed_agents_agent_sessions_list_cost{agent="agent_sample"})': dollars,
        'sum(managed_agents_sessions_tokens{type="input"})': usage["inputTokens"],
        'sum(managed_agents_tokens_total{type="output"})': usage["outputTokens"],
        'sum(managed_agents_agent_tokens_total{type="cache_read"})': usage["cacheReadInputTokens"],
    }
    for query, value in asked.items():
        assert prometheus.number(query) == pytest.approx(value), query
    assert prometheus.number("sum(increase(managed_agents_list_cost_total[5m]))") > 0


def cents(scene, name):
    return int(scene.status(name)["usage"]["listCost"]["amount"])


def test_a_restart_counts_nothing_twice_and_what_is_gone_is_shown_no_more(world):
    """Ends the operator of the others: the last one here."""
    scene, prometheus = world
    spent, exists = "sum(managed_agents_list_cost_total)", "sum(managed_agents_sessions_list_cost)"
    before = cents(scene, "busy")
    assert prometheus.number(spent) == prometheus.number(exists) == pytest.approx(before / 100)
    scene.kill()
    # It goes on and costs while nobody is there to see it.
    scene.send("busy", type="user.message", content=[{"type": "text", "text": "canary-prompt"}])
    operator = scene.start()
    scene.until("more cost", lambda: cents(scene, "busy") > before and scene.reason("busy") == "Idle")
    scene.settled("busy")
    after, now = Prometheus(operator), cents(scene, "busy")
    after.scrape()
    assert after.number(spent) == pytest.approx((now - before) / 100)
    assert after.number(exists) == pytest.approx(now / 100)
    assert "agent_sample" not in after.scrapes[-1]["text"], "by agent only where that is asked for"
    scene.clear()
    scene.until("nothing", lambda: "managed_agents_sessions{" not in operator.metrics())
    after.scrape()
    assert re.findall(r"^managed_agents_session\w*\{.*", after.scrapes[-1]["text"], re.MULTILINE) == []
    assert '"default/Connection/refused"' not in after.scrapes[-1]["text"]
