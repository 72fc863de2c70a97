"""What `deploy/` holds, on a real API server: it builds, it applies, it is safe, and its rights are those it needs."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sysconfig
from pathlib import Path

import httpx
import pytest
import yaml
from tests.e2e.scene import FAST

from managed_agents_local.daemon import Operator
from managed_agents_local.processes import Process
from managed_agents_operator import __version__

pytestmark = pytest.mark.e2e

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "base"
POD = Path(__file__).with_name("pod.sh")
NAMESPACE, NAME = "managed-agents-system", "managed-agents-operator"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{NAME}"
OURS = ("sessions", "connections", "clusterconnections")
LOOK = ("get", "list", "watch")
PEOPLE = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
RUNTIME = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
"""What a container runtime gives every process, whoever it runs as."""
UNSHARE = ["unshare", "--map-user=65532", "--map-group=65532", "--mount", "--keep-caps"]


@pytest.fixture(scope="module")
def base(control_plane):
    """The objects of the base as the real kubectl builds them, applied."""
    built = control_plane.kubectl("kustomize", BASE).stdout
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=built)
    return list(yaml.safe_load_all(built))


def one(objects, kind, name=NAME):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def rights(cluster, user, namespace):
    """(group, resource, name, verb) of what a user may do in a namespace, but for what anybody may."""
    nobody = f"{user.rpartition(':')[0]}:nobody"
    return _rights(cluster, user, namespace) - _rights(cluster, nobody, namespace)


def _rights(cluster, user, namespace):
    spec = {"namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": spec}
    ask = ("create", "--validate=false", "-f", "-", "-o", "json", f"--as={user}")
    done = cluster.kubectl(*ask, input=json.dumps(review))
    return {
        (group, resource, name, verb)
        for rule in json.loads(done.stdout)["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
    }


def template(base):
    return copy.deepcopy(one(base, "Deployment")["spec"]["template"])


def pod(template, name="trial"):
    metadata = template["metadata"] | {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def phase(operator):
    answer = httpx.get(f"http://127.0.0.1:{operator.port}/readyz", trust_env=False)
    assert answer.status_code in (200, 503)
    return answer.json()["checks"]["phase"]["note"]


def allowed_to_all(operator):
    """Nothing was forbidden: the log, JSON as the Deployment asks for, would say so."""
    said = operator.process.text()
    assert all(json.loads(line)["message"] for line in said.splitlines())
    assert "forbidden" not in said
    assert "cannot" not in said


def test_the_base_is_all_of_this_version_in_one_namespace_and_of_no_kind_but_ours(base):
    kinds = {o["kind"] for o in base if not o["apiVersion"].startswith("rbac.authorization.k8s.io/")}
    safety = {"Service", "PodDisruptionBudget", "NetworkPolicy"}
    assert kinds == {"Namespace", "CustomResourceDefinition", "ServiceAccount", "Deployment"} | safety
    assert {o["metadata"].get("namespace", NAMESPACE) for o in base} == {NAMESPACE}
    (container,) = template(base)["spec"]["containers"]
    assert container["image"] == f"managed-agents-operator:{__version__}"
    assert not any(o["kind"] == "Secret" for o in base), "a key is no part of a manifest"


def test_applied_a_second_time_it_changes_nothing(base, control_plane):
    def versions():
        text = control_plane.kubectl("get", "-k", BASE, "-o", "json").stdout
        return {(o["kind"], o["metadata"]["name"]): o["metadata"]["resourceVersion"] for o in json.loads(text)["items"]}

    before = versions()
    assert len(before) == len(base)
    control_plane.kubectl("apply", "--server-side", "-k", BASE)
    assert versions() == before


def test_its_namespace_enforces_the_strictest_standard_and_the_pod_keeps_to_it(base, control_plane):
    def create(spec):
        return control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(spec), check=False)

    done = create(pod(template(base)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "pod/trial created (server dry run)\n", "")
    for protection in ("runAsNonRoot", "seccompProfile"):
        loose = pod(template(base))
        del loose["spec"]["securityContext"][protection]
        assert f'violates PodSecurity "restricted:latest": {protection}' in create(loose).stderr
    for protection in ("allowPrivilegeEscalation", "capabilities"):
        loose = pod(template(base))
        del loose["spec"]["containers"][0]["securityContext"][protection]
        assert 'violates PodSecurity "restricted:latest"' in create(loose).stderr


def test_these_are_all_the_rights_of_the_operator(base, control_plane):
    everywhere = {
        *(("managedagents.dev", kind, "", verb) for kind in OURS for verb in ("get", "list", "watch", "patch")),
        *(("managedagents.dev", f"{kind}/status", "", "patch") for kind in OURS),
        *(
            ("", kind, "", verb)
            for kind in ("configmaps", "secrets", "namespaces")
            for verb in ("get", "list", "watch")
        ),
        ("events.k8s.io", "events", "", "create"),
        ("", "namespaces", "kube-system", "get"),
    }
    at_home = {
        ("coordination.k8s.io", "leases", "", "create"),
        *(("coordination.k8s.io", "leases", NAME, verb) for verb in ("get", "update")),
    }
    assert rights(control_plane, ACCOUNT, "default") == everywhere
    assert rights(control_plane, ACCOUNT, NAMESPACE) == everywhere | at_home


def test_in_some_namespaces_only_it_knows_nothing_of_the_cluster(base, control_plane):
    account = f"--serviceaccount={NAMESPACE}:bound"
    control_plane.kubectl("create", "rolebinding", "bound", f"--clusterrole={NAME}", account, "-n", "default")
    found = rights(control_plane, f"system:serviceaccount:{NAMESPACE}:bound", "default")
    assert {kind for group, kind, _, _ in found if group == "managedagents.dev"} == {
        *("sessions", "sessions/status", "connections", "connections/status"),
    }
    assert not any(kind == "namespaces" for _, kind, _, _ in found)


@pytest.mark.parametrize("kind", ["session", "connection"])
def test_people_may_look_at_what_a_namespace_has_or_edit_it_as_they_are_bound(base, control_plane, kind):
    for role in ("viewer", "editor"):
        user = f"{kind}-{role}"
        bind = ("create", "rolebinding", user, f"--clusterrole=managed-agents-{user}", f"--user={user}")
        control_plane.kubectl(*bind, "-n", "default")
    for role, verbs in (("viewer", LOOK), ("editor", PEOPLE)):
        wanted = {("managedagents.dev", f"{kind}s", "", verb) for verb in verbs}
        assert rights(control_plane, f"{kind}-{role}", "default") == wanted
        assert rights(control_plane, f"{kind}-{role}", "kube-system") == set()


def test_people_may_look_at_what_the_cluster_has(base, control_plane):
    role, user = "managed-agents-clusterconnection-viewer", "cluster-viewer"
    control_plane.kubectl("create", "clusterrolebinding", user, f"--clusterrole={role}", f"--user={user}")
    found = rights(control_plane, user, "default")
    assert found == {("managedagents.dev", "clusterconnections", "", verb) for verb in LOOK}


def test_the_roles_of_kubernetes_take_in_what_may_be_looked_at_alone(base):
    found = {}
    for role in (each for each in base if each["kind"] == "ClusterRole"):
        for label in role["metadata"].get("labels", {}):
            if label.startswith("rbac.authorization.k8s.io/aggregate-to-"):
                found.setdefault(label.rpartition("-")[2], []).append(role)
    assert set(found) == {"view"}
    rules = [rule for role in found["view"] for rule in role["rules"]]
    assert {(kind, *rule["verbs"]) for rule in rules for kind in rule["resources"]} == {(k, *LOOK) for k in OURS}


class Pods:
    """Runs the Deployment's container: its command and environment, read-only files, no capabilities, no KUBECONFIG."""

    def __init__(self, scene, base, directory):
        self._world = scene.world
        (self._container,) = template(base)["spec"]["containers"]
        self._account = directory / "service-account"
        self._started = []

    def start(self):
        self._account.mkdir(exist_ok=True)
        cluster = self._world.cluster
        token = cluster.kubectl("create", "token", NAME, "-n", NAMESPACE, "--duration=600s").stdout.strip()
        (self._account / "token").write_text(token)
        (self._account / "ca.crt").write_bytes(cluster.ca.read_bytes())
        (self._account / "namespace").write_text(NAMESPACE)
        url = httpx.URL(cluster.url)
        env = {variable["name"]: variable.get("value") or self._secret(variable) for variable in self._container["env"]}
        env |= {"KUBERNETES_SERVICE_HOST": url.host, "KUBERNETES_SERVICE_PORT": str(url.port)}
        # Not of the Deployment: another API, a free port, short pauses.
        env |= {"ANTHROPIC_BASE_URL": self._world.simulator.url, "MANAGED_AGENTS_HTTP_PORT": "0", **FAST}
        program, *more = self._container["command"]
        command = [Path(sysconfig.get_path("scripts")) / program, *more, *self._container["args"]]
        process = Process.start(
            "operator",
            [*UNSHARE, "sh", POD, self._account, *command],
            env=env | RUNTIME,
            log=self._world.operator_log,
        )
        self._started.append(process)
        operator = Operator(process)
        operator.wait_ready()
        return operator

    def _secret(self, variable):
        wanted = variable["valueFrom"]["secretKeyRef"]
        made = (
            "create",
            "secret",
            "generic",
            wanted["name"],
            f"--from-literal={wanted['key']}={self._world.simulator.key}",
        )
        self._world.kubectl(*made, "-n", NAMESPACE, check=False)
        found = self._world.kubectl("get", "secret", wanted["name"], "-n", NAMESPACE, "-o", "json").stdout
        assert wanted["key"] in json.loads(found)["data"]
        return self._world.simulator.key

    def end(self):
        for process in self._started:
            process.stop()


@pytest.fixture
def pods(scene, base, tmp_path):
    try:
        trial = subprocess.run(
            [*UNSHARE, "mount", "-o", "remount,bind,ro", "/"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as missing:
        pytest.skip(f"needs unshare of util-linux: {missing}")
    if trial.returncode:
        pytest.skip(f"this machine gives nobody a mount namespace: {trial.stderr.strip()}")
    pods = Pods(scene, base, tmp_path)
    try:
        yield pods
    finally:
        pods.end()


def test_the_operator_works_as_its_pod_would(scene, base, pods):
    operator = pods.start()
    (container,) = template(base)["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert httpx.get(f"http://127.0.0.1:{operator.port}{path}", trust_env=False).status_code == 200
    lease = json.loads(scene.kubectl("get", "lease", NAME, "-n", NAMESPACE, "-o", "json"))
    assert lease["spec"]["holderIdentity"], "in a pod it works only while it leads"

    samples = [document for path in sorted((DEPLOY / "samples").glob("*.yaml")) for document in scene.sample(path)]
    scene.apply(*samples)
    scene.wait_ready("bare", "mounts", "triage", "files", "replace")
    scene.wait("unknown-agent", "InvalidSpec")
    scene.until("an Event about the one that is wrong", lambda: "InvalidSpec" in scene.kubectl("get", "events"))
    scene.kubectl("patch", "session", "bare", "--type=merge", "-p", json.dumps({"spec": {"title": "Another"}}))
    scene.until("the title is there", lambda: scene.remote("bare")[0]["title"] == "Another")
    for document in samples:
        scene.kubectl("delete", document["kind"], document["metadata"]["name"], "--timeout=40s")
    assert all(session["archived_at"] for session in scene.control.sessions())
    assert len(scene.control.sessions()) == 5

    second = pods.start()
    assert phase(second) == "standby"
    assert operator.stop() == 0
    scene.until("the one that stood by works", lambda: phase(second) == "working")
    assert [w for w in scene.world.cluster.audit.writes(user=ACCOUNT, since=scene.writes_before) if w.code == 403] == []
    allowed_to_all(operator)


def test_with_role_bindings_alone_it_serves_just_those_namespaces(scene, base, control_plane, namespace):
    """As roles.yaml says: an account that has the namespaced rights in one namespace only."""
    control_plane.kubectl("create", "serviceaccount", "narrow", "-n", NAMESPACE)
    account = f"--serviceaccount={NAMESPACE}:narrow"
    bind = ("create", "rolebinding", "managed-agents-operator", f"--clusterrole={NAME}", account)
    control_plane.kubectl(*bind, "-n", namespace)
    control_plane.kubectl("create", "rolebinding", "narrow", f"--role={NAME}-lease", account, "-n", NAMESPACE)
    control_plane.kubectl("create", "clusterrolebinding", "narrow", f"--clusterrole={NAME}-cluster-id", account)
    operator = scene.start(
        KUBECONFIG=str(control_plane.service_account(NAMESPACE, "narrow")),
        MANAGED_AGENTS_NAMESPACES=namespace,
        MANAGED_AGENTS_LEADER_ELECTION="true",
        MANAGED_AGENTS_LOG_FORMAT="json",
    )
    for document in scene.sample(DEPLOY / "samples" / "02-mounts.yaml"):
        document["metadata"]["namespace"] = namespace
        scene.apply(document)
    scene.apply(scene.session("not-served"))
    scene.kubectl("wait", "session/mounts", "-n", namespace, "--for=condition=Ready", "--timeout=40s")
    scene.kubectl("delete", "session/mounts", "-n", namespace, "--timeout=40s")
    assert scene.status("not-served") == {"observedGeneration": -1}
    assert set(re.findall(r'code="403".* (\S+)$', operator.metrics(), re.MULTILINE)) == {"0.0"}
    allowed_to_all(operator)
