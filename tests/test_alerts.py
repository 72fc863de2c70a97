"""Each alert fires where it should, after the time it should, and is silent where it should be: promtool's own word."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.toolbox.tools import tool

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.telemetry import METRICS, PREFIX

RULES = Path(__file__).parents[1] / "deploy/monitoring/prometheus-rules.yaml"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
SEVERITIES = {"critical", "warning", "info"}
WELL = {"leading": "1+0x1600"}
AT_WORK = {'circuit_open{connection="c"}': "0+0x1600", 'sweep_interval_seconds{sweep="full"}': "60+0x1600"}


def sessions(condition, reason, values, status="True"):
    return {f'session_conditions{{namespace="a",condition="{condition}",status="{status}",reason="{reason}"}}': values}


def calls(**rates):
    """Calls a minute by code."""
    return {
        f'api_requests_total{{method="GET",endpoint="/v1/sessions",code="{code.strip("_")}"}}': f"0+{rate}x1600"
        for code, rate in rates.items()
    }


def writes(**rates):
    """Writes a minute by code."""
    labels = 'method="PATCH",resource="sessions/status"'
    return {
        f'kubernetes_requests_total{{{labels},code="{code.strip("_")}"}}': f"0+{rate}x1600"
        for code, rate in rates.items()
    }


def cost(values, currency="USD"):
    return {f'list_cost_total{{namespace="a",currency="{currency}"}}': values}


def sweeps(age, **more):
    return {'sweep_age_seconds{connection="c",sweep="full"}': age} | AT_WORK | more


def waits(values):
    return {'quota_oldest_wait_seconds{connection="c",budget="creates"}': values}


def queue(values):
    return {'queue_depth{connection="c"}': values}


# Alert, series by the minute, when it is looked at, whether it fires by then, and why.
ROWS = [
    ("Down", {}, 3, True, "nobody is there at all"),
    ("Down", {}, 2, False, "not yet for three minutes"),
    ("Down", {'leading{pod="a"}': "0+0x60", 'leading{pod="b"}': "0+0x60"}, 10, True, "all stand by"),
    ("Down", {'leading{pod="a"}': "0+0x60", 'leading{pod="b"}': "1+0x60"}, 10, False, "one of two leads"),
    ("Down", {"leading": "1+0x5 0+0x1 1+0x20"}, 8, False, "a restart that takes two minutes"),
    ("KeyRefused", {'circuit_open{connection="c"}': "0 0 1+0x20"}, 5, True, "open for two minutes"),
    ("KeyRefused", {'circuit_open{connection="c"}': "0 1 0+0x20"}, 5, False, "closed again"),
    ("APIUnreachable", {'api_unreachable{connection="c"}': "1+0x20"}, 6, True, "for long"),
    ("APIUnreachable", {'api_unreachable{connection="c"}': "1+0x3 0+0x20"}, 6, False, "for a moment"),
    ("APIErrors", calls(_200=50, _503=10), 25, True, "one of six"),
    ("APIErrors", calls(_200=50, lost=10), 25, True, "no answers"),
    ("APIErrors", calls(_200=50, unsent=10), 25, True, "no connections"),
    ("APIErrors", calls(_200=50, _5xx=10), 25, True, "a status that nobody knows"),
    ("APIErrors", calls(_200=50, _503=1), 25, False, "one of fifty: some calls always fail"),
    ("APIErrors", calls(_200=50, _404=30, _429=30), 25, False, "the API says no, and is well"),
    ("APIErrors", calls(_200=0, _503=0), 25, False, "no calls at all"),
    ("RateLimited", calls(_200=50, _429=10), 30, True, "one of six"),
    ("RateLimited", calls(_200=500, _429=1), 30, False, "now and then"),
    ("QuotaExhausted", waits("0+60x60"), 20, True, "nobody gets a turn"),
    ("QuotaExhausted", waits("200+0x60"), 40, False, "a long wait, and all get their turn"),
    ("SweepTooOld", sweeps("0+60x60"), 20, True, "ten minutes, and five more"),
    ("SweepTooOld", sweeps("0+60x14"), 14, False, "not for five minutes yet"),
    (
        "SweepTooOld",
        sweeps("0+60x60", **{'sweep_interval_seconds{sweep="full"}': "3600+0x60"}),
        40,
        False,
        "sweeps are wanted each hour",
    ),
    ("SweepTooOld", sweeps("0+60x60", **{'circuit_open{connection="c"}': "1+0x60"}), 40, False, "another alert tells"),
    ("Orphans", {'orphans{connection="c"}': "2+0x60"}, 15, True, "they stay"),
    ("Orphans", {'orphans{connection="c"}': "0+0x60"}, 15, False, "none"),
    ("Orphans", {'orphans{connection="c"}': "2+0x5 0+0x60"}, 15, False, "a resource that was being restored"),
    ("SessionsStalled", sessions("Stalled", "InvalidSpec", "1+0x60"), 15, True, "a spec to mend"),
    ("SessionsStalled", sessions("Stalled", "other", "1+0x60"), 15, True, "a reason of a newer version"),
    ("SessionsStalled", sessions("Stalled", "KeyRefused", "1+0x60"), 30, False, "another alert tells"),
    ("SessionsStalled", sessions("Ready", "InvalidSpec", "1+0x60"), 30, False, "counted once, by Stalled"),
    ("SessionsStalled", sessions("Stalled", "InvalidSpec", "1+0x5"), 30, False, "mended, and the series went"),
    *(
        ("SessionsDoubtful", sessions("Stalled", reason, "1+0x60"), 5, True, f"{reason}: money may be lost by it")
        for reason in ("KickoffUnknown", "CreationUnknown", "DuplicateSession", "MassLoss")
    ),
    ("SessionsDoubtful", sessions("Stalled", "InvalidSpec", "1+0x60"), 30, False, "stalled, and nothing in doubt"),
    ("SessionsWaitForPerson", sessions("Ready", "BudgetReached", "1+0x90"), 60, True, "for an hour"),
    ("SessionsWaitForPerson", sessions("Ready", "BudgetReached", "1+0x90"), 50, False, "not yet for an hour"),
    ("SessionsWaitForPerson", sessions("Ready", "Idle", "5+0x90"), 80, False, "idle is what they are to be"),
    ("QueueGrows", queue("0+30x60"), 20, True, "thirty more each minute"),
    ("QueueGrows", queue("900-30x30"), 12, False, "a burst that is being worked off"),
    ("QueueGrows", queue("0+2x60"), 20, False, "few"),
    ("QueueStuck", {'queue_oldest_wait_seconds{connection="c"}': "0+60x60"}, 8, True, "nobody gets a turn"),
    ("QueueStuck", {'queue_oldest_wait_seconds{connection="c"}': "20+0x60"}, 30, False, "all wait a little"),
    ("KubernetesWritesFail", writes(_200=50, _403=10), 25, True, "a right was taken away"),
    ("KubernetesWritesFail", writes(_200=50, lost=10), 25, True, "no answers"),
    ("KubernetesWritesFail", writes(_200=50, _409=30, _404=30), 25, False, "somebody else was first, or it is gone"),
    ("KubernetesWritesFail", writes(_200=0, _500=0), 25, False, "no writes at all"),
    (
        "Bug",
        {"pass_failures_total": "0 0 1+0x60", "doorbell_failures_total": "0+0x60"},
        5,
        True,
        "a pass that raised",
    ),
    ("Bug", {"pass_failures_total": "0+0x60", "doorbell_failures_total": "0 0 1+0x60"}, 5, True, "an event"),
    ("Bug", {"pass_failures_total": "3+0x60", "doorbell_failures_total": "0+0x60"}, 30, False, "long ago"),
    ("CostRises", cost("0+0.1x1440 144+0.5x200"), 1545, True, "thirty dollars an hour, and six before"),
    ("CostRises", cost("0+0.5x1600"), 1545, False, "thirty an hour, as ever"),
    ("CostRises", cost("0+0x1440 0+0.1x200"), 1545, False, "six an hour: more than before, and little"),
    ("CostRises", cost("0+0.5x80"), 80, True, "a namespace that is new: nothing says that this is usual"),
    ("CostRises", cost("0+0x1440 0+0.5x200", "other"), 1545, False, "who knows what these are worth"),
]


def case(alert, series, at, fires):
    """One case as promtool has it: how many alerts of this name fire then."""
    known = series if alert == "Down" else WELL | series
    firing = f'count(ALERTS{{alertname="ManagedAgents{alert}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "interval": "1m",
        "input_series": [{"series": f"{PREFIX}{name}", "values": values} for name, values in known.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": f"{at}m", "exp_samples": samples}],
    }


def pace(row):
    """How often the rules are evaluated: more seldom where a day goes by, which would take as long as all others."""
    return "15m" if row[2] > 120 else "1m"


def promtool(*args):
    return subprocess.run([tool("promtool"), *args], capture_output=True, text=True, check=False)


def test_the_rules_are_rules():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_and_is_silent_where_it_should(tmp_path):
    files = {tmp_path / f"{every}.yaml": [row for row in ROWS if pace(row) == every] for every in ("1m", "15m")}
    for file, rows in files.items():
        cases = [{"name": f"{row[0]}: {row[-1]}", **case(*row[:-1])} for row in rows]
        known = {"rule_files": [str(RULES)], "evaluation_interval": file.stem, "tests": cases}
        file.write_text(yaml.safe_dump(known))
    done = promtool("test", "rules", *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fires", [True, False])
def test_each_alert_has_such_a_case(fires):
    assert {f"ManagedAgents{row[0]}" for row in ROWS if row[3] == fires} == set(ALERTS)


@pytest.mark.parametrize("rule", ALERTS.values(), ids=ALERTS)
def test_an_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"].endswith(".")
    assert len(rule["annotations"]["description"]) > 100
    named = set(re.findall(rf"{PREFIX}\w+", rule["expr"]))
    assert named
    assert named <= {metric.name for metric in METRICS}
    labels = {label for metric in METRICS if metric.name in named for label in metric.labels}
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= labels
    for reasons in re.findall(r'reason[=!]~"([^"]+)"', rule["expr"]):
        assert set(reasons.split("|")) <= set(READY), "a reason that there is not"
