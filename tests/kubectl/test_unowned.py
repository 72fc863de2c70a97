"""Which sessions are orphans of this cluster."""

from __future__ import annotations

import json

import pytest

from managed_agents_kubectl import orphans
from managed_agents_kubectl.cluster import Kubernetes, Missing
from managed_agents_kubectl.credentials import Access
from managed_agents_kubectl.unowned import Orphan, keep, orphaned, owned
from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.errors import ObjectGone

MARKER = {"k8s_uid": "uid-1/1/d", "k8s_owner": "here/team/one"}
SEEN = [
    (MARKER, {}, "team", ("team", "one", "uid-1"), "made here"),
    (MARKER, {}, None, ("team", "one", "uid-1"), "in any namespace"),
    ({**MARKER, "k8s_owner": "also-here/team/one"}, {}, None, ("team", "one", "uid-1"), "by its other name"),
    (MARKER, {}, "other", None, "not in that one"),
    ({**MARKER, "k8s_owner": "there/team/one"}, {}, None, None, "those of another cluster in the same workspace"),
    ({"k8s_uid": "uid-1/1/d"}, {}, None, None, "nobody knows whose"),
    ({**MARKER, "k8s_owner": "here"}, {}, None, None, "or not in our form"),
    ({"k8s_owner": "here/team/one"}, {}, None, None, "only half a marker"),
    ({}, {}, None, None, "other people's"),
    (MARKER, {"archived_at": "2026-11-28T12:00:00Z"}, None, None, "one that is over asks for nothing"),
]


@pytest.mark.parametrize(("metadata", "fields", "namespace", "owner", "reason"), SEEN, ids=[row[4] for row in SEEN])
def test_whose_a_session_was(metadata, fields, namespace, owner, reason):
    wire = Session.model_validate({"id": "sesn_1", "metadata": metadata, **fields})
    assert orphaned(wire, {"here", "also-here"}, namespace) == owner, reason


def test_a_session_has_somebody_by_uid_claim_status_or_wish():
    claim = {"uid": "uid-0", "n": 1, "at": "2026-11-28T12:00:00Z", "by": "b", "digest": "d"}
    restored = {"uid": "uid-1", "annotations": {"managedagents.dev/claim": json.dumps(claim)}}
    uids, ids = owned(
        [
            {"metadata": restored},
            {"metadata": {"uid": "uid-2"}, "status": {"id": "sesn_2"}},
            {"metadata": {"uid": "uid-3"}, "spec": {"sessionId": "sesn_3"}},
        ]
    )
    assert uids == {"uid-0", "uid-1", "uid-2", "uid-3"}
    assert ids == {"sesn_2", "sesn_3"}


class Client:
    """The API with one session, and what was done to it."""

    def __init__(self, wire):
        self.wire, self.archived = wire, []

    async def get_session(self, id):
        return Answer(self.wire, None)

    async def archive_session(self, id):
        self.archived.append(id)


class Cluster:
    """A cluster with the Session that has come back, or with none."""

    def __init__(self, body=None):
        self.body, self.asked = body, []

    async def call(self, method, path, *, params=None, body=None):
        self.asked.append(path)
        if self.body is None:
            raise ObjectGone("not there")
        return self.body


def orphan(place=ENVIRONMENT, url="https://api.anthropic.com", id="sesn_1", namespace="team"):
    marker = {**MARKER, "k8s_owner": f"here/{namespace}/one"}
    wire = Session.model_validate({"id": id, "status": "idle", "metadata": marker})
    access = Access(place, ConnectionSpec(base_url=url), {}, "a key")
    return Orphan(wire, namespace, "one", "uid-1", Client(wire), access)


def test_of_connections_to_one_api_that_of_its_namespace_shows_a_session():
    seen = {}
    own, shared = Place("Connection", "team", "default"), Place("ClusterConnection", "", "default")
    for place in (ENVIRONMENT, own, shared):
        keep(seen, orphan(place, url="https://api.anthropic.com/" if place == shared else "https://api.anthropic.com"))
    assert [one.access.place for one in seen.values()] == [own]


def test_no_server_hides_a_session_of_another():
    """Whoever may make a Connection says what is listed there, down to ids that he knows and his own namespace."""
    seen = {}
    for one in (orphan(), orphan(Place("Connection", "evil", "c"), "https://evil.example", namespace="evil")):
        keep(seen, one)
    assert [one.access.place.kind for one in seen.values()] == ["Environment", "Connection"]


CLAIM = {"uid": "uid-1", "n": 1, "at": "2026-11-28T12:00:00Z", "by": "b", "digest": "d"}
BACK = [
    ({"metadata": {"uid": "uid-1"}}, False, "the resource itself"),
    (
        {"metadata": {"uid": "uid-2", "annotations": {"managedagents.dev/claim": json.dumps(CLAIM)}}},
        False,
        "restored from a backup: the operator looks for its session",
    ),
    ({"metadata": {"uid": "uid-2"}, "spec": {"sessionId": "sesn_1"}}, False, "one that wants to adopt it"),
    ({"metadata": {"uid": "uid-2"}, "status": {"id": "sesn_2"}}, True, "another one of the same name"),
    (None, True, "nothing came back"),
]


@pytest.mark.parametrize(("body", "archived", "reason"), BACK, ids=[row[2] for row in BACK])
async def test_what_came_back_while_a_person_was_asked_keeps_its_session(body, archived, reason):
    one = orphan()
    kubernetes = Kubernetes(Cluster(body), "team", None)
    assert await orphans._archive(kubernetes, one, dry_run=False, interrupt=False) == archived, reason
    assert one.client.archived == (["sesn_1"] if archived else []), reason


@pytest.mark.parametrize("namespace", ["..", "a/b", "kube-system/secrets?x=", "A"])
async def test_a_namespace_that_none_can_be_is_said_and_nothing_asked(namespace):
    """Of a flag, or of a marker that somebody forged."""
    cluster = Cluster()
    kubernetes = Kubernetes(cluster, namespace, None)
    for call in (
        kubernetes.sessions(namespace),
        kubernetes.session("one"),
        kubernetes.events(namespace, "u"),
        kubernetes.deployments(namespace, "l"),
        kubernetes.create({"metadata": {"namespace": namespace, "name": "one"}}),
    ):
        with pytest.raises(Missing, match="is no name"):
            await call
    assert not await orphans._adopt(kubernetes, orphan(namespace=namespace), dry_run=False)
    assert cluster.asked == []
