"""Connections at the start of an operator: with and without a key in its environment, and after a restart.

The request log of the simulator tells the last four characters of the key of each call.
"""

from __future__ import annotations

import pytest
from tests.e2e.connecting import SHARED, alone, connection, fares, finalizers, keys, shared

pytestmark = pytest.mark.e2e


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
    used = [c["key"] for c in scene.creations()]
    assert used[:2] == [env, "3333"]
    assert sorted(used[2:]) == ["3333", "4444"], "of two at once either may come first"
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


def test_a_key_file_that_is_replaced_counts_at_once(scene, tmp_path):
    """As the kubelet does it with a mounted Secret: a link is set to another folder."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "key").write_text(scene.world.simulator.key)
    (tmp_path / "..data").symlink_to(tmp_path / "1")
    file = tmp_path / "..data" / "key"
    scene.start(ANTHROPIC_API_KEY="", MANAGED_AGENTS_API_KEY_FILE=str(file))
    scene.apply(scene.session("job", title="One"))
    scene.wait_ready("job")
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "key").write_text(scene.control.add_key("sk-ant-file-6666"))
    (tmp_path / "..new").symlink_to(tmp_path / "2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    mark = scene.mark()
    scene.apply(scene.session("job", title="Two"))
    scene.until("the title", lambda: scene.control.session(scene.status("job")["id"])["title"] == "Two")
    assert keys(scene, mark) == {"6666"}


def test_a_session_without_any_connection_says_what_to_make(scene, team):
    here = team()
    alone(scene)
    here.apply(here.session("job"))
    assert "make a Connection called default" in here.wait("job", "KeyMissing")
    here.delete("job")
    assert scene.calls() == []


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
    assert "Sessions use this connection" in fares(here, "Deleting")
    assert connection(here)["status"]["sessions"] == 2
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


def test_a_connection_that_is_being_deleted_serves_its_sessions_after_a_restart(scene, team, opened_to):
    here = team()
    alone(scene)
    opened_to(here, "sk-ant-one-1111")
    here.apply(here.session("job", title="One"))
    here.wait_ready("job")
    here.kubectl("delete", "connection", "default", "-n", here.namespace, "--wait=false")
    fares(here, "Deleting")
    scene.stop()
    mark = scene.mark()
    alone(scene)
    here.apply(here.session("job", title="Two"), here.session("late", connectionRef={"name": "default"}))
    here.until("the title", lambda: scene.control.session(here.status("job")["id"])["title"] == "Two")
    assert "is being deleted" in here.wait("late", "KeyMissing")
    assert finalizers(here) == ["managedagents.dev/connection"]
    here.delete("job")
    here.kubectl("wait", "connection/default", "-n", here.namespace, "--for=delete", "--timeout=40s")
    assert keys(scene, mark) == {"1111"}
    assert scene.creations(since=mark) == []


def test_none_may_use_a_cluster_connection_by_default(scene, team):
    here = team()
    scene.start()
    shared(scene, "sk-ant-shared-3333")
    here.apply(here.session("job", connectionRef=SHARED))
    assert here.namespace in here.wait("job", "ConnectionNotAllowed")
    here.sweeps(2)
    assert scene.creations() == []


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
