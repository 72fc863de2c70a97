"""What may be changed: everything until the session exists, then what the API can change, and nothing else.

With onImmutableChange Replace the rest may be changed too, since a new session takes the place of this one.
"""

from __future__ import annotations

import pytest
from tests.e2e.edits import ACCEPTED, BARE, ELSE, FRESH, GONE, LIVE, STARTED, answers, edits, matches

pytestmark = pytest.mark.e2e

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
    "initialEvents": [{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}],
}
LIFTED = BARE | {"budget": {"removed": True}}
UNQUOTED = BARE | {"budget": {"maxListCost": {"amount": 900}}}
ADOPTED = {"sessionId": "sesn_1"}

FIXED = f"fixed for the life of a session: put it back, {ELSE}"
AGENT = f"spec.agent: Forbidden: agent (id and version) is {FIXED}"
OVERRIDES = f"spec.agent.overrides: Forbidden: agent.overrides (model, system, skills) is {FIXED}"
ENVIRONMENT = f"spec.environment: Forbidden: environment is {FIXED}"
SESSION = f"spec.sessionId: Forbidden: sessionId is {FIXED}"
VAULTS = "spec.vaults: Forbidden: vaults, and their order, are fixed for the life of a session: put them back, " + ELSE
EVENTS = (
    "spec.initialEvents: Forbidden: initialEvents were sent and are fixed for the life of a session: put them back; to"
    f" say more, send an event to the session, {ELSE}"
)
LATE = "spec.budget: Forbidden: budget can only be given before the session exists: remove it or make another Session"
FOR_GOOD = "spec.budget: Forbidden: budget was removed for good: put removed: true back or make another Session"
LOWER = "spec.budget: Forbidden: budget can't fall: put maxListCost.amount back, raise it, or set removed: true instead"
ARCHIVED = "spec.archived: Forbidden: archived can't be taken back: put archived: true back or make another Session"
OBSERVE = (
    "spec.managementPolicy: Forbidden: managementPolicy Observe needs a session that is there: set sessionId, or remove"
    " managementPolicy until status.id is there"
)

MESSAGE = {"type": "user.message", "text": "t"}
MODEL = "agent.overrides.model"

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
    ("sessionId", ADOPTED, {"sessionId": "sesn_2"}, SESSION),
    ("sessionId given late", BARE, {"sessionId": "sesn_1"}, SESSION),
    ("sessionId removed", BARE | ADOPTED, {"sessionId": GONE}, SESSION),
    ("agent of an adopted session", ADOPTED, {"agent": {"id": "agent_1"}}, AGENT),
    ("agent of an adopted session removed", BARE | ADOPTED, {"agent": GONE}, AGENT),
    ("environment of an adopted session", ADOPTED, {"environment": {"id": "env_1"}}, ENVIRONMENT),
    ("environment of an adopted session removed", BARE | ADOPTED, {"environment": GONE}, ENVIRONMENT),
    ("an adopted session observed", ADOPTED, {"managementPolicy": "Observe"}, ACCEPTED),
    ("an observed session taken over", ADOPTED | {"managementPolicy": "Observe"}, {"managementPolicy": GONE}, ACCEPTED),
    ("times to live", SPEC, {"ttlSecondsAfterIdle": 60, "ttlSecondsAfterCreation": 600}, ACCEPTED),
    ("onLost", SPEC, {"onLost": "Replace"}, ACCEPTED),
    ("archived", SPEC, {"archived": True}, ACCEPTED),
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
    ("Replace at the same time", SPEC, {"agent.id": "agent_2", "onImmutableChange": "Replace"}, ACCEPTED),
    (
        "Reject at the same time",
        SPEC | {"onImmutableChange": "Replace"},
        {"agent.id": "agent_2", "onImmutableChange": "Reject"},
        AGENT,
    ),
    ("several at once", SPEC, {"agent.id": "agent_2", "vaults": GONE}, AGENT),
]

# The same, with what is said once initialEvents were sent. Until then they may be mended, even with a session there.
ONCE_STARTED = [
    ("event", SPEC, {"initialEvents.0.content.0.text": "Stop."}, EVENTS),
    ("an event more", SPEC, {"initialEvents.1": MESSAGE}, EVENTS),
    ("events removed", SPEC, {"initialEvents": GONE}, EVENTS),
    ("another kind of event", SPEC, {"initialEvents.0": MESSAGE}, EVENTS),
    ("all but the events", SPEC, {"title": "x"}, ACCEPTED),
]

# The same, with what is said however far its life has got.
ALWAYS = [
    ("archived taken back", SPEC | {"archived": True}, {"archived": False}, ARCHIVED),
    ("archived taken out", SPEC | {"archived": True}, {"archived": GONE}, ARCHIVED),
    ("archived twice", SPEC | {"archived": True}, {"title": "x"}, ACCEPTED),
    ("first events of an adopted session", ADOPTED, {"initialEvents": [MESSAGE]}, "remove them"),
    ("no agent", SPEC, {"agent": GONE}, "spec.agent: Required value: agent is needed to make a session: set agent.id"),
    ("no environment", SPEC, {"environment": GONE}, "spec.environment: Required value: environment is needed"),
]

# And what is said until it exists.
ONCE_FRESH = [("observed", BARE, {"managementPolicy": "Observe"}, OBSERVE)]

# What no new session could mend. That one edit goes from Replace to Reject, so Reject is what counts.
LASTING = {LATE, FOR_GOOD, LOWER}
REPLACED = [row for row in ONCE_LIVE if row[0] != "Reject at the same time"]

TABLE = [
    *edits("fresh", FRESH, ONCE_LIVE, binds=False),
    *edits("fresh-always", FRESH, ALWAYS),
    *edits("fresh-only", FRESH, ONCE_FRESH),
    *edits("live", LIVE, ONCE_LIVE),
    *edits("live-always", LIVE, ALWAYS),
    *edits("live-after-fresh", LIVE, ONCE_FRESH, binds=False),
    *edits("live-unsent", LIVE, ONCE_STARTED, binds=False),
    *edits("started", STARTED, ONCE_STARTED),
    *edits("replaced", LIVE, REPLACED, binds=LASTING, replace=True),
    *edits("replaced-always", LIVE, ALWAYS, replace=True),
    *edits("replaced-started", STARTED, ONCE_STARTED, binds=False, replace=True),
]


@pytest.fixture(scope="module")
def said(kubectl, session):
    """To each edit."""
    yield from answers(kubectl, session, TABLE)


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_edit(said, row):
    assert matches(said[row.name], row.says), said[row.name]


def test_several_mistakes_are_all_named(said):
    all_of_it = said[next(row.name for row in TABLE if row.case == "live: several at once")]
    assert AGENT in all_of_it
    assert VAULTS in all_of_it
