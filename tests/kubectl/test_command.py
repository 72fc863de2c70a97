"""The command line itself: usage, exit codes, what is missing, and that help waits for nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from managed_agents_kubectl import __main__, cli, scope
from managed_agents_kubectl.scope import Failed

README = Path(__file__).parents[2] / "deploy" / "README.md"
HEAVY = ("aiohttp", "httpx", "kubernetes", "pydantic", "rich", "yaml")


def run(*arguments):
    return CliRunner().invoke(cli.plugin, arguments, prog_name="kubectl managedagents")


@pytest.mark.parametrize("command", ["", *sorted(cli.plugin.commands)])
def test_help_is_complete(command):
    done = run(*filter(None, [command]), "--help")
    assert done.exit_code == 0
    for flag in ("--namespace", "--context", "--kubeconfig", "--request-timeout"):
        assert flag in done.output


def test_the_readme_has_every_command_and_exit_code():
    section = README.read_text().partition("\n## The kubectl plugin\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert {word for row in rows for word in re.findall(r"`([a-z]+)[ `]", row.split("|")[1])} == set(
        cli.plugin.commands
    )
    for code in (scope.OK, scope.FAILED, scope.USAGE, scope.STALLED):
        assert re.search(rf"\b{code} [(a-z]", section.partition("Exit codes:")[2])
    flags = set(re.findall(r"--[a-z][a-z-]+", section))
    known = {name for one in cli.plugin.commands.values() for flag in one.params for name in flag.opts}
    assert flags <= known


WRONG = [
    ([], "Usage", "nothing was said"),
    (["nonsense"], "No such command", "no such command"),
    (["logs"], "Missing argument", "no name"),
    (["logs", "a", "--since", "soon"], "no duration", "no duration"),
    (["logs", "a", "--tail", "-1"], "not in the range", "less than nothing"),
    (["logs", "a", "-o", "yaml"], "Invalid value", "a form that this command does not have"),
    (["send", "a"], "Missing argument", "no text"),
    (["status", "a", "-A"], "exclude each other", "a name in all namespaces"),
    (["approve", "a", "--id", "x", "--all"], "exclude each other", "one and all"),
    (["approve", "a", "--message", "x"], "No such option", "only a refusal has a reason"),
    (["orphans", "--yes"], "need --adopt or --archive", "yes to nothing"),
]


@pytest.mark.parametrize(("arguments", "said", "reason"), WRONG, ids=[row[2] for row in WRONG])
def test_wrong_usage_ends_with_2(arguments, said, reason):
    done = run(*arguments)
    assert done.exit_code == 2, reason
    assert said in done.output


@pytest.mark.parametrize("before", [True, False])
def test_common_flags_stand_before_and_after_a_command(monkeypatch, before):
    seen = []
    monkeypatch.setattr(cli, "_carry_out", lambda _, __, given, *args, **flags: seen.append(given) or 0)
    flags = ["-n", "team", "--context", "c", "--kubeconfig", "k", "--request-timeout", "5s", "--own-key"]
    done = run(*([*flags, "interrupt", "a"] if before else ["interrupt", "a", *flags]))
    assert done.exit_code == 0, done.output
    [found] = seen
    assert (found.namespace, found.context, found.kubeconfig) == ("team", "c", "k")
    assert (found.request_timeout, found.own_key) == (5.0, True)


def test_a_resource_may_be_named_as_kubectl_prints_it(monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "_carry_out", lambda module, function, scope, *args, **flags: seen.append(args) or 0)
    run("logs", "session.managedagents.dev/triage")
    assert seen == [("triage",)]


ENDS = [
    (Failed("no\x1bway"), 1, "error: no way\n", "what failed is said on one line that moves no terminal"),
    (click.Abort(), 130, "", "a person has interrupted it"),
    (KeyboardInterrupt(), 130, "", "or at any other moment"),
    (click.UsageError("wrong"), 2, "Error: wrong\n", "wrong usage that is found late"),
]


@pytest.mark.parametrize(("trouble", "code", "said", "reason"), ENDS, ids=[row[3] for row in ENDS])
def test_how_it_ends(monkeypatch, capsys, trouble, code, said, reason):
    def fail(*_, **__):
        raise trouble

    monkeypatch.setattr(cli.plugin, "main", fail)
    assert cli.main() == code, reason
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("program", [__main__.main, __main__.complete])
def test_a_missing_extra_is_told_in_one_line(monkeypatch, capsys, program):
    for name in [name for name in sys.modules if name.startswith("managed_agents_kubectl")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.setitem(sys.modules, "managed_agents_kubectl", __import__("managed_agents_kubectl"))
    monkeypatch.delattr("managed_agents_kubectl.cli", raising=False)
    assert program() == 1
    said = capsys.readouterr().err
    assert said == "error: the Python package click is missing: pip install 'managed-agents-operator[kubectl]'\n"


def test_help_imports_nothing_that_takes_its_time():
    code = (
        "import sys; from managed_agents_kubectl.cli import plugin\n"
        "plugin.main(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.rstrip().endswith("[]")
