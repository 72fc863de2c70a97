"""Two operators and one Lease: whoever loses it ends and sends nothing more, and each resource keeps one session.

What a Lease is, is in tests/kube/test_lease.py; the life of a process that stands by, in test_life.py.
"""

from __future__ import annotations

import json
import signal
from datetime import datetime

import pytest
from tests.chaos.proxy import Proxy
from tests.e2e.scene import FAST

pytestmark = pytest.mark.e2e

NAME, NAMESPACE = "managed-agents-operator", "managed-agents-system"
ELECTION = FAST | {"MANAGED_AGENTS_LEADER_ELECTION": "true", "MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS": "8"}
KEYS = {"one": "sk-ant-the-first-0001", "two": "sk-ant-the-second-0002"}
"""Of one workspace: by them the API tells the two apart."""


@pytest.fixture
def operators(scene):
    """Starts an operator by its name; it is found to lead by `leads`."""
    scene.kubectl("delete", "lease", NAME, "-n", NAMESPACE, "--ignore-not-found")
    started = []

    def start(name, **env):
        scene.control.add_key(KEYS[name])
        operator = scene.world.start_operator(ELECTION | {"ANTHROPIC_API_KEY": KEYS[name]} | env, wait=False)
        started.append(operator)
        return operator

    yield start
    for operator in started:
        operator.process.kill()


def leads(operator):
    """Until it does."""
    operator.process.wait_for_line(rf"Leading: \S+_{operator.process.pid}_")


def stands_by(operator):
    operator.process.wait_for_line("Standing by")


def counts(operator):
    """Whether it leads, and whether it tells of Sessions, by its metrics."""
    told = operator.metrics()
    (leading,) = (line for line in told.splitlines() if line.startswith("managed_agents_leading "))
    return leading, "managed_agents_sessions{" in told


def sent(scene, name, since=0):
    """What an operator asked of the API."""
    return [call for call in scene.calls(since=since) if call["key"] == KEYS[name][-4:]]


def one_each(scene, *names):
    """Quiet, and each resource has one session, which is the only one that was ever made for it."""
    scene.wait_ready(*names, timeout=60)
    scene.sweeps(3, key=KEYS["two"][-4:])
    found = {name: [s["id"] for s in scene.remote(name)] for name in names}
    assert found == {name: [scene.status(name)["id"]] for name in names}


def test_a_leader_that_is_cut_off_with_a_creation_in_flight(scene, operators, installed, tmp_path):
    cluster = scene.world.cluster
    with (
        Proxy("kubernetes", cluster.url, str(cluster.ca), scene.kill) as kubernetes,
        Proxy("claude", scene.world.simulator.url, None, scene.kill) as claude,
    ):
        config = kubernetes.detour(installed.kubeconfig, tmp_path / "detour")
        one = operators("one", KUBECONFIG=str(config), ANTHROPIC_BASE_URL=claude.url)
        leads(one)
        scene.apply(scene.session("settled", initialEvents=[{"type": "user.message", "text": "Go."}]))
        scene.wait_ready("settled")
        two = operators("two")
        stands_by(two)
        assert counts(two) == ("managed_agents_leading 0.0", False), "of what it does not see it counts nothing"
        claude.add("hold", "POST", r"^/v1/sessions\?")
        scene.apply(scene.session("torn"))
        scene.until("its creation on its way", claude.hits)
        kubernetes.partition()
        scene.apply(scene.session("after"))
        leads(two)
        assert one.process.exit_code == 1, "it ended before another could lead"
        mark = scene.mark()
        # What was sent long ago comes in only now, while the other one searches for it.
        claude.clear()
        kubernetes.clear()
        one_each(scene, "settled", "torn", "after")
        assert counts(two) == ("managed_agents_leading 1.0", True)
    late = sent(scene, "one", since=mark)
    assert [(call["method"], call["path"]) for call in late] == [("POST", "/v1/sessions")], "the one that was held"
    assert scene.remote("torn")[0]["id"] == scene.status("torn")["id"]
    assert len(scene.creations()) == 3
    assert len(scene.remote("settled")[0]["events"]) == 1


def test_a_leader_that_stood_still_ends_without_a_word(scene, operators):
    one = operators("one")
    leads(one)
    scene.control.behaviour(turn_seconds=4000.0)
    scene.apply(scene.session("works", initialEvents=[{"type": "user.message", "text": "Go."}]))
    scene.wait("works", "Running")
    two = operators("two")
    stands_by(two)
    one.process.signal(signal.SIGSTOP)
    # There is much to do for whoever leads: a change, a new one, one that goes.
    scene.apply(scene.session("new"), scene.session("works", title="Another", initialEvents=EVENTS))
    leads(two)
    mark = scene.mark()
    scene.until("the title", lambda: scene.remote("works")[0]["title"] == "Another")
    one.process.signal(signal.SIGCONT)
    assert one.process.wait() == 1
    one_each(scene, "works", "new")
    assert sent(scene, "one", since=mark) == []


EVENTS = [{"type": "user.message", "text": "Go."}]


def test_a_leader_that_is_told_to_stop_finishes_and_hands_over(scene, operators):
    one = operators("one")
    leads(one)
    two = operators("two")
    stands_by(two)
    scene.control.fault("delay", method="POST", path="^/v1/sessions$", when="after", seconds=2)
    mark = len(scene.world.cluster.audit)
    scene.apply(scene.session("torn"))
    scene.until("its creation", scene.control.sessions)
    assert one.stop() == 0
    ended = scene.mark()
    leads(two)
    scene.apply(scene.session("next"))
    one_each(scene, "torn", "next")
    assert len(scene.creations()) == 2
    assert sent(scene, "one", since=ended) == []
    lease = json.loads(scene.kubectl("get", "lease", NAME, "-n", NAMESPACE, "-o", "json"))["spec"]
    assert f"_{two.process.pid}_" in lease["holderIdentity"]
    # The last word of the first and the first of the second, by the API server's clock: nobody let 15 s run out.
    writes = scene.world.cluster.audit.writes(user=scene.world.account, resource="leases", since=mark)
    taken = next(n for n, write in enumerate(writes) if write.at[:26] >= lease["acquireTime"][:26])
    assert _seconds(writes[taken].at) - _seconds(writes[taken - 1].at) < 15


def _seconds(at):
    return datetime.fromisoformat(at).timestamp()
