"""Which key every call carries: connections, their keys and workspaces, and who may use them.

One operator without a key in its environment serves all of it. The request log of the simulator tells the last four
characters of the key of each call.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.e2e.connecting import SHARED, alone, connection, fares, finalizers, keys, shared

from managed_agents_local.simulator import Simulator

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def operated(opened, tmp_path_factory):
    """A world whose operator has no key in its environment."""
    with opened(tmp_path_factory.mktemp("operated")) as scene:
        alone(scene)
        yield scene


@pytest.fixture
def scene(operated):
    """That world for one test, without anything of the tests before."""
    yield operated.anew()
    operated.control.clear_faults()
    operated.control.reset_modes()
    operated.clear()


def test_two_tenants_each_with_a_key_and_a_workspace(scene, team, opened_to):
    one, two = team(), team()
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
        # Told at most once a minute: how it gets there is shown in tests/engine/test_connections.py.
        assert connection(each)["status"]["sessions"] in (0, 1)
    listed = {c["key"] for c in scene.calls("GET", "/v1/sessions")}
    assert listed >= {"1111", "2222"}
    before = scene.mark()
    one.delete("job")
    assert keys(scene, before) == {"1111"}
    one.until("the finalizer goes", lambda: finalizers(one) == [])
    shown = scene.kubectl("get", "connections", "-n", two.namespace, "-o", "wide")
    assert [w in shown for w in ("default", "True", "Closed", "Connected", scene.world.simulator.url)] == [True] * 5


def test_a_secret_that_is_edited_counts_at_once_and_touches_no_session(scene, team, opened_to):
    here = team()
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


@pytest.mark.parametrize("header", [True, False], ids=["workspace header", "no workspace header"])
def test_a_key_of_another_workspace_concludes_nothing(scene, team, opened_to, header):
    scene.control.modes(workspace_header=header)
    here = team()
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
    assert len(here.remote("job")) == 1


def test_a_session_that_sleeps_believes_no_other_workspace(scene, team, opened_to):
    here = team()
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
    scene.control.add_key("sk-ant-one-1111")
    here.apply(here.secret("key", apiKey="sk-ant-one-1111"), here.connection(workspaceId="wrkspc_elsewhere"))
    fares(here, "Forbidden")
    sent = {c["headers"].get("anthropic-workspace-id") for c in scene.calls("GET")}
    assert sent == {"wrkspc_elsewhere"}


def test_a_namespace_that_loses_its_right_is_told_and_can_still_clean_up(scene, team):
    here = team(claude="yes")
    allowed = {"selector": {"matchLabels": {"claude": "yes"}}}
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


def test_what_one_connection_can_not_do_delays_nobody_of_another(scene, team, opened_to):
    slow, limited, refused, well = (team() for _ in range(4))
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


@pytest.fixture
def elsewhere(tmp_path):
    """Another server, plain http below a path, as behind a gateway."""
    simulator = Simulator(tmp_path, ["--prefix=/gateway/claude"])
    simulator.start()
    yield simulator
    simulator.close()


def test_a_server_below_a_path_that_goes_away_and_comes_back(scene, team, opened_to, elsewhere):
    there, well = team(), team()
    url = elsewhere.url + "/"
    assert url.endswith("/gateway/claude/")
    there.apply(there.secret("key", apiKey=elsewhere.key), there.connection(baseURL=url), there.session("first"))
    opened_to(well, "sk-ant-well-4444")
    there.wait_ready("first")
    elsewhere.stop()
    there.apply(*(there.session(f"job-{n}") for n in range(20)))
    there.wait("job-0", "Unreachable", "Synced")
    well.apply(*(well.session(f"job-{n}") for n in range(5)))
    well.wait_ready(*(f"job-{n}" for n in range(5)))
    elsewhere.start()
    there.wait_ready(*(f"job-{n}" for n in range(20)), timeout=90)
    made = [s["metadata"]["k8s_owner"].rpartition("/")[2] for s in elsewhere.control.sessions()]
    assert sorted(made) == sorted(["first", *(f"job-{n}" for n in range(20))])
    assert [s for s in scene.control.sessions() if there.namespace in s["metadata"]["k8s_owner"]] == []


def test_the_key_goes_to_its_origin_alone(scene, team, opened_to, elsewhere):
    """Whatever a server answers: no redirect is followed, of a call that reads or of one that creates."""
    here = team()
    opened_to(here, elsewhere.control.add_key("sk-ant-own-1111"))
    away = {"location": f"{elsewhere.url}/v1/sessions"}
    for method in ("GET", "POST"):
        scene.control.fault("answer", key="1111", method=method, path="/v1/sessions$", status=307, headers=away)
    here.apply(here.session("job"))
    here.wait_ready("job", timeout=90)
    assert all(rule["hits"] for rule in scene.control.faults())
    assert elsewhere.control.requests() == []
    assert len(here.remote("job")) == 1


def test_each_connection_has_a_pace_of_its_own(scene, team, opened_to):
    slow, well = team(), team()
    began = time.monotonic()
    opened_to(slow, "sk-ant-slow-1111", createsPerMinute=4, requestsPerMinute=60)
    opened_to(well, "sk-ant-well-4444", createsPerMinute=600, requestsPerMinute=6000)
    slow.apply(*(slow.session(f"job-{n}") for n in range(10)))
    slow.until("the first", lambda: slow.remote("job-0") or len(scene.creations()) > 0)
    well.apply(*(well.session(f"job-{n}") for n in range(5)))
    well.wait_ready(*(f"job-{n}" for n in range(5)))
    sent = [c for c in scene.calls() if c["key"] == "1111"]
    minutes = (time.monotonic() - began) / 60
    created = [c for c in sent if (c["method"], c["path"]) == ("POST", "/v1/sessions")]
    assert 1 <= len(created) <= 1 + 4 * minutes
    assert len(sent) - len(created) <= 1 + 60 * minutes
    counted = scene.world.operator.metrics()
    for of, budget in ((slow, "creates"), (well, "requests")):
        labels = f'budget="{budget}",connection="{of.namespace}/Connection/default"'
        for metric in ("quota_remaining", "quota_waiting", "quota_oldest_wait_seconds"):
            assert f"managed_agents_{metric}{{{labels}}}" in counted, "told by a metric"
        assert set(connection(of)["status"]) <= {
            "observedGeneration",
            "workspaceId",
            "sessions",
            "circuit",
            "conditions",
        }
    written = scene.world.cluster.audit.writes(
        user=scene.world.account, resource="connections", since=scene.writes_before
    )
    status = [w.name for w in written if w.resource.endswith("/status")]
    assert len(status) <= 2 + 2 * (minutes + 1), "of 15 sessions no more than one count a minute"
    slow.apply(slow.connection(createsPerMinute=600, requestsPerMinute=6000))
    slow.wait_ready(*(f"job-{n}" for n in range(10)))


def test_a_key_that_may_only_read_is_told(scene, team):
    here = team()
    scene.control.add_key("sk-ant-reader-7777", reads_only=True)
    here.apply(here.secret("key", apiKey="sk-ant-reader-7777"), here.connection(), here.session("job"))
    here.wait("job", "Forbidden")
    fares(here, "Forbidden")
    scene.control.add_key("sk-ant-reader-7777")
    here.kubectl("annotate", "session", "job", "-n", here.namespace, "managedagents.dev/reconcile-requested-at=now")
    here.wait_ready("job", timeout=90)


def test_a_wrong_connection_can_be_mended_until_there_is_a_session(scene, team, opened_to):
    here = team()
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


def test_what_a_connection_went_through_is_told_as_events(scene, team):
    here = team()
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


def test_the_samples_work_as_they_are_written(scene):
    """But for the address and the key."""
    samples = Path(__file__).parents[2] / "deploy" / "samples" / "connections"
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
    scene.control.add_key("token-aaaa")
    spec = {"baseURL": scene.world.simulator.url, "authTokenSecretRef": {"name": "key", "key": "apiKey"}}
    here.apply(here.secret("key", apiKey="token-aaaa"), here.connection() | {"spec": spec}, here.session("job"))
    here.wait_ready("job")
    assert {c["key"] for c in scene.creations()} == {"aaaa"}


def test_no_key_is_told_anywhere(scene, team, opened_to):
    here = team()
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
    opened_to(theirs, "sk-ant-theirs-2222")
    home = scene.within(scene.world.account.split(":")[-2])
    scene.control.add_key("sk-ant-home-3333")
    scene.apply(home.secret("home", apiKey="sk-ant-home-3333"))
    shared(scene, "sk-ant-shared-4444", allowedNamespaces={"names": [theirs.namespace]})
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
    apply(mine.session("shared", connectionRef=SHARED))
    for name in ("default", "home", "forged"):
        mine.wait(name, "KeyMissing")
    for name in ("shared", "forged-too"):
        mine.wait(name, "ConnectionNotAllowed")
    # Deletion works without a right, but not for what somebody only says was begun.
    held = '{"metadata": {"finalizers": ["managedagents.dev/session"]}}'
    mine.kubectl("patch", "session", "forged-too", "-n", mine.namespace, user, "--type=merge", "-p", held)
    scene.kubectl("delete", "session", "forged-too", "-n", mine.namespace, user, "--wait=false")
    out = "managedagents.dev/force-delete"
    mine.until("the way out", lambda: out in mine.condition("forged-too", "Ready")["message"])
    scene.sweeps(2, key="4444")
    assert [c["path"] for c in scene.calls() if c["key"] == "4444" and c["path"] != "/v1/sessions"] == []
    assert scene.mutations() == []
    assert "3333" not in {c["key"] for c in scene.calls()}


def test_a_claim_that_somebody_edits_moves_no_session(scene, team, opened_to):
    here = team()
    opened_to(here, "sk-ant-own-1111")
    shared(scene, "sk-ant-shared-4444", allowedNamespaces={"names": [here.namespace]})
    fares(scene, "Connected", "shared", "clusterconnection")
    here.apply(here.session("job", title="0"))
    here.wait_ready("job")
    had, mark = here.status("job"), scene.mark()
    claim = json.loads(here.object("job")["metadata"]["annotations"]["managedagents.dev/claim"])
    for title, said in (("1", "ClusterConnection/shared"), ("2", "environment"), ("3", "Connection/elsewhere")):
        forged = json.dumps(claim | {"connection": said})
        note = f"managedagents.dev/claim={forged}"
        here.kubectl("annotate", "session", "job", "-n", here.namespace, "--overwrite", note)
        here.apply(here.session("job", title=title))
        here.until("the title", lambda: scene.control.session(had["id"])["title"] == title)  # noqa: B023
    here.delete("job")
    assert keys(scene, mark) == {"1111"}
    assert scene.control.session(had["id"])["archived_at"]
    assert len(scene.creations()) == 1


def tenant(scene, team):
    """A person with all rights to our resources and to Secrets in one namespace; their name."""
    person = f"person-of-{team.namespace}"
    rules = [
        {"apiGroups": ["managedagents.dev"], "resources": ["sessions", "connections"], "verbs": ["*"]},
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
