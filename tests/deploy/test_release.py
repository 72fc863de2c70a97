"""The chart as releases of a real helm on a real API server: CRDs come up to date, stay, and are in nobody's way."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from tests.deploy.conftest import CHART, DEPLOY, NAME, NAMESPACE, Helm, served

from managed_agents_local.manifests import established

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("deploy")]

CRDS = {f"{kind}.managedagents.dev" for kind in ("sessions", "connections", "clusterconnections")}
HERE = ("-n", NAMESPACE, "--create-namespace")
ELSEWHERE = ("-n", "elsewhere", "--create-namespace")


@pytest.fixture
def helm(bare, tmp_path):
    """helm on a cluster in which nothing of ours is; what it made is gone afterwards."""
    helm = Helm(tmp_path, bare)
    yield helm
    for each in json.loads(helm("list", "-A", "-o", "json")):
        helm("uninstall", each["name"], "-n", each["namespace"])


def crds(cluster):
    """By name, as they are stored."""
    items = json.loads(cluster.kubectl("get", "crd", "-o", "json").stdout)["items"]
    return {item["metadata"]["name"]: item for item in items}


def fields(cluster):
    """What the spec of a Session has."""
    (version,) = crds(cluster)["sessions.managedagents.dev"]["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def owners(cluster):
    """The releases that CRDs belong to; None for one that helm did not make."""
    return {crd["metadata"].get("annotations", {}).get("meta.helm.sh/release-name") for crd in crds(cluster).values()}


def older(tmp_path):
    """The chart as it may have been before Sessions could be suspended."""
    chart = shutil.copytree(CHART, tmp_path / "older")
    file = chart / "files/crds/managedagents.dev_sessions.yaml"
    crd = yaml.safe_load(file.read_text())
    del crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["suspend"]
    file.write_text(yaml.safe_dump(crd))
    return chart


def apply_session(cluster, session):
    established(cluster, "sessions.managedagents.dev")
    cluster.kubectl("apply", "-f", "-", input=json.dumps(session))


@pytest.fixture
def session():
    """The manifest of one. Nobody serves it, so it waits as it is."""
    spec = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}
    meta = {"name": "survivor", "namespace": "default"}
    return {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session", "metadata": meta, "spec": spec}


def test_an_upgrade_brings_crds_up_to_date_and_an_uninstall_leaves_sessions_where_they_are(
    helm, cluster, session, tmp_path
):
    told = helm("install", NAME, older(tmp_path), *HERE)
    assert "kubectl create secret generic anthropic-api-key" in told
    assert set(crds(cluster)) == CRDS
    assert "suspend" not in fields(cluster)
    apply_session(cluster, session)

    helm("upgrade", NAME, CHART, *HERE, "--set", "replicas=2")
    assert "suspend" in fields(cluster)
    replicas = cluster.kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", "jsonpath={.spec.replicas}").stdout
    assert replicas == "2"

    helm("uninstall", NAME, "-n", NAMESPACE)
    assert cluster.kubectl("get", "deployment,clusterrole", "-A", "-l", f"app.kubernetes.io/name={NAME}").stdout == ""
    assert set(crds(cluster)) == CRDS
    found = cluster.kubectl("get", "session", "survivor", "-n", "default", "-o", "name").stdout
    assert found == "session.managedagents.dev/survivor\n"

    # Installed again, they are its own again.
    told = helm("install", NAME, CHART, *HERE)
    assert "made by somebody else" not in told
    assert owners(cluster) == {NAME}


def test_crds_of_others_are_in_nobodys_way_and_can_be_taken_over(helm, cluster, session):
    cluster.kubectl("apply", "--server-side", "-f", DEPLOY.parent / "crds", "-f", DEPLOY / "base/user-roles.yaml")
    apply_session(cluster, session)
    told = helm("install", "other", CHART, *ELSEWHERE)
    assert "sessions.managedagents.dev (kubectl or another tool)" in told
    assert owners(cluster) == {None}

    # Exactly as told.
    command = next(line.split() for line in told.splitlines() if line.strip().startswith("helm upgrade"))
    told = helm(*(str(CHART) if word == "CHART" else word for word in command[1:]))
    assert "made by somebody else" not in told
    assert owners(cluster) == {"other"}

    # A second release leaves them, and the roles for people, to the first.
    told = helm("install", NAME, CHART, *HERE, "--set", "namespaces={default}")
    assert "sessions.managedagents.dev (release other of namespace elsewhere)" in told
    assert owners(cluster) == {"other"}
    helm("uninstall", NAME, "-n", NAMESPACE)
    assert set(crds(cluster)) == CRDS
    assert cluster.kubectl("get", "session", "survivor", "-n", "default", "-o", "name").stdout


def test_crds_go_with_a_release_that_says_so(helm, cluster):
    helm("install", NAME, CHART, *HERE, "--set", "crds.keep=false")
    assert set(crds(cluster)) == CRDS
    served(cluster)
    helm("uninstall", NAME, "-n", NAMESPACE)
    cluster.kubectl("wait", "--for=delete", "--timeout=60s", *(f"crd/{name}" for name in sorted(CRDS)))
    assert crds(cluster) == {}
