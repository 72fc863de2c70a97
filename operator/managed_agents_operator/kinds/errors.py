"""The one table from what came (claude/errors.py) to what follows (engine/errors.py).

Every kind translates through it. Messages are stable: no request ids, times or counts; for a refusal of our own making
they name the field of the spec that it seems to be about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import BlockedReason, FailureReason
from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.claude.errors import (
    BadRequest,
    BillingRequired,
    ClaudeError,
    Conflict,
    CursorRefused,
    Forbidden,
    NotFound,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unsent,
)
from managed_agents_operator.engine.errors import Consequence, Failure

_BLOCKED: dict[type[ClaudeError], tuple[BlockedReason, str]] = {
    Unauthorized: (
        "KeyRefused",
        (
            "the API does not accept the key (401): put a valid one where this connection has it, which is the Secret "
            "of its Connection, or ANTHROPIC_API_KEY of the operator"
        ),
    ),
    BillingRequired: ("BillingRefused", "the API asks for payment (402): settle the account's billing"),
    Forbidden: (
        "Forbidden",
        "the key has no right to do this (403): give it the right, or put another key in its place",
    ),
}


def failure(error: ClaudeError, now: float, *, creates: bool = False) -> Failure:
    """What follows from an error. `now` is monotonic; `creates` tells that a 404 is about something that spec names."""
    for kind, (blocked, message) in _BLOCKED.items():
        if isinstance(error, kind):
            return Failure(Consequence.BLOCKED, blocked, message, workspace=error.workspace)
    if isinstance(error, NotFound) and not creates:
        return Failure(Consequence.ABSENT, "NotFound", error.message, workspace=error.workspace)
    if isinstance(error, CursorRefused):
        return Failure(Consequence.LATER, "CallRefused", error.message, workspace=error.workspace)
    if isinstance(error, BadRequest | NotFound):
        return Failure(Consequence.REFUSED, "InvalidSpec", error.message, workspace=error.workspace)
    if isinstance(error, RateLimited):
        after = now + error.retry_after if error.retry_after is not None else None
        message = "the API asks to wait (429)"
        return Failure(Consequence.LATER, "RateLimited", message, retry_at=after, workspace=error.workspace)
    if isinstance(error, Unsent):
        reason: FailureReason = "RateLimited" if error.retry_at is not None else "Unreachable"
        return Failure(Consequence.LATER, reason, error.message, retry_at=error.retry_at)
    if isinstance(error, Conflict):
        return Failure(Consequence.UNCLEAR, "CallRefused", error.message, workspace=error.workspace)
    after = now + error.retry_after if isinstance(error, ServerFault) and error.retry_after is not None else None
    return Failure(Consequence.UNCLEAR, "Unreachable", error.message, retry_at=after, workspace=error.workspace)


def refused_spec(failure: Failure, spec: SessionSpec, files: Mapping[str, str]) -> Failure:
    """A refused creation, told with the field to mend; any other failure as it is."""
    return refused(failure, "the session", field_of(failure.message, spec, files))


def refused(failure: Failure, what: str, field: str) -> Failure:
    """A refusal told with the field to mend; any other failure as it is."""
    if failure.consequence is not Consequence.REFUSED:
        return failure
    message = f"the API refused {what}: {failure.message.rstrip('.')}; mend {field}"
    return Failure(failure.consequence, failure.reason, message, workspace=failure.workspace)


def field_of(message: str, spec: SessionSpec, files: Mapping[str, str]) -> str:
    """The field of the spec that a refusal is about: the one whose id it names, else the one whose word it uses.

    `files` are the ids of what was uploaded, by name of the mount.
    """
    named = [(id, field) for id, field in _ids(spec, files) if names(message, id)]
    if named:
        # What is named in full is meant, not an id that is a part of it.
        return max(named, key=lambda one: len(one[0]))[1]
    low = message.lower()
    words = {
        "max_list_cost": "spec.budget.maxListCost",
        "budget": "spec.budget",
        "metadata": "spec.metadata",
        "title": "spec.title",
        "vault": "spec.vaults",
        "environment": "spec.environment.id",
        "authorization_token": "spec.resources (authorizationTokenSecretRef)",
        "resource": "spec.resources",
        "memory": "spec.resources",
        "file": "spec.resources",
        "version": "spec.agent.version",
        "model": "spec.agent.overrides.model",
        "skill": "spec.agent.overrides.skills",
        "mcp": "spec.agent.overrides.mcpServers",
        "tool": "spec.agent.overrides.tools",
        "agent": "spec.agent.id",
    }
    return next((field for word, field in words.items() if word in low), "the spec (most likely spec.agent.id)")


def names(message: str, id: str) -> bool:
    """Whether it names this id, and not one that this is a part of."""
    return re.search(rf"(?<![\w-]){re.escape(id)}(?![\w-])", message) is not None


def _ids(spec: SessionSpec, files: Mapping[str, str]) -> list[tuple[str, str]]:
    ids = [(spec.agent.id, "spec.agent.id")] if spec.agent else []
    ids += [(spec.environment.id, "spec.environment.id")] if spec.environment else []
    ids += [(vault.id, f"spec.vaults[{at}].id") for at, vault in enumerate(spec.vaults)]
    for resource in spec.resources:
        where = f"spec.resources[{resource.name}]"
        if resource.file and resource.file.file_id:
            ids.append((resource.file.file_id, f"{where}.file.fileId"))
        elif resource.file and (upload := files.get(resource.name)):
            ids.append((upload, f"{where}.file"))
        elif resource.github_repository:
            ids.append((resource.github_repository.url, f"{where}.githubRepository.url"))
        elif resource.memory_store:
            ids.append((resource.memory_store.id, f"{where}.memoryStore.id"))
    return ids
