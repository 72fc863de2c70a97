"""The command line, and what ends a start before anything is called. What runs is tested in e2e/test_life.py."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from managed_agents_operator import __version__, guide
from managed_agents_operator.__main__ import main
from managed_agents_operator.api import remedies
from managed_agents_operator.api.crd import documents
from managed_agents_operator.app import Stop
from managed_agents_operator.settings import Settings, variable

COMMAND = [sys.executable, "-m", "managed_agents_operator"]


def run(*arguments, **environment):
    """The command in an environment with nothing of ours but this."""
    ours = ("MANAGED_AGENTS_", "ANTHROPIC_", "KUBE")
    base = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [*COMMAND, *arguments], env={**base, **environment}, capture_output=True, text=True, check=False
    )


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"managed-agents-operator {__version__}\n"


def test_help_names_every_variable_and_what_it_is_for(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for name, field in Settings.model_fields.items():
        assert f"  {variable(name)}" in told
        assert " ".join(field.description.split()) in told
    assert "MANAGED_AGENTS_CREATES_PER_MINUTE [300]" in told
    assert "exit code" in told


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run", "--fast"], ["crds", "--out"]])
def test_what_is_no_command_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: managed-agents-operator" in capsys.readouterr().err


def test_crds_writes_its_files_and_leaves_others_alone(tmp_path, capsys):
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "mine.yaml").write_text("mine")
    assert main(["crds", "--out", str(tmp_path)]) == 0
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {*documents(), "crds/mine.yaml"}
    assert set(capsys.readouterr().out.split()) == {str(tmp_path / path) for path in documents()}


def test_crds_writes_the_tables_of_conditions_where_they_have_their_place(tmp_path, capsys):
    path = tmp_path / guide.GUIDE
    path.parent.mkdir()
    first, last = guide.begin("conditions"), guide.end("conditions")
    path.write_text(f"# Operating it\n\n{first}\nold\n{last}\n\n## Mine\n")
    assert main(["crds", "--out", str(tmp_path)]) == 0
    assert path.read_text() == f"# Operating it\n\n{first}\n\n{remedies.markdown()}\n\n{last}\n\n## Mine\n"
    assert str(path) in capsys.readouterr().out.split()


UNUSABLE = [
    ({"ANTHROPIC_API_KEY": "a\tsecret"}, "ANTHROPIC_API_KEY", "no key at all"),
    ({"ANTHROPIC_API_KEY": "secret"}, "KUBECONFIG", "no cluster"),
    ({"ANTHROPIC_API_KEY": "secret", "KUBECONFIG": "/nowhere"}, "KUBECONFIG", "a slip of the pen"),
    ({"ANTHROPIC_API_KEY": "secret", "MANAGED_AGENTS_WORKERS": "many"}, "MANAGED_AGENTS_WORKERS", "no number"),
]


@pytest.mark.parametrize(("environment", "name", "reason"), UNUSABLE, ids=[reason for *_, reason in UNUSABLE])
def test_what_cannot_be_started_with_is_one_line_and_exit_code_2(environment, name, reason):
    done = run("run", **environment)
    assert done.returncode == 2, reason
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"managed-agents-operator: {name}: "), reason
    assert "secret" not in line


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], "
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {token: t}}]}"
    )
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        done = run("run", ANTHROPIC_API_KEY="k", KUBECONFIG=str(kubeconfig), MANAGED_AGENTS_HTTP_PORT=str(port))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"managed-agents-operator: MANAGED_AGENTS_HTTP_PORT: {port} can't")


@pytest.fixture
async def stop(monkeypatch):
    """With a loop that keeps its own signal handlers, and no last resort."""
    monkeypatch.setattr("threading.Timer.start", lambda _: None)
    stop = Stop()
    stop.listen()
    yield stop
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(signum)


async def test_what_is_done_before_the_end_is_asked_for_is_done(stop):
    assert await stop.before(asyncio.sleep(0)) is True


async def test_what_is_not_is_cancelled(stop):
    ended = asyncio.Event()

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(stop.before(forever()))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await waiting is False
    assert ended.is_set()


async def test_what_fails_before_the_end_is_asked_for_fails(stop):
    async def fail():
        raise LookupError("it")

    with pytest.raises(LookupError):
        await stop.before(fail())


async def test_a_second_signal_ends_at_once(stop, monkeypatch):
    codes = []
    monkeypatch.setattr("os._exit", codes.append)
    os.kill(os.getpid(), signal.SIGINT)
    await stop.asked.wait()
    assert codes == []
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)
    assert codes == [143]
