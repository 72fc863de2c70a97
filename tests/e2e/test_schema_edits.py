"""What may be changed: everything until the session exists, then what the API can change, and nothing else."""

from __future__ import annotations

import copy

import pytest

pytestmark = pytest.mark.e2e

ACCEPTED = None
GONE = object()

SPEC = {
    "agent": {
        "id": "agent_1",
        "version": 3,
        "overrides": {
            "model": {"id": "claude-opus-4-8", "speed": "fast"},
            "system": "Be brief.",
            "tools": [{"type": "agent_toolset_20260401"}],
            "mcpServers": [{"type": "url", "name": "docs", "url": "https://example.com"}],
            "skills": [{"type": "anthropic", "skill_id": "xlsx"}],
        },
    },
    "environment": {"id": "env_1"},
    "vaults": [{"id": "vlt_1"}, {"id": "vlt_2"}],
    "title": "Nightly triage",
    "metadata": {"team": "platform"},
    "budget": {"maxListCost": {"amount": "900"}},
    "resources": [
        {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}},
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "checkout": {"branch": "main"},
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        },
        {"name": "memory", "memoryStore": {"id": "memstore_1"}},
    ],
    "initialEvents": [{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}],
}
BARE = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}
LIFTED = BARE | {"budget": {"removed": True}}
UNQUOTED = BARE | {"budget": {"maxListCost": {"amount": 900}}}

REPLACED = SPEC | {"onImmutableChange": "Replace"}
ADOPTER = {"sessionId": "sesn_1"}
TOKEN = {"name": "gh", "key": "token"}
UNSIGNED = BARE | {"resources": [{"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}}]}
CONTENT = {"configMapKeyRef": {"name": "cm", "key": "k"}, "mountPath": "/data.csv"}

# What the operator has written by then.
FRESH = {}
LIVE = {"id": "sesn_1"}
STARTED = {"id": "sesn_1", "kickoff": {"sentAt": "2026-11-22T10:00:00Z"}}

REPLACE = "set spec.onImmutableChange: Replace to archive this session and start a new one"
FIXED = f"fixed for the life of a session: put it back, make another Session, or {REPLACE}"
AGENT = f"spec.agent: Forbidden: agent (id and version) is {FIXED}"
OVERRIDES = f"spec.agent.overrides: Forbidden: agent.overrides (model, system, skills) is {FIXED}"
ENVIRONMENT = f"spec.environment: Forbidden: environment is {FIXED}"
VAULTS = f"spec.vaults: Forbidden: vaults, and their order, are {FIXED}"
MOUNTS = f"spec.resources: Forbidden: resources: repositories (but for their tokens) and memory stores are {FIXED}"
MORE = "spec.resources: Forbidden: resources: only files can be added to a session that exists, no repository and"
ADOPTED = f"spec.sessionId: Forbidden: sessionId is {FIXED}"
FOR_EVER = "spec.archived: Forbidden: archived can't be taken back: put archived: true back or make another Session"
EVENTS = (
    "spec.initialEvents: Forbidden: initialEvents were sent and are fixed: put them back; to say more, send an event"
)
LATE = "spec.budget: Forbidden: budget can only be given before the session exists: remove it or make another Session"
FOR_GOOD = "spec.budget: Forbidden: budget was removed for good: put removed: true back or make another Session"
LOWER = "spec.budget: Forbidden: budget can't fall: put maxListCost.amount back, raise it, or set removed: true instead"

MESSAGE = {"type": "user.message", "text": "t"}
LAST_MOUNT = {"name": "more", "file": {"fileId": "file_2"}}
FIRST_REPO = {"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}}
SECOND_REPO = {"name": "more", "githubRepository": {"url": "https://github.com/o/s"}}
MODEL = "agent.overrides.model"
REPO = "resources.1.githubRepository"

# Case, spec before, what is changed in it, and what is said once the session exists. Before that all of it is accepted.
ONCE_LIVE = [
    ("nothing", SPEC, {}, ACCEPTED),
    ("title", SPEC, {"title": "Another"}, ACCEPTED),
    ("title removed", SPEC, {"title": GONE}, ACCEPTED),
    ("metadata", SPEC, {"metadata.team": GONE, "metadata.who": "me"}, ACCEPTED),
    ("metadata removed", SPEC, {"metadata": GONE}, ACCEPTED),
    ("tools", SPEC, {"agent.overrides.tools": []}, ACCEPTED),
    ("tools removed", SPEC, {"agent.overrides.tools": GONE}, ACCEPTED),
    ("tools where no overrides were", BARE, {"agent.overrides": {"tools": []}}, ACCEPTED),
    (
        "overrides of tools alone removed",
        BARE | {"agent": {"id": "a", "overrides": {"tools": []}}},
        {"agent.overrides": GONE},
        ACCEPTED,
    ),
    ("MCP servers", SPEC, {"agent.overrides.mcpServers.0.name": "wiki"}, ACCEPTED),
    ("deletionPolicy", SPEC, {"deletionPolicy": "Retain"}, ACCEPTED),
    ("suspend", SPEC, {"suspend": True}, ACCEPTED),
    ("agent", SPEC, {"agent.id": "agent_2"}, AGENT),
    ("version", SPEC, {"agent.version": 4}, AGENT),
    ("version unpinned", SPEC, {"agent.version": GONE}, AGENT),
    ("version pinned", BARE, {"agent.version": 1}, AGENT),
    ("model", SPEC, {f"{MODEL}.id": "claude-haiku"}, OVERRIDES),
    ("speed of the model", SPEC, {f"{MODEL}.speed": "standard"}, OVERRIDES),
    ("model inherited", SPEC, {MODEL: GONE}, OVERRIDES),
    ("system", SPEC, {"agent.overrides.system": "Be long."}, OVERRIDES),
    ("system cleared", SPEC, {"agent.overrides.system": ""}, OVERRIDES),
    ("system inherited", SPEC, {"agent.overrides.system": GONE}, OVERRIDES),
    ("skills", SPEC, {"agent.overrides.skills.0.skill_id": "pptx"}, OVERRIDES),
    # Equal to the API server, which counts keys where it knows no fields: the operator sees it by the digest.
    (
        "a key within a skill renamed",
        SPEC,
        {"agent.overrides.skills.0": {"type": "anthropic", "skil_id": "xlsx"}},
        ACCEPTED,
    ),
    ("skills cleared", SPEC, {"agent.overrides.skills": []}, OVERRIDES),
    ("overrides removed", SPEC, {"agent.overrides": GONE}, OVERRIDES),
    ("system where no overrides were", BARE, {"agent.overrides": {"system": "s"}}, OVERRIDES),
    ("environment", SPEC, {"environment.id": "env_2"}, ENVIRONMENT),
    ("a vault more", SPEC, {"vaults.2": {"id": "vlt_3"}}, VAULTS),
    ("a vault less", SPEC, {"vaults.0": GONE}, VAULTS),
    ("vaults in another order", SPEC, {"vaults": [{"id": "vlt_2"}, {"id": "vlt_1"}]}, VAULTS),
    ("vaults removed", SPEC, {"vaults": GONE}, VAULTS),
    ("first vault", BARE, {"vaults": [{"id": "vlt_1"}]}, VAULTS),
    ("no vaults written out", BARE, {"vaults": []}, ACCEPTED),
    ("mounts in another order", SPEC, {"resources": SPEC["resources"][::-1]}, ACCEPTED),
    ("a default written out", SPEC, {"resources.2.memoryStore.access": "read_write"}, ACCEPTED),
    ("no mounts written out", BARE, {"resources": []}, ACCEPTED),
    ("file", SPEC, {"resources.0.file.fileId": "file_2"}, ACCEPTED),
    ("path of a file", SPEC, {"resources.0.file.mountPath": "/other.csv"}, ACCEPTED),
    ("a file more", SPEC, {"resources.3": LAST_MOUNT}, ACCEPTED),
    ("a file less", SPEC, {"resources.0": GONE}, ACCEPTED),
    ("a repository less", SPEC, {"resources.1": GONE}, MOUNTS),
    ("a memory store less", SPEC, {"resources.2": GONE}, MOUNTS),
    ("a memory store more", BARE, {"resources": [{"name": "m", "memoryStore": {"id": "memstore_1"}}]}, MORE),
    ("a file renamed", SPEC, {"resources.0.name": "renamed"}, ACCEPTED),
    ("a repository renamed", SPEC, {"resources.1.name": "renamed"}, MORE),
    ("content for a file", SPEC, {"resources.0.file": CONTENT}, ACCEPTED),
    ("first file", BARE, {"resources": [LAST_MOUNT]}, ACCEPTED),
    ("mounts removed", SPEC, {"resources": GONE}, MOUNTS),
    ("first repository", BARE, {"resources": [FIRST_REPO]}, MORE),
    ("url", SPEC, {f"{REPO}.url": "https://github.com/o/s"}, MOUNTS),
    ("branch", SPEC, {f"{REPO}.checkout.branch": "next"}, MOUNTS),
    ("commit for a branch", SPEC, {f"{REPO}.checkout": {"commit": "c" * 40}}, MOUNTS),
    ("default branch", SPEC, {f"{REPO}.checkout": GONE}, MOUNTS),
    ("path of a repository", SPEC, {f"{REPO}.mountPath": "/workspace/x"}, MOUNTS),
    ("token", SPEC, {f"{REPO}.authorizationTokenSecretRef.name": "new"}, ACCEPTED),
    ("token taken away", SPEC, {f"{REPO}.authorizationTokenSecretRef": GONE}, ACCEPTED),
    ("token where none was", UNSIGNED, {"resources.0.githubRepository.authorizationTokenSecretRef": TOKEN}, ACCEPTED),
    ("memory store", SPEC, {"resources.2.memoryStore.id": "memstore_2"}, MOUNTS),
    ("access", SPEC, {"resources.2.memoryStore.access": "read_only"}, MOUNTS),
    ("instructions", SPEC, {"resources.2.memoryStore.instructions": "i"}, MOUNTS),
    ("a file for a repository", SPEC, {"resources.1": {"name": "repo", "file": {"fileId": "file_9"}}}, MOUNTS),
    ("budget raised", SPEC, {"budget.maxListCost.amount": "901"}, ACCEPTED),
    ("budget raised to more digits", SPEC, {"budget.maxListCost.amount": "1000"}, ACCEPTED),
    ("budget raised unquoted", SPEC, {"budget.maxListCost.amount": 1000}, ACCEPTED),
    ("the same budget unquoted", SPEC, {"budget.maxListCost.amount": 900}, ACCEPTED),
    ("the same budget quoted", UNQUOTED, {"budget.maxListCost.amount": "900"}, ACCEPTED),
    ("budget lowered", SPEC, {"budget.maxListCost.amount": "899"}, LOWER),
    ("budget lowered to fewer digits", SPEC, {"budget.maxListCost.amount": "99"}, LOWER),
    ("budget lowered unquoted", SPEC, {"budget.maxListCost.amount": 99}, LOWER),
    ("an unquoted budget lowered", UNQUOTED, {"budget.maxListCost.amount": 99}, LOWER),
    ("budget lifted", SPEC, {"budget": {"removed": True}}, ACCEPTED),
    ("budget taken out of spec", SPEC, {"budget": GONE}, ACCEPTED),
    ("budget given late", BARE, {"budget": {"maxListCost": {"amount": "5"}}}, LATE),
    ("lifting given late", BARE, {"budget": {"removed": True}}, LATE),
    ("a lifted budget back", LIFTED, {"budget": {"maxListCost": {"amount": "5"}}}, FOR_GOOD),
    ("a lifted budget taken out", LIFTED, {"budget": GONE}, FOR_GOOD),
    ("several at once", SPEC, {"agent.id": "agent_2", "vaults": GONE}, AGENT),
    ("archived", SPEC, {"archived": True}, ACCEPTED),
    ("back from the archive", BARE | {"archived": True}, {"archived": False}, FOR_EVER),
    ("back from the archive by leaving it out", BARE | {"archived": True}, {"archived": GONE}, FOR_EVER),
    ("times to live", SPEC, {"ttlSecondsAfterIdle": 5, "ttlSecondsAfterCreation": 50}, ACCEPTED),
    ("onLost", SPEC, {"onLost": "Replace"}, ACCEPTED),
    ("a session to adopt, late", SPEC | {"initialEvents": []}, {"sessionId": "sesn_2"}, ADOPTED),
    ("another session to adopt", ADOPTER, {"sessionId": "sesn_2"}, ADOPTED),
    ("agent given late", ADOPTER, {"agent": {"id": "agent_1"}}, AGENT),
    ("environment given late", ADOPTER, {"environment": {"id": "env_1"}}, ENVIRONMENT),
    ("agent, to be replaced", REPLACED, {"agent.id": "agent_2"}, ACCEPTED),
    ("system, to be replaced", REPLACED, {"agent.overrides.system": "Be long."}, ACCEPTED),
    ("environment, to be replaced", REPLACED, {"environment.id": "env_2"}, ACCEPTED),
    ("vaults, to be replaced", REPLACED, {"vaults": GONE}, ACCEPTED),
    ("a repository more, to be replaced", REPLACED, {"resources.3": SECOND_REPO}, ACCEPTED),
    ("a repository less, to be replaced", REPLACED, {"resources.1": GONE}, ACCEPTED),
    ("a memory store, to be replaced", REPLACED, {"resources.2.memoryStore.id": "memstore_2"}, ACCEPTED),
    ("agent and the wish to replace at once", SPEC, {"agent.id": "a", "onImmutableChange": "Replace"}, ACCEPTED),
    ("agent and the wish to keep at once", REPLACED, {"agent.id": "a", "onImmutableChange": "Reject"}, AGENT),
    ("budget lowered, to be replaced", REPLACED, {"budget.maxListCost.amount": "899"}, LOWER),
]

# The same, with what is said once initialEvents were sent. Until then they may be mended, even with a session there.
ONCE_STARTED = [
    ("event", SPEC, {"initialEvents.0.content.0.text": "Stop."}, EVENTS),
    ("an event more", SPEC, {"initialEvents.1": MESSAGE}, EVENTS),
    ("events removed", SPEC, {"initialEvents": GONE}, EVENTS),
    ("another kind of event", SPEC, {"initialEvents.0": MESSAGE}, EVENTS),
    ("all but the events", SPEC, {"title": "x"}, ACCEPTED),
    ("events, to be sent to a new session", REPLACED, {"initialEvents.0": MESSAGE}, ACCEPTED),
]

# There must be something to look at.
TO_OBSERVE = [("observed from now on", SPEC, {"managementPolicy": "Observe"}, ACCEPTED)]
NOTHING_TO_OBSERVE = [
    (
        "observed from now on",
        SPEC,
        {"managementPolicy": "Observe"},
        "spec.managementPolicy: Forbidden: managementPolicy Observe needs a session to look at: set sessionId",
    )
]

# Phase, rows, and whether what the row says holds by then.
PHASES = [
    ("fresh", FRESH, ONCE_LIVE, False),
    ("live", LIVE, ONCE_LIVE, True),
    ("live-unsent", LIVE, ONCE_STARTED, False),
    ("started", STARTED, ONCE_STARTED, True),
    ("live-observed", LIVE, TO_OBSERVE, True),
    ("fresh-observed", FRESH, NOTHING_TO_OBSERVE, True),
]
TABLE = [
    (f"{phase}-{n}", f"{phase}: {case}", before, change, status, says if binds else ACCEPTED)
    for phase, status, rows, binds in PHASES
    for n, (case, before, change, says) in enumerate(rows)
]


def edited(spec, change):
    spec = copy.deepcopy(spec)
    for path, value in change.items():
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        node = spec
        for step in steps:
            node = node[step]
        if value is GONE:
            del node[last]
        elif isinstance(node, list) and last == len(node):
            node.append(value)
        else:
            node[last] = value
    return spec


@pytest.fixture(scope="module")
def answers(kubectl, session):
    """What kubectl says to each row: made, given a status by the status subresource, edited, and cleared away."""
    made = [session(name, before) for name, _, before, *_ in TABLE]
    assert set(kubectl.each("create", objects=made).values()) == {None}
    known = [session(name, before, status=status) for name, _, before, _, status, _ in TABLE if status]
    assert set(kubectl.each("replace", "--subresource=status", objects=known).values()) == {None}
    yield kubectl.each("replace", objects=[session(row[0], edited(row[2], row[3])) for row in TABLE])
    kubectl("delete", "--wait=false", objects=made)


@pytest.mark.parametrize(("name", "says"), [(row[0], row[5]) for row in TABLE], ids=[row[1] for row in TABLE])
def test_edit(answers, name, says):
    said = answers[name]
    if says is ACCEPTED:
        assert said is None
    else:
        assert said is not None, "was accepted"
        assert says in said


def test_several_mistakes_are_all_named(answers):
    said = answers[next(row[0] for row in TABLE if row[1] == "live: several at once")]
    assert AGENT in said
    assert VAULTS in said
