"""`kubectl managedagents`, typed as people type it: the real kubectl finds it, the real operator does its part."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import NamedTuple
from unittest import mock

import pytest
import yaml

from managed_agents_kubectl.__main__ import main
from managed_agents_local.processes import Process

pytestmark = pytest.mark.e2e

KEYS = ("sk-ant-", "ghp_")
SAID = {"type": "text", "text": "Go."}


class Printed(NamedTuple):
    out: str
    err: str


class Plugin:
    """Runs it as a person with a kubeconfig, and remembers all that was printed.

    By the real kubectl where `typed` says so, else by the same entry point in this process, at a tenth of the cost.
    """

    def __init__(self, world):
        self._world = world
        self.printed = []

    def environment(self, config=None, **more):
        """The operator's key is in the person's environment, where nothing else is said."""
        env = self._world.cluster.environment(config)
        api = {"ANTHROPIC_API_KEY": self._world.simulator.key, "ANTHROPIC_BASE_URL": self._world.simulator.url}
        env |= api | {"PATH": f"{sysconfig.get_path('scripts')}:{env['PATH']}"} | more
        return {name: value for name, value in env.items() if value is not None}

    def command(self, env, *arguments):
        return [shutil.which("kubectl", path=env["PATH"]), *arguments]

    def typed(self, *arguments, code=0, input="", **more):
        """What the real thing prints."""
        env = self.environment(**more)
        done = subprocess.run(
            self.command(env, *arguments), env=env, input=input, capture_output=True, text=True, check=False
        )
        return self._ended(done.returncode, done.stdout, done.stderr, code).out

    def run(self, *arguments, config=None, code=0, input="", terminal=False, **more):
        out, err, stdin = io.StringIO(), io.StringIO(), io.StringIO(input)
        stdin.isatty = lambda: terminal
        with (
            mock.patch.dict(os.environ, self.environment(config, **more), clear=True),
            mock.patch.object(sys, "argv", ["kubectl-managedagents", *arguments]),
            mock.patch.object(sys, "stdin", stdin),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            ended = main()
        return self._ended(ended, out.getvalue(), err.getvalue(), code)

    def _ended(self, ended, out, err, code):
        self.printed += [out, err]
        assert ended == code, (ended, out, err)
        return Printed(out, err)

    def __call__(self, *arguments, **more):
        return self.run(*arguments, **more).out

    def fails(self, *arguments, code=1, **more):
        """What it says when it does not do it: one line, as kubectl's own."""
        done = self.run(*arguments, code=code, **more)
        lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, done.err
        return lines[0]


@pytest.fixture(scope="module")
def scene(shared):
    return shared


@pytest.fixture(scope="module")
def plugin(scene):
    plugin = Plugin(scene.world)
    yield plugin
    assert not [text for text in plugin.printed for key in KEYS if key in text]


@pytest.fixture(autouse=True)
def as_documented(scene):
    yield
    scene.control.clear_faults()
    scene.control.behaviour(stop_reason="end_turn", turn_seconds=6.0)


@pytest.fixture
def ready(scene):
    """Makes a Session and waits for it; the id of its session."""

    def make(name, **spec):
        scene.apply(scene.session(name, **spec))
        scene.wait_ready(name)
        return scene.status(name)["id"]

    return make


def until_idle(scene, ident, reason="end_turn"):
    scene.until("idle", lambda: scene.control.session(ident)["status"] == "idle")


def test_status_says_what_is_wrong_and_what_to_do(scene, plugin, ready):
    ready("fine", title="Nightly \x1b[31m triage")
    scene.apply(scene.session("wrong", agent={"id": "agent_nobody"}))
    message = scene.wait("wrong", "InvalidSpec")
    page = plugin.typed("managedagents", "status", "wrong", code=3)
    assert page.startswith(f"Stalled: {message}\n")
    for word in ("Id:          none yet", "generation 1, seen", "InvalidSpec", "Events:", "Warning"):
        assert word in page
    page = plugin("status", "session/fine")
    assert page.startswith("Well: ")
    assert scene.status("fine")["id"] in page
    assert "\x1b" not in page
    table = plugin("status", code=3).splitlines()
    assert table[0].split() == ["NAME", "VERDICT", "STATE", "REASON", "COST", "WHAT"]
    assert table[1].split()[:3] == ["wrong", "Stalled", "InvalidSpec"]
    told = json.loads(plugin("status", "fine", "-o", "json"))
    assert (told["verdict"], told["id"]) == ("Well", scene.status("fine")["id"])
    assert {"Created"} <= {event["reason"] for event in told["events"]}
    assert "fine" in plugin("status", "-A", "-o", "name", code=3)
    assert plugin.fails("status", "nobody") == "error: Session default/nobody is not there"
    assert plugin.fails("status", "fine", "--context", "nowhere").startswith("error: KUBECONFIG: ")


def test_logs_show_each_event_once_until_the_session_is_over(scene, plugin, ready, tmp_path):
    ident = ready("told", initialEvents=[{"type": "user.message", "text": "First."}])
    scene.wait("told", "EndTurn", "Finished")
    page = plugin.typed("managedagents", "logs", "told")
    assert [line.split()[2] for line in page.splitlines() if line[:1] == "2"] == [
        *("session", "user", "agent", "tool", "result", "agent", "session", "session")
    ]
    env = plugin.environment()
    log = tmp_path / "follow"
    words = plugin.command(env, "managedagents", "logs", "told", "-f", "-o", "json")
    follow = Process.start("logs", words, env=env, log=log)
    follow.wait_for_line("session.status_idle")
    plugin.typed("managedagents", "send", "told", "-", input="Second,\nof two lines.\n")
    follow.wait_until(lambda: follow.text().count('"session.status_idle"') == 2, "the second turn")
    # It ends with whoever reads it, also where nothing more is to be written.
    for some in ("", "--tail 1"):
        head = ["sh", "-c", f"kubectl managedagents logs told -f {some} | head -1"]
        done = subprocess.run(head, env=env, capture_output=True, text=True, check=True)
        assert (done.stdout.count("\n"), done.stderr) == (1, "")
    scene.control.archive(ident)
    assert follow.wait() == 0
    followed = [json.loads(line) for line in follow.text().splitlines()]
    listed = [json.loads(line) for line in plugin("logs", "told", "-o", "json").splitlines()]
    assert sorted(one["id"] for one in followed) == sorted(one["id"] for one in listed)
    assert "Second,\nof two lines." in str([one.get("content") for one in listed]).replace("\\n", "\n")
    assert "no session before" in plugin.fails("logs", "told", "--previous")
    assert plugin("logs", "told", "--types", "agent.message", "--tail", "1").count("\n") == 1
    assert plugin("logs", "told", "--since", "1h", "-o", "json").count("\n") == len(listed)


def test_a_message_is_sent_once_and_what_is_not_known_is_said(scene, plugin, ready):
    ident = ready("spoken")
    mark = scene.mark()
    sent = plugin("send", "spoken", "Hello.", "-o", "name").strip().removeprefix("event/")
    assert [one["id"] for one in scene.control.session(ident)["events"]] == [sent]
    scene.control.fault("cut", method="POST", path=f"/v1/sessions/{ident}/events", when="after")
    said = plugin.fails("send", "spoken", "Again.")
    assert "nobody knows whether it was sent" in said
    assert "kubectl managedagents logs spoken -n default" in said
    assert scene.steps(since=mark) == ["send", "send"]
    scene.control.fault("answer", method="POST", path=f"/v1/sessions/{ident}/events", status=400, body={})
    assert "error: not sent: " in plugin.fails("send", "spoken", "Never.")
    assert len(scene.control.session(ident)["events"]) == 2
    assert "no text" in plugin.fails("send", "spoken", "-", input="\n")
    scene.control.archive(ident)
    mark = scene.mark()
    assert f"session {ident} was archived" in plugin.fails("send", "spoken", "Late.")
    assert scene.mutations(since=mark) == []


def test_what_a_session_asks_is_answered(scene, plugin, ready):
    scene.control.behaviour(stop_reason="requires_action", turn_seconds=1.0)
    ident = ready("asking")
    assert "nothing waits" in plugin.fails("approve", "asking")
    plugin("send", "asking", "Go.")
    scene.wait("asking", "ActionRequired")
    page = plugin("status", "asking")
    assert page.startswith("Waiting: ")
    assert "kubectl managedagents approve asking -n default" in page
    assert "kubectl managedagents approve asking" in plugin("logs", "asking", "--tail", "1")
    done = plugin.run("deny", "asking", "--message", "Not on a Friday.")
    assert 'denying bash {"command": ' in done.err
    answer = scene.control.session(ident)["events"][-1]
    assert (answer["result"], answer["deny_message"]) == ("deny", "Not on a Friday.")
    scene.until("another question", lambda: scene.control.session(ident)["pending"])
    [asked] = scene.control.session(ident)["pending"]
    scene.control.behaviour(stop_reason="end_turn", turn_seconds=1.0)
    assert "waits for no answer" in plugin.fails("approve", "asking", "--id", "sevt_other")
    plugin.typed("managedagents", "approve", "asking", "--id", asked)
    answer = scene.control.session(ident)["events"][-1]
    assert (answer["tool_use_id"], answer["result"]) == (asked, "allow")
    scene.control.behaviour(turn_seconds=4000.0)
    until_idle(scene, ident)
    plugin("send", "asking", "Go on for ever.")
    plugin.typed("managedagents", "interrupt", "asking")
    until_idle(scene, ident)


def test_a_key_that_may_not_be_read_is_named_with_the_way_out(scene, plugin):
    name = "ns-plugin"
    scene.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    team = scene.within(name)
    scene.control.add_key("sk-ant-team-0123456789")
    team.apply(team.secret("key", apiKey="sk-ant-team-0123456789"), team.connection(), team.session("one"))
    team.wait_ready("one")
    plugin("logs", "one", "-n", name, ANTHROPIC_API_KEY=None)
    events = f"/v1/sessions/{team.status('one')['id']}/events"
    assert scene.calls("GET", events)[-1]["key"] == "6789"
    config = viewer(team, "plugin-viewer")
    there = plugin("status", "one", config=config)
    assert "Connection:  Connection/default" in there
    said = plugin.fails("logs", "one", config=config)
    assert "you may not get Connection" not in said
    assert f"you may not read Secret {name}/key" in said
    assert "--own-key" in said
    assert plugin("logs", "one", "--own-key", "-o", "json", config=config) == ""
    assert scene.calls("GET", events)[-1]["key"] == scene.world.simulator.key[-4:]
    stranger = scene.control.other_key()
    said = plugin.fails("logs", "one", "--own-key", config=config, ANTHROPIC_API_KEY=stranger)
    assert "this is a key of another workspace" in said


def viewer(team, name):
    """A kubeconfig of somebody who may look at Sessions and Connections, and at no Secret."""
    meta, api = {"name": name, "namespace": team.namespace}, "rbac.authorization.k8s.io"
    roles = ("managed-agents-session-viewer", "managed-agents-connection-viewer")
    bindings = [
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": meta | {"name": role},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        }
        for role in roles
    ]
    team.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}, *bindings)
    return team.world.cluster.service_account(team.namespace, name)


def test_orphans_are_adopted_or_archived_and_no_others(scene, plugin, ready):
    ids = {name: ready(name, deletionPolicy="Retain", title=name) for name in ("left", "busy", "kept")}
    other = scene.control.session(ids["kept"])["metadata"]
    with scene.client() as client:
        body = {"agent": "agent_sample", "environment_id": "env_sample"}
        theirs = {"k8s_uid": "u/1/d", "k8s_owner": "another-cluster/default/left"}
        for metadata in ({}, theirs):
            client.post("/v1/sessions", json=body | {"metadata": metadata}).raise_for_status()
    assert other["k8s_owner"].endswith("/default/kept")
    scene.delete("left")
    scene.delete("busy")
    scene.control.behaviour(ids["busy"], turn_seconds=4000.0)
    with scene.client() as client:
        path = f"/v1/sessions/{ids['busy']}/events"
        client.post(path, json={"events": [{"type": "user.message", "content": [SAID]}]}).raise_for_status()
    mark = scene.mark()
    table = plugin.typed("managedagents", "orphans").splitlines()
    assert {line.split()[0] for line in table[1:]} == {ids["left"], ids["busy"]}
    assert "add --yes" in plugin.fails("orphans", "--archive")
    asked = plugin.run("orphans", "--archive", input="n\n", terminal=True, code=1).err
    assert asked == "Archive these 2? [y/N]: error: nothing was done\n"
    done = plugin.run("orphans", "--archive", "--yes", "--dry-run", code=1)
    assert f"session {ids['busy']} is not archived: it is running" in done.err
    assert scene.mutations(since=mark) == []
    [left] = [
        one
        for one in yaml.safe_load_all(plugin("orphans", "--adopt", "--dry-run"))
        if one["metadata"]["name"] == "left"
    ]
    assert left["spec"]["sessionId"] == ids["left"]
    assert plugin("orphans", "-A", "-o", "name").split() == plugin("orphans", "-o", "name").split()
    plugin("orphans", "--adopt", "--yes")
    scene.wait_ready("left", "busy")
    scene.settled("left", "busy")
    assert scene.steps(since=mark) == ["update", "update"]
    assert scene.status("left")["id"] == ids["left"]
    for name in ("left", "busy"):
        spec = left["spec"] | {"sessionId": ids[name], "title": name, "deletionPolicy": "Retain"}
        scene.apply(scene.session(name) | {"spec": spec})
    scene.settled("left", "busy")
    scene.delete("left")
    scene.delete("busy")
    scene.control.fault("cut", method="POST", path=f"/v1/sessions/{ids['left']}/archive", when="after")
    said = plugin("orphans", "--archive", "--interrupt", "--yes").splitlines()
    assert sorted(said) == sorted(f"session {ids[name]} archived" for name in ("left", "busy"))
    assert scene.control.session(ids["busy"])["archived_at"]
    assert scene.control.session(ids["left"])["archived_at"]
    assert not scene.control.session(ids["kept"])["archived_at"]


def test_an_exported_session_is_adopted_and_nothing_of_it_changes(scene, plugin):
    body = {
        "agent": {"type": "agent_with_overrides", "id": "agent_sample", "system": None, "tools": []},
        "environment_id": "env_sample",
        "title": "Theirs: a\u202e title",
        "metadata": {"team": "a"},
        "vault_ids": ["vlt_sample"],
        "budget": {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}},
        "resources": [
            {"type": "file", "file_id": "file_sample", "mount_path": "/data.csv"},
            {"type": "github_repository", "url": "https://github.com/o/r", "authorization_token": "ghp_0123456789"},
            {"type": "memory_store", "memory_store_id": "memstore_sample", "access": "read_only"},
        ],
    }
    with scene.client() as client:
        ident = client.post("/v1/sessions", json=body).raise_for_status().json()["id"]
    before = scene.control.session(ident)
    mark = scene.mark()
    exported = plugin.typed("managedagents", "export", ident, "--name", "theirs")
    assert "authorizationTokenSecretRef" in exported
    assert "data.csv" in exported
    assert json.loads(plugin("export", ident, "--name", "theirs", "-o", "json")) == yaml.safe_load(exported)
    assert scene.mutations(since=mark) == []
    scene.apply(exported)
    scene.wait_ready("theirs")
    scene.settled("theirs", sweeps=4)
    [call] = scene.mutations(since=mark)
    assert (call["path"], set(call["body"]), set(call["body"]["metadata"])) == (
        f"/v1/sessions/{ident}",
        {"metadata"},
        {"k8s_uid", "k8s_owner"},
    )
    after = scene.control.session(ident)
    moved = {"metadata", "updated_at"}
    assert {k: v for k, v in after.items() if k not in moved} == {k: v for k, v in before.items() if k not in moved}
    assert "which is there" in plugin.run("export", ident).err
    with scene.client() as client:
        gone = client.post("/v1/sessions", json=body | {"title": "Over"}).raise_for_status().json()["id"]
        client.post(f"/v1/sessions/{gone}/archive").raise_for_status()
    mark = scene.mark()
    scene.apply(plugin("export", gone))
    scene.wait("over", "Archived")
    scene.settled("over")
    assert scene.mutations(since=mark) == []
    assert "there is no session sesn_none" in plugin.fails("export", "sesn_none")


def test_lines_are_completed_by_kubectl(scene, plugin, ready):
    ready("finish-me")
    words = plugin.typed("__complete", "managedagents", "logs", "finish").splitlines()
    assert words[0].split("\t")[0] == "finish-me"
    assert words[-1] == ":4"
    commands = plugin.typed("__complete", "managedagents", "").splitlines()
    assert {line.split("\t")[0] for line in commands[:-1]} == {
        *("approve", "deny", "export", "interrupt", "logs", "orphans", "send", "status")
    }
    nothing = plugin.typed("__complete", "managedagents", "status", "", KUBECONFIG="/nowhere")
    assert nothing == ":4\n"
