"""The demo shows what it claims, says so when it can't, and leaves nothing behind."""

import os
import re
import signal
import sys
import time

import httpx
import pytest

from managed_agents_local.processes import Process
from managed_agents_simulator.control import Control

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SEEN = [
    "Five manifests became five sessions, one POST each",
    "A file, a private repository and a memory store were mounted",
    "First events started a turn that ended, within a budget",
    "A wrong manifest was told what is wrong, and not tried again",
    "A title changed with kubectl apply arrived at the same session",
    "A file added to the manifest was mounted into the same session",
    "A token changed in its Secret was handed to the session that uses it",
    "A ConfigMap that changed was uploaded and mounted anew, and the old upload was removed",
    "A prompt that a session can't change was changed, and another session took its place",
    "Two namespaces made sessions with keys of their own, in workspaces of their own",
    "spec.archived archived a session, and its resource stayed to tell of it",
    "Deleting a resource archived its session, and then the resource went",
    "Killed with -9 in the middle of creations, the operator made nothing twice",
    "What was settled before, the new process left alone",
]
APPLIED = r"^session\.managedagents\.dev/unknown-agent created$"


class Demo:
    """One run without a terminal, in a folder where its own lies, by a person who has a cluster and a key."""

    def __init__(self, directory):
        self.folder = directory / "temporary"
        self.folder.mkdir()
        self.theirs = directory / "kubeconfig"
        self.theirs.write_text("a person's own")
        self.process = Process.start(
            "demo",
            [sys.executable, "-m", "managed_agents_local", "demo"],
            log=directory / "demo.log",
            env={name: value for name, value in os.environ.items() if "COLOR" not in name}
            | {"TMPDIR": str(self.folder), "KUBECONFIG": str(self.theirs), "ANTHROPIC_API_KEY": "sk-of-a-person"},
        )

    def wait_for(self, pattern):
        self.process.wait_for_line(pattern, timeout=120)

    def end(self):
        """How it ended, and what it said on both streams."""
        return self.process.wait(timeout=300), self.process.text()

    def simulator(self):
        """Base URL and key of its API, once it has them."""
        while True:
            said = "".join(path.read_text() for path in self.folder.glob("*/simulator.log"))
            if found := re.search(r"^base URL: (\S+)\nkey: (\S+)$", said, re.MULTILINE):
                return found[1], found[2]
            time.sleep(0.05)

    def left(self):
        return [path.name for path in self.folder.iterdir()]


@pytest.fixture
def demo(tmp_path, left_running):
    run = Demo(tmp_path)
    yield run
    run.process.stop()
    assert left_running(tmp_path) == []


def test_all_is_seen(demo):
    code, said = demo.end()
    assert code == 0, said
    assert "\x1b" not in said
    told, _, summary = said.partition("\nWhat was seen\n")
    assert re.findall(r"^ok  (.*)$", summary, re.MULTILINE) == SEEN
    evidence = re.split(r"^ok  .*$", summary.partition("\nEnding")[0], flags=re.MULTILINE)[1:]
    assert all(part.strip() for part in evidence)
    for command in (
        "kubectl apply -f ",
        "sed 's/title: ",
        "{ cat ",
        "kubectl patch secret github -p ",
        "kubectl patch configmap guidelines -p ",
        "sed 's/Be brief./",
        "kubectl patch session triage --type=merge -p ",
        "kubectl delete session mounts",
        "kill -9 ",
        "managed-agents-operator run",
    ):
        assert f"\n$ {command}" in told
    for line in (
        "triage         running, ",
        "mounts         gone",
        "triage         terminated, Ready=True (Archived)",
        "unknown-agent  Ready=False (InvalidSpec)",
    ):
        assert f"\n  {line}" in told
    assert "Nothing is left running" in summary
    assert "sk-of-a-person" not in said
    assert demo.theirs.read_text() == "a person's own"
    assert demo.left() == []


@pytest.mark.thorough
def test_an_operator_that_ends_by_itself_is_told(demo, running):
    demo.wait_for(APPLIED)
    [operator] = [pid for pid, line in running(demo.folder).items() if "managed_agents_operator" in line]
    os.kill(operator, signal.SIGKILL)
    code, said = demo.end()
    assert code == 1
    assert re.search(
        r"^managed-agents-local: the demo failed: not seen: .*: a part ended by itself$", said, re.MULTILINE
    )
    assert re.search(r"^operator: ended with -9; .*operator\.log ends with:\n .* INFO", said, re.MULTILINE)
    assert "What was seen" not in said
    [kept] = demo.left()
    assert f"All logs are kept in {demo.folder / kept}" in said


@pytest.mark.thorough
def test_a_second_session_for_one_resource_is_told(demo):
    """Whoever made it: the demo claims that there is one."""
    url, key = demo.simulator()
    with Control(url) as control:
        while not (sessions := control.sessions()):
            time.sleep(0.05)
    body = {"agent": "agent_sample", "environment_id": "env_sample", "metadata": sessions[0]["metadata"]}
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}
    answer = httpx.post(f"{url}/v1/sessions?beta=true", json=body, headers=headers, trust_env=False)
    assert answer.is_success, answer.text
    code, said = demo.end()
    assert code == 1
    ids = rf"{sessions[0]['id']}, {answer.json()['id']}"
    assert re.search(
        rf"^managed-agents-local: the demo failed: not seen: .* one session: the API made 2 \({ids}\)$",
        said,
        re.MULTILINE,
    )
    assert "ok  Five manifests" not in said
    assert "operator: still runs; " in said


@pytest.mark.thorough
def test_what_somebody_else_did_is_not_taken_for_the_work_of_the_operator(demo):
    url, _ = demo.simulator()
    demo.wait_for("^ok  A title changed")
    with Control(url) as control:
        [triage] = [each for each in control.sessions() if each["title"] == "Nightly triage"]
        control.archive(triage["id"])
    code, said = demo.end()
    assert code == 1
    assert f"not seen: {triage['id']} of triage lives before it is to be archived\n" in said
    assert "ok  A prompt that" in said
    assert "ok  spec.archived" not in said


@pytest.mark.thorough
def test_a_token_that_is_not_handed_on_is_told(demo):
    """A server that says it took the token, and did not."""
    url, _ = demo.simulator()
    demo.wait_for("^ok  Five manifests")
    with Control(url) as control:
        [mounts] = [each for each in control.sessions() if each["title"] == "Numbers and notes"]
        [mount] = [each for each in mounts["resources"] if each["type"] == "github_repository"]
        path = f"/resources/{mount['id']}"
        control.fault("answer", method="POST", path=path, status=200, body=mount, times=None)
    code, said = demo.end()
    assert code == 1
    assert f"not seen: {mount['id']} has the token of the Secret github at the API" in said
    assert "ok  A file added" in said
    assert "ok  A token changed" not in said


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, APPLIED), (signal.SIGTERM, "^Server Version: ")],
    ids=["Ctrl-C at work", "SIGTERM while it starts"],
)
def test_interrupted_it_leaves_nothing(demo, number, moment):
    demo.wait_for(moment)
    demo.process.signal(number)
    code, said = demo.end()
    assert code == 130
    assert "Traceback" not in said
    assert demo.left() == []
