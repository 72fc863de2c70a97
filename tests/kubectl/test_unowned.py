"""Which sessions are orphans of this cluster."""

from __future__ import annotations

import json

import pytest

from managed_agents_kubectl.unowned import orphaned, owned
from managed_agents_operator.claude.models import Session

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
