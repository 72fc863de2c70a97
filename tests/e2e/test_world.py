"""Cluster, simulated API and operator side by side: started, taken away, brought back and gone at the end."""

import os
import shlex
import signal
import subprocess
import sys

import httpx
import pytest

from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.processes import NotReady, Process
from managed_agents_local.world import World

pytestmark = pytest.mark.e2e

MANIFEST = """
apiVersion: managedagents.dev/v1alpha1
kind: Session
metadata: {name: one, namespace: default, finalizers: [example.com/held]}
spec: {agent: {id: agent_unknown}, environment: {id: env_unknown}}
"""


@pytest.fixture
def directory(tmp_path, left_running):
    yield tmp_path
    assert left_running(tmp_path) == []


def test_a_world(directory, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a person's own")
    with ControlPlane(directory / "cluster") as cluster, World(cluster, directory) as world:
        operator = world.start_operator()
        assert "ANTHROPIC_AUTH_TOKEN" not in world.environment()
        assert "# TYPE" in operator.metrics()
        assert world.fallen() is None

        # What the API knows survives its being taken away, and it comes back where it was.
        url, key = world.simulator.url, world.simulator.key
        other = world.control.other_key()
        world.simulator.kill()
        assert "simulator: ended with -9" in world.fallen()
        world.simulator.start()
        assert (world.simulator.url, world.simulator.key) == (url, key)
        assert world.control.other_key() == other

        world.kill_operator()
        assert "operator: ended with -9" in world.fallen()
        world.start_operator({"MANAGED_AGENTS_LOG_FORMAT": "json"})
        assert world.fallen() is None
        assert world.stop_operator() == 0

        with pytest.raises(NotReady, match=r"operator: ended with 2(?s:.*)MANAGED_AGENTS_WORKERS"):
            world.start_operator({"MANAGED_AGENTS_WORKERS": "none"})

        world.kubectl("apply", "-f", "-", input=MANIFEST)
        assert [session["metadata"]["name"] for session in world.sessions("default")] == ["one"]


@pytest.fixture
def up(directory):
    """`managed-agents-local up`, and the exports it printed once it is up."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "managed_agents_local", "up", f"--directory={directory}", *options]
        process = Process.start("up", command, log=directory / "up.log")
        started.append(process)
        process.wait_for_line("Ctrl-C ends it", timeout=60)
        exports = [line for line in process.text().splitlines() if line.startswith("export ")]
        return process, "\n".join(exports)

    yield start
    for process in started:
        process.stop()


def shell(exports, command):
    done = subprocess.run(["bash", "-ec", f"{exports}\n{command}"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_up_prints_what_a_shell_needs_and_ends_when_told(up, how):
    process, exports = up()
    assert shell(exports, "kubectl get crd -o name").endswith("/sessions.managedagents.dev\n")
    url, key = shell(exports, "echo $ANTHROPIC_BASE_URL $ANTHROPIC_API_KEY").split()
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}
    answer = httpx.get(f"{url}/v1/sessions?beta=true", headers=headers, trust_env=False)
    assert answer.json()["data"] == []
    process.signal(how)
    assert process.wait() == 0


@pytest.mark.thorough
def test_up_ends_when_a_part_does(up, directory, running):
    process, _ = up("--without-operator")
    simulators = [pid for pid, line in running(directory).items() if "managed_agents_simulator" in line]
    assert len(simulators) == 1
    os.kill(simulators[0], signal.SIGKILL)
    assert process.wait() == 1
    assert "simulator: ended with -9" in process.text()


@pytest.mark.thorough
def test_up_on_a_cluster_that_runs_already_leaves_it_running(up, directory, monkeypatch):
    with ControlPlane(directory / "theirs") as cluster:
        environment = cluster.environment()
        monkeypatch.setenv("KUBECONFIG", environment["KUBECONFIG"])
        monkeypatch.setenv("PATH", environment["PATH"])
        process, exports = up("--use-existing-cluster")
        assert "existing cluster of context managed-agents" in process.text()
        assert f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}" in exports
        assert process.stop() == 0
        assert cluster.kubectl("get", "crd", "-o", "name").stdout
        assert cluster.fallen() is None
