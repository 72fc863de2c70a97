"""The ways in which people and their tools change a Session, and what they see of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SPEC = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, "title": "first"}
NAME = "by-hand"
ONE = {"name": "one", "file": {"fileId": "file_1"}}
TWO = {"name": "two", "file": {"fileId": "file_2"}}
STATUS = {
    "observedGeneration": 1,
    "id": "sesn_1",
    "state": "idle",
    "agent": {"id": "agent_1", "name": "triage"},
    "cost": "$0.42",
    "usage": {"outputTokens": 1234},
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "Idle", "lastTransitionTime": "2026-11-22T10:00:00Z"},
    ],
}


@pytest.fixture
def gone(kubectl, session):
    """Whatever a test makes is cleared away."""
    yield
    kubectl("delete", "sesn", NAME, "--ignore-not-found", "--wait=false")


@pytest.fixture
def live(kubectl, session, gone):
    """A Session that exists at the API."""
    kubectl("create", objects=[session(NAME, SPEC)])
    kubectl("replace", "--subresource=status", objects=[session(NAME, SPEC, status=STATUS)])


@pytest.fixture
def spec(kubectl):
    return lambda: json.loads(kubectl("get", "sesn", NAME, "--output=json"))["spec"]


def test_defaults_are_written_out(kubectl, session, gone, spec):
    mounts = [{"name": "memory", "memoryStore": {"id": "memstore_1"}}]
    given = SPEC | {"budget": {"maxListCost": {"amount": 2500}}, "resources": mounts}
    kubectl("create", objects=[session(NAME, given)])
    assert spec() == SPEC | {
        "vaults": [],
        "resources": [{"name": "memory", "memoryStore": {"id": "memstore_1", "access": "read_write"}}],
        "initialEvents": [],
        "budget": {"maxListCost": {"amount": 2500, "currency": "USD"}},
        "archived": False,
        "onImmutableChange": "Reject",
        "onLost": "Stall",
        "managementPolicy": "Full",
        "deletionPolicy": "Archive",
        "suspend": False,
    }


def test_apply_again_without_a_field_unsets_it(kubectl, session, gone, spec):
    kubectl("apply", objects=[session(NAME, SPEC)])
    kubectl("apply", objects=[session(NAME, {key: value for key, value in SPEC.items() if key != "title"})])
    assert "title" not in spec()


def test_apply_of_another_agent_is_refused(kubectl, session, live):
    said = kubectl.refused("apply", objects=[session(NAME, SPEC | {"agent": {"id": "agent_2"}})])
    assert f'The Session "{NAME}" is invalid: spec.agent: Forbidden: agent (id and version) is fixed' in said


def test_a_merge_patch_may_change_what_may_change(kubectl, live, spec):
    kubectl("patch", "sesn", NAME, "--type=merge", '--patch={"spec":{"title":"second","metadata":{"team":"core"}}}')
    assert (spec()["title"], spec()["metadata"]) == ("second", {"team": "core"})


@pytest.mark.parametrize(
    ("how", "patch", "says"),
    [
        ("merge", '{"spec":{"agent":{"id":"agent_2"}}}', "spec.agent: Forbidden"),
        ("merge", '{"spec":{"budget":{"maxListCost":{"amount":"5"}}}}', "spec.budget: Forbidden"),
        ("json", '[{"op":"add","path":"/spec/vaults/-","value":{"id":"vlt_1"}}]', "spec.vaults: Forbidden"),
        ("json", '[{"op":"remove","path":"/spec/agent"}]', "spec.agent: Forbidden: agent (id and version) is fixed"),
        ("strategic", '{"spec":{"title":"t"}}', "strategic-merge-patch+json is not supported"),
    ],
)
def test_a_patch_is_refused(kubectl, live, how, patch, says):
    assert says in kubectl.refused("patch", "sesn", NAME, f"--type={how}", f"--patch={patch}")


def test_a_patch_of_an_unknown_field_only_warns(kubectl, live):
    done = kubectl.run("patch", "sesn", NAME, "--type=merge", '--patch={"spec":{"titel":"t"}}')
    assert (done.returncode, done.stderr.strip()) == (0, 'Warning: unknown field "spec.titel"')


def test_two_owners_of_mounts_keep_out_of_each_others_way(kubectl, session, gone, spec):
    one = session(NAME, SPEC | {"resources": [ONE]})
    two = session(NAME, {"agent": SPEC["agent"], "environment": SPEC["environment"], "resources": [TWO]})
    kubectl("apply", "--server-side", "--field-manager=one", objects=[one])
    kubectl("apply", "--server-side", "--field-manager=two", objects=[two])
    assert [mount["name"] for mount in spec()["resources"]] == ["one", "two"]
    two["spec"]["resources"] = []
    kubectl("apply", "--server-side", "--field-manager=two", objects=[two])
    assert [mount["name"] for mount in spec()["resources"]] == ["one"]


def test_two_owners_of_a_title_are_told_of_each_other(kubectl, session, gone):
    kubectl("apply", "--server-side", "--field-manager=one", objects=[session(NAME, SPEC)])
    other = session(NAME, SPEC | {"title": "second"})
    said = kubectl.refused("apply", "--server-side", "--field-manager=two", objects=[other])
    assert 'conflict with "one": .spec.title' in said


def test_a_large_object_wants_server_side_apply(kubectl, session, gone):
    large = session(NAME, SPEC | {"initialEvents": [{"type": "user.message", "text": "t" * 262_144}]})
    assert "Too long: may not be more than 262144 bytes" in kubectl.refused("apply", objects=[large])
    kubectl("apply", "--server-side", objects=[large])


def test_edit_refuses_and_keeps_what_was_typed(kubectl, live, monkeypatch):
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/agent_1/agent_2/")
    done = kubectl.run("edit", "sesn", NAME)
    assert done.returncode != 0
    kept = Path(re.search(r'stored to "(.+)"', done.stderr)[1])
    text = kept.read_text(encoding="utf-8")
    kept.unlink()
    assert "# * spec.agent: Forbidden: agent (id and version) is fixed" in text
    assert "id: agent_2" in text


def test_columns(kubectl, live):
    head, row = (line.split() for line in kubectl("get", "sesn", NAME).splitlines())
    assert head == ["NAME", "STATE", "READY", "AGENT", "COST", "AGE"]
    assert row[:-1] == [NAME, "idle", "True", "triage", "$0.42"]
    head, row = (line.split() for line in kubectl("get", "sesn", NAME, "--output=wide").splitlines())
    assert head[6:] == ["ID", "TITLE", "TOKENS", "REASON"]
    assert row[6:] == ["sesn_1", "first", "1234", "Idle"]


def test_it_is_found_by_its_category(kubectl, live):
    assert f"session.managedagents.dev/{NAME}" in kubectl("get", "managedagents", "--output=name")


def test_wait_ends_when_it_is_ready(kubectl, live):
    kubectl("wait", "sesn", NAME, "--for=condition=Ready", "--timeout=10s")


def test_wait_goes_on_while_ready_speaks_of_an_older_spec(kubectl, live):
    kubectl("patch", "sesn", NAME, "--type=merge", '--patch={"spec":{"title":"second"}}')
    assert "timed out" in kubectl.refused("wait", "sesn", NAME, "--for=condition=Ready", "--timeout=1s")


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("sessions", "A session of the Managed Agents API, kept for as long as this resource lives."),
        ("sessions.spec.deletionPolicy", "What happens to the session when this resource is deleted"),
        ("sessions.spec.resources.file.mountPath", "Absolute path, taken as below /mnt/session/uploads."),
        ("sessions.status.state", "in the API's own word. idle: nothing now, which is no sign of success"),
    ],
)
def test_explain(kubectl, field, says):
    assert says in " ".join(kubectl("explain", field).split())
