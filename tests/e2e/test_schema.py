"""What may be created, and what a person reads who wrote something that may not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e

ACCEPTED = None
MINIMAL = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}


def with_(**fields):
    return MINIMAL | fields


def agent(**fields):
    return with_(agent={"id": "agent_1"} | fields)


def overrides(**fields):
    return agent(overrides=fields)


def limit(**fields):
    return with_(budget={"maxListCost": fields})


EVERYTHING = with_(
    agent={
        "id": "agent_1",
        "version": 3,
        "overrides": {
            "model": {"id": "claude-opus-4-8", "effort": {"type": "high"}, "speed": "fast"},
            "system": "",
            "tools": [{"type": "custom", "name": "n", "description": "d", "input_schema": {"type": "object"}}],
            "mcpServers": [],
            "skills": [{"type": "anthropic", "skill_id": "xlsx", "version": "1"}],
        },
    },
    vaults=[{"id": "vlt_1"}, {"id": "vlt_2"}],
    connectionRef={"kind": "ClusterConnection", "name": "shared"},
    title="Nightly triage",
    metadata={"team": "platform"},
    budget={"maxListCost": {"amount": "2500", "currency": "USD"}},
    resources=[
        {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}},
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "checkout": {"branch": "main"},
                "mountPath": "/workspace/r",
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        },
        {"name": "memory", "memoryStore": {"id": "memstore_1", "access": "read_only", "instructions": "Look first."}},
        {"name": "notes", "file": {"configMapKeyRef": {"name": "notes", "key": "a.md"}, "mountPath": "/a.md"}},
        {"name": "netrc", "file": {"secretKeyRef": {"name": "netrc", "key": "netrc"}, "mountPath": "/netrc"}},
    ],
    initialEvents=[
        {"type": "user.message", "text": "Go."},
        {"type": "user.message", "content": [{"type": "text", "text": "On."}]},
        {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "c"}},
    ],
    archived=False,
    ttlSecondsAfterIdle=86_400,
    ttlSecondsAfterCreation=315_360_000,
    onImmutableChange="Replace",
    onLost="Replace",
    managementPolicy="Full",
    deletionPolicy="Retain",
    suspend=True,
)

OR_ADOPT = "or set sessionId to adopt a session that is there"
NEEDS_AGENT = f"spec.agent: Required value: agent is needed to make a session: set agent.id, {OR_ADOPT}"
NEEDS_ENVIRONMENT = (
    f"spec.environment: Required value: environment is needed to make a session: set environment.id, {OR_ADOPT}"
)
AGENT = [
    ("the least", MINIMAL, ACCEPTED),
    ("everything", EVERYTHING, ACCEPTED),
    ("nothing", {}, NEEDS_AGENT),
    ("no agent", {"environment": {"id": "e"}}, NEEDS_AGENT),
    ("no environment", {"agent": {"id": "a"}}, NEEDS_ENVIRONMENT),
    ("agent without id", with_(agent={}), "spec.agent.id: Required value"),
    ("agent null", with_(agent=None), NEEDS_AGENT),
    ("agent as text", with_(agent="agent_1"), 'spec.agent in body must be of type object: "string"'),
    ("agent id empty", agent(id=""), "spec.agent.id in body should be at least 1 chars long"),
    ("agent id of 129", agent(id="a" * 129), "spec.agent.id: Too long: may not be more than 128"),
    ("agent version 0", agent(version=0), "spec.agent.version in body should be greater than or equal to 1"),
    ("agent version as text", agent(version="3"), 'spec.agent.version in body must be of type integer: "string"'),
    ("agent version null", agent(version=None), ACCEPTED),
    ("no model id", overrides(model={"speed": "fast"}), "spec.agent.overrides.model.id: Required value"),
    ("model as text", overrides(model="claude"), "spec.agent.overrides.model in body must be of type object"),
    ("system of 100,001", overrides(system="s" * 100_001), "spec.agent.overrides.system: Too long: may not be more"),
    (
        "257 tools",
        overrides(tools=[{}] * 257),
        "spec.agent.overrides.tools: Too many: 257: must have at most 256 items",
    ),
    ("21 servers", overrides(mcpServers=[{}] * 21), "overrides.mcpServers: Too many: 21: must have at most 20 items"),
    ("21 skills", overrides(skills=[{}] * 21), "spec.agent.overrides.skills: Too many: 21: must have at most 20 items"),
    ("tool as text", overrides(tools=["bash"]), "spec.agent.overrides.tools[0] in body must be of type object"),
    ("fields of the API in a tool", overrides(tools=[{"type": "x", "brand_new": {"a": [1]}}]), ACCEPTED),
    ("vault without id", with_(vaults=[{}]), "spec.vaults[0].id: Required value"),
    ("vault as text", with_(vaults=["vlt_1"]), "spec.vaults[0] in body must be of type object"),
    ("50 vaults", with_(vaults=[{"id": f"vlt_{n}"} for n in range(50)]), ACCEPTED),
    ("51 vaults", with_(vaults=[{"id": "v"}] * 51), "spec.vaults: Too many: 51: must have at most 50 items"),
    ("deletionPolicy typo", with_(deletionPolicy="delete"), 'supported values: "Archive", "Delete", "Retain"'),
    ("suspend as text", with_(suspend="yes"), "spec.suspend in body must be of type boolean"),
]

TEXTS = [
    ("title empty", with_(title=""), "spec.title in body should be at least 1 chars long"),
    ("title of 500 characters in 2,000 bytes", with_(title="\U0001f642" * 500), ACCEPTED),
    ("title of 501", with_(title="t" * 501), "spec.title: Too long: may not be more than 500"),
    ("title unquoted", with_(title=5), 'spec.title in body must be of type string: "integer"'),
    ("14 pairs", with_(metadata={f"k{n}": "v" for n in range(14)}), ACCEPTED),
    (
        "15 pairs",
        with_(metadata={f"k{n}": "v" for n in range(15)}),
        "spec.metadata: Too many: 15: must have at most 14",
    ),
    (
        "key k8s_uid",
        with_(metadata={"k8s_uid": "v"}),
        "keys k8s_uid and k8s_owner of metadata are the operator's: remove",
    ),
    ("key k8s_owner", with_(metadata={"k8s_owner": "v"}), "k8s_owner of metadata are the operator's: remove them"),
    ("pair empty", with_(metadata={"k": ""}), "values of metadata can't be empty: remove the key instead"),
    ("key empty", with_(metadata={"": "v"}), "keys of metadata have 1 to 64 characters: write a shorter key, and none"),
    ("key of 64", with_(metadata={"k" * 64: "v"}), ACCEPTED),
    ("key of 65", with_(metadata={"k" * 65: "v"}), "keys of metadata have 1 to 64 characters: write a shorter key"),
    ("value of 512", with_(metadata={"k": "v" * 512}), ACCEPTED),
    ("value of 513", with_(metadata={"k": "v" * 513}), "spec.metadata.k: Too long: may not be more than 512"),
    ("value unquoted", with_(metadata={"k": True}), 'spec.metadata.k in body must be of type string: "boolean"'),
]

CENTS = 'amount is in whole cents, above 0, without point or leading zeros: write "2500" for 25 dollars'
ONE_BUDGET = "budget needs exactly one of maxListCost, removed: set one and remove the others"
BUDGET = [
    ("amount quoted", limit(amount="2500"), ACCEPTED),
    ("amount unquoted", limit(amount=2500), ACCEPTED),
    ("amount 0", limit(amount="0"), CENTS),
    ("amount 0 unquoted", limit(amount=0), CENTS),
    ("amount below 0", limit(amount=-5), CENTS),
    ("amount with a point", limit(amount="25.00"), CENTS),
    ("amount with a leading zero", limit(amount="025"), CENTS),
    ("amount in words", limit(amount="$25"), CENTS),
    ("amount as a fraction", limit(amount=25.5), "spec.budget.maxListCost.amount in body must be of type integer"),
    (
        "amount of 16 digits",
        limit(amount="1" * 16),
        "spec.budget.maxListCost.amount: Too long: may not be more than 15",
    ),
    ("no amount", limit(currency="USD"), "spec.budget.maxListCost.amount: Required value"),
    ("another currency", limit(amount="5", currency="EUR"), 'Unsupported value: "EUR": supported values: "USD"'),
    ("budget empty", with_(budget={}), ONE_BUDGET),
    ("budget of both", with_(budget={"maxListCost": {"amount": "5"}, "removed": True}), ONE_BUDGET),
    ("removed from the start", with_(budget={"removed": True}), ACCEPTED),
    (
        "removed false",
        with_(budget={"removed": False}),
        "removed can only be true: to keep a budget, remove this field",
    ),
]

GO = [{"type": "user.message", "text": "Go."}]
OBSERVE = "managementPolicy Observe needs a session that is there: set sessionId, or remove managementPolicy until"
LIFE = [
    ("adopted", {"sessionId": "sesn_1"}, ACCEPTED),
    ("adopted and described", with_(sessionId="sesn_1"), ACCEPTED),
    ("adopted with an agent alone", {"sessionId": "sesn_1", "agent": {"id": "a"}}, ACCEPTED),
    ("adopted with mounts", {"sessionId": "s", "resources": [{"name": "a", "file": {"fileId": "f"}}]}, ACCEPTED),
    ("adopted by no id", {"sessionId": ""}, "spec.sessionId in body should be at least 1 chars long"),
    (
        "adopted and told something",
        {"sessionId": "sesn_1", "initialEvents": GO},
        "spec.initialEvents: Forbidden: initialEvents can't be sent to a session that is adopted (sessionId)",
    ),
    ("adopted and told nothing", {"sessionId": "sesn_1", "initialEvents": []}, ACCEPTED),
    ("adopted to observe", {"sessionId": "sesn_1", "managementPolicy": "Observe"}, ACCEPTED),
    ("nothing to observe", with_(managementPolicy="Observe"), OBSERVE),
    ("managementPolicy typo", with_(managementPolicy="observe"), 'supported values: "Full", "Observe"'),
    ("onImmutableChange typo", with_(onImmutableChange="Recreate"), 'supported values: "Reject", "Replace"'),
    ("onLost typo", with_(onLost="Recreate"), 'supported values: "Stall", "Replace"'),
    ("archived from the start", with_(archived=True), ACCEPTED),
    ("archived as text", with_(archived="true"), "spec.archived in body must be of type boolean"),
    ("ttl of nothing", with_(ttlSecondsAfterIdle=0), "spec.ttlSecondsAfterIdle in body should be greater than or"),
    (
        "ttl below 0",
        with_(ttlSecondsAfterCreation=-1),
        "spec.ttlSecondsAfterCreation in body should be greater than or",
    ),
    ("ttl above ten years", with_(ttlSecondsAfterIdle=315_360_001), "spec.ttlSecondsAfterIdle in body should be less"),
    (
        "ttl with a unit",
        with_(ttlSecondsAfterIdle="1h"),
        'ttlSecondsAfterIdle in body must be of type integer: "string"',
    ),
]

TABLE = [*AGENT, *TEXTS, *BUDGET, *LIFE]


@pytest.fixture(scope="module")
def answers(created):
    return created([spec for _, spec, _ in TABLE])


@pytest.mark.parametrize(("row", "says"), [(n, s) for n, (_, _, s) in enumerate(TABLE)], ids=[c for c, _, _ in TABLE])
def test_creation(answers, row, says):
    if says is ACCEPTED:
        assert answers[row] is None
    else:
        assert answers[row] is not None, "was accepted"
        assert says in answers[row]


UNKNOWN = [
    ("a typo", with_(titel="t"), "spec.titel"),
    ("snake_case", with_(initial_events=[]), "spec.initial_events"),
    (
        "of the API within a mount",
        with_(resources=[{"name": "a", "file": {"path": "/a"}}]),
        "spec.resources[0].file.path",
    ),
    ("of the API as mount", with_(resources=[{"name": "a", "type": "file"}]), "spec.resources[0].type"),
]


@pytest.mark.parametrize(("spec", "field"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_an_unknown_field_is_refused_by_name(kubectl, session, spec, field):
    said = kubectl.refused("create", "--dry-run=server", objects=[session("unknown", spec)])
    assert f'unknown field "{field}"' in said


def test_a_made_up_status_is_nothing_to_observe(kubectl, session):
    made_up = session("made-up", with_(managementPolicy="Observe"), status={"id": "sesn_1"})
    assert OBSERVE in kubectl.refused("create", "--dry-run=server", objects=[made_up])


def test_no_spec_at_all_is_refused(kubectl, session):
    bare = {key: value for key, value in session("bare", {}).items() if key != "spec"}
    assert "spec: Required value" in kubectl.refused("create", "--dry-run=server", objects=[bare])
