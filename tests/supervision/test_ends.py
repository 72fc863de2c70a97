"""Each task of a working operator ends as it never should: the process ends non-zero and says which it was, or is told.

Found are all tasks there are, so a new one without a row fails here. What hangs instead of ending: test_hangs.py.
"""

from __future__ import annotations

import asyncio
import functools

import pytest
from tests.supervision.stage import broken, cancelled, opened

from managed_agents_operator.kube.lease import Lease

TASKS = {
    "events": "Events are written from a queue",
    "sources": "keeps the two below",
    "ConfigMaps of all namespaces": "the watch by which a changed mount is noticed",
    "Secrets of all namespaces": "the same for tokens and keys",
    "resync": "keeps the one below",
    "comparison": "what the watch lost would stay lost",
    "keeper": "keeps the two below",
    "keeper of those without a connection": "keeps the two of a keeper",
    "those that wait for a connection": "keeps the one below",
    "looks": "begins the looks that resources wait for",
    "connections": "keeps what follows",
    "connections by bell": "takes up keys and specs of connections",
    "connections, each minute": "what no event told",
    "line of the key of the operator's environment": "keeps all that is done by one connection",
    "keeper of a connection": "keeps the two of a keeper",
    "keeper clock": "wakes resources when it is time",
    "keeper worker 0": "makes the passes",
    "sweeps": "keeps the two below",
    "full sweep": "sees what changed outside",
    "hot sweep": "sees what is at work",
    "framework": "its watches, and all that is its own",
}
WATCHES = {
    "watcher for sessions.v1alpha1.managedagents.dev@None": "the framework's, in tasks of its own",
    "watcher for connections.v1alpha1.managedagents.dev@None": "the same",
    "watcher for clusterconnections.v1alpha1.managedagents.dev@None": "the same",
    "watcher for namespaces.v1@None": "the same",
}


async def test_these_are_all_the_tasks_there_are(monkeypatch, tmp_path):
    async with opened(monkeypatch, tmp_path) as stage:
        assert set(stage.tasks()) == {*TASKS, *WATCHES}


CASES = [
    *((name, reason, cancelled) for name, reason in TASKS.items()),
    # Those that keep others are broken by each of these.
    *((name, reason, broken) for name, reason in TASKS.items() if "keeps" not in reason),
]


@pytest.mark.parametrize(("name", "reason", "how"), CASES)
async def test_it_ends_the_process_and_is_named(monkeypatch, tmp_path, caplog, name, reason, how):
    async with opened(monkeypatch, tmp_path) as stage:
        await how(await stage.task(name))
        assert await stage.running == 1, reason
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    assert {"comparison": "resync"}.get(name, name) in told, reason
    assert told.endswith("it was cancelled" if how is cancelled else "it broke"), reason


@pytest.mark.parametrize(("name", "reason"), WATCHES.items(), ids=WATCHES)
async def test_a_watch_that_breaks_ends_it_as_well(monkeypatch, tmp_path, caplog, name, reason):
    async with opened(monkeypatch, tmp_path) as stage:
        await broken(await stage.task(name))
        assert await stage.running == 1, reason
    assert "framework ended, and with it the operator: it broke" in caplog.messages


@pytest.mark.parametrize("how", [cancelled, broken])
async def test_whoever_renews_the_lease_is_the_fence(monkeypatch, tmp_path, caplog, how):
    ended = asyncio.Event()
    monkeypatch.setattr("managed_agents_operator.app._fence", ended.set)
    async with opened(monkeypatch, tmp_path, MANAGED_AGENTS_LEADER_ELECTION="true") as stage:
        await how(await stage.task("lease"))
        await ended.wait()
    words = "it was cancelled" if how is cancelled else "it broke"
    assert f"The Lease is not renewed any more: {words}" in caplog.messages


async def test_a_lease_that_nobody_renews_is_the_fence_whatever_hangs(monkeypatch, tmp_path, caplog):
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("managed_agents_operator.app._fence", lambda: loop.call_soon_threadsafe(ended.set))
    # Long enough for a busy machine to begin in, short enough to be waited for.
    short = functools.partial(Lease, seconds=30, renew_within=5.0, every=0.05)
    monkeypatch.setattr("managed_agents_operator.app.Lease", short)
    async with opened(monkeypatch, tmp_path, MANAGED_AGENTS_LEADER_ELECTION="true") as stage:
        await stage.hang("lease")
        await ended.wait()
    assert any("was not renewed in time" in message for message in caplog.messages)
