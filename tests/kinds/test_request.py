"""Every creation that a spec can ask for is one that the API takes, and says what the spec says."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kinds.stage import CLUSTER, marker, resource

from managed_agents_operator.engine.claim import Marker
from managed_agents_operator.kinds import request

MARK = Marker("uid-own", 1, "0123456789abcdef", f"{CLUSTER}/team/nightly")
TOKENS = {"private": "ghp_canary"}
FILES = {"made": "file_sample"}

# One row for each part of a spec: absent, and each form that it may have.
PARTS: dict[str, list[dict[str, Any]]] = {
    "agent": [
        {"agent": {"id": "agent_sample"}},
        {"agent": {"id": "agent_sample", "version": 1}},
        {"agent": {"id": "agent_sample", "overrides": {}}},
        {
            "agent": {
                "id": "agent_sample",
                "version": 1,
                "overrides": {
                    "model": {"id": "claude-opus-5-5", "speed": "standard"},
                    "system": "",
                    "tools": [],
                    "mcpServers": [],
                    "skills": [],
                },
            }
        },
        {
            "agent": {
                "id": "agent_sample",
                "overrides": {
                    "mcpServers": [{"type": "url", "name": "docs", "url": "https://example.com/mcp"}],
                    "tools": [
                        {"type": "agent_toolset_20260401"},
                        {"type": "mcp_toolset", "mcp_server_name": "docs"},
                        {"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object"}},
                    ],
                },
            }
        },
    ],
    "vaults": [{}, {"vaults": [{"id": "vlt_sample"}]}],
    "title": [{}, {"title": "Nightly triage"}],
    "metadata": [{}, {"metadata": {"team": "platform"}}],
    "budget": [{}, {"budget": {"maxListCost": {"amount": "2500", "currency": "USD"}}}, {"budget": {"removed": True}}],
    "resources": [
        {},
        {
            "resources": [
                {"name": "data", "file": {"fileId": "file_sample"}},
                {"name": "more", "file": {"fileId": "file_sample", "mountPath": "/more.csv"}},
                {"name": "made", "file": {"secretKeyRef": {"name": "s", "key": "k"}, "mountPath": "/made.csv"}},
                {"name": "open", "githubRepository": {"url": "https://github.com/o/open"}},
                {
                    "name": "private",
                    "githubRepository": {
                        "url": "https://github.com/o/r",
                        "mountPath": "/workspace/private",
                        "checkout": {"branch": "main"},
                        "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
                    },
                },
                {
                    "name": "fixed",
                    "githubRepository": {"url": "https://github.com/o/s", "checkout": {"commit": "0123abc"}},
                },
                {
                    "name": "notes",
                    "memoryStore": {"id": "memstore_sample", "access": "read_only", "instructions": "Look here first."},
                },
            ]
        },
    ],
}
SPECS = [dict(itertools.chain.from_iterable(map(dict.items, row))) for row in itertools.product(*PARTS.values())]


async def test_the_api_takes_what_any_spec_asks_for(client, control):
    for spec in SPECS:
        made = (await client.create_session(request.creation(resource(**spec).spec, MARK, TOKENS, FILES))).value
        kept = control.session(made.id)
        assert kept["title"] == spec.get("title")
        assert kept["metadata"] == {**spec.get("metadata", {}), **marker()}
        assert kept["vault_ids"] == [vault["id"] for vault in spec.get("vaults", [])]
        assert kept["budget"] == (2500 if "maxListCost" in spec.get("budget", {}) else None)
        assert len(kept["resources"]) == len(spec.get("resources", []))
        assert list(kept["tokens"].values()) == (["ghp_canary"] if "resources" in spec else [])


# What the spec says of the agent; what is sent; why.
AGENTS = [
    ({"id": "agent_1"}, "agent_1", "the oldest form"),
    ({"id": "agent_1", "version": 2}, {"type": "agent", "id": "agent_1", "version": 2}, "pinned"),
    ({"id": "agent_1", "overrides": {}}, "agent_1", "nothing is overridden"),
    (
        {"id": "agent_1", "overrides": {"system": ""}},
        {"type": "agent_with_overrides", "id": "agent_1", "system": ""},
        "an empty text clears it",
    ),
    (
        {"id": "agent_1", "overrides": {"tools": [{"type": "custom", "input_schema": {"default": None}}]}},
        {
            "type": "agent_with_overrides",
            "id": "agent_1",
            "tools": [{"type": "custom", "input_schema": {"default": None}}],
        },
        "a payload is the user's to the last null",
    ),
]


@pytest.mark.parametrize(("wish", "sent", "why"), AGENTS)
def test_the_agent_as_it_is_sent(wish, sent, why):
    assert request.agent(resource(agent=wish).spec) == sent, why


def test_what_is_not_said_is_not_sent():
    bare = request.creation(resource().spec, MARK, {}, {})
    assert bare == {"agent": "agent_sample", "environment_id": "env_sample", "metadata": marker()}


CONTENT = {"name": "made", "file": {"configMapKeyRef": {"name": "c", "key": "k"}, "mountPath": "/made.csv"}}


def test_a_content_is_mounted_by_the_id_of_its_upload():
    spec = resource(resources=[CONTENT]).spec
    [mounted] = request.creation(spec, MARK, {}, {"made": "file_1", "data": "file_2"})["resources"]
    assert mounted == {"type": "file", "file_id": "file_1", "mount_path": "/made.csv"}
    with pytest.raises(ValueError, match="made was not uploaded"):
        request.creation(spec, MARK, {}, {})


def test_a_file_of_the_api_is_mounted_by_its_own_id():
    spec = resource(resources=[{"name": "data", "file": {"fileId": "file_1"}}]).spec
    [mounted] = request.creation(spec, MARK, {}, {"data": "file_2"})["resources"]
    assert mounted == {"type": "file", "file_id": "file_1"}


@pytest.mark.parametrize("absent", ["agent", "environment"])
def test_what_is_adopted_is_never_made(absent):
    spec = resource(sessionId="sesn_1", **{absent: None}).spec
    with pytest.raises(ValueError, match=absent):
        request.creation(spec, MARK, {}, {})


def test_our_pairs_win():
    assert request.creation(resource(metadata={"k8s_uid": "mine"}).spec, MARK, {}, {})["metadata"] == marker()


EVENTS = [
    (
        {"type": "user.message", "text": "Triage."},
        {"type": "user.message", "content": [{"type": "text", "text": "Triage."}]},
    ),
    (
        {"type": "user.message", "content": [{"type": "text", "text": "x"}]},
        {"type": "user.message", "content": [{"type": "text", "text": "x"}]},
    ),
    (
        {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "c"}},
        {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "c"}},
    ),
    (
        {
            "type": "user.define_outcome",
            "description": "d",
            "rubric": {"type": "file", "file_id": "file_sample"},
            "maxIterations": 2,
        },
        {
            "type": "user.define_outcome",
            "description": "d",
            "rubric": {"type": "file", "file_id": "file_sample"},
            "max_iterations": 2,
        },
    ),
]


@pytest.mark.parametrize(("wish", "sent"), EVENTS)
async def test_first_events_are_ones_that_the_api_takes(client, wish, sent):
    [event] = resource(initialEvents=[wish]).spec.initial_events
    assert request.event(event) == sent
    made = (await client.create_session({"agent": "agent_sample", "environment_id": "env_sample"})).value
    [taken] = (await client.send_events(made.id, [sent])).value
    assert taken.type == sent["type"]


TEXT = st.text(min_size=1, max_size=20)


@settings(max_examples=50)
@given(title=TEXT | st.none(), metadata=st.dictionaries(TEXT, TEXT, max_size=14))
def test_texts_go_as_they_are(title, metadata):
    spec = {"metadata": metadata, **({"title": title} if title else {})}
    body = request.creation(resource(**spec).spec, MARK, {}, {})
    assert body.get("title") == title
    assert body["metadata"] == {**metadata, **marker()}
