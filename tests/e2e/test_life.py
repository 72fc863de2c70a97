"""The life of the operator's process on a real API server: start, doorbell, Lease, drain, and every way to end.

The keeper is one that only prints; what the real one does is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from managed_agents_local.controlplane import ControlPlane

pytestmark = pytest.mark.e2e

BELL = Path(__file__).with_name("bell.py")
CRDS = Path(__file__).parents[2] / "crds"


class Process:
    """One operator; its lines can be waited for. The time-out of the test is the only limit."""

    def __init__(self, environment, *command):
        self._process = subprocess.Popen(
            [sys.executable, *(command or [str(BELL)])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._queue.put(line.rstrip("\n"))
        self._process.stdout.close()
        self._queue.put(None)

    def until(self, pattern):
        """The next line that has it; the end of the output before that is a failure."""
        while (line := self._queue.get()) is not None:
            if found := re.search(pattern, line):
                return found
        pytest.fail(f"ended without {pattern!r}:\n" + "\n".join(self.lines))

    def send(self, signum):
        self._process.send_signal(signum)

    def wait(self):
        code = self._process.wait()
        self._reader.join()
        return code

    def get(self, path):
        """Status and JSON of a probe."""
        port = next(found[1] for line in self.lines if (found := re.search(r"answer on port (\d+)", line)))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            with e:
                return e.code, json.load(e)

    def end(self):
        if self._process.poll() is None:
            self._process.kill()
        self.wait()


@pytest.fixture
def operator(control_plane):
    started = []

    def start(*command, **environment):
        base = {
            name: value for name, value in os.environ.items() if not name.startswith(("MANAGED_AGENTS_", "ANTHROPIC_"))
        }
        settings = {
            "KUBECONFIG": str(control_plane.kubeconfig),
            "ANTHROPIC_API_KEY": "sk-ant-never-used",
            "MANAGED_AGENTS_HTTP_PORT": "0",
        }
        started.append(Process({**base, **settings, **environment}, *command))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def namespace(control_plane):
    name = f"ns-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def apply(control_plane):
    def apply(name, namespace, **metadata):
        body = {
            "apiVersion": "managedagents.dev/v1alpha1",
            "kind": "Session",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}},
        }
        control_plane.kubectl("apply", "-f", "-", input=json.dumps(body))

    return apply


def get(control_plane, name, namespace):
    return json.loads(control_plane.kubectl("get", "session", name, "-n", namespace, "-o", "json").stdout)


def writes_since(control_plane, mark):
    """Writes of the operator itself: kubectl and the API server have other names."""
    return [
        write
        for write in control_plane.audit.writes(since=mark)
        if "kubectl" not in write.agent and write.user == "admin"
    ]


def test_every_event_rings_and_the_framework_writes_nothing(operator, control_plane, namespace, apply):
    kept = {"finalizers": ["managedagents.dev/session"], "annotations": {"managedagents.dev/claim": "{}"}}
    apply("before", namespace, **kept)
    mark = len(control_plane.audit)
    process = operator()
    process.until("^see None before$")
    apply("after", namespace)
    process.until("^see ADDED after$")
    patch = ("patch", "session", "after", "-n", namespace, "--type=merge", "-p")
    control_plane.kubectl(*patch, '{"metadata": {"finalizers": ["managedagents.dev/session"]}}')
    process.until("^see MODIFIED after$")
    control_plane.kubectl(*patch, '{"status": {"state": "idle"}}', "--subresource=status")
    process.until("^see MODIFIED after$")
    control_plane.kubectl("delete", "session", "after", "-n", namespace, "--wait=false")
    process.until("^see MODIFIED after$")
    stays = get(control_plane, "after", namespace)
    assert stays["metadata"]["finalizers"] == ["managedagents.dev/session"]
    control_plane.kubectl(*patch, '{"metadata": {"finalizers": []}}')
    process.until("^see DELETED after$")
    before = get(control_plane, "before", namespace)
    assert before["metadata"]["finalizers"] == kept["finalizers"]
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    assert writes_since(control_plane, mark) == []
    managers = json.loads(
        control_plane.kubectl("get", "session", "before", "-n", namespace, "-o", "json", "--show-managed-fields").stdout
    )["metadata"]["managedFields"]
    assert {entry["manager"] for entry in managers} == {"kubectl-client-side-apply"}


def test_only_the_named_namespaces_are_listened_to(operator, namespace, apply, control_plane):
    other = f"{namespace}-other"
    control_plane.kubectl("create", "namespace", other)
    apply("inside", namespace)
    apply("outside", "default")
    process = operator(MANAGED_AGENTS_NAMESPACES=f"{namespace},{other}")
    process.until("^see None inside$")
    apply("outside2", "default")
    apply("other", other)
    process.until("^see ADDED other$")
    assert not [line for line in process.lines if "outside" in line]


def test_a_changed_secret_or_config_map_is_told(operator, namespace, control_plane):
    process = operator()
    for _ in ("ConfigMap", "Secret"):
        process.until("^sources listed$")
    control_plane.kubectl("create", "secret", "generic", "s", "-n", namespace)
    process.until(f"^source Secret {namespace} s$")
    control_plane.kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=k=one")
    process.until(f"^source ConfigMap {namespace} c$")
    patch = ("patch", "configmap", "c", "-n", namespace, "--type=merge", "-p")
    control_plane.kubectl(*patch, '{"data": {"k": "two"}}')
    process.until(f"^source ConfigMap {namespace} c$")


def test_probes_follow_its_life(operator, namespace, apply):
    process = operator(BELL_DRAIN_SECONDS="2")
    apply("a", namespace)
    process.until("^see .* a$")
    assert process.get("/readyz") == (200, {"ok": True, "checks": {"phase": {"ok": True, "note": "working"}}})
    status, body = process.get("/healthz")
    assert (status, body["ok"]) == (200, True)
    assert body["checks"]["watch"]["seconds"] >= 0
    process.send(signal.SIGTERM)
    process.until("^draining$")
    assert process.get("/readyz")[0] == 503
    assert process.get("/healthz")[0] == 200
    process.until("^drained$")
    assert process.wait() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_0_and_a_clean_log(operator, signum):
    process = operator(MANAGED_AGENTS_LOG_FORMAT="json")
    process.until("^running$")
    process.send(signum)
    process.until("^drained$")
    assert process.wait() == 0
    logged = [json.loads(line) for line in process.lines if line.startswith("{")]
    assert [line for line in logged if line["level"] != "info"] == []
    assert not [line for line in process.lines if "Traceback" in line]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(operator, signum, code):
    process = operator(BELL_DRAIN_SECONDS="15")
    process.until("^running$")
    process.send(signum)
    process.until("^draining$")
    process.send(signum)
    assert process.wait() == code
    assert "drained" not in process.lines


def test_a_signal_before_there_is_work_ends_with_0(operator, control_plane, tmp_path):
    away = Path(tmp_path / "kubeconfig")
    away.write_text(re.sub(r"server: .*", "server: https://127.0.0.1:1", control_plane.kubeconfig.read_text()))
    process = operator(KUBECONFIG=str(away))
    process.until("Waiting for the cluster: the API server did not answer")
    assert process.get("/readyz")[0] == 503
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    assert "running" not in process.lines


def test_a_task_that_dies_ends_the_process_with_its_reason(operator):
    process = operator(BELL_DIES="0.5")
    process.until("mortal ended, and with it the operator: as it was told")
    process.until("^drained$")
    assert process.wait() == 1


def test_an_api_server_that_restarts_ends_nothing(operator, control_plane, namespace, apply):
    process = operator()
    apply("a", namespace)
    process.until("^see .* a$")
    control_plane.restart_apiserver()
    apply("b", namespace)
    process.until("^see .* b$")
    process.send(signal.SIGTERM)
    assert process.wait() == 0


def test_a_kind_that_comes_later_is_waited_for_and_one_that_vanishes_ends_it(operator, tmp_path):
    with ControlPlane(tmp_path) as own:
        process = operator(KUBECONFIG=str(own.kubeconfig))
        process.until("is not installed: kubectl apply --server-side -f crds/")
        own.kubectl("apply", "--server-side", "-f", CRDS)
        process.until("^running$")
        while process.get("/readyz")[0] != 200:
            time.sleep(0.1)
        own.kubectl("delete", "crd", "sessions.managedagents.dev", "--wait=false")
        process.until("framework ended, and with it the operator: 404")
        process.until("^drained$")
        assert process.wait() == 1


def test_one_leads_the_other_stands_by_and_takes_over_when_it_is_told_to_stop(operator, namespace, apply):
    election = {"MANAGED_AGENTS_LEADER_ELECTION": "true", "MANAGED_AGENTS_OPERATOR_NAMESPACE": namespace}
    one = operator(**election)
    one.until("^running$")
    two = operator(**election)
    two.until("Standing by")
    assert two.get("/readyz") == (200, {"ok": True, "checks": {"phase": {"ok": True, "note": "standby"}}})
    apply("a", namespace)
    one.until("^see .* a$")
    one.send(signal.SIGTERM)
    assert one.wait() == 0
    two.until("^see None a$")
    assert one.lines.index("drained") > 0
    assert two.get("/readyz")[0] == 200


def test_a_lost_lease_ends_it_at_once(operator, control_plane, namespace):
    process = operator(MANAGED_AGENTS_LEADER_ELECTION="true", MANAGED_AGENTS_OPERATOR_NAMESPACE=namespace)
    process.until("^running$")
    taken = json.dumps({"spec": {"holderIdentity": "somebody-else"}})
    control_plane.kubectl("patch", "lease", "managed-agents-operator", "-n", namespace, "--type=merge", "-p", taken)
    process.until("is lost")
    assert process.wait() == 1
    assert "draining" not in process.lines


def test_a_standby_that_is_told_to_stop_ends_with_0_and_leaves_the_lease_alone(operator, control_plane, namespace):
    election = {"MANAGED_AGENTS_LEADER_ELECTION": "true", "MANAGED_AGENTS_OPERATOR_NAMESPACE": namespace}
    one = operator(**election)
    one.until("^running$")
    two = operator(**election)
    two.until("Standing by")
    two.send(signal.SIGTERM)
    assert two.wait() == 0
    lease = json.loads(control_plane.kubectl("get", "lease", "-n", namespace, "-o", "json").stdout)["items"][0]
    assert lease["spec"]["holderIdentity"].split("_")[1] == str(one._process.pid)


def test_no_key_is_ever_logged(operator, namespace, apply):
    process = operator(ANTHROPIC_API_KEY="sk-ant-api03-very-secret", MANAGED_AGENTS_LOG_LEVEL="debug")
    apply("a", namespace)
    process.until("^see .* a$")
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    assert not [line for line in process.lines if "very-secret" in line]
    assert not [line for line in process.lines if "Bearer" in line]
