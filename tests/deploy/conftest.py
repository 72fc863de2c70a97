"""What the tests of deploy/ share: a cluster in which nothing of ours is yet, helm, and what kustomize and helm make.

The tests that need the cluster are one group, so that there is one cluster however many run side by side.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import kubernetes
import pytest
import yaml
from tests.e2e.scene import Scene
from tests.e2e.tidying import remove_resources
from tests.toolbox.tools import tool

from managed_agents_local import assets, manifests
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.world import World

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "chart"
NAME, NAMESPACE = "managed-agents-operator", "managed-agents-system"


@pytest.fixture(scope="session")
def kustomized():
    """The objects of a folder of deploy/, as the real kubectl builds them."""

    def build(folder):
        command = [assets.find() / "kubectl", "kustomize", DEPLOY / folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return list(yaml.safe_load_all(done.stdout))

    return build


class Helm:
    """The real program. `cluster` is None where it needs none."""

    def __init__(self, directory, cluster=None):
        homes = {f"HELM_{each}_HOME": str(directory / each) for each in ("CACHE", "CONFIG", "DATA")}
        self._env = (cluster.environment() if cluster else {"KUBECONFIG": str(directory / "none")}) | homes

    def run(self, *args, values=None):
        """Whatever comes of it. `values` are given as a file is."""
        given = () if values is None else ("-f", "-")
        return subprocess.run(
            [tool("helm"), *args, *given],
            env=self._env,
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *args, values=None):
        """What it prints; anything but success is a failure of the test."""
        done = self.run(*args, values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def template(self, values, *, name=NAME, namespace=NAMESPACE):
        """The objects of a release with these values, in a cluster of which nothing is known."""
        said = self("template", name, CHART, "-n", namespace, values=values)
        return [each for each in yaml.safe_load_all(said) if each]


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    """helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def cluster():
    """One in which nothing of ours is."""
    with ControlPlane() as cluster:
        yield cluster


@pytest.fixture
def bare(cluster):
    """The same again, whatever tests before put there."""
    if cluster.kubectl("get", "crd", "-o", "name").stdout:
        served(cluster)
    kinds = "crd,clusterrole,clusterrolebinding,role,rolebinding,sa,svc,deployment,pdb,networkpolicy"
    cluster.kubectl("delete", kinds, "-A", "-l", f"app.kubernetes.io/name={NAME}", "--timeout=60s")
    return cluster


@pytest.fixture
def scene(cluster, tmp_path):
    """The base without its Deployment, and a simulated API; the test starts the operator."""
    installed = manifests.install(cluster, DEPLOY / "base")
    with (
        World(cluster, tmp_path, installed=installed, simulator_options=["--speed", "4"]) as world,
        kubernetes.config.new_client_from_config(str(cluster.kubeconfig)) as client,
    ):
        stored = kubernetes.client.CustomObjectsApi(client)
        try:
            yield Scene(world, stored)
        finally:
            world.stop()
            remove_resources(stored)


def served(cluster):
    """Wait until all our kinds can be listed: a CRD that is deleted before hangs for minutes, whoever deletes it."""
    kinds = "sessions,connections,clusterconnections"
    for _ in range(300):
        done = cluster.kubectl("get", kinds, "-A", check=False)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(done.stderr)


def one(objects, kind, name=NAME):
    """The object of this kind and name."""
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def container(objects, name=NAME):
    """What the Deployment of this name runs."""
    (found,) = one(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return found
