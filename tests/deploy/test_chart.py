"""The chart without a cluster: what it makes of its values, which it refuses, and that kustomize makes the same."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from tests.deploy.conftest import CHART, DEPLOY, NAME, NAMESPACE, container, one

from managed_agents_operator import __version__
from managed_agents_operator.settings import Settings, variable

OF_HELM = ("app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")
ZONE = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["pod-template-hash"]}
PLACED = {
    "api_key": "apiKey",
    "auth_token": "authToken",
    "api_key_file": "apiKey.mounted",
    "base_url": "baseURL",
    "namespaces": "namespaces",
    "kubeconfig": "no business of a pod",
    "operator_namespace": "the release's",
    "leader_election": "always: replicas, and each rollout, rely on it",
}
"""Settings that are no field of `settings`, and what stands for them."""
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def camel(name):
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


def test_lint_finds_nothing(helm):
    said = helm("lint", "--strict", CHART)
    # An icon would have to be fetched from somewhere.
    assert re.findall(r"^\[(?!INFO\] Chart.yaml: icon)", said, re.MULTILINE) == []
    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_version_is_the_operators_everywhere():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert f":{__version__} ." in (DEPLOY / "Dockerfile").read_text()
    assert f'image.version="{__version__}"' in (DEPLOY / "Dockerfile").read_text()


def bounds(field):
    """What a setting may be, in the chart's words."""
    schema = Settings.model_json_schema(by_alias=False)["properties"][field]
    found = dict(next(iter(schema.get("anyOf", [schema]))))
    if found["type"] == "integer" and "exclusiveMinimum" in found:
        # So that a refusal says what is wanted.
        found["minimum"] = found.pop("exclusiveMinimum") + 1
    if field == "http_port":
        found["minimum"] = 1  # a Service finds no port that is chosen at the start
    return {key: value for key, value in found.items() if key not in ("title", "description", "default")}


def test_every_setting_has_a_place_and_the_bounds_it_has_in_the_operator():
    wanted = {camel(field): bounds(field) for field in Settings.model_fields if field not in PLACED}
    offered = {name: dict(field) for name, field in SCHEMA["properties"]["settings"]["properties"].items()}
    assert all(field.pop("description") for field in offered.values())
    # The operator says it in code.
    assert offered["identityNamespace"].pop("pattern") == SCHEMA["properties"]["namespaces"]["items"]["pattern"]
    assert offered == wanted


def test_the_values_tell_every_setting_with_its_default():
    told = dict(re.findall(r"^  (?:# )?(\w+): (\S+)$", section("settings"), re.MULTILINE))
    del told["workspaceId"], told["logFormat"]
    defaults = {camel(n): f.default for n, f in Settings.model_fields.items() if n not in PLACED}
    assert told == {
        n: json.dumps(value).strip('"') for n, value in defaults.items() if n not in ("workspaceId", "logFormat")
    }


def section(name):
    return re.search(rf"^{name}:\n((?:  .*\n)+)", (CHART / "values.yaml").read_text(), re.MULTILINE)[1]


def test_values_and_schema_have_the_same_fields():
    def fields(schema, path=""):
        own = schema.get("properties", {}) if schema.get("additionalProperties") is False else {}
        for name, each in own.items():
            yield f"{path}{name}"
            yield from fields(each, f"{path}{name}.")

    def given(values, path=""):
        for name, each in values.items():
            yield f"{path}{name}"
            if isinstance(each, dict):
                yield from given(each, f"{path}{name}.")

    values = set(given(yaml.safe_load((CHART / "values.yaml").read_text())))
    free = ("settings.", "resources.", "podSecurityContext.", "securityContext.", "dashboard.labels.", "global")
    assert {f for f in fields(SCHEMA) if not f.startswith(free)} == {f for f in values if not f.startswith(free)}


WRONG = [
    ("replicas", "two", "at '/replicas': got string, want integer", "a word"),
    ("replica", 2, "additional properties 'replica' not allowed", "a slip of the pen at the top"),
    ("image.digest", "sha256:1", "at '/image/digest'", "half a digest"),
    ("image.tags", "1", "at '/image': additional properties 'tags' not allowed", "a slip further down"),
    ("image.pullPolicy", "Sometimes", "at '/image/pullPolicy': value must be one of 'Always'", "what there is is told"),
    ("namespaces", ["a", "A"], "at '/namespaces/1'", "no namespace is called so"),
    ("apiKey.value", "sk", "at '/apiKey': additional properties 'value' not allowed", "a key is in a Secret"),
    ("apiKey.existingSecret", "A B", "at '/apiKey/existingSecret'", "no Secret is called so"),
    ("baseURL", "https://user:pw@host", "at '/baseURL'", "a URL carries no credentials"),
    ("settings.workers", 0, "at '/settings/workers': minimum: got 0, want 1", "nobody would work"),
    ("settings.hotSweepSeconds", "5s", "at '/settings/hotSweepSeconds': got string, want number", "the unit is named"),
    ("settings.logFormat", "xml", "at '/settings/logFormat': value must be one of 'text', 'json'", "an unknown one"),
    ("settings.leaderElection", False, "'leaderElection' not allowed", "replicas rely on it"),
    ("extraEnv", [{"name": "A", "value": 1}], "at '/extraEnv/0/value': got number, want string", "as Kubernetes"),
    ("podDisruptionBudget.maxUnavailable", 0, "at '/podDisruptionBudget/maxUnavailable'", "no node could be drained"),
    ("networkPolicy.egressPorts", [0], "at '/networkPolicy/egressPorts/0'", "no port"),
    ("terminationGracePeriodSeconds", 5, "at '/terminationGracePeriodSeconds'", "less than it may need"),
    ("resources.limit", {}, "at '/resources': additional properties 'limit' not allowed", "no limit would be set"),
]


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def merged(one, other):
    return one | {k: merged(one[k], v) if k in one and isinstance(v, dict) else v for k, v in other.items()}


@pytest.fixture(scope="module")
def refused(helm):
    """What is said when all of that is wrong at once."""
    values = {}
    for path, value, *_ in WRONG:
        values = merged(values, nested(path, value))
    done = helm.run("template", NAME, CHART, values=values)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize(("path", "value", "said", "reason"), WRONG, ids=[reason for *_, reason in WRONG])
def test_a_wrong_value_is_refused_by_its_name(refused, path, value, said, reason):
    assert any(said in line for line in refused.splitlines()), refused


def test_a_variable_that_a_value_sets_already_is_refused_by_its_name(helm):
    values = {"extraEnv": [{"name": "MANAGED_AGENTS_LOG_FORMAT", "value": "text"}]}
    done = helm.run("template", NAME, CHART, values=values)
    assert "extraEnv: MANAGED_AGENTS_LOG_FORMAT is set by another value already" in done.stderr


SAME = [
    ("base", NAMESPACE, {}),
    (
        "overlays/cluster-wide",
        NAMESPACE,
        {
            "replicas": 2,
            "topologySpreadConstraints": [
                ZONE | {"topologyKey": "kubernetes.io/hostname"},
                ZONE | {"topologyKey": "topology.kubernetes.io/zone"},
            ],
        },
    ),
    (
        "overlays/self-hosted",
        NAMESPACE,
        {
            "baseURL": "https://managed-agents.example.com:8443",
            "caBundle": {"existingConfigMap": "anthropic-ca"},
            "settings": {"requestsPerMinute": 300},
        },
    ),
    (
        "overlays/namespaced",
        "managed-agents",
        {"namespaces": ["managed-agents"], "crds": {"enabled": False}, "rbac": {"userRoles": False}},
    ),
]


def plain(value):
    """Without what helm puts on everything."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {k: plain(v) for k, v in value.items() if k not in OF_HELM}


def comparable(objects, namespace):
    """By kind and name, without what differs on purpose."""
    found = {}
    for each in (plain(o) for o in objects):
        if each["kind"] == "Namespace":
            continue  # helm makes that of a release itself, or not at all
        if each["kind"] == "CustomResourceDefinition":
            each["metadata"].pop("annotations", None)  # that helm keeps it
        if each["kind"] == "Deployment":
            env = {e["name"]: e for e in container([each])["env"]}
            for e in env.values():
                # A release has the namespaces as words, since there may be several.
                if "fieldRef" in e.get("valueFrom", {}):
                    e |= {"value": namespace}
                    del e["valueFrom"]
            container([each])["env"] = [env[name] for name in sorted(env)]
        found[each["kind"], each["metadata"]["name"]] = each
    return found


@pytest.mark.parametrize(("form", "namespace", "values"), SAME, ids=[form for form, *_ in SAME])
def test_kustomize_makes_the_same(helm, kustomized, form, namespace, values):
    made = comparable(helm.template(values, namespace=namespace), namespace)
    wanted = comparable(kustomized(form), namespace)
    assert set(made) == set(wanted)
    for key, each in wanted.items():
        assert made[key] == each, key


def test_all_the_rest_of_the_values(helm):
    """Each in one release, which nobody would want; names are not those of the release."""
    values = {
        "image": {"repository": "r/o", "tag": "1", "digest": f"sha256:{'a' * 64}", "pullSecrets": ["pull"]},
        "namespaces": ["a", "b"],
        "apiKey": {"mounted": True},
        "authToken": {"existingSecret": "token"},
        "settings": {"createsPerMinute": 1000000, "hotSweepSeconds": 0.5, "httpPort": 9090},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
        "extraEnvFrom": [{"secretRef": {"name": "more"}}],
        "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "high",
        "podAnnotations": {"c": "d"},
        "podLabels": {"e": "f"},
        "podSecurityContext": {"runAsUser": None},
        "serviceAccount": {"create": False, "name": "theirs"},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"ingressFrom": [{"podSelector": {}}], "extraEgress": [{"to": [{"podSelector": {}}]}]},
        "serviceMonitor": {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True, "namespace": "grafana", "annotations": {"grafana_folder": "Agents"}},
        "crds": {"enabled": False},
    }
    objects = helm.template(values, name="mine", namespace="there")
    name = f"mine-{NAME}"
    deployment, run = one(objects, "Deployment", name), container(objects, name)
    pod, env = deployment["spec"]["template"], {e["name"]: e.get("value") for e in run["env"]}
    assert run["image"] == f"r/o:1@sha256:{'a' * 64}"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    # Not 1e+06, which is no whole number to the operator.
    assert env["MANAGED_AGENTS_CREATES_PER_MINUTE"] == "1000000"
    assert env["MANAGED_AGENTS_HOT_SWEEP_SECONDS"] == "0.5"
    assert (env["MANAGED_AGENTS_NAMESPACES"], env["MANAGED_AGENTS_IDENTITY_NAMESPACE"]) == ("a,b", "there")
    assert env["HTTPS_PROXY"] == "http://proxy"
    assert "ANTHROPIC_API_KEY" not in env
    known = {variable(field) for field in Settings.model_fields}
    assert {each for each in env if each.startswith("MANAGED_AGENTS_")} <= known
    mounts = {mount["name"]: mount["mountPath"] for mount in run["volumeMounts"]}
    assert env["MANAGED_AGENTS_API_KEY_FILE"] == f"{mounts['anthropic-api-key']}/apiKey"
    assert set(mounts) == {volume["name"] for volume in pod["spec"]["volumes"]} == {"anthropic-api-key", "tmp"}
    assert run["envFrom"] == values["extraEnvFrom"]
    assert run["ports"][0]["containerPort"] == 9090 == int(env["MANAGED_AGENTS_HTTP_PORT"])
    for field in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert pod["spec"][field] == values[field]
    assert pod["metadata"]["annotations"].items() >= values["podAnnotations"].items()
    assert pod["metadata"]["labels"].items() >= values["podLabels"].items()
    assert "runAsUser" not in pod["spec"]["securityContext"]
    assert pod["spec"]["serviceAccountName"] == "theirs"
    roles = [(o["metadata"]["name"], o["metadata"]["namespace"]) for o in objects if o["kind"] == "Role"]
    assert sorted(roles) == [
        *((name, "a"), (name, "b"), (f"{name}-cluster-id", "there"), (f"{name}-lease", "there")),
    ]
    subjects = {(s["name"], s["namespace"]) for o in objects for s in o.get("subjects", ())}
    assert subjects == {("theirs", "there")}
    kinds = {o["kind"] for o in objects}
    assert kinds.isdisjoint({"ServiceAccount", "PodDisruptionBudget", "ClusterRoleBinding", "Secret"})
    policy = one(objects, "NetworkPolicy", name)["spec"]
    assert policy["ingress"][0]["from"] == values["networkPolicy"]["ingressFrom"]
    assert policy["egress"][-1] == values["networkPolicy"]["extraEgress"][0]
    monitor, service = one(objects, "ServiceMonitor", name), one(objects, "Service", name)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"] == [
        {"port": service["spec"]["ports"][0]["name"], "path": "/metrics", "honorLabels": True, "interval": "30s"}
    ]
    # What their templates would have filled in is for Prometheus and Grafana to fill in.
    rule, dashboard = one(objects, "PrometheusRule", name), one(objects, "ConfigMap", f"{name}-dashboard")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert rule["spec"] == yaml.safe_load((DEPLOY / "monitoring/prometheus-rules.yaml").read_text())
    assert dashboard["metadata"]["namespace"] == "grafana"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    shown = json.loads((DEPLOY / "monitoring/grafana-dashboard.json").read_text())
    assert json.loads(dashboard["data"]["managed-agents.json"]) == shown


PORTS = [
    ("", {443, 6443}, "of the API as it comes"),
    ("https://api.example.com/prefix", {443, 6443}, "of HTTPS, which is there already"),
    ("https://api.example.com:8443/prefix", {443, 6443, 8443}, "named"),
    ("http://api", {80, 443, 6443}, "of HTTP"),
    ("http://[fd00::1]:8000", {443, 6443, 8000}, "behind an IPv6 address"),
]


@pytest.mark.parametrize(("url", "ports", "reason"), PORTS, ids=[reason for *_, reason in PORTS])
def test_calls_may_go_out_to_the_port_of_the_api(helm, url, ports, reason):
    policy = one(helm.template({"baseURL": url, "crds": {"enabled": False}}), "NetworkPolicy")
    assert {port["port"] for port in policy["spec"]["egress"][-1]["ports"]} == ports
