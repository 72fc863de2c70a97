"""Events: what they say, how often, and that nothing about them ever disturbs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace

import pytest
from tests.kube.conftest import cut, status

from managed_agents_operator.kube import events as module
from managed_agents_operator.kube.events import Events, plain
from managed_agents_operator.telemetry import REGISTRY


def counted(outcome):
    return REGISTRY.get_sample_value("managed_agents_events_total", {"outcome": outcome})


@dataclass(frozen=True)
class Meta:
    namespace: str = "ns"
    name: str = "triage"
    uid: str = "u1"
    resource_version: str = "7"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(module, "_SPACING_SECONDS", 0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def events(cluster, clock):
    events = Events(cluster, "g.dev", "v1", clock=clock)
    running = asyncio.create_task(events.run())
    yield events
    assert not running.done(), "nothing ends it"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def sent(server):
    return [json.loads(body) for *_, body in server.requests]


async def test_what_an_event_says(server, events):
    server.says((201, {}))
    events.publish(Meta(), "Warning", "InvalidSpec", "Create", "agent.id: not found")
    await events.flush()
    ((method, path, *_),) = server.requests
    assert (method, path) == (
        "POST",
        "/apis/events.k8s.io/v1/namespaces/ns/events?fieldManager=managed-agents-operator",
    )
    (body,) = sent(server)
    assert body["regarding"] == {
        "apiVersion": "g.dev/v1",
        "kind": "Session",
        "namespace": "ns",
        "name": "triage",
        "uid": "u1",
        "resourceVersion": "7",
    }
    said = {key: body[key] for key in ("type", "reason", "action", "note", "reportingController")}
    assert said == {
        "type": "Warning",
        "reason": "InvalidSpec",
        "action": "Create",
        "note": "agent.id: not found",
        "reportingController": "managed-agents-operator",
    }


async def test_the_same_is_told_once_in_ten_minutes(server, events, clock):
    server.says((201, {}))
    for note, at in [("a", 0), ("a", 1), ("b", 2), ("a", 599), ("a", 600), ("b", 601), ("b", 602)]:
        clock.now = at
        events.publish(Meta(), "Normal", "Created", "Create", note)
    events.publish(Meta(uid="u2"), "Normal", "Created", "Create", "b")
    events.publish(Meta(), "Normal", "Archived", "Archive", "b")
    await events.flush()
    told = [(body["regarding"]["uid"], body["reason"], body["note"]) for body in sent(server)]
    assert told == [
        ("u1", "Created", "a"),
        ("u1", "Created", "b"),
        ("u1", "Created", "a"),
        ("u1", "Created", "b"),
        ("u2", "Created", "b"),
        ("u1", "Archived", "b"),
    ]


async def test_memory_of_what_was_told_is_bounded(server, events, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    server.says((201, {}))
    for n in range(100):
        events.publish(Meta(), "Normal", "Created", "Create", str(n))
    assert len(events._told) <= 10


async def test_failures_are_counted_and_complained_about_once_a_minute(server, events, clock, caplog):
    failed = counted("failed")
    server.says(status(403, "events is forbidden"), cut, status(422), status(404), status(500))
    for n in range(5):
        events.publish(Meta(), "Normal", "Created", "Create", str(n))
    await events.flush()
    assert counted("failed") == failed + 5
    assert len(caplog.records) == 1
    clock.now = 60
    events.publish(Meta(), "Normal", "Created", "Create", "again")
    await events.flush()
    assert len(caplog.records) == 2


async def test_what_has_no_namespace_is_told_in_the_default_one(server, events):
    server.says((201, {}))
    events.publish(replace(Meta(), namespace=""), "Warning", "KeyRefused", "Reconcile", "no", kind="ClusterConnection")
    await events.flush()
    ((_, path, *_),) = server.requests
    (body,) = sent(server)
    assert "/namespaces/default/events" in path
    assert body["metadata"]["namespace"] == "default"
    assert body["regarding"]["kind"] == "ClusterConnection"
    assert "namespace" not in body["regarding"]


async def test_too_many_are_dropped_and_nobody_waits(cluster, monkeypatch):
    monkeypatch.setattr(module, "_QUEUE", 3)
    events = Events(cluster, "g.dev", "v1")
    dropped = counted("dropped")
    for n in range(5):
        events.publish(Meta(), "Normal", "Created", "Create", str(n))
    assert counted("dropped") == dropped + 2
    assert len(events._told) == 3, "what was dropped may be told later"


NOTES = [
    ("plain", "plain", "as it is"),
    ("two\nlines\r\n\tand  blanks ", "two lines and blanks", "one line"),
    ("a\x1b[31mb\x00c\u202ed", "a [31mb c d", "nothing that a terminal obeys"),
    ("x" * 1024, "x" * 1024, "just fits"),
    ("x" * 1025, "x" * 1021 + "…", "cut, and seen to be"),
    ("é" * 600, "é" * 510 + "…", "cut between characters"),
]


@pytest.mark.parametrize(("note", "expected", "reason"), NOTES)
def test_notes_are_plain(note, expected, reason):
    assert plain(note) == expected, reason
    assert len(plain(note).encode()) <= 1024, reason
