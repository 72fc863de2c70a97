"""What deploy/README.md shows of backing up and restoring: every command is run, and prints what stands there.

The Deployment that its commands scale is a real object; whoever would run its pods is played by the test, which starts
and stops the operator as the object says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.e2e.scene import PATIENCE

from managed_agents_local import manifests

pytestmark = pytest.mark.e2e

GUIDE = Path(__file__).parents[2] / "deploy" / "README.md"
NAMESPACE, NAME = "managed-agents-system", "managed-agents-operator"
PARTS = ("Status and claim are lost", "Resources are lost and restored", "Another cluster")
DONE = "--done--"
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


def commands(part):
    """The commands of a part, each with what is printed then."""
    text = GUIDE.read_text()
    found = re.search(rf"^### {part}\n.*?^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"no commands below {part!r}"
    out = []
    lines = found[1].splitlines()
    while lines:
        line = lines.pop(0)
        if not line.startswith("$ "):
            out[-1][1].append(line)
            continue
        command = [line.removeprefix("$ ")]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        out.append(("\n".join(command), []))
    return [(command, "\n".join(printed)) for command, printed in out]


class Shell:
    """One bash, as the person has it who follows the guide."""

    def __init__(self, directory, env):
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command):
        """What a command prints. It has to end well."""
        self._bash.stdin.write(f"{command}\necho {DONE} $?\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            before, done, code = line.rstrip("\n").partition(DONE)
            lines += [before] if before or not done else []
            if done:
                assert code.strip() == "0", "\n".join([command, *lines])
                return "\n".join(lines)
        raise AssertionError(f"{command} ended the shell")

    def end(self):
        self._bash.stdin.close()
        self._bash.wait(timeout=60)
        self._bash.stdout.close()


def alike(printed):
    """Without what is another one each time: ids and uids. Lengths stay, since columns depend on them."""
    uid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    return re.sub(r"sesn_\w+", "sesn_", uid.sub("uid", printed)).strip()


def printed_alike(shell, command, printed):
    """Whether it did; what only looks may look again, since an Event is written when there is time."""
    told = alike(shell.run(command))
    assert command.startswith("kubectl get ") or told == alike(printed), command
    return told == alike(printed)


@pytest.fixture
def scene(lodger):
    return lodger


@pytest.fixture
def shell(scene, tmp_path):
    simulator = scene.world.simulator
    env = scene.world.cluster.environment()
    env |= {"ANTHROPIC_BASE_URL": simulator.url, "ANTHROPIC_API_KEY": simulator.key, "NO_PROXY": "127.0.0.1"}
    shell = Shell(tmp_path, dict(os.environ) | env)
    yield shell
    shell.end()


@pytest.fixture
def deployment(scene):
    """The Deployment as an object; nothing in this cluster runs its pods."""
    base = scene.kubectl("kustomize", manifests.folder() / "base")
    found = next(one for one in yaml.safe_load_all(base) if one["kind"] == "Deployment")
    scene.apply(found)

    def replicas():
        path = "{.spec.replicas}"
        return int(scene.kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", f"jsonpath={path}"))

    yield replicas
    scene.kubectl("delete", "deployment", NAME, "-n", NAMESPACE)


def test_a_session_is_found_again_as_the_guide_shows(scene, shell, deployment):
    runs = True
    scene.start()
    scene.apply(scene.session("nightly", initialEvents=[{"type": "user.message", "text": "Triage the open issues."}]))
    scene.wait("nightly", "EndTurn", "Finished")
    ident = scene.status("nightly")["id"]
    for part in PARTS:
        if part == "Another cluster":
            into_another_cluster(scene, ident)
        for command, printed in commands(part):
            scene.until(f"{command} prints what the guide says", lambda: printed_alike(shell, command, printed))  # noqa: B023
            if "scale" in command and (wanted := deployment() > 0) is not runs:
                runs = wanted
                (scene.start if runs else scene.stop)()
        assert scene.status("nightly")["id"] == ident, part
    assert len(scene.creations()) == 1
    assert scene.steps().count("send") == 1
    assert [session["id"] for session in scene.control.sessions()] == [ident]


def into_another_cluster(scene, ident):
    """The restored resource and the session as they were, had all been made in a cluster that is gone.

    The uid of kube-system, by which a cluster is known, can't be changed.
    """
    scene.stop()
    scene.kubectl(
        "patch", "session", "nightly", "--type=merge", "--patch", json.dumps({"metadata": {"finalizers": None}})
    )
    claim = scene.object("nightly")["metadata"]["annotations"]["managedagents.dev/claim"]
    scene.kubectl("delete", "session", "nightly")
    metadata = dict(scene.control.session(ident)["metadata"])
    metadata["k8s_owner"] = "/".join([ELSEWHERE, *metadata["k8s_owner"].split("/")[1:]])
    scene.control.edit(ident, metadata=metadata)
    restored = scene.session("nightly", initialEvents=[{"type": "user.message", "text": "Triage the open issues."}])
    restored["metadata"]["annotations"] = {"managedagents.dev/claim": claim}
    scene.apply(restored)
    scene.start()


def test_sessions_are_kept_when_all_is_taken_down_as_the_guide_shows(scene, shell):
    scene.start()
    scene.apply(scene.session("kept-one"), scene.session("kept-two", deletionPolicy="Delete"))
    scene.wait_ready("kept-one", "kept-two")
    idents = {scene.status(name)["id"] for name in ("kept-one", "kept-two")}
    mark = scene.mark()
    retain = re.search(r"^## Uninstall\n.*?^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert sorted(alike(shell.run(retain[1].rstrip("\n"))).splitlines()) == [
        "session.managedagents.dev/kept-one patched",
        "session.managedagents.dev/kept-two patched",
    ]
    shell.run(f"kubectl delete sessions -A --all --timeout={PATIENCE:.0f}s")
    assert {session["id"] for session in scene.control.sessions() if not session["archived_at"]} == idents
    assert scene.mutations(since=mark) == []
