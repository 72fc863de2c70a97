"""Resources that come out of Git: others' fields stay theirs, nothing differs afterwards, the same again is nothing.

One world for all tests; the samples are applied once, and each test looks at them or at a Session of its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.health.kstatus import kstatus
from tests.health.lua import health

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("gitops"), pytest.mark.timeout(300)]

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"
NAMES = {
    path: [d["metadata"]["name"] for d in yaml.safe_load_all(path.read_text()) if d["kind"] == "Session"]
    for path in sorted(SAMPLES.glob("*.yaml"))
}
OURS = "managed-agents-operator"
FLUX = {
    "labels": {"kustomize.toolkit.fluxcd.io/name": "sessions", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
    "annotations": {"argocd.argoproj.io/tracking-id": "app:managedagents.dev/Session:default/shared-out"},
}
TEAM = {"labels": {"cost-center": "1234"}, "annotations": {"team.example.org/owner": "ada"}}
MEMORY = {"name": "notes", "memoryStore": {"id": "memstore_sample"}}
FILE = {"name": "numbers", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}}


@pytest.fixture(scope="module")
def world(shared):
    """The samples, each as far as it comes, and connections of both kinds, as a person applies them."""
    home = shared.within(shared.world.account.split(":")[-2])
    shared.apply(
        shared.secret("key", apiKey=shared.world.simulator.key),
        home.secret("shared", apiKey=shared.world.simulator.key),
    )
    shared.kubectl("apply", *_files(), "-f", "-", input=_manifests(shared))
    good = [name for path, names in NAMES.items() for name in names if "unknown" not in path.name]
    good += ["by-own", "sparing"]
    shared.wait_ready(*good)
    shared.kubectl("wait", "session/triage", "session/replace", "--for=condition=Finished", "--timeout=60s")
    shared.wait("unknown-agent", "InvalidSpec")
    shared.settled(*good)
    shared.kubectl("wait", "connection/own", "clusterconnection/all", "--for=condition=Ready", "--timeout=40s")
    return shared


def _files():
    return [part for path in NAMES for part in ("-f", str(path))]


def _manifests(world):
    """What has no file; a default is left out wherever there is one, in the items of lists too."""
    some = {"selector": {"matchExpressions": [{"key": "claude", "operator": "Exists"}]}}
    ref = {"name": "shared", "key": "apiKey"}
    made = (
        world.connection("own"),
        world.connection("all", "ClusterConnection", apiKeySecretRef=ref, allowedNamespaces=some),
        world.session("by-own", connectionRef={"name": "own"}),
        world.session("sparing", budget={"maxListCost": {"amount": "2500"}}, resources=[MEMORY]),
    )
    return "---\n".join(json.dumps(one) + "\n" for one in made)


def _apply(world, how):
    """All of it, and what follows from that."""
    world.kubectl("apply", *how, *_files(), "-f", "-", input=_manifests(world))
    world.sweeps(3)


def _managed(scene, name, subresource=""):
    """The fields of each manager, by name."""
    entries = scene.object(name)["metadata"]["managedFields"]
    return {e["manager"]: e["fieldsV1"] for e in entries if e.get("subresource", "") == subresource}


def _applied(scene, manager, name, meta, **spec):
    body = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session", "spec": spec}
    body["metadata"] = {"name": name, "namespace": scene.namespace} | meta
    scene.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", input=json.dumps(body))


def test_fields_of_others_stay_theirs(world):
    """Two managers share a Session, its lists too: the session gets what both say, and neither loses anything."""
    base = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}, "title": "One"}
    flux = base | {"metadata": {"app": "reports"}, "resources": [MEMORY]}
    _applied(world, "kustomize-controller", "shared-out", FLUX, **flux)
    _applied(world, "team", "shared-out", TEAM, metadata={"owner": "ada"}, resources=[FILE])
    before = _managed(world, "shared-out")
    world.wait_ready("shared-out")
    world.settled("shared-out")

    [remote] = world.remote("shared-out")
    assert {k: v for k, v in remote["metadata"].items() if not k.startswith("k8s_")} == {
        "app": "reports",
        "owner": "ada",
    }
    assert {r["type"] for r in remote["resources"]} == {"memory_store", "file"}
    after = _managed(world, "shared-out")
    assert {m: f for m, f in after.items() if m != OURS} == {m: f for m, f in before.items() if m != OURS}
    assert after[OURS] == {
        "f:metadata": {
            "f:annotations": {"f:managedagents.dev/claim": {}},
            "f:finalizers": {".": {}, 'v:"managedagents.dev/session"': {}},
        }
    }
    assert _managed(world, "shared-out", "status").keys() == {OURS}
    assert set(_managed(world, "shared-out", "status")[OURS]) == {"f:status"}

    _applied(world, "kustomize-controller", "shared-out", FLUX, **flux | {"title": "Two"})
    world.settled("shared-out")
    _applied(world, "team", "shared-out", TEAM, metadata={"owner": "ada"})
    world.settled("shared-out")
    world.until("what nobody wants any more is unmounted", lambda: len(world.remote("shared-out")[0]["resources"]) == 1)
    body = world.object("shared-out")
    assert (world.remote("shared-out")[0]["title"], body["spec"]["title"]) == ("Two", "Two")
    assert [r["name"] for r in body["spec"]["resources"]] == ["notes"]
    assert body["spec"]["metadata"] == {"app": "reports", "owner": "ada"}
    assert body["metadata"]["labels"] == FLUX["labels"] | TEAM["labels"]
    kept = {k: v for k, v in body["metadata"]["annotations"].items() if k != "managedagents.dev/claim"}
    assert kept == FLUX["annotations"] | TEAM["annotations"]


@pytest.mark.parametrize("how", [[], ["--server-side"]], ids=["client-side", "server-side"])
def test_nothing_differs_after_reconciliation(world, how):
    """`kubectl diff` ends with 1 where anything does; defaults and what the operator wrote are no difference."""
    _apply(world, how)
    assert world.kubectl("diff", *how, *_files(), "-f", "-", input=_manifests(world)) == ""


@pytest.mark.parametrize("how", [[], ["--server-side"]], ids=["client-side", "server-side"])
def test_the_same_again_is_no_call_and_no_write(world, how):
    """Sweeps go on, and find nothing to do."""
    # Whoever changes from one way to the other changes kubectl's own annotation, that of a Secret too.
    _apply(world, how)
    calls, writes = world.mark(), len(world.world.cluster.audit)
    _apply(world, how)
    assert {(c["method"], c["path"]) for c in world.calls(since=calls)} == {("GET", "/v1/sessions")}
    assert _written(world, writes) == []


def test_a_replace_puts_back_what_is_ours_and_calls_nobody(world):
    """It takes finalizer and claim away: they are written again, once each, and the session is not touched."""
    named = [path for path in NAMES if path.name == "01-bare.yaml"]
    ident = world.status("bare")["id"]
    calls, writes = world.mark(), len(world.world.cluster.audit)
    world.kubectl("replace", "-f", str(named[0]))
    world.until("its claim is back", lambda: "managedagents.dev/claim" in (_annotations(world, "bare")))
    world.sweeps(2)
    assert world.mutations(since=calls) == []
    assert [(w.resource, w.name) for w in _written(world, writes)] == [("sessions", "bare")]
    assert world.status("bare")["id"] == ident
    assert world.object("bare")["metadata"]["finalizers"] == ["managedagents.dev/session"]
    assert world.kubectl("diff", "-f", str(named[0])) == ""


def _annotations(world, name):
    return world.object(name)["metadata"].get("annotations") or {}


def _written(world, since):
    """Writes of the operator to any of our kinds."""
    found = world.world.cluster.audit.writes(user=world.world.account, since=since)
    return [w for w in found if re.match("sessions|connections|clusterconnections", w.resource)]


LATER = {"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}}
LATER["githubRepository"]["authorizationTokenSecretRef"] = {"name": "later", "key": "token"}
EVENTS = [{"type": "user.message", "text": "Go."}]
STATES = {
    "w-ready": ({}, ("Healthy", "Current")),
    "w-works": ({"initialEvents": EVENTS}, ("Healthy", "Current")),
    "w-wrong": ({"agent": {"id": "agent_unknown"}}, ("Degraded", "Failed")),
    "w-waits": ({"resources": [LATER]}, ("Progressing", "InProgress")),
    "w-paused": ({"suspend": True}, ("Suspended", "InProgress")),
    "w-edited": ({"title": "One"}, ("Degraded", "Failed")),
    "w-going": ({"initialEvents": EVENTS}, ("Progressing", "Terminating")),
}
"""By name of a Session: its spec, and what Argo CD and kstatus say once it is as far as it comes."""
AWAITED = {
    "condition=Ready": ["session/w-ready", "session/w-works", "session/w-edited"],
    "condition=Synced": ["session/w-ready", "session/w-works"],
    "condition=Finished=False": ["session/w-works"],
    "jsonpath={.status.state}=running": ["session/w-works"],
    "condition=Stalled": ["session/w-wrong", "session/w-edited", "connection/w-keyless"],
    "condition=Reconciling": ["session/w-waits", "session/w-going"],
    "condition=Ready=False": ["session/w-wrong", "session/w-waits", "session/w-paused", "session/w-going"],
    "condition=Synced=False": ["session/w-waits", "session/w-paused", "session/w-edited"],
    "jsonpath={.metadata.deletionTimestamp}": ["session/w-going"],
}
"""What `kubectl wait` can wait for, and which of them it is true of."""


def test_what_people_and_tools_wait_for(world):
    """Each state by `kubectl wait`, and by the objects as they are stored what Argo CD and kstatus make of them."""
    modes, behaviour = world.control.modes(), world.control.behaviour()
    world.control.behaviour(turn_seconds=4000.0)
    world.control.modes(stuck_after_interrupt=True)
    world.apply(
        *(world.session(name, **spec) for name, (spec, _) in STATES.items()),
        world.connection("w-keyless", apiKeySecretRef={"name": "nowhere", "key": "apiKey"}),
    )
    world.wait_ready("w-edited", "w-going")
    world.wait("w-going", "Running")
    world.control.fault(
        "answer",
        method="POST",
        path=f"/v1/sessions/{world.status('w-edited')['id']}$",
        status=400,
        body={"error": "title is too odd"},
    )
    world.apply(world.session("w-edited", title="Two"))
    world.delete("w-going", wait=False)
    for what, those in AWAITED.items():
        world.kubectl("wait", *those, f"--for={what}", "--timeout=40s")

    keyless = json.loads(world.kubectl("get", "connection/w-keyless", "-o", "json"))
    bodies = {name: world.object(name) for name in STATES}
    seen = {
        name: (health("Session", body)[0], status)
        for (name, body), (status, _) in zip(bodies.items(), kstatus([*bodies.values()]), strict=True)
    }
    assert seen == {name: verdict for name, (_, verdict) in STATES.items()}
    assert (health("Connection", keyless)[0], kstatus([keyless])[0][0]) == ("Degraded", "Failed")
    [(_, wrong), (_, waits), (_, edited)] = kstatus([bodies[name] for name in ("w-wrong", "w-waits", "w-edited")])
    assert "mend spec.agent.id" in wrong
    assert "Secret default/later" in waits
    assert "mend spec.title" in edited

    world.control.modes(**modes)
    world.control.behaviour(**behaviour)
    world.apply(world.secret("later", token="t"), world.session("w-paused"), world.session("w-wrong"))
    world.wait_ready("w-waits", "w-paused", "w-wrong")
    world.kubectl("annotate", "session/w-going", "managedagents.dev/force-delete=true")
    world.kubectl("wait", "session/w-going", "--for=delete", "--timeout=40s")
    assert [status for status, _ in kstatus([world.object(n) for n in ("w-waits", "w-paused", "w-wrong")])] == [
        "Current"
    ] * 3
