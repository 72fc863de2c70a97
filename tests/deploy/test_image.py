"""The image: what deploy/Dockerfile says, carried out as a plain user, and the operator at work in what comes of it.

There is no engine here: the base image is this machine's, and its Python the one that runs the tests (dockerfile.py).
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.deploy.conftest import DEPLOY, container, one
from tests.deploy.dockerfile import UNSHARE, Build, context, inside, let_through, stages
from tests.deploy.front import behind_tls, own_authority
from tests.deploy.pod import Pod
from tests.e2e.scene import FAST

from managed_agents_operator import __version__

# The first one to need the image waits for a package index.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("deploy"), pytest.mark.timeout(400)]

ROOT = DEPLOY.parent
DOCKERFILE = DEPLOY / "Dockerfile"
PACKAGES = "opt/managed-agents-operator/lib/python*/site-packages"


class Image(NamedTuple):
    """What came of the last stage: its root, and the environment it gives a process."""

    root: Path
    env: dict[str, str]


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    trial = [*UNSHARE, "mount", "-o", "remount,bind,ro", "/"]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        pytest.skip(f"needs unshare of util-linux: {missing}")
    if done.returncode:
        pytest.skip(f"this machine gives nobody a mount namespace: {done.stderr.strip()}")
    directory = tmp_path_factory.mktemp("image")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]
    build = Build(directory, context(ROOT, files, directory / "context"))
    for stage in stages(DOCKERFILE):
        root = build.make(stage)
    return Image(root, {"HOME": "/"} | stage.env())


def run(image, *command):
    line = inside(image.root, command, env=image.env)
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_base_is_named_by_digest_and_the_rest_by_hash():
    *_, last = every = stages(DOCKERFILE)
    assert all(re.fullmatch(r"\S+:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", stage.base) for stage in every)
    assert last.words("RUN") == [], "the image has no more layers than that of the operator"
    steps = " && ".join(rest for stage in every for rest in stage.words("RUN"))
    installs = re.findall(r"\binstall [^&]*", steps)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_image_is_what_the_deployment_expects(kustomized):
    *_, last = stages(DOCKERFILE)
    objects = kustomized("base")
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    user, group = last.words("USER")[0].split(":")
    security = pod["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))
    assert int(user) > 0
    run = container(objects)
    assert [*run["command"], *run["args"]] == last.command()
    assert run["image"] == f"managed-agents-operator:{__version__}"
    assert [str(port["containerPort"]) for port in run["ports"]] == last.words("EXPOSE")


SENT = [
    ("operator/managed_agents_operator/app.py", True, "the source"),
    ("operator/managed_agents_operator/__pycache__/app.cpython-313.pyc", False, "made by another Python"),
    ("deploy/base/deployment.yaml", True, "part of the wheel"),
    (".git/config", False, "may hold a token"),
    (".env", False, "may hold a key"),
    ("tests/conftest.py", False, "nothing of it is in the image"),
]


@pytest.mark.parametrize(("path", "sent", "reason"), SENT, ids=[reason for *_, reason in SENT])
def test_a_builder_is_sent_what_it_needs_and_nothing_else(path, sent, reason):
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert let_through(Path(path), rules) is sent, reason


@pytest.mark.thorough
def test_the_image_holds_what_the_operator_needs_and_no_more(image):
    names = {path.stem.rpartition("-")[0] for path in image.root.glob(f"{PACKAGES}/*.dist-info")}
    lock = (ROOT / ".requirements/runtime.txt").read_text()
    pinned = {re.sub("[-_.]+", "_", name) for name in re.findall(r"^([a-z0-9._-]+)==[^;\n]+\\$", lock, re.MULTILINE)}
    assert names == pinned | {"managed_agents_operator"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["local"]
    assert any(re.match(r"[a-z-]+", each)[0].replace("-", "_") not in names for each in extras)
    assert not list(image.root.glob("**/pip")), "nothing can be installed in it"


@pytest.mark.thorough
def test_nothing_can_be_written_in_it_and_it_has_no_rights(image):
    done = run(image, "sh", "-c", "id -u; grep CapEff /proc/self/status; touch /x /opt/x /usr/x /tmp/x")
    assert done.stdout.split() == ["65532", "CapEff:", "0" * 16]
    assert [line.rpartition(": ")[2] for line in done.stderr.splitlines()] == ["Read-only file system"] * 4


@pytest.mark.thorough
def test_it_starts_by_itself(image):
    *_, last = stages(DOCKERFILE)
    done = run(image, *last.command(), "--help")
    assert "MANAGED_AGENTS_NAMESPACES" in done.stdout
    done = run(image, last.command()[0], "--version")
    assert done.stdout == f"managed-agents-operator {__version__}\n"
    done = run(image, *last.command())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "this is no pod" in done.stderr


@pytest.fixture
def pods(scene, image, kustomized, tmp_path):
    """Starts the operator as the pod of a form of deploy/ that was applied."""
    started = []
    (command, *_) = stages(DOCKERFILE)[-1].command()

    def start(form, **more):
        pod = Pod(scene.world.cluster, kustomized(form), image, [command], tmp_path)
        env = {"MANAGED_AGENTS_HTTP_PORT": "0", **FAST, **more}
        started.append(pod.start(scene.world.operator_log, **env))
        started[-1].wait_ready()
        return started[-1]

    yield start
    for operator in started:
        operator.process.stop()


def key(scene, namespace):
    """The Secret that NOTES.txt and the README tell to make."""
    literal = f"--from-literal=apiKey={scene.world.simulator.key}"
    scene.kubectl("create", "secret", "generic", "anthropic-api-key", "-n", namespace, literal)


def forbidden(scene, user):
    """What was refused to it, of all that it asked since the scene began."""
    asked = scene.world.cluster.audit.requests(user)
    return [f"{one.verb} {one.resource} {one.namespace}" for one in asked if one.code == 403]


@pytest.mark.thorough
def test_in_one_namespace_it_works_by_roles_alone(scene, pods):
    namespace = "managed-agents"
    scene.world.kubectl("create", "namespace", namespace, check=False)
    scene.kubectl("apply", "--server-side", "--force-conflicts", "-k", DEPLOY / "overlays/namespaced")
    key(scene, namespace)
    there = scene.within(namespace)
    there.apply(there.secret("content", text="hello"))
    scene.apply(scene.session("not-served"))
    operator = pods("overlays/namespaced", ANTHROPIC_BASE_URL=scene.world.simulator.url)
    file = {"name": "file", "file": {"secretKeyRef": {"name": "content", "key": "text"}, "mountPath": "/text"}}
    there.apply(there.session("served", resources=[file]))
    there.wait_ready("served")
    there.apply(there.secret("own", apiKey=scene.world.simulator.key))
    there.apply(there.connection("mine", apiKeySecretRef={"name": "own", "key": "apiKey"}))
    there.apply(there.session("connected", connectionRef={"name": "mine"}))
    there.wait_ready("connected")
    there.delete("served")
    there.delete("connected")
    # The uid of its own namespace is the name of the cluster.
    uid = scene.kubectl("get", "namespace", namespace, "-o", "jsonpath={.metadata.uid}")
    owners = {session["metadata"]["k8s_owner"] for session in scene.control.sessions()}
    assert owners == {f"{uid}/{namespace}/served", f"{uid}/{namespace}/connected"}
    assert scene.status("not-served") == {"observedGeneration": -1}
    lease = json.loads(scene.kubectl("get", "lease", "managed-agents-operator", "-n", namespace, "-o", "json"))
    assert lease["spec"]["holderIdentity"], "a second replica would stand by"
    assert operator.stop() == 0
    assert forbidden(scene, f"system:serviceaccount:{namespace}:managed-agents-operator") == []


@pytest.mark.thorough
def test_an_api_of_ones_own_is_trusted_by_the_authority_that_it_was_given(scene, pods, tmp_path):
    namespace = "managed-agents-system"
    key(scene, namespace)
    authority = own_authority(tmp_path / "own.pem")
    scene.kubectl("create", "configmap", "anthropic-ca", "-n", namespace, f"--from-literal=ca.crt={authority}")
    with behind_tls(scene.world.simulator.url, tmp_path / "own.pem") as url:
        operator = pods("overlays/self-hosted", ANTHROPIC_BASE_URL=url)
        scene.apply(scene.session("own"))
        scene.wait_ready("own")
        assert url in operator.process.text()
        scene.delete("own")
        assert operator.stop() == 0
    assert forbidden(scene, f"system:serviceaccount:{namespace}:managed-agents-operator") == []
