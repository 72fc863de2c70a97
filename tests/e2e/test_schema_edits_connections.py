"""What a Session may say of its connection: anything until it exists, then only what has been chosen already."""

from __future__ import annotations

import pytest
from tests.e2e.edits import ACCEPTED, BARE, FRESH, GONE, LIVE, answers, edits, matches

pytestmark = pytest.mark.e2e

OWN = {"name": "team"}
SHARED = {"kind": "ClusterConnection", "name": "team"}
NAMED = BARE | {"connectionRef": OWN}

# What the operator has written by then, for a Session that says nothing of it.
BY_DEFAULT = LIVE | {"connectionRef": {"kind": "Connection", "name": "team", "uid": "7d1f"}}
BY_CLUSTER_DEFAULT = LIVE | {"connectionRef": {"kind": "ClusterConnection", "name": "team", "uid": "7d1f"}}

FIXED = (
    "spec.connectionRef: Forbidden: connectionRef is fixed for the life of a session and of those that replace it: put"
    " it back, write what status.connectionRef says, or make another Session"
)

CHANGED = [
    ("another one", NAMED, {"connectionRef.name": "other"}, FIXED),
    ("another kind of the same name", NAMED, {"connectionRef.kind": "ClusterConnection"}, FIXED),
    ("taken out", NAMED, {"connectionRef": GONE}, FIXED),
    ("a default written out", NAMED, {"connectionRef.kind": "Connection"}, ACCEPTED),
    ("something else", NAMED, {"title": "Another"}, ACCEPTED),
]
GIVEN = [
    ("given late", BARE, {"connectionRef": OWN}, FIXED),
    ("of the cluster given late", BARE, {"connectionRef": SHARED}, FIXED),
    ("something else without any", BARE, {"title": "Another"}, ACCEPTED),
]
AS_USED = [
    ("as used", BARE, {"connectionRef": OWN}, ACCEPTED),
    ("as used, with its kind", BARE, {"connectionRef": OWN | {"kind": "Connection"}}, ACCEPTED),
    ("another kind than used", BARE, {"connectionRef": SHARED}, FIXED),
    ("another name than used", BARE, {"connectionRef": {"name": "other"}}, FIXED),
    ("still nothing", BARE, {"title": "Another"}, ACCEPTED),
]
AS_USED_OF_THE_CLUSTER = [
    ("as used of the cluster", BARE, {"connectionRef": SHARED}, ACCEPTED),
    ("another kind than used of the cluster", BARE, {"connectionRef": OWN}, FIXED),
]
# Should status ever say another than spec does, that one may be written.
BOUND = [("what status says", BARE | {"connectionRef": {"name": "other"}}, {"connectionRef": OWN}, ACCEPTED)]

TABLE = [
    *edits("fresh", FRESH, [*CHANGED, *GIVEN], binds=False),
    *edits("fresh-used", {"connectionRef": BY_DEFAULT["connectionRef"]}, [*CHANGED, *GIVEN], binds=False),
    *edits("live", LIVE, [*CHANGED, *GIVEN]),
    *edits("used", BY_DEFAULT, [*CHANGED, *AS_USED, *BOUND]),
    *edits("cluster", BY_CLUSTER_DEFAULT, AS_USED_OF_THE_CLUSTER),
    *edits("replace", LIVE, [*CHANGED, *GIVEN], replace=True),
    *edits("replace-used", BY_DEFAULT, [*CHANGED, *AS_USED, *BOUND], replace=True),
]


@pytest.fixture(scope="module")
def said(kubectl, session):
    """To each edit."""
    yield from answers(kubectl, session, TABLE)


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_edit(said, row):
    assert matches(said[row.name], row.says), said[row.name]


NAME = "name of a connection has lower case letters, digits, - and . and begins and ends with a letter or digit: write"
REFS = [
    ("of the namespace", OWN, ACCEPTED),
    ("of the cluster", SHARED, ACCEPTED),
    ("no name", {}, "spec.connectionRef.name: Required value"),
    ("a name of nothing", {"name": ""}, NAME),
    ("of another namespace", {"name": "team-b/team"}, NAME),
    ("upwards", {"name": "../team-b/connections/team"}, NAME),
    ("in capitals", {"name": "Team"}, NAME),
    ("of 254", {"name": "n" * 254}, "spec.connectionRef.name: Too long: may not be more than 253"),
    ("another kind", {"kind": "Secret", "name": "team"}, 'supported values: "Connection", "ClusterConnection"'),
]


@pytest.fixture(scope="module")
def written(created):
    return created([BARE | {"connectionRef": ref} for _, ref, _ in REFS])


@pytest.mark.parametrize(("row", "says"), [(n, s) for n, (_, _, s) in enumerate(REFS)], ids=[c for c, _, _ in REFS])
def test_creation(written, row, says):
    assert matches(written[row], says), written[row]


def test_no_field_leads_into_another_namespace(kubectl, session):
    made = session("elsewhere", BARE | {"connectionRef": OWN | {"namespace": "team-b"}})
    said = kubectl.refused("create", "--dry-run=server", objects=[made])
    assert 'unknown field "spec.connectionRef.namespace"' in said
