"""A session as the manifest that adopts it: all that a spec can say, and a note for what it can't."""

from __future__ import annotations

import pytest
import yaml

from managed_agents_kubectl.manifest import free, manifest, slug
from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place

AGENT = {
    "id": "agent_1",
    "version": 3,
    "name": "One",
    "model": {"id": "m", "speed": "standard", "inference_geo": None},
    "system": "Be kind.",
    "tools": [{"type": "agent_toolset"}],
    "mcp_servers": [],
    "skills": [],
}
BARE = {"id": "sesn_1", "status": "idle", "agent": AGENT, "environment_id": "env_1"}


def made(place=None, **fields):
    wire = Session.model_validate({**BARE, **fields})
    return manifest(wire, AGENT, name="one", namespace="team", place=place)


def spec(**fields):
    return made(**fields).body["spec"]


ADOPTS = {"sessionId": "sesn_1", "agent": {"id": "agent_1", "version": 3}, "environment": {"id": "env_1"}}
REPOSITORY = {"type": "github_repository", "id": "r1", "url": "https://github.com/o/r.git"}
REPOSITORY |= {"mount_path": "/workspace/r"}
SAID = [
    ({}, {}, "an id, and what must be so already"),
    ({"title": "T", "metadata": {"team": "a"}}, {"title": "T", "metadata": {"team": "a"}}, "what may change"),
    ({"title": ""}, {}, "some servers tell no title so"),
    ({"metadata": {"k8s_uid": "u/1/d", "k8s_owner": "c/n/x"}}, {}, "the operator's own pairs are none of the spec's"),
    ({"metadata": {"": "a", "b": "", "c": "x" * 600}}, {}, "pairs that the schema refuses"),
    ({"vault_ids": ["vlt_1"]}, {"vaults": [{"id": "vlt_1"}]}, "vaults"),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}}},
        {"budget": {"maxListCost": {"amount": "500", "currency": "USD"}}},
        "the budget in force",
    ),
    ({"archived_at": "2026-11-28T12:00:00Z", "status": "terminated"}, {"archived": True}, "one that is over"),
    (
        {"resources": [{**REPOSITORY, "checkout": {"type": "commit", "sha": "abcdef0"}}]},
        {
            "resources": [
                {
                    "name": "r",
                    "githubRepository": {
                        "url": "https://github.com/o/r",
                        "mountPath": "/workspace/r",
                        "checkout": {"commit": "abcdef0"},
                    },
                }
            ]
        },
        "a repository, with its address as the schema wants it",
    ),
    (
        {"resources": [{"type": "memory_store", "memory_store_id": "m1", "name": "My Notes", "access": "read_only"}]},
        {"resources": [{"name": "my-notes", "memoryStore": {"id": "m1", "access": "read_only"}}]},
        "a memory store",
    ),
    ({"resources": [{"type": "file", "id": "f", "mount_path": "/x"}]}, {}, "a file would count as somebody else's"),
    ({"resources": [{**REPOSITORY, "mount_path": "/elsewhere"}]}, {}, "a place that the schema refuses"),
    ({"resources": [{**REPOSITORY, "url": "https://example.org/o/r"}]}, {}, "an address that the schema refuses"),
]


@pytest.mark.parametrize(("fields", "more", "reason"), SAID, ids=[row[2] for row in SAID])
def test_what_a_session_has_is_said(fields, more, reason):
    found = spec(**fields)
    assert found == ADOPTS | more, reason
    assert SessionSpec.model_validate(found).session_id == "sesn_1"


NOTED = [
    ({"metadata": {str(n): "x" for n in range(15)}}, "MetadataFull", "no room for the operator's pairs"),
    ({"metadata": {"b": ""}}, '["b"]', "pairs that can't be said"),
    ({"title": "x" * 501}, "stays as it is", "a title that is too long"),
    ({"resources": [{"type": "file", "file_id": "file_9", "mount_path": "/x"}]}, "file_9", "files"),
    ({"resources": [{"type": "new", "mount_path": "/x"}]}, "new", "kinds that nobody knows yet"),
    ({"resources": [REPOSITORY]}, "authorizationTokenSecretRef", "tokens are not told"),
    ({"status": "terminated"}, "Terminated", "it ended by an error"),
    ({"agent": None}, "which agent", "an agent that is not told"),
]


@pytest.mark.parametrize(("fields", "word", "reason"), NOTED, ids=[row[2] for row in NOTED])
def test_what_can_not_be_said_is_noted(fields, word, reason):
    assert word in "\n".join(made(**fields).notes), reason


OVERRIDES = [
    ({}, None, "as its agent"),
    ({"system": None}, {"system": ""}, "what was cleared"),
    ({"system": "Be short."}, {"system": "Be short."}, "another prompt"),
    ({"tools": []}, {"tools": []}, "no tools"),
    ({"skills": [{"skill_id": "s", "version": None}]}, {"skills": [{"skill_id": "s"}]}, "nothing null is said"),
    ({"mcp_servers": None}, None, "null and none are one"),
    ({"model": {"id": "m2"}}, {"model": {"id": "m2"}}, "another model"),
    ({"model": "m2"}, {"model": {"id": "m2"}}, "told by its name alone"),
    ({"model": {"id": "m", "speed": "standard"}}, None, "an absent field is no difference"),
]


@pytest.mark.parametrize(("changes", "overrides", "reason"), OVERRIDES, ids=[row[2] for row in OVERRIDES])
def test_what_a_session_has_otherwise_than_its_agent_is_an_override(changes, overrides, reason):
    wire = Session.model_validate({**BARE, "agent": AGENT | changes})
    found = manifest(wire, AGENT, name="one", namespace="team").body["spec"]["agent"]
    assert found.get("overrides") == overrides, reason


def test_without_its_agent_nobody_knows_of_overrides():
    found = manifest(Session.model_validate(BARE), None, name="one", namespace="team")
    assert "overrides" not in found.body["spec"]["agent"]
    assert any("overrides" in note for note in found.notes)


CONNECTIONS = [
    (None, None, "the usual one is not named"),
    (ENVIRONMENT, None, "the operator's own has no name"),
    (Place("Connection", "team", "x"), {"kind": "Connection", "name": "x"}, "one of the namespace"),
    (Place("ClusterConnection", "", "x"), {"kind": "ClusterConnection", "name": "x"}, "one of the cluster"),
]


@pytest.mark.parametrize(("place", "ref", "reason"), CONNECTIONS, ids=[row[2] for row in CONNECTIONS])
def test_the_connection_is_named_where_it_has_to_be(place, ref, reason):
    assert spec(place=place).get("connectionRef") == ref, reason


def test_notes_are_comments_whatever_is_in_them():
    found = made(resources=[{"type": "file", "file_id": "x\nspec: {}\x1b", "mount_path": "/x"}], title="a: b\n- c")
    text = found.yaml()
    assert text.isascii()
    assert "\x1b" not in text
    assert yaml.safe_load(text) == found.body


def test_two_mounts_of_one_name_get_two():
    stores = [{"type": "memory_store", "memory_store_id": id, "name": "Notes"} for id in ("m1", "m2")]
    assert [one["name"] for one in spec(resources=stores)["resources"]] == ["notes", "notes-2"]


NAMES = [
    (("Nightly triage!",), "nightly-triage", "what people write"),
    ((None, "", "sesn_01AbC"), "sesn-01abc", "the first that there is"),
    (("日本", "x"), "x", "and that can be a name"),
    (("---",), "session", "or none"),
    (("a" * 62 + " b",), "a" * 62, "no longer than a name may be, and not ended by a dash"),
]


@pytest.mark.parametrize(("wishes", "name", "reason"), NAMES, ids=[row[2] for row in NAMES])
def test_names_are_made(wishes, name, reason):
    assert slug(*wishes) == name, reason


def test_a_name_that_is_taken_gets_a_number():
    assert free("a", {"b"}) == "a"
    assert free("a", {"a", "a-2"}) == "a-3"
    assert len(free("a" * 63, {"a" * 63})) <= 63
