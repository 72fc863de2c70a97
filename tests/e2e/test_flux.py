"""What `deploy/flux` asks of Flux: its CEL, evaluated by a real API server over every status that the engine tells of.

A policy refuses each object of a kind of its own, and says as the reason what Flux would make of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.health import verdicts
from tests.health.kstatus import kstatus
from tests.health.lua import health
from tests.health.recording import each, reason

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("gitops"), pytest.mark.timeout(300)]

FILE = Path(__file__).parents[2] / "deploy" / "flux" / "sessions.yaml"
GROUP = "flux.example.org"
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"probes.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Cluster",
        "names": {"kind": "Probe", "plural": "probes", "singular": "probe"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": FREE}}],
    },
}
STOPPED = ("RetriesExhausted", "Refused")
"""Reasons of a ready session that Flux is to call failed; kstatus does not know them."""


def _policy(checks):
    """Refuses everything, and says why in Flux's words; it looks at failed before current, and else still waits."""
    failed, current = (re.sub(r"\b(status|metadata)\.", r"object.\1.", checks[key]) for key in ("failed", "current"))
    said = f"({failed}) ? 'Failed' : ({current}) ? 'Current' : 'InProgress'"
    rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["probes"]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "messageExpression": said}],
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": f"flux.{GROUP}"}}
    binding = {"policyName": f"flux.{GROUP}", "validationActions": ["Deny"]}
    return [
        head | {"kind": "ValidatingAdmissionPolicy", "spec": spec},
        head | {"kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]


def _probe(number, body):
    """The object as one of that kind; its generation is 1, so that of the status is moved."""
    behind = body["metadata"]["generation"] - body["status"].get("observedGeneration", 0)
    status = body["status"] | {"observedGeneration": 1 - behind}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Probe", "metadata": {"name": f"probe-{number}"}, "status": status}


def _expected(body):
    ready, synced = reason(body, "Ready"), reason(body, "Synced")
    if ready in STOPPED:
        return "Failed"
    return "Current" if ready == "Suspended" else verdicts.session(ready, synced)[1]


@pytest.fixture(scope="module")
def judged(kubectl):
    """What Flux makes of each object, in their order."""
    [checks] = yaml.safe_load(FILE.read_text())["spec"]["healthCheckExprs"]
    assert (checks["apiVersion"], checks["kind"]) == ("managedagents.dev/v1alpha1", "Session")
    made = [CRD, *_policy(checks)]
    kubectl("apply", objects=made)
    kubectl("wait", "crd", f"probes.{GROUP}", "--for=condition=Established", "--timeout=30s")

    def judge(bodies):
        probes = [_probe(number, body) for number, body in enumerate(bodies)]
        found = {}
        while len(found) < len(probes):
            # A policy counts some time after it is there; until then an object is taken. The test's time-out ends it.
            said = kubectl.run("create", "--dry-run=server", objects=probes).stderr
            found = dict(re.findall(r'"probe-(\d+)" is forbidden: .* denied request: (\w+)', said))
        return [found[str(number)] for number in range(len(probes))]

    yield judge
    kubectl("delete", objects=made)


def test_what_flux_makes_of_every_state(judged):
    rows = [(situation, body) for kind, situation, body in each() if kind == "Session"]
    rows = [(s, b) for s, b in rows if "deletionTimestamp" not in b["metadata"]]
    seen = dict(zip((s for s, _ in rows), judged([b for _, b in rows]), strict=True))
    assert seen == {situation: _expected(body) for situation, body in rows}


def test_a_spec_that_was_not_looked_at_is_in_progress(judged):
    """With the status of the spec before it, and with the default of the CRD."""
    _, _, idle = next(each())
    before = json.loads(json.dumps(idle)) | {"metadata": {"generation": 2}}
    fresh = {"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}
    assert judged([idle, before, fresh]) == ["Current", "InProgress", "InProgress"]


def test_what_nobody_looked_at_yet_is_no_success(kubectl, namespace, session):
    """As it is stored while no operator runs: by the default of the CRD, not by luck."""
    fresh = session("fresh", {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}})
    fresh["metadata"]["namespace"] = namespace
    kubectl("create", objects=[fresh])
    stored = json.loads(kubectl("get", "session", "fresh", "-n", namespace, "-o", "json"))
    [(status, why)] = kstatus([stored])
    assert (status, health("Session", stored)[0]) == ("InProgress", "Progressing")
    assert "observed generation is -1" in why
