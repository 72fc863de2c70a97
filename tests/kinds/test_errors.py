"""Every error of the client has a consequence that somebody chose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.kinds.stage import resource

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import SYNCED
from managed_agents_operator.claude import errors
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.kinds.errors import failure, field_of, refused_spec

NOW = 100.0
REFUSED, BLOCKED, LATER = Consequence.REFUSED, Consequence.BLOCKED, Consequence.LATER
ABSENT, UNCLEAR = Consequence.ABSENT, Consequence.UNCLEAR

# What came; what follows for a read or a change; what follows for a creation; reason.
TABLE: dict[type[ClaudeError], tuple[Consequence, Consequence, str]] = {
    errors.Unsent: (LATER, LATER, "Unreachable"),  # nothing left: sure, and it passes
    errors.BadRequest: (REFUSED, REFUSED, "InvalidSpec"),  # the same again would be refused again
    errors.CursorRefused: (LATER, LATER, "CallRefused"),  # a list that is read anew: nothing of the spec is wrong
    errors.Unauthorized: (BLOCKED, BLOCKED, "KeyRefused"),
    errors.BillingRequired: (BLOCKED, BLOCKED, "BillingRefused"),
    errors.Forbidden: (BLOCKED, BLOCKED, "Forbidden"),
    errors.NotFound: (ABSENT, REFUSED, "NotFound"),  # of a creation it is about what the spec names
    errors.RateLimited: (LATER, LATER, "RateLimited"),
    errors.Conflict: (UNCLEAR, UNCLEAR, "CallRefused"),  # nobody says what was done before it was met
    errors.ServerFault: (UNCLEAR, UNCLEAR, "Unreachable"),
    errors.Overloaded: (UNCLEAR, UNCLEAR, "Unreachable"),  # also after it was stored
    errors.Unreadable: (UNCLEAR, UNCLEAR, "Unreachable"),
    errors.TooLarge: (UNCLEAR, UNCLEAR, "Unreachable"),  # however much is said, it may have been carried out
    errors.Lost: (UNCLEAR, UNCLEAR, "Unreachable"),
}
GROUPS = {errors.Refused, errors.Unclear}


def kinds(root: type[ClaudeError] = ClaudeError) -> Iterator[type[ClaudeError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_a_new_error_needs_a_row_here():
    assert set(kinds()) - GROUPS == set(TABLE)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_what_follows(kind):
    consequence, of_creation, reason = TABLE[kind]
    seen, made = failure(kind("told"), NOW), failure(kind("told"), NOW, creates=True)
    assert (seen.consequence, seen.reason, made.consequence) == (consequence, reason, of_creation)
    assert made.certain == (of_creation is not UNCLEAR)
    assert issubclass(kind, errors.Unclear) == (consequence is UNCLEAR), "unknown outcomes stay unknown"


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_each_reason_is_one_that_conditions_know(kind):
    # A session that is not there is told by its own rung.
    for told in (failure(kind("told"), NOW), failure(kind("told"), NOW, creates=True)):
        assert told.reason in {*SYNCED, *READY, "NotFound"}


@pytest.mark.parametrize("kind", [errors.Unauthorized, errors.BillingRequired, errors.Forbidden])
def test_what_a_person_must_mend_says_how_and_is_the_same_each_time(kind):
    one, other = failure(kind("x", workspace="w"), NOW), failure(kind("quite another text"), NOW + 5)
    assert one.message == other.message
    assert one.workspace == "w"
    assert ":" in one.message


def test_a_time_that_was_named_counts():
    assert failure(errors.RateLimited("x", retry_after=7), NOW).retry_at == NOW + 7
    assert failure(errors.RateLimited("x"), NOW).retry_at is None
    assert failure(errors.Overloaded("x", retry_after=3), NOW).retry_at == NOW + 3
    paused = failure(errors.Unsent("x", retry_at=123.0), NOW)
    assert (paused.reason, paused.retry_at) == ("RateLimited", 123.0)


SPEC = resource(
    agent={"id": "agent_1"},
    environment={"id": "env_1"},
    vaults=[{"id": "vlt_1"}, {"id": "vlt_12"}],
    resources=[
        {"name": "data", "file": {"fileId": "file_1"}},
        {"name": "notes", "file": {"configMapKeyRef": {"name": "c", "key": "k"}, "mountPath": "/n"}},
        {"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}},
        {"name": "store", "memoryStore": {"id": "memstore_1"}},
    ],
).spec

FIELDS = [
    ("agent agent_1 not found", "spec.agent.id"),
    ("environment 'env_1' is archived", "spec.environment.id"),
    ("vault_ids: vlt_12 not found", "spec.vaults[1].id"),  # an id that begins like another is not that one
    ("vault_ids: vlt_1 not found", "spec.vaults[0].id"),
    ("resources: file file_1 not found", "spec.resources[data].file.fileId"),
    ("resources: file file_2 not found", "spec.resources[notes].file"),  # ours, for a content of the cluster
    ("resources: file file_3 not found", "spec.resources"),
    ("'https://github.com/o/r' is private", "spec.resources[repo].githubRepository.url"),
    ("memory store memstore_1 is archived", "spec.resources[store].memoryStore.id"),
    ("agent agent_1 has no access to file_1 of env_1", "spec.agent.id"),
    ("agent_15 not found", "spec.agent.id"),  # by the word, since the id is another
    ("budget.max_list_cost.amount: must be whole cents", "spec.budget.maxListCost"),
    ("Model is not budgetable", "spec.budget"),
    ("metadata: too many pairs", "spec.metadata"),
    ("Title too long", "spec.title"),
    ("authorization_token: Field required", "spec.resources (authorizationTokenSecretRef)"),
    ("mcp_toolset names no server", "spec.agent.overrides.mcpServers"),
    ("no", "the spec (most likely spec.agent.id)"),
]


@pytest.mark.parametrize(("message", "field"), FIELDS)
def test_the_field_to_mend(message, field):
    assert field_of(message, SPEC, {"notes": "file_2"}) == field


def test_a_session_that_is_there_already_needs_neither_agent_nor_environment():
    spec = resource(sessionId="sesn_1", agent=None, environment=None).spec
    assert field_of("no such thing", spec, {}) == "the spec (most likely spec.agent.id)"


def test_only_a_refusal_is_told_as_one():
    refused = refused_spec(Failure(REFUSED, "InvalidSpec", "agent agent_1 not found."), SPEC, {})
    assert refused.message == "the API refused the session: agent agent_1 not found; mend spec.agent.id"
    unclear = Failure(UNCLEAR, "Unreachable", "agent_1")
    assert refused_spec(unclear, SPEC, {}) is unclear
