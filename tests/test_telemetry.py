"""Numbers and lines as others read them."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from managed_agents_operator import telemetry
from managed_agents_operator.telemetry import Metric, exposition, set_up_logging


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(telemetry, "METRICS", list(telemetry.METRICS))
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_numbers_are_as_prometheus_reads_them():
    metric = Metric("tests_total", "Tests, by what became of them.")
    metric.inc(outcome="passed")
    metric.inc(2, outcome="passed")
    metric.inc(outcome='a "b"\n')
    assert metric.value(outcome="passed") == 3
    assert metric.value(outcome="other") == 0
    assert metric.text() == (
        "# HELP managed_agents_tests_total Tests, by what became of them.\n"
        "# TYPE managed_agents_tests_total counter\n"
        'managed_agents_tests_total{outcome="passed"} 3\n'
        'managed_agents_tests_total{outcome="a \\"b\\"\\n"} 1\n'
    )


NUMBERS = [
    (3, "3", "a count"),
    (12_345_678, "12345678", "a large one: rounded, it would stand still and then jump"),
    (0.1, "0.1", "a share"),
    (1234567.25, "1234567.25", "all the digits there are"),
    (2.0, "2", "whole"),
]


@pytest.mark.parametrize(("number", "text", "why"), NUMBERS)
def test_numbers_keep_their_digits(number, text, why):
    metric = Metric("tests_number", "A number.")
    metric.set(number)
    assert metric.text().splitlines()[-1] == f"managed_agents_tests_number {text}", why


def test_a_number_can_be_asked_for_when_it_is_shown():
    metric, now = Metric("tests_left", "Tests to run.", "gauge"), [3.0]
    metric.follow(lambda: now[0], where="here")
    now[0] = 2
    assert 'managed_agents_tests_left{where="here"} 2' in metric.text()
    metric.drop(where="here")
    assert "here" not in metric.text()


def test_everything_is_shown_and_named_once():
    names = [line.split()[2] for line in exposition().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(name.startswith("managed_agents_") for name in names)


def log_everything():
    log = logging.getLogger("managed_agents_operator.kube.tests")
    log.warning("key %s of %s", "very-secret", "sk-ant-api03-abc_DEF")
    try:
        raise ValueError("very-secret")
    except ValueError:
        log.exception("no way")
    logging.getLogger("kopf.objects").info("noise")
    logging.getLogger("kopf.objects").warning("worth it")


def test_lines_of_json(capsys):
    set_up_logging("json", "info", ["very-secret", "", "key"])
    log_everything()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("warning", "key *** of ***"),
        ("error", "no way"),
        ("warning", "worth it"),
    ]
    assert "ValueError: ***" in lines[1]["exception"]
    assert lines[0]["logger"] == "managed_agents_operator.kube.tests"
    assert lines[0]["time"].endswith("Z")


def test_lines_of_text(capsys):
    set_up_logging("text", "warning", ["very-secret"])
    log_everything()
    told = capsys.readouterr().err
    assert "WARNING tests: key *** of ***\n" in told
    assert "very-secret" not in told
    assert sys.stderr is not None
