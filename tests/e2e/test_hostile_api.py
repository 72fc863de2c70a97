"""Somebody points a Connection at a server that means ill: no other tenant notices, and no call goes astray.

What the server remembers of its requests is the judge, and the log, of which every line is one of the operator's own.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from tests.api.refusals import refusals, status_schema
from tests.e2e.hostile import KEY, hostile, reply, without_end

pytestmark = pytest.mark.e2e

LINE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +\w+: |  ")
FORGED = "2026-11-28T20:00:00.000Z ERROR   telling: default/prod: the key is stolen"
MEMORY = 512 * 2**20
"""What the Deployment allows."""


@pytest.fixture
def scene(lodger):
    lodger.start()
    return lodger


@pytest.fixture
def server():
    with hostile() as server:
        yield server


@pytest.fixture
def there(scene, team, server):
    """A namespace whose Connection is to the hostile server."""
    there = team()
    there.apply(there.secret("key", apiKey=KEY), there.connection(baseURL=server.url))
    yield there
    tame(scene, server)


def tame(scene, server):
    """Nothing was asked that is not meant, by the key alone that is meant, and nothing moves the reader's terminal."""
    assert server.strangers() == []
    assert {call.headers.get("x-api-key") for call in server.calls} == {KEY}
    lines = scene.world.operator_log.read_text().splitlines()
    assert [line for line in lines if not (LINE.match(line) and line.isprintable())] == []
    assert not any(line.startswith(FORGED[:30]) for line in lines)
    assert KEY not in "".join(lines)
    assert scene.world.operator.process.running


def judged(scene, name):
    """Its status, as the schema judges it that the tests of single values ask: here a real API server took it."""
    status = scene.status(name)
    assert list(refusals(status_schema(), status)) == []
    return status


NAMES = {
    "up": "../../v1/agents/agent_sample",
    "down": "sesn_1/archive",
    "dots": "..",
    "nothing": "",
    "lines": f"sesn_1\n{FORGED}",
    "long": "s" * 5000,
    "number": 7,
    "windows": "..\\..\\v1\\agents",
}


def test_ids_that_lead_elsewhere_lead_nowhere(scene, there, server):
    """Each is made once, since the session may be there; found again when the server comes to its senses."""
    owner = {}
    server.names = lambda s: NAMES[owner.setdefault(s["own"], s["metadata"]["k8s_owner"].rpartition("/")[2])]
    there.apply(*(there.session(name) for name in NAMES))

    def told(name):
        return (there.condition(name, "Synced") or {}).get("message", "")

    there.until("what is wrong", lambda: all("an item of the list has no id" in told(name) for name in NAMES))
    assert all("id" not in judged(there, name) for name in NAMES)
    mark, writes = len(server.calls), len(there.writes())
    there.until("more listings", lambda: len(server.calls) >= mark + 3)
    assert len(there.writes()) == writes, "what stays as it is is not written again"
    server.names = lambda s: s["own"]
    there.wait_ready(*NAMES)
    assert {server.named(f"{there.namespace}/{name}")["own"] for name in NAMES} == set(owner)
    assert len([c for c in server.calls if (c.method, c.parts[2:]) == ("POST", ["sessions"])]) == len(NAMES)


ESCAPES = "\x1b[2J\x1b[31m\x9b2J\x07\u202e\x00<script>alert(1)</script>"
NUMBERS = {"input_tokens": 2**63, "output_tokens": -(10**30), "active_seconds": 1e308, "new": 10**40}


def loud(session):
    """Everything that a session may tell, and too much of it."""
    return session | {
        "status": f"idle{ESCAPES}\n{FORGED}",
        "title": f"{FORGED}\n{ESCAPES}" + "x" * 2_000_000,
        "metadata": session["metadata"] | {ESCAPES: ESCAPES, "huge": "m" * 100_000},
        "agent": {
            "id": f"../{ESCAPES}",
            "name": f"A{ESCAPES}",
            "version": 2**70,
            "system": "s" * 1_000_000,
            "tools": [{"a": [[[1e308]]]}],
        },
        "environment_id": f"env\n{FORGED}",
        "vault_ids": ["../vlt", ESCAPES, 7],
        "usage": NUMBERS | {"list_cost": {"amount": "9" * 400, "currency": ESCAPES}, "inputTokens": 10**40},
        "stats": {"active_seconds": "many", "duration_seconds": -1},
        "resources": [{"id": f"../{n}", "type": ESCAPES, "mount_path": "/../../etc/passwd"} for n in range(300)],
        "outcome_evaluations": [{"result": ESCAPES, "explanation": "e" * 100_000, "deep": [[[[{}]]]]}],
        "created_at": "0001-01-01T00:00:00Z",
        "updated_at": "yesterday",
        "deployment_id": {"a": 1},
        "surprise": [ESCAPES, {"__proto__": None}],
    }


def test_what_it_tells_is_told_as_what_it_is(scene, there, server):
    """Ids with the signs of URLs among them: for the path they are letters like others."""
    server.tells = loud
    server.names = lambda s: f"{s['own']}?x=y#z%2e%2e ;&ä"
    there.apply(there.session("loud", title="Quiet"))
    there.wait_ready("loud")
    status = judged(there, "loud")
    assert status["id"] == server.names(server.named(f"{there.namespace}/loud"))
    assert status["title"].startswith("2000")
    assert "sha256" in status["title"]
    assert "createdAt" not in status
    assert "inputTokens" not in status.get("usage", {})
    assert all(c["message"].isprintable() and len(c["message"]) <= 1024 for c in status["conditions"])
    shown = there.kubectl("get", "session", "loud", "-n", there.namespace, "-o", "wide")
    shown += there.kubectl("get", "events.v1.events.k8s.io", "-n", there.namespace)
    assert [repr(c) for c in shown if not (c.isprintable() or c == "\n")] == []
    there.delete("loud")
    assert server.named(f"{there.namespace}/loud")["archived_at"]


def test_answers_that_are_none_harm_nobody(scene, there, server):
    """One after the other, for reads and for a creation, while another tenant is served as ever."""
    bomb = gzip.compress(b" " * 10**8)
    body = b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n" + b" " * 100
    away = {"location": f"{server.url.replace('/gateway', '')}/elsewhere", "set_cookie": "a=b"}
    attacks = [
        ("a bomb", lambda: reply(200, bomb, content_encoding="gzip")),
        ("no end", lambda: without_end(body, b" " * 2**16)),
        ("a redirect", lambda: reply(307, b"", **away)),
        ("a page", lambda: reply(200, f"<html>\n{FORGED}{ESCAPES}</html>".encode())),
        ("words", lambda: reply(503, {"error": {"message": f"{FORGED}\n{ESCAPES} {KEY}"}}, retry_after="nan")),
        ("two answers", lambda: reply(200, b"{}") + reply(200, {"data": [{"id": "sesn_forged"}]})),
        ("no HTTP", lambda: b"\x00\xff" * 1000),
    ]
    left, served = list(attacks), []

    def instead(call):
        # In turn with the truth, so that pauses stay short.
        if left and len(server.calls) % 2:
            name, make = left.pop(0)
            served.append((name, call.method))
            return make()
        return None

    server.instead = instead
    there.apply(there.session("victim"))
    scene.apply(scene.session("neighbour"))
    scene.wait_ready("neighbour")
    there.until("all of them", lambda: not left)
    there.wait_ready("victim")
    assert len(served) == len(attacks)
    assert server.named(f"{there.namespace}/victim")["own"] == judged(there, "victim")["id"]
    peak = Path(f"/proc/{scene.world.operator.process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", peak)[1]) * 1024 < MEMORY
    told = there.kubectl("get", "session,connection", "-n", there.namespace, "-o", "json")
    assert KEY not in told


def spelled(namespace):
    """Ways to say "of that namespace", were anybody to take them."""
    return [
        f"{namespace}/inputs",
        f"../{namespace}/inputs",
        f"../../namespaces/{namespace}/secrets/inputs",
        f"{namespace}%2Finputs",
        f"..%2F{namespace}%2Finputs",
        f"{namespace}\\inputs",
        f"{namespace}:inputs",
        f"inputs?namespace={namespace}",
        f"inputs\n{namespace}",
        "..",
        ".",
        "inputs/",
        "/inputs",
    ]


def test_nothing_of_another_namespace_is_read(scene, team, created):
    """However a reference is spelled; where the spelling is a name, it is one of the own namespace."""
    mine, theirs = team(), team()
    canary = "canary-of-theirs-5e6f"
    theirs.apply(theirs.secret("inputs", text=canary), theirs.config_map("inputs", {"text": canary}))

    def files(name, **more):
        ref = {"name": name, "key": "text"} | more
        kinds = {"secretKeyRef": ref, "configMapKeyRef": ref}
        return [{"name": k.lower(), "file": {k: r, "mountPath": f"/{k}"}} for k, r in kinds.items()]

    def repository(name, **more):
        token = {"name": name, "key": "text"} | more
        return {
            "name": "repo",
            "githubRepository": {"url": "https://github.com/o/r", "authorizationTokenSecretRef": token},
        }

    names = spelled(theirs.namespace)
    wishes = [[mount] for name in names for mount in (*files(name), repository(name))]
    base = scene.session("x")["spec"]
    said = created([base | {"resources": mounts} for mounts in wishes])
    assert [mounts for mounts, why in zip(wishes, said, strict=True) if why is None or "name of a " not in why] == []

    # A field that is not ours is dropped by an API server that is not asked to be strict.
    dotted = f"{theirs.namespace}.inputs"
    wanted = {
        "away": [*files("inputs", namespace=theirs.namespace), repository("inputs", namespace=theirs.namespace)],
        "dotted": [*files(dotted), repository(dotted)],
    }
    for name, mounts in wanted.items():
        manifest = json.dumps(mine.session(name, resources=mounts))
        mine.kubectl("apply", "--validate=ignore", "-f", "-", input=manifest)
    for name in wanted:
        assert f"{mine.namespace}/" in mine.wait(name, "SecretMissing", "Synced")
    scene.sweeps(2)
    assert scene.uploads() == []
    assert scene.mutations() == []
    assert canary not in json.dumps(scene.calls())
    assert canary not in scene.world.operator_log.read_text()
