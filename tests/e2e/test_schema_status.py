"""Status is kept whole, and the rules for the spec never stand in the way of writing it."""

from __future__ import annotations

import json

import pytest

from managed_agents_operator.api.crd import schema
from managed_agents_operator.api.session import Session
from managed_agents_operator.api.status import SessionStatus

pytestmark = pytest.mark.e2e

SPEC = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, "budget": {"maxListCost": {"amount": "900"}}}
TIME = "2026-11-22T10:00:00.123456Z"
CENTS = {"amount": "42", "currency": "USD"}

# Every field there is, in the form in which it is written.
FULL = {
    "observedGeneration": 1,
    "id": "sesn_1",
    "state": "idle",
    "stopReason": "end_turn",
    "agent": {
        "id": "agent_1",
        "name": "triage",
        "version": 3,
        "mcp_servers": [{"type": "url", "name": "docs", "url": "https://example.com"}],
        "brand_new": {"a": [1, {"b": 1.5}]},
    },
    "environmentId": "env_1",
    "vaultIds": ["vlt_1"],
    "title": "Nightly triage",
    "metadata": {"team": "platform", "k8s_uid": "5f1d/1/abc"},
    "deploymentId": "depl_1",
    "budget": {"maxListCost": {"amount": "900", "currency": "USD"}},
    "usage": {
        "inputTokens": 1,
        "outputTokens": 2,
        "cacheReadInputTokens": 3,
        "cacheCreation": {"ephemeral5mInputTokens": 4, "ephemeral1hInputTokens": 5, "brand_new": 1},
        "activeSeconds": 6.5,
        "serverToolUse": {"webSearchRequests": 7, "webFetchRequests": 8, "brand_new": 1},
        "listCost": CENTS,
        "brand_new": 1,
    },
    "cost": "$0.42",
    "stats": {"activeSeconds": 6.5, "durationSeconds": 60.0, "brand_new": 1},
    "resources": [
        {
            "name": "data",
            "id": "sesrsc_1",
            "type": "file",
            "fileId": "file_9",
            "mountPath": "/mnt/session/uploads/data.csv",
            "source": {
                "kind": "ConfigMap",
                "name": "inputs",
                "key": "data.csv",
                "uid": "9c2e",
                "resourceVersion": "4711",
                "fileId": "file_8",
            },
            "createdAt": TIME,
            "updatedAt": TIME,
            "brand_new": 1,
        },
        {
            "name": "repo",
            "id": "sesrsc_2",
            "url": "https://github.com/o/r",
            "checkout": {"type": "branch", "name": "b"},
        },
        {"name": "memory", "memoryStoreId": "memstore_1", "access": "read_only"},
    ],
    "outcomeEvaluations": [{"type": "outcome_evaluation", "outcome_id": "outc_1"}],
    "createdAt": TIME,
    "updatedAt": TIME,
    "archivedAt": TIME,
    "idleSince": TIME,
    "lastObservedAt": TIME,
    "lastHandledReconcileAt": "now",
    "previousIds": ["sesn_a", "sesn_b"],
    "incarnation": 3,
    "createdFrom": "abc",
    "workspaceId": "wrkspc_1",
    "connectionRef": {"kind": "ClusterConnection", "name": "shared", "uid": "7d1f"},
    "creation": {"n": 1, "by": "x", "at": TIME, "outcome": "Refused", "generation": 1},
    "kickoff": {"digest": "abc", "tries": 1, "at": TIME, "eventIds": ["sevt_1"], "sentAt": TIME, "state": "Sent"},
    "managedMetadataKeys": ["team"],
    "mounting": ["/mnt/session/uploads/data.csv"],
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Idle",
            "message": "idle",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-22T10:00:00Z",
        }
    ],
}


@pytest.fixture
def live(kubectl, session):
    """A Session, to be written to."""
    made = session("written", SPEC)
    kubectl("create", objects=[made])
    yield made["metadata"]["name"]
    kubectl("delete", "--wait=false", objects=[made])


@pytest.fixture
def patch(kubectl, live):
    """Writes to its status as the operator does, and says what stands there then."""

    def write(status):
        how = ("--subresource=status", "--type=merge", "--output=json")
        return json.loads(kubectl("patch", "sesn", live, *how, f"--patch={json.dumps({'status': status})}"))["status"]

    return write


def paths(node, value):
    """Fields of the schema that `value` has none of."""
    if "items" in node:
        given = value or []
        missing = [set(paths(node["items"], each)) for each in given] or [set(paths(node["items"], None))]
        yield from set.intersection(*missing)
    for name, field in node.get("properties", {}).items():
        if value is None or name not in value:
            yield name
        else:
            yield from (f"{name}.{below}" for below in paths(field, value[name]))


def test_the_sample_has_every_field():
    assert list(paths(schema()["properties"]["status"], FULL)) == []


def test_every_field_comes_back_as_it_was_written(patch):
    assert patch(FULL) == FULL


def test_nulls_of_the_api_get_lost_and_are_no_difference(kubectl, patch, live):
    told = {
        "agent": {"id": "agent_1", "system": None, "tools": [{"a": None, "b": [None, {"c": None}]}]},
        "resources": [{"name": "repo", "checkout": {"type": "branch", "name": None}}],
        "outcomeEvaluations": [{"outcome_id": "outc_1", "explanation": None, "nested": {"a": None}}],
        "usage": {"serverToolUse": None, "brand_new": {"a": None}},
    }
    assert patch(told)["agent"] == {"id": "agent_1", "tools": [{"b": [None, {}]}]}
    read = Session.parse(json.loads(kubectl("get", "sesn", live, "--output=json"))).status
    assert read == SessionStatus.model_validate(told)


def test_every_field_is_read_and_would_be_written_the_same(kubectl, patch, live):
    patch(FULL)
    read = Session.parse(json.loads(kubectl("get", "sesn", live, "--output=json"))).status
    assert read == SessionStatus.model_validate(FULL)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == FULL


def test_a_fresh_object_has_a_generation_that_is_never_current(kubectl, live):
    assert json.loads(kubectl("get", "sesn", live, "--output=json"))["status"] == {"observedGeneration": -1}


def test_a_wiped_status_is_that_of_a_fresh_object(patch):
    patch(FULL)
    assert patch(None) == {"observedGeneration": -1}


def test_a_field_is_taken_out_by_null(patch):
    patch(FULL)
    assert patch({"kickoff": None, "usage": {"listCost": None}}) == {
        **{name: value for name, value in FULL.items() if name != "kickoff"},
        "usage": {name: value for name, value in FULL["usage"].items() if name != "listCost"},
    }


def test_what_went_into_a_mount_goes_with_it(patch):
    patch(FULL)
    [first, *others] = FULL["resources"]
    bare = {key: value for key, value in first.items() if key != "source"}
    assert patch({"resources": [bare, *others]})["resources"] == [bare, *others]


def test_unknown_fields_of_ours_are_not_kept(patch):
    assert patch({"state": "idle", "phase": "x", "kickoff": {"mood": "x"}}) == {
        "observedGeneration": -1,
        "state": "idle",
        "kickoff": {},
    }


REFUSED = [
    ("time without zone", {"createdAt": "2026-01-01T00:00:00"}, "status.createdAt"),
    (
        "unknown status of a condition",
        {"conditions": [FULL["conditions"][0] | {"status": "Maybe"}]},
        "conditions[0].status",
    ),
    ("condition without reason", {"conditions": [{"type": "Ready", "status": "True"}]}, "conditions[0].reason"),
    ("two conditions of one type", {"conditions": FULL["conditions"] * 2}, "Duplicate value"),
    ("source of no kind", {"resources": [{"name": "a", "source": {"kind": "Pod"}}]}, '"File", "ConfigMap", "Secret"'),
    ("unknown outcome of the kick-off", {"kickoff": {"state": "Lost"}}, '"Sent", "Doubtful", "Refused"'),
]


@pytest.mark.parametrize(("status", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_status_is_refused(kubectl, live, status, says):
    text = json.dumps({"status": status})
    assert says in kubectl.refused("patch", "sesn", live, "--subresource=status", "--type=merge", f"--patch={text}")


def test_a_spec_in_a_status_write_is_ignored_and_breaks_no_rule(kubectl, session, patch, live):
    patch({"id": "sesn_1"})
    other = SPEC | {"agent": {"id": "agent_2"}, "budget": {"removed": True}}
    kubectl("replace", "--subresource=status", objects=[session(live, other, status={"id": "sesn_1", "state": "idle"})])
    after = json.loads(kubectl("get", "sesn", live, "--output=json"))
    assert after["spec"]["agent"] == {"id": "agent_1"}
    assert after["status"]["state"] == "idle"


def test_a_status_in_a_write_of_the_spec_neither_stays_nor_frees_the_spec(kubectl, session, patch, live):
    patch({"id": "sesn_1"})
    other = session(live, SPEC | {"agent": {"id": "agent_2"}}, status={"state": "made up"})
    assert "agent (id and version) is fixed" in kubectl.refused("replace", objects=[other])
    kubectl("replace", objects=[session(live, SPEC | {"title": "t"}, status={"id": "made up"})])
    assert json.loads(kubectl("get", "sesn", live, "--output=json"))["status"]["id"] == "sesn_1"


def test_a_spec_may_be_mended_again_once_the_session_is_forgotten(kubectl, session, patch, live):
    patch({"id": "sesn_1"})
    patch({"id": None})
    kubectl("replace", objects=[session(live, SPEC | {"agent": {"id": "agent_2"}})])


def test_the_status_of_a_replacement_is_written(kubectl, session, patch, live):
    patch({"id": "sesn_1", "kickoff": FULL["kickoff"]})
    other = {"agent": {"id": "agent_2"}, "onImmutableChange": "Replace"}
    kubectl("replace", objects=[session(live, SPEC | other)])
    assert patch({"id": "sesn_2", "previousIds": ["sesn_1"], "kickoff": None})["previousIds"] == ["sesn_1"]


def test_an_observed_session_is_not_forgotten(kubectl, session, patch, live):
    patch({"id": "sesn_1"})
    kubectl("replace", objects=[session(live, SPEC | {"managementPolicy": "Observe"})])
    assert patch({"state": "idle"})["id"] == "sesn_1"
    how = ("--subresource=status", "--type=merge", '--patch={"status":{"id":null}}')
    assert "managementPolicy Observe needs" in kubectl.refused("patch", "sesn", live, *how)
