"""Which key every call carries: connections, their keys and workspaces, and who may use them.

The request log of the simulator tells the last four characters of the key of each call.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SHARED = {"kind": "ClusterConnection", "name": "shared"}


@pytest.fixture
def team(scene):
    """Makes a namespace of its own, with labels, and shows the world from there."""

    def make(**labels):
        name = f"ns-{uuid.uuid4().hex[:8]}"
        meta = {"name": name, "labels": labels}
        scene.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        return scene.within(name)

    return make


@pytest.fixture
def opened_to(scene):
    """Gives a namespace a key in a Secret, of a workspace, and a Connection by which Sessions use it."""

    def make(team, secret, workspace=None, name="default", **spec):
        scene.control.add_key(secret, workspace)
        team.apply(team.secret("key", apiKey=secret), team.connection(name, **spec))
        fares(team, "Connected", name=name)

    return make


def connection(scene, name="default", kind="connection"):
    scope = ["-n", scene.namespace] if kind == "connection" else []
    return json.loads(scene.kubectl("get", kind, name, *scope, "-o", "json"))


def fares(scene, reason, name="default", kind="connection", timeout=40):
    """Until a connection says so; its message."""
    scope = ["-n", scene.namespace] if kind == "connection" else []
    path = f"{{.status.conditions[0].reason}}={reason}"
    scene.kubectl("wait", f"{kind}/{name}", *scope, f"--for=jsonpath={path}", f"--timeout={timeout}s")
    return connection(scene, name, kind)["status"]["conditions"][0]["message"]


def shared(scene, secret, workspace=None, **spec):
    """A ClusterConnection with its key in the namespace of the operator."""
    scene.control.add_key(secret, workspace)
    home = scene.within(scene.world.account.split(":")[-2])
    scene.apply(home.secret("shared", apiKey=secret))
    ref = {"apiKeySecretRef": {"name": "shared", "key": "apiKey"}}
    scene.apply(scene.connection("shared", "ClusterConnection", **(ref | spec)))


def keys(scene, since=0, path=""):
    """Of all calls that changed something, the keys."""
    return {c["key"] for c in scene.mutations(since) if path in c["path"]}


def finalizers(scene):
    return connection(scene)["metadata"].get("finalizers", [])


def alone(scene):
    """Start an operator without a key in its environment."""
    return scene.start(ANTHROPIC_API_KEY="")


def test_two_tenants_each_with_a_key_and_a_workspace(scene, team, opened_to):
    one, two = team(), team()
    alone(scene)
    opened_to(one, "sk-ant-one-1111")
    opened_to(two, "sk-ant-two-2222", "other", betaHeaders=["skills-2025-10-02"])
    other = {"agent": {"id": "agent_other"}, "environment": {"id": "env_other"}}
    one.apply(one.session("job"))
    two.apply(two.session("job", **other))
    one.wait_ready("job")
    two.wait_ready("job")
    made = {c["key"]: c for c in scene.creations()}
    assert set(made) == {"1111", "2222"}
    assert made["1111"]["headers"]["anthropic-beta"] == "managed-agents-2026-04-01"
    assert made["2222"]["headers"]["anthropic-beta"] == "managed-agents-2026-04-01,skills-2025-10-02"
    spaces = {s["id"]: s["workspace"] for s in scene.control.sessions()}
    assert spaces[one.status("job")["id"]] != spaces[two.status("job")["id"]]
    for each in (one, two):
        status, told = each.status("job"), connection(each)
        assert status["workspaceId"] == spaces[status["id"]] == told["status"]["workspaceId"]
        assert status["connectionRef"] == {"kind": "Connection", "name": "default", "uid": told["metadata"]["uid"]}
        claim = json.loads(each.object("job")["metadata"]["annotations"]["managedagents.dev/claim"])
        assert claim["connection"] == "Connection/default"
        assert told["metadata"]["finalizers"] == ["managedagents.dev/connection"]
        each.until("the count", lambda: connection(each)["status"]["sessions"] == 1, timeout=90)  # noqa: B023
    listed = {c["key"] for c in scene.calls("GET", "/v1/sessions")}
    assert listed == {"1111", "2222"}
    before = scene.mark()
    one.delete("job")
    assert keys(scene, before) == {"1111"}
    one.until("the finalizer goes", lambda: finalizers(one) == [])
    shown = scene.kubectl("get", "connections", "-n", two.namespace, "-o", "wide")
    assert [w in shown for w in ("default", "True", "Closed", "Connected", scene.world.simulator.url)] == [True] * 5


def test_defaults_in_their_order_and_the_choice_is_for_life(scene, team, opened_to):
    here = team(claude="yes")
    scene.start()
    env = scene.world.simulator.key[-4:]
    here.apply(here.session("first"))
    here.wait_ready("first")
    assert "connectionRef" not in here.status("first")
    shared(scene, "sk-ant-shared-3333", allowedNamespaces={"selector": {"matchLabels": {"claude": "yes"}}})
    scene.apply(
        scene.connection("default", "ClusterConnection")
        | {"spec": connection(scene, "shared", "clusterconnection")["spec"]}
    )
    fares(scene, "Connected", "default", "clusterconnection")
    here.apply(here.session("second"))
    here.wait_ready("second")
    assert here.status("second")["connectionRef"]["kind"] == "ClusterConnection"
    opened_to(here, "sk-ant-own-4444")
    here.apply(here.session("third"), here.session("fourth", connectionRef=SHARED))
    here.wait_ready("third", "fourth")
    assert here.status("third")["connectionRef"]["kind"] == "Connection"
    assert here.status("fourth")["connectionRef"]["name"] == "shared"
    assert [c["key"] for c in scene.creations()][:3] == [env, "3333", "4444"]
    scene.sweeps(2)
    assert len(scene.creations()) == 4
    said = here.refused(here.session("third", connectionRef=SHARED))
    assert "connectionRef is fixed for the life of a session" in said
    here.apply(here.session("third", connectionRef={"kind": "Connection", "name": "default"}))
    scene.stop()
    mark = scene.mark()
    scene.start()
    for name, key in (("first", env), ("second", "3333"), ("third", "4444"), ("fourth", "3333")):
        before = scene.mark()
        here.delete(name)
        assert keys(scene, before) == {key}, name
    assert scene.creations(since=mark) == []


def test_session_and_connection_applied_together_take_no_other_key(scene, team):
    """With a key in the environment that would do as well; in any order where the Session names its connection."""
    scene.start()
    scene.control.add_key("sk-ant-own-5555")
    for order, spec in ((1, {}), (-1, {"connectionRef": {"name": "default"}})):
        here = team()
        manifests = [here.secret("key", apiKey="sk-ant-own-5555"), here.connection(), here.session("job", **spec)]
        here.apply(*manifests[::order])
        here.wait_ready("job")
        assert here.status("job")["connectionRef"]["name"] == "default"
    assert {c["key"] for c in scene.creations()} == {"5555"}


def test_a_secret_that_is_edited_counts_at_once_and_touches_no_session(scene, team, opened_to):
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-one-1111")
    here.apply(here.session("job", title="One"))
    here.wait_ready("job")
    scene.control.add_key("sk-ant-two-2222")
    mark = scene.mark()
    here.apply(here.secret("key", apiKey="sk-ant-two-2222"))
    scene.until("the new key", lambda: any(c["key"] == "2222" for c in scene.calls(since=mark)))
    newest = scene.mark()
    here.sweeps(2)
    assert {c["key"] for c in scene.calls(since=newest)} == {"2222"}
    assert scene.mutations(since=mark) == []
    here.apply(here.session("job", title="Two"))
    here.until("the title", lambda: scene.control.session(here.status("job")["id"])["title"] == "Two")
    assert keys(scene, mark) == {"2222"}


def test_a_key_file_that_is_replaced_counts_at_once(scene, tmp_path):
    file = tmp_path / "key"
    file.write_text(scene.world.simulator.key)
    scene.start(ANTHROPIC_API_KEY="", MANAGED_AGENTS_API_KEY_FILE=str(file))
    scene.apply(scene.session("job", title="One"))
    scene.wait_ready("job")
    file.write_text(scene.control.add_key("sk-ant-file-6666"))
    mark = scene.mark()
    scene.apply(scene.session("job", title="Two"))
    scene.until("the title", lambda: scene.control.session(scene.status("job")["id"])["title"] == "Two")
    assert keys(scene, mark) == {"6666"}


@pytest.mark.parametrize("header", [True, False], ids=["workspace header", "no workspace header"])
def test_a_key_of_another_workspace_concludes_nothing(scene, team, opened_to, header):
    scene.control.modes(workspace_header=header)
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-one-1111")
    here.apply(here.session("job", onLost="Replace"))
    here.wait_ready("job")
    ident, mark = here.status("job")["id"], scene.mark()
    here.apply(here.secret("key", apiKey=scene.control.other_key()))
    assert "workspace" in here.wait("job", "WrongWorkspace", timeout=60)
    here.delete("job", wait=False)
    here.sweeps(3)
    assert scene.mutations(since=mark) == []
    assert here.object("job")["metadata"]["deletionTimestamp"]
    here.apply(here.secret("key", apiKey="sk-ant-one-1111"))
    here.until("it goes", lambda: not scene.world.sessions(here.namespace), timeout=60)
    assert scene.control.session(ident)["archived_at"]
    assert len(scene.control.sessions()) == 1


def test_a_session_that_sleeps_believes_no_other_workspace(scene, team, opened_to):
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-one-1111")
    here.apply(here.session("job"))
    here.wait_ready("job")
    here.apply(here.session("job", suspend=True))
    here.wait("job", "Suspended")
    ident, mark = here.status("job")["id"], scene.mark()
    here.apply(here.secret("key", apiKey=scene.control.other_key()))
    here.sweeps(4)
    here.apply(here.secret("key", apiKey="sk-ant-one-1111"))
    here.sweeps(2)
    here.apply(here.session("job"))
    here.wait_ready("job")
    here.settled("job")
    assert here.status("job")["id"] == ident
    assert scene.mutations(since=mark) == []


def test_a_connection_for_another_workspace_says_so(scene, team):
    here = team()
    alone(scene)
    scene.control.add_key("sk-ant-one-1111")
    here.apply(here.secret("key", apiKey="sk-ant-one-1111"), here.connection(workspaceId="wrkspc_elsewhere"))
    fares(here, "Forbidden")
    sent = {c["headers"].get("anthropic-workspace-id") for c in scene.calls("GET")}
    assert sent == {"wrkspc_elsewhere"}


def test_secrets_that_go_first_do_not_keep_sessions_from_ending(scene, team, opened_to):
    """As when a namespace is deleted."""
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-one-1111")
    here.apply(here.session("one"), here.session("two"))
    here.wait_ready("one", "two")
    here.kubectl("delete", "secret", "key", "-n", here.namespace)
    assert "the key of before is used" in fares(here, "KeyMissing")
    here.kubectl("delete", "connection", "default", "-n", here.namespace, "--wait=false")
    here.until("it says so", lambda: "Sessions use this connection" in fares(here, "Deleting"))
    here.delete("one")
    assert finalizers(here) == ["managedagents.dev/connection"]
    scene.stop()
    mark = scene.mark()
    alone(scene)
    here.wait("two", "KeyMissing")
    assert here.condition("two", "Stalled")["status"] == "True"
    here.delete("two", wait=False)
    here.until("the way out", lambda: "managedagents.dev/force-delete" in here.condition("two", "Ready")["message"])
    here.kubectl("annotate", "session", "two", "-n", here.namespace, "managedagents.dev/force-delete=true")
    here.until("all is gone", lambda: not scene.world.sessions(here.namespace))
    here.kubectl("wait", "connection/default", "-n", here.namespace, "--for=delete", "--timeout=40s")
    assert scene.mutations(since=mark) == []


def test_a_namespace_that_loses_its_right_is_told_and_can_still_clean_up(scene, team):
    here = team(claude="yes")
    allowed = {"selector": {"matchLabels": {"claude": "yes"}}}
    alone(scene)
    shared(scene, "sk-ant-shared-3333", allowedNamespaces=allowed)
    here.apply(here.session("job", title="One", connectionRef=SHARED))
    here.wait_ready("job")
    ident, mark = here.status("job")["id"], scene.mark()
    scene.kubectl("label", "namespace", here.namespace, "claude-")
    assert "allowedNamespaces" in here.wait("job", "ConnectionNotAllowed")
    here.apply(here.session("job", title="Two", connectionRef=SHARED), here.session("more", connectionRef=SHARED))
    here.wait("more", "ConnectionNotAllowed")
    here.sweeps(2)
    assert scene.mutations(since=mark) == []
    here.delete("job")
    assert scene.control.session(ident)["archived_at"]
    scene.kubectl("label", "namespace", here.namespace, "claude=yes")
    here.wait_ready("more")


def test_none_may_use_a_cluster_connection_by_default(scene, team):
    here = team()
    scene.start()
    shared(scene, "sk-ant-shared-3333")
    here.apply(here.session("job", connectionRef=SHARED))
    assert here.namespace in here.wait("job", "ConnectionNotAllowed")
    here.sweeps(2)
    assert scene.creations() == []


def test_what_one_connection_can_not_do_delays_nobody_of_another(scene, team, opened_to):
    slow, limited, refused, well = (team() for _ in range(4))
    alone(scene)
    for each, key in ((slow, "1111"), (limited, "2222"), (refused, "3333"), (well, "4444")):
        opened_to(each, f"sk-ant-{key}")
    scene.control.fault("delay", key="1111", times=None)
    scene.control.fault("rate_limit", key="2222", retry_after=600, times=None)
    scene.control.revoke_key("sk-ant-3333")
    for each in (slow, limited, refused):
        each.apply(*(each.session(f"job-{n}") for n in range(20)))
    scene.until("calls that hang", lambda: len(scene.creations()) >= 16)
    well.apply(*(well.session(f"job-{n}") for n in range(5)))
    well.wait_ready(*(f"job-{n}" for n in range(5)))
    refused.wait("job-0", "KeyRefused")
    fares(refused, "KeyRefused")
    assert connection(refused)["status"]["circuit"] == "Open"
    assert connection(well)["status"]["circuit"] == "Closed"
    tried = [c for c in scene.creations() if c["key"] == "3333"]
    assert len(tried) <= 16


def test_a_key_that_may_only_read_is_told(scene, team):
    here = team()
    alone(scene)
    scene.control.add_key("sk-ant-reader-7777", reads_only=True)
    here.apply(here.secret("key", apiKey="sk-ant-reader-7777"), here.connection(), here.session("job"))
    here.wait("job", "Forbidden")
    fares(here, "Forbidden")
    scene.control.add_key("sk-ant-reader-7777")
    here.kubectl("annotate", "session", "job", "-n", here.namespace, "managedagents.dev/reconcile-requested-at=now")
    here.wait_ready("job", timeout=90)


def test_a_wrong_connection_can_be_mended_until_there_is_a_session(scene, team, opened_to):
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-wrong-8888", name="wrong")
    scene.control.revoke_key("sk-ant-wrong-8888")
    here.apply(here.session("job", connectionRef={"name": "wrong"}))
    here.wait("job", "KeyRefused")
    scene.control.add_key("sk-ant-right-9999")
    here.apply(here.secret("right", apiKey="sk-ant-right-9999"))
    ref = {"apiKeySecretRef": {"name": "right", "key": "apiKey"}}
    here.apply(here.connection("right", **ref), here.session("job", connectionRef={"name": "right"}))
    here.wait_ready("job")
    assert here.status("job")["connectionRef"]["name"] == "right"
    assert [c["key"] for c in scene.creations() if c["status"] == 200] == ["9999"]


def test_a_session_without_any_connection_says_what_to_make(scene, team):
    here = team()
    alone(scene)
    here.apply(here.session("job"))
    assert "make a Connection called default" in here.wait("job", "KeyMissing")
    here.delete("job")
    assert scene.calls() == []


def test_what_a_connection_went_through_is_told_as_events(scene, team):
    here = team()
    alone(scene)
    here.apply(here.connection())
    assert "create it" in fares(here, "KeyMissing")
    scene.control.add_key("sk-ant-one-1111")
    here.apply(here.secret("key", apiKey="sk-ant-one-1111"))
    fares(here, "Connected")
    scene.control.revoke_key("sk-ant-one-1111")
    fares(here, "KeyRefused")

    def told():
        items = json.loads(here.kubectl("get", "events.v1.events.k8s.io", "-n", here.namespace, "-o", "json"))["items"]
        return [(e["type"], e["reason"], e["regarding"]["kind"]) for e in items]

    wanted = [("Normal", "Connected"), ("Warning", "KeyMissing"), ("Warning", "KeyRefused")]
    here.until("all events", lambda: sorted(told()) == [(*each, "Connection") for each in wanted])


def test_a_process_of_some_namespaces_serves_their_connections_alone(scene, team):
    one, two = team(), team()
    shared(scene, "sk-ant-shared-3333", allowedNamespaces={"selector": {}})
    scene.start(ANTHROPIC_API_KEY="", MANAGED_AGENTS_NAMESPACES=one.namespace)
    scene.control.add_key("sk-ant-one-1111")
    for each in (one, two):
        each.apply(each.secret("key", apiKey="sk-ant-one-1111"), each.connection(), each.session("job"))
    one.apply(one.session("shared", connectionRef=SHARED))
    one.wait_ready("job")
    one.wait("shared", "KeyMissing")
    assert "conditions" not in connection(two).get("status", {})
    assert two.status("job").get("conditions") is None
    assert len(scene.creations()) == 1


def test_the_samples_work_as_they_are_written(scene):
    """But for the address and the key."""
    samples = Path(__file__).parents[2] / "deploy" / "samples" / "connections"
    alone(scene)
    scene.control.add_key("sk-ant-team-1111")
    scene.control.add_key("sk-ant-shared-3333")
    url = scene.world.simulator.url
    text = (samples / "team.yaml").read_text().replace("https://api.anthropic.com", url)
    scene.apply(text.replace("put-the-key-here", "sk-ant-team-1111"))
    scene.within("team-a").wait_ready("weekly")
    home = scene.within(scene.world.account.split(":")[-2])
    scene.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-b"}})
    scene.apply(home.secret("anthropic-shared", apiKey="sk-ant-shared-3333"))
    scene.apply((samples / "shared.yaml").read_text().replace("spec:\n  apiKey", f"spec:\n  baseURL: {url}\n  apiKey"))
    scene.within("team-b").wait_ready("weekly")
    assert [c["key"] for c in scene.creations()] == ["1111", "3333"]
    for name in ("team-a", "team-b"):
        scene.within(name).delete("weekly")


def test_a_token_is_sent_as_bearer(scene, team):
    here = team()
    scene.control.modes(accept_api_key=False)
    alone(scene)
    scene.control.add_key("token-aaaa")
    spec = {"baseURL": scene.world.simulator.url, "authTokenSecretRef": {"name": "key", "key": "apiKey"}}
    here.apply(here.secret("key", apiKey="token-aaaa"), here.connection() | {"spec": spec}, here.session("job"))
    here.wait_ready("job")
    assert {c["key"] for c in scene.creations()} == {"aaaa"}


def test_no_key_is_told_anywhere(scene, team, opened_to):
    here = team()
    alone(scene)
    opened_to(here, "canary-of-a-key-bbbb")
    here.apply(here.session("job"))
    here.wait_ready("job")
    scene.control.revoke_key("canary-of-a-key-bbbb")
    here.wait("job", "KeyRefused", timeout=60)
    here.apply(here.secret("key", apiKey="canary of blanks"))
    fares(here, "KeyMissing")
    told = [
        here.kubectl("get", kind, "-n", here.namespace, "-o", "yaml") for kind in ("session", "connection", "events")
    ]
    told.append(scene.world.operator_log.read_text())
    assert [text for text in told if "canary" in text] == []


def test_tenants_can_not_use_each_others_keys(scene, team, opened_to):
    """By any field that they may write, with rights in their own namespaces alone."""
    mine, theirs = team(), team()
    alone(scene)
    opened_to(theirs, "sk-ant-theirs-2222")
    home = scene.within(scene.world.account.split(":")[-2])
    scene.control.add_key("sk-ant-home-3333")
    scene.apply(home.secret("home", apiKey="sk-ant-home-3333"))
    user = f"--as={tenant(scene, mine)}"

    def apply(*manifests):
        text = "---\n".join(json.dumps(each) + "\n" for each in manifests)
        return scene.world.kubectl("apply", "-f", "-", user, input=text, check=False)

    # A name that collides, a name with a path, references to Secrets elsewhere, and a claim that was made up.
    away = {"name": f"{theirs.namespace}/default"}
    assert apply(mine.session("path", connectionRef=away)).returncode != 0
    assert apply(mine.connection(apiKeySecretRef={"name": f"{theirs.namespace}/key", "key": "apiKey"})).returncode != 0
    assert apply(theirs.session("there")).returncode != 0
    assert apply(mine.connection("shared", "ClusterConnection")).returncode != 0
    assert apply(mine.connection("home", apiKeySecretRef={"name": "home", "key": "apiKey"})).returncode == 0
    assert apply(mine.session("default", connectionRef={"name": "default"})).returncode == 0
    assert apply(mine.session("home", connectionRef={"name": "home"})).returncode == 0
    forged = mine.session("forged")
    claim = {"uid": "x", "n": 1, "at": "2026-01-01T00:00:00Z", "by": "x", "digest": "x", "connection": away["name"]}
    for name, said in (("forged", f"Connection/{away['name']}"), ("forged-too", "ClusterConnection/shared")):
        forged["metadata"] |= {
            "name": name,
            "annotations": {"managedagents.dev/claim": json.dumps(claim | {"connection": said})},
        }
        assert apply(forged).returncode == 0
    for name in ("default", "home", "forged", "forged-too"):
        mine.wait(name, "KeyMissing")
    mine.sweeps(2)
    assert scene.creations() == []
    assert {c["key"] for c in scene.calls()} == {"2222"}


def tenant(scene, team):
    """A person with all rights to our resources and to Secrets in one namespace; their name."""
    person = f"person-of-{team.namespace}"
    rules = [
        {"apiGroups": ["managedagents.dev"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["*"]},
    ]
    group = "rbac.authorization.k8s.io"
    meta = {"name": "tenant", "namespace": team.namespace}
    scene.apply(
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "tenant"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": person}],
        },
    )
    return person
