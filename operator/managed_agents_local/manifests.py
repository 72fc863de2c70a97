"""What a cluster is given before the operator can work on it: the kustomize base that users apply too.

Called by `world.py`. The base lies beside this package in a wheel, and below `deploy/` in a checkout.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from managed_agents_local.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Installation:
    """The service account that the base gives the operator, and the way to the cluster as that account."""

    namespace: str
    account: str
    kubeconfig: Path


def folder() -> Path:
    """Where `base/` and `samples/` are. Raises FileNotFoundError."""
    places = (Path(__file__).with_name("deploy"), Path(__file__).parents[2] / "deploy")
    for place in places:
        if (place / "base" / "kustomization.yaml").is_file():
            return place
    raise FileNotFoundError(f"no base/kustomization.yaml in {' or '.join(map(str, places))}")


def install(cluster: Cluster, base: Path) -> Installation:
    """Apply a kustomize base without its Deployments, wait until our resources are served, say who the operator is.

    The operator is a process beside the cluster here: one in it would be a second. Applying it again changes nothing.
    Raises cluster.KubectlFailed.
    """
    built = [each for each in yaml.safe_load_all(cluster.kubectl("kustomize", base).stdout) if each]
    wanted = [document for document in built if document["kind"] != "Deployment"]
    # As JSON: PyYAML writes the key n unquoted, which kubectl takes for a boolean.
    stream = "\n".join(json.dumps(document) for document in wanted)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=stream)
    for document in wanted:
        if document["kind"] == "CustomResourceDefinition":
            established(cluster, document["metadata"]["name"])
    account = next(each["metadata"] for each in wanted if each["kind"] == "ServiceAccount")
    namespace, name = account["namespace"], account["name"]
    return Installation(namespace, name, cluster.service_account(namespace, name))


def established(cluster: Cluster, crd: str) -> None:
    """Wait until a resource is served. Raises cluster.KubectlFailed."""
    # `kubectl wait --for=condition` fails on an object whose list of conditions is not there yet.
    cluster.kubectl("wait", "--for=create", "--timeout=60s", f"crd/{crd}")
    path = '{.status.conditions[?(@.type=="Established")].status}'
    cluster.kubectl("wait", f"--for=jsonpath={path}=True", "--timeout=60s", f"crd/{crd}")
