"""A connection has a line as long as it is needed, a finalizer while it is used, and a status that tells the truth.

The cluster here is a small API server in memory: versions count up, and what is written comes back.
"""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from tests.engine.keeping import Notes, obj
from tests.engine.test_choosing import CLAIM
from tests.engine.world.clock import FakeClock

from managed_agents_operator.api.connection import CONNECTION_FINALIZER
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.connections import Connections
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure, ObjectGone, WriteConflict
from managed_agents_operator.engine.faring import Fare
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.ports import SourceMissing, SourceValue
from managed_agents_operator.engine.switchboard import Switchboard

OWN, SHARED = Place("Connection", "team", "default"), Place("ClusterConnection", "", "shared")
REFUSED = Failure(Consequence.BLOCKED, "KeyRefused", "the API does not accept the key")
counter = itertools.count(100)


class Kind:
    """All objects of one kind. Implements `Writer`."""

    def __init__(self):
        self.objects, self.writes, self.down = {}, [], False
        self.to = lambda event, body: None

    def put(self, namespace, name, spec=None, **meta):
        known = self.objects.get((namespace, name))
        same = known is not None and known.get("spec") == spec
        generation = known["metadata"]["generation"] + (not same) if known else 1
        head = {"namespace": namespace, "name": name, "uid": f"uid-{next(counter)}", "finalizers": []}
        head |= {"creationTimestamp": "2026-01-01T00:00:00Z", **(known["metadata"] if known else {}), **meta}
        head |= {"resourceVersion": str(next(counter)), "generation": generation}
        body = {"metadata": head, "spec": spec or {}, "status": (known or {}).get("status") or {}}
        self.objects[namespace, name] = body
        self.to("MODIFIED", body)
        return body

    def remove(self, namespace, name):
        body = self.objects.pop((namespace, name))
        self.to("DELETED", body)

    async def read(self, namespace, name):
        if self.down:
            raise ClusterUnreachable("no answer")
        return self.objects.get((namespace, name))

    async def list_pages(self, limit=500):
        if self.down:
            raise ClusterUnreachable("no answer")
        yield list(self.objects.values())

    async def patch_object(self, namespace, name, patch, *, resource_version):
        body = self._at(namespace, name, resource_version)
        meta = {**body["metadata"], **patch["metadata"], "resourceVersion": str(next(counter))}
        self.writes.append(("metadata", patch))
        after = {**body, "metadata": {k: v for k, v in meta.items() if v is not None}}
        self.objects[namespace, name] = after
        if "deletionTimestamp" in meta and not meta["finalizers"]:
            self.remove(namespace, name)
        return after

    async def patch_status(self, namespace, name, patch, *, resource_version):
        body = self._at(namespace, name, resource_version)
        self.writes.append(("status", patch["status"]))
        status = {k: v for k, v in {**body["status"], **patch["status"]}.items() if v is not None}
        meta = body["metadata"] | {"resourceVersion": str(next(counter))}
        self.objects[namespace, name] = {**body, "metadata": meta, "status": status}
        return self.objects[namespace, name]

    def _at(self, namespace, name, version):
        if (namespace, name) not in self.objects:
            raise ObjectGone(name)
        body = self.objects[namespace, name]
        if body["metadata"]["resourceVersion"] != version:
            raise WriteConflict(name)
        return body


class Secrets(dict):
    """Key by namespace and name. Implements `Sources`."""

    def __init__(self):
        super().__init__()
        self.refused = set()

    async def read(self, kind, namespace, name, key):
        if namespace in self.refused:
            raise ClusterUnreachable("forbidden")
        if (namespace, name) not in self:
            raise SourceMissing(kind, namespace, name, None)
        return SourceValue(self[namespace, name], "u", "1")


class Line:
    """An open line that remembers what it was told."""

    def __init__(self, spec, key, clock, ended):
        self.base_url, self.spec, self.key = spec.base_url, spec, key
        self.keeper, self.fares, self.closed = Keeper(clock), Fare(called=True, workspace="wrkspc_1"), False
        self.keeper.serve(Notes(), ended)

    def configure(self, spec):
        self.spec = spec

    def another_key(self):
        pass

    def answers(self):
        return True

    def fare(self):
        return self.fares

    def sweep_age(self):
        return 0.0

    async def run(self):
        await self.keeper.run()

    async def close(self):
        self.closed = True


class Stage:
    """Connections at work beside a switchboard."""

    def __init__(self, environment=False, **kinds):
        self.clock, self.secrets, self.lines = FakeClock(), Secrets(), {}
        self.kinds = {"Connection": Kind(), "ClusterConnection": Kind(), "Namespace": Kind()}
        self.opened = []
        self.told = []
        self.connections = Connections(self.kinds, self.secrets, self.clock, self._open, "system", self)
        for kind, there in self.kinds.items():
            there.to = lambda event, body, kind=kind: self.connections.directory.see(kind, event, body)
        nowhere = Keeper(self.clock)
        self.board = Switchboard(
            self.clock,
            self.connections.directory,
            nowhere,
            look=self.connections.look,
            used=self.connections.ring,
            source_changed=self.connections.source_changed,
        )
        nowhere.serve(Notes(), self.board.ended)
        self.connections.serve(self.board, None)
        self.tasks = []

    def publish(self, regarding, type, reason, action, note, *, kind):
        self.told.append((type, reason, kind, regarding.name))

    async def _open(self, place, spec, key):
        self.opened.append(place)
        self.lines[place] = Line(spec, key, self.clock, self.board.ended)
        return self.lines[place]

    async def begin(self):
        async def listed(beat):
            beat(0.0)

        self.tasks = [asyncio.create_task(run) for run in (self.connections.run(listed), self.board.run())]
        await self.calm()
        return self

    def own(self, **spec):
        """The default Connection of namespace `team`."""
        ref = {"apiKeySecretRef": {"name": "key", "key": "apiKey"}}
        return self.kinds["Connection"].put("team", "default", {"baseURL": "http://api", **ref, **spec})

    def shared(self, **spec):
        ref = {"apiKeySecretRef": {"name": "key", "key": "apiKey"}}
        return self.kinds["ClusterConnection"].put("", "shared", {"baseURL": "http://api", **ref, **spec})

    def session(self, uid="u1", **more):
        self.board.see("ADDED", obj(uid, **more))

    def status(self, kind="Connection", namespace="team", name="default"):
        return self.kinds[kind].objects[namespace, name]["status"]

    def ready(self, **which):
        [condition] = [c for c in self.status(**which)["conditions"] if c["type"] == "Ready"]
        return condition["reason"]

    def finalizers(self):
        return self.kinds["Connection"].objects["team", "default"]["metadata"].get("finalizers") or []

    async def calm(self):
        for _ in range(200):
            await asyncio.sleep(0)


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    for task in stage.tasks:
        task.cancel()
    await asyncio.gather(*stage.tasks, return_exceptions=True)
    await stage.connections.lines.close()


async def test_a_connection_with_a_key_has_a_line_and_says_so(stage):
    stage.secrets["team", "key"] = b"sk-ant-secret\n"
    stage.own()
    await stage.begin()
    assert stage.lines[OWN].key() == {"x-api-key": "sk-ant-secret"}
    assert stage.ready() == "Connected"
    assert (stage.status()["workspaceId"], stage.status()["circuit"], stage.status()["sessions"]) == (
        "wrkspc_1",
        "Closed",
        0,
    )
    assert stage.finalizers() == []


async def test_the_secret_of_a_shared_one_is_in_the_namespace_of_the_operator(stage):
    stage.secrets["system", "key"] = b"token"
    stage.kinds["ClusterConnection"].put("", "shared", {"authTokenSecretRef": {"name": "key", "key": "token"}})
    await stage.begin()
    assert stage.lines[SHARED].key() == {"authorization": "Bearer token"}


WRONG = [
    (None, "Secret team/key does not exist", "it is not there"),
    (b"", "holds no key", "it is empty"),
    (b"two words", "holds no key", "no header takes blanks"),
    ("kl\u00e9".encode(), "holds no key", "nor what is not ASCII"),
]


@pytest.mark.parametrize(("value", "said", "why"), WRONG, ids=[row[-1] for row in WRONG])
async def test_without_a_key_that_can_be_sent_there_is_no_line_and_it_says_what_to_do(stage, value, said, why):
    if value is not None:
        stage.secrets["team", "key"] = value
    stage.own()
    await stage.begin()
    assert stage.lines == {}, why
    condition, stalled = stage.status()["conditions"]
    assert (condition["type"], condition["reason"]) == ("Ready", "KeyMissing")
    assert (stalled["type"], stalled["reason"], stalled["message"]) == ("Stalled", "KeyMissing", condition["message"])
    assert said in condition["message"]
    assert "two words" not in condition["message"]
    stage.session()
    await stage.calm()
    assert stage.board.trouble("u1").reason == "KeyMissing"
    stage.secrets["team", "key"] = b"sk-ant-1"
    stage.board.source_changed("Secret", "team", "key")
    await stage.calm()
    assert stage.ready() == "Connected"
    assert stage.board.trouble("u1") is None


async def test_another_key_counts_at_once_and_opens_no_other_line(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    stage.secrets["team", "key"] = b"two"
    stage.board.source_changed("Secret", "team", "key")
    await stage.calm()
    assert stage.opened == [OWN]
    assert stage.lines[OWN].key() == {"x-api-key": "two"}


async def test_the_last_good_key_serves_until_nobody_needs_it(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    has = obj("u1", id="sesn_1")
    has["status"]["connectionRef"] = {"kind": "Connection", "name": "default"}
    stage.board.see("ADDED", has)
    await stage.calm()
    assert stage.finalizers() == [CONNECTION_FINALIZER]
    del stage.secrets["team", "key"]
    stage.board.source_changed("Secret", "team", "key")
    await stage.calm()
    assert stage.ready() == "KeyMissing"
    assert "key of before" in stage.status()["conditions"][0]["message"]
    assert stage.board.trouble("u1") is None
    stage.kinds["Connection"].put("team", "default", stage.own()["spec"], deletionTimestamp="2026-01-01T00:00:00Z")
    await stage.calm()
    assert stage.ready() == "Deleting"
    assert not stage.lines[OWN].closed
    stage.board.see("DELETED", has)
    await stage.calm()
    assert stage.kinds["Connection"].objects == {}
    assert stage.lines[OWN].closed


async def test_one_that_is_being_deleted_takes_nobody_new(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    stage.kinds["Connection"].objects["team", "default"]["metadata"]["finalizers"] = ["others"]
    stage.kinds["Connection"].put("team", "default", stage.own()["spec"], deletionTimestamp="2026-01-01T00:00:00Z")
    await stage.begin()
    stage.session()
    await stage.calm()
    assert stage.board.trouble("u1").reason == "KeyMissing"
    assert stage.board.users(OWN) == 0


async def test_how_it_fares_is_told(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own(workspaceId="wrkspc_2")
    await stage.begin()
    assert stage.ready() == "WrongWorkspace"
    for fare, reason in (
        (Fare(), "Pending"),
        (Fare(unreachable=True), "Unreachable"),
        (Fare(failure=REFUSED), "KeyRefused"),
        (Fare(called=True, workspace="wrkspc_2"), "Connected"),
    ):
        stage.lines[OWN].fares = fare
        stage.connections.ring(OWN)
        await stage.calm()
        assert stage.ready() == reason
    assert [(type, reason) for type, reason, *_ in stage.told] == [
        ("Warning", "WrongWorkspace"),
        ("Warning", "Unreachable"),
        ("Warning", "KeyRefused"),
        ("Normal", "Connected"),
    ]
    assert {(kind, name) for *_, kind, name in stage.told} == {("Connection", "default")}


async def test_a_mere_count_is_written_once_a_minute(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    for n in range(20):
        stage.session(f"u{n}")
    await stage.calm()
    writes = [w for kind, w in stage.kinds["Connection"].writes if kind == "status"]
    assert len(writes) == 1
    stage.clock.advance(60)
    stage.connections.ring(OWN)
    await stage.calm()
    assert stage.status()["sessions"] == 20
    assert len([w for kind, w in stage.kinds["Connection"].writes if kind == "status"]) == 2


async def test_nothing_is_written_where_nothing_changed(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    writes = len(stage.kinds["Connection"].writes)
    for _ in range(3):
        stage.connections.ring(OWN)
        await stage.calm()
    assert len(stage.kinds["Connection"].writes) == writes


async def test_who_may_use_a_shared_one_follows_names_and_labels(stage):
    stage.secrets["system", "key"] = b"one"
    stage.shared(allowedNamespaces={"selector": {"matchLabels": {"claude": "yes"}}})
    stage.kinds["Namespace"].put("", "team", labels={})
    await stage.begin()
    ref = {"kind": "ClusterConnection", "name": "shared"}
    stage.session(connectionRef=ref)
    await stage.calm()
    assert stage.board.trouble("u1").reason == "ConnectionNotAllowed"
    stage.kinds["Namespace"].put("", "team", labels={"claude": "yes"})
    await stage.calm()
    assert stage.board.trouble("u1") is None
    stage.shared(allowedNamespaces={"names": ["other"]})
    await stage.calm()
    assert stage.board.trouble("u1").reason == "ConnectionNotAllowed"


async def test_a_namespace_that_no_event_told_of_is_looked_at_first(stage):
    stage.secrets["system", "key"] = b"one"
    stage.shared(allowedNamespaces={"selector": {}})
    await stage.begin()
    quiet, stage.kinds["Namespace"].to = stage.kinds["Namespace"].to, lambda *_: None
    stage.kinds["Namespace"].put("", "team", labels={"a": "b"})
    stage.kinds["Namespace"].to = quiet
    stage.shared(allowedNamespaces={"selector": {"matchLabels": {"a": "b"}}})
    stage.session(connectionRef={"kind": "ClusterConnection", "name": "shared"})
    await stage.calm()
    assert stage.board.trouble("u1") is None


async def test_what_can_not_be_listed_at_first_is_waited_for(stage, monkeypatch):
    monkeypatch.setattr("managed_agents_operator.engine.connections.AGAIN", 0.0)
    stage.secrets["team", "key"] = b"one"
    stage.own()
    stage.kinds["Connection"].down = True
    await stage.begin()
    stage.session()
    await stage.calm()
    assert stage.board.users(OWN) == 0
    stage.kinds["Connection"].down = False
    await stage.calm()
    assert stage.board.users(OWN) == 1


async def test_one_that_came_back_at_another_address_waits_for_those_of_the_old_one(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    has = obj("u1", id="sesn_1")
    has["status"]["connectionRef"] = {"kind": "Connection", "name": "default"}
    stage.board.see("ADDED", has)
    await stage.calm()
    stage.kinds["Connection"].remove("team", "default")
    stage.own(baseURL="http://elsewhere")
    await stage.calm()
    assert stage.lines[OWN].base_url == "http://api"
    stage.board.see("DELETED", has)
    await stage.calm()
    assert stage.lines[OWN].base_url == "http://elsewhere"


def test_the_environment_is_not_tended(stage):
    stage.connections.ring(ENVIRONMENT)
    assert stage.connections._due == set()


def uses(uid="u1", kind="Connection", name="default"):
    """A Session with a session of that connection."""
    body = obj(uid, id=f"sesn_{uid}")
    body["status"]["connectionRef"] = {"kind": kind, "name": name, "uid": "x"}
    return body


GOING = "2026-01-01T00:00:00Z"


async def test_a_restart_keeps_the_finalizer_of_one_that_is_used(stage):
    """Also of one that is being deleted: who uses it is known only once all Sessions are."""
    stage.secrets["team", "key"] = b"one"
    spec = stage.own()["spec"]
    held = [CONNECTION_FINALIZER]
    stage.kinds["Connection"].put("team", "default", spec, finalizers=held, deletionTimestamp=GOING)
    stage.board.see(None, uses())
    await stage.begin()
    assert stage.finalizers() == held
    assert stage.ready() == "Deleting"
    assert stage.board.trouble("u1") is None
    assert [kind for kind, _ in stage.kinds["Connection"].writes] == ["status"]


async def test_a_secret_that_can_not_be_read_holds_up_its_own_sessions_alone(stage):
    stage.secrets["team", "key"] = b"one"
    stage.secrets.refused.add("bad")
    ref = {"apiKeySecretRef": {"name": "key", "key": "apiKey"}}
    stage.kinds["Connection"].put("bad", "default", ref)
    stage.own()
    await stage.begin()
    other = obj("u2")
    other["metadata"]["namespace"] = "bad"
    stage.board.see("ADDED", other)
    stage.session()
    await stage.calm()
    assert stage.board.users(OWN) == 1
    assert stage.board.trouble("u2") is None, "nothing is said of what is not known"


async def test_a_namespace_whose_labels_are_unknown_is_none_that_lacks_one(stage):
    stage.secrets["system", "key"] = b"one"
    lacks = {"matchExpressions": [{"key": "restricted", "operator": "DoesNotExist"}]}
    stage.shared(allowedNamespaces={"selector": lacks})
    await stage.begin()
    quiet, stage.kinds["Namespace"].to = stage.kinds["Namespace"].to, lambda *_: None
    stage.kinds["Namespace"].put("", "team", labels={"restricted": "yes"})
    stage.kinds["Namespace"].to = quiet
    stage.session(connectionRef={"kind": "ClusterConnection", "name": "shared"})
    await stage.calm()
    assert stage.board.trouble("u1").reason == "ConnectionNotAllowed"


async def test_a_session_keeps_the_name_of_a_connection_that_went_while_it_was_made(stage):
    stage.secrets["team", "key"] = b"one"
    uid = stage.own()["metadata"]["uid"]
    await stage.begin()
    stage.session()
    await stage.calm()
    stage.kinds["Connection"].remove("team", "default")
    await stage.calm()
    assert stage.connections.directory.ref(OWN) == {"kind": "Connection", "name": "default", "uid": uid}


async def test_a_key_for_another_address_is_never_sent_to_the_old_one(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    stage.board.see("ADDED", uses())
    await stage.calm()
    stage.kinds["Connection"].remove("team", "default")
    stage.secrets["team", "key"] = b"two"
    stage.own(baseURL="http://elsewhere")
    await stage.calm()
    assert (stage.lines[OWN].base_url, stage.lines[OWN].key()) == ("http://api", {"x-api-key": "one"})
    stage.session("u2")
    await stage.calm()
    assert "spec.baseURL" in stage.board.trouble("u2").message
    assert stage.board.trouble("u1") is None


async def test_a_key_that_was_taken_away_makes_no_new_sessions(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    stage.board.see("ADDED", uses())
    del stage.secrets["team", "key"]
    stage.board.source_changed("Secret", "team", "key")
    await stage.calm()
    stage.session("u2")
    await stage.calm()
    assert stage.board.trouble("u1") is None
    assert stage.board.trouble("u2").reason == "KeyMissing"


async def test_one_that_came_while_it_was_looked_for_is_not_forgotten(stage):
    await stage.begin()

    async def slowly(namespace, name):
        stage.kinds["Connection"].to("ADDED", stage.kinds["Connection"].put("team", "default", {}))

    stage.kinds["Connection"].read = slowly
    await stage.connections.look(OWN)
    assert stage.connections.directory.exists(OWN)


async def test_a_line_stays_as_long_as_a_resource_can_not_leave_it(stage):
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    stage.lines[OWN].keeper.serve(notes := Notes(), stage.board.ended)
    notes.gate.clear()
    stage.session()
    await stage.calm()
    stage.kinds["Connection"].remove("team", "default")
    await stage.calm()
    assert not stage.lines[OWN].closed
    notes.gate.set()
    await stage.calm()
    assert stage.lines[OWN].closed
    assert stage.board.trouble("u1").reason == "KeyMissing"


async def test_an_address_that_can_not_be_called_is_told(stage):
    async def refuse(place, spec, key):
        raise ValueError("no host")

    stage.connections._open_line = refuse
    stage.secrets["team", "key"] = b"one"
    stage.own()
    await stage.begin()
    assert stage.ready() == "KeyMissing"
    assert "no host" in stage.status()["conditions"][0]["message"]


async def test_a_right_that_was_withdrawn_does_not_come_back_when_the_connection_goes(stage):
    stage.secrets["system", "key"] = b"one"
    stage.shared(allowedNamespaces={"names": ["team"]})
    stage.kinds["Namespace"].put("", "team")
    await stage.begin()
    stage.session(connectionRef={"kind": "ClusterConnection", "name": "shared"})
    await stage.calm()
    assert stage.board.trouble("u1") is None
    body = stage.lines[SHARED].keeper.body("u1")
    ref = {"kind": "ClusterConnection", "name": "shared", "uid": "x"}
    later = {**body, "status": {"id": "sesn_1", "connectionRef": ref}}
    later["metadata"] = {**body["metadata"], "resourceVersion": str(next(counter))}
    stage.board.see("MODIFIED", later)
    stage.shared(allowedNamespaces={"names": ["other"]})
    await stage.calm()
    assert stage.board.trouble("u1").reason == "ConnectionNotAllowed"
    stage.kinds["ClusterConnection"].remove("", "shared")
    await stage.calm()
    assert stage.board.trouble("u1").reason == "ConnectionNotAllowed"
    assert not stage.lines[SHARED].closed


async def test_names_that_anybody_may_write_are_not_kept(stage):
    await stage.begin()
    for n in range(20):
        body = obj(f"u{n}")
        body["metadata"]["annotations"] = {
            "managedagents.dev/claim": json.dumps(CLAIM | {"connection": f"Connection/x{n}"})
        }
        stage.board.see("ADDED", body)
        await stage.calm()
        stage.board.see("DELETED", body)
        await stage.calm()
    assert len(stage.connections._locks) == 0


async def test_no_line_is_opened_while_the_process_ends(stage):
    stage.own()
    await stage.begin()
    await stage.board.drain(0)
    stage.secrets["team", "key"] = b"one"
    stage.connections.source_changed("Secret", "team", "key")
    await stage.calm()
    assert stage.opened == []


async def test_a_line_that_can_not_be_opened_for_whatever_reason_ends_nothing(stage, monkeypatch):
    async def fails(*_):
        raise OSError(24, "too many open files")

    stage.secrets["team", "key"] = b"one"
    stage.own()
    with monkeypatch.context() as patched:
        patched.setattr(stage.connections, "_open_line", fails)
        await stage.begin()
    assert not any(task.done() for task in stage.tasks)
    stage.connections.source_changed("Secret", "team", "key")
    await stage.calm()
    assert stage.opened == [OWN]


async def test_who_looks_for_a_connection_waits_for_no_write_of_its_status(stage, monkeypatch):
    async def refused(*_, **__):
        raise ClusterUnreachable("a webhook says no")

    await stage.begin()
    monkeypatch.setattr(stage.kinds["ClusterConnection"], "patch_status", refused)
    stage.kinds["ClusterConnection"].to = lambda *_: None
    stage.secrets["system", "key"] = b"one"
    stage.shared()
    await stage.connections.look(SHARED)
    assert stage.opened == [SHARED]
