"""The kustomize base and its overlays, applied to a real API server: they are taken, and their pods are let in."""

from __future__ import annotations

import copy
import json

import pytest
from tests.deploy.conftest import DEPLOY, NAME, container, one

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("deploy")]

FORMS = {
    "base": "managed-agents-system",
    "overlays/cluster-wide": "managed-agents-system",
    "overlays/self-hosted": "managed-agents-system",
    "overlays/namespaced": "managed-agents",
}
STRICT = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def applied(cluster):
    """Each form applied, in the order of above; by its name, what kubectl said of a trial and of the deed."""
    said = {}
    for form, namespace in FORMS.items():
        # A trial makes no namespace that the rest of it could be in. The last one is a tenant's own.
        cluster.kubectl("create", "namespace", namespace, check=False)
        command = ("apply", "--server-side", "--force-conflicts", "-k", DEPLOY / form)
        said[form] = [cluster.kubectl(*command, *more) for more in (("--dry-run=server",), ())]
    return said


@pytest.mark.parametrize("form", FORMS)
def test_it_is_taken_as_it_is(applied, kustomized, form):
    count = len(kustomized(form))
    assert [len(done.stdout.splitlines()) for done in applied[form]] == [count, count]
    # Such as what is unknown, or deprecated in the API of this cluster.
    assert [done.stderr for done in applied[form]] == ["", ""]


def pod(objects, name, namespace):
    template = one(objects, "Deployment")["spec"]["template"]
    meta = template["metadata"] | {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": copy.deepcopy(template["spec"])}


def test_pods_of_each_are_let_in_where_the_restricted_standard_is_enforced(applied, cluster, kustomized):
    def create(*pods):
        stream = "\n".join(json.dumps(pod) for pod in pods)
        return cluster.kubectl("create", "--dry-run=server", "-f", "-", input=stream, check=False)

    cluster.kubectl("label", "namespace", *set(FORMS.values()), STRICT, "--overwrite")
    pods = {form: pod(kustomized(form), form.replace("/", "-"), namespace) for form, namespace in FORMS.items()}
    done = create(*pods.values())
    assert (done.stdout.splitlines(), done.stderr) == (
        [f"pod/{each['metadata']['name']} created (server dry run)" for each in pods.values()],
        "",
    )
    loose = pods["base"]
    loose["spec"]["hostNetwork"] = True
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    refused = create(loose).stderr
    for protection in ('violates PodSecurity "restricted:latest"', "hostNetwork=true", "allowPrivilegeEscalation"):
        assert protection in refused


def test_the_form_for_one_namespace_has_nothing_outside_of_it(kustomized):
    objects = kustomized("overlays/namespaced")
    assert {o["metadata"].get("namespace") for o in objects} == {"managed-agents"}
    subjects = [each for o in objects for each in o.get("subjects", ())]
    assert {each["namespace"] for each in subjects} == {"managed-agents"}
    kinds = [o["kind"] for o in objects]
    assert (kinds.count("Role"), kinds.count("RoleBinding")) == (3, 3)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "overlays/namespaced"])
def test_no_tool_prunes_a_crd_and_with_it_every_session(kustomized, form):
    """As the chart's `crds.keep` does. The words are Argo CD's and Flux's own."""
    kept = {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    }
    crds = [o for o in kustomized(form) if o["kind"] == "CustomResourceDefinition"]
    assert [o["metadata"]["annotations"] for o in crds] == [kept] * 3


def test_its_account_has_rights_there_and_nowhere_else(applied, cluster):
    user, nobody = (f"system:serviceaccount:managed-agents:{name}" for name in (NAME, "nobody"))

    def rights(user, namespace):
        done = cluster.kubectl("auth", "can-i", "--list", "--no-headers", f"--as={user}", "-n", namespace)
        return {" ".join(line.split()) for line in done.stdout.splitlines()}

    assert rights(user, "default") == rights(nobody, "default")
    assert rights(user, "kube-system") == rights(nobody, "kube-system")
    more = rights(user, "managed-agents") - rights(nobody, "managed-agents")
    assert {line.split()[0] for line in more} == {
        *("sessions.managedagents.dev", "sessions.managedagents.dev/status"),
        *("connections.managedagents.dev", "connections.managedagents.dev/status"),
        *("configmaps", "secrets", "events.events.k8s.io", "namespaces", "leases.coordination.k8s.io"),
    }
    # Of Namespaces its own, by name.
    may = {
        place: cluster.kubectl("auth", "can-i", "get", f"namespaces/{place}", f"--as={user}", "-n", place, check=False)
        for place in ("managed-agents", "kube-system", "default")
    }
    assert {place: done.stdout.strip() for place, done in may.items()} == {
        "managed-agents": "yes",
        "kube-system": "no",
        "default": "no",
    }
    assert cluster.kubectl("auth", "can-i", "list", "namespaces", f"--as={user}", check=False).stdout.strip() == "no"


def test_the_form_for_the_whole_cluster_has_a_second_replica_elsewhere(kustomized):
    deployment = one(kustomized("overlays/cluster-wide"), "Deployment")
    assert deployment["spec"]["replicas"] == 2
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert all(each["labelSelector"]["matchLabels"].items() <= labels.items() for each in spread)


def test_the_form_for_an_api_of_ones_own_lets_calls_out_to_its_port(kustomized):
    objects = kustomized("overlays/self-hosted")
    env = {each["name"]: each.get("value") for each in container(objects)["env"]}
    assert env["ANTHROPIC_BASE_URL"].endswith(":8443")
    (mount,) = container(objects)["volumeMounts"]
    assert env["SSL_CERT_FILE"] == f"{mount['mountPath']}/ca.crt"
    egress = one(objects, "NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for rule in egress for port in rule["ports"]} == {53, 443, 6443, 8443}


@pytest.mark.parametrize("form", FORMS)
def test_what_selects_pods_selects_those_of_the_deployment(kustomized, form):
    objects = kustomized(form)
    deployment = one(objects, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = {
        "Deployment": deployment["selector"]["matchLabels"],
        "Service": one(objects, "Service")["spec"]["selector"],
        "PodDisruptionBudget": one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    }
    assert all(selector and selector.items() <= labels.items() for selector in selectors.values())
    # A drain waits for nobody: one may always go, also where it is the only one.
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    (port,) = container(objects)["ports"]
    assert one(objects, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    assert one(objects, "NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": port["name"], "protocol": "TCP"}]}]
