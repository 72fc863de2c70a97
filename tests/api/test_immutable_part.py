"""Which part of a spec no live session can change: what it was made from, and what a replacement is made for."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.specs import FULL, MINIMAL

from managed_agents_operator.api.session import SessionSpec, immutable_part

# Written out on purpose: digests of it are in the status of running sessions, so it may not come out differently later.
FULL_PART = {
    "agent": {
        "id": "agent_1",
        "version": 3,
        "overrides": {
            "model": {"id": "claude-opus-4-8", "effort": {"type": "high"}},
            "system": "Be brief.",
            "skills": [{"type": "anthropic", "skill_id": "xlsx"}],
        },
    },
    "environment": {"id": "env_1"},
    "vaults": [{"id": "vlt_1"}, {"id": "vlt_2"}],
    "resources": {
        "repo": {
            "githubRepository": {
                "url": "https://github.com/o/r",
                "checkout": {"branch": "main"},
                "mountPath": "/workspace/r",
            }
        },
        "memory": {"memoryStore": {"id": "memstore_1", "access": "read_only", "instructions": "Look first."}},
        "plain": {"memoryStore": {"id": "memstore_2"}},
        "public": {"githubRepository": {"url": "https://github.com/o/p"}},
    },
}

ADOPTED: dict[str, Any] = {"sessionId": "sesn_1"}
NOTES: dict[str, Any] = {"file": {"configMapKeyRef": {"name": "notes", "key": "b.md"}, "mountPath": "/b.md"}}
TOKEN: dict[str, Any] = {"name": "gh", "key": "token"}

Path = tuple[str | int, ...]

SAME: list[tuple[str, Path, Any]] = [
    ("title", ("title",), "Another"),
    ("metadata", ("metadata",), {"team": "core"}),
    ("budget", ("budget",), {"removed": True}),
    # Fixed all the same, by a rule of its own: no new session could mend it.
    ("another connection", ("connectionRef", "name"), "other"),
    ("no connection", ("connectionRef",), None),
    ("tools", ("agent", "overrides", "tools"), []),
    ("MCP servers", ("agent", "overrides", "mcpServers"), []),
    ("a file mounted elsewhere", ("resources", 0, "file", "mountPath"), "/other.csv"),
    ("another file", ("resources", 0, "file", "fileId"), "file_2"),
    ("content of another ConfigMap", ("resources", 4, "file", "configMapKeyRef", "name"), "other"),
    ("a file in place of content", ("resources", 4, "file"), {"fileId": "file_3"}),
    ("content of a ConfigMap in place of a Secret", ("resources", 5), {"name": "netrc", **NOTES}),
    ("a file under another name", ("resources", 0, "name"), "renamed"),
    ("no token", ("resources", 1, "githubRepository", "authorizationTokenSecretRef"), None),
    ("a token given late", ("resources", 6, "githubRepository", "authorizationTokenSecretRef"), TOKEN),
    ("another token", ("resources", 1, "githubRepository", "authorizationTokenSecretRef", "name"), "new"),
    ("a default written out", ("resources", 3, "memoryStore", "access"), "read_write"),
    ("initialEvents", ("initialEvents",), []),
    ("deletionPolicy", ("deletionPolicy",), "Archive"),
    ("suspend", ("suspend",), False),
    ("archived", ("archived",), True),
    ("times to live", ("ttlSecondsAfterIdle",), 60),
    ("onImmutableChange", ("onImmutableChange",), "Replace"),
    ("onLost", ("onLost",), "Replace"),
    ("managementPolicy", ("managementPolicy",), "Observe"),
    ("a field of a later release", ("onWeekends",), "Rest"),
    ("a field of a later release in a mount", ("resources", 1, "githubRepository", "depth"), 1),
]

OTHER: list[tuple[str, Path, Any]] = [
    ("sessionId", ("sessionId",), "sesn_1"),
    ("no agent", ("agent",), None),
    ("no environment", ("environment",), None),
    ("agent", ("agent", "id"), "agent_2"),
    ("version", ("agent", "version"), 4),
    ("version unpinned", ("agent", "version"), None),
    ("model", ("agent", "overrides", "model", "id"), "claude-haiku"),
    ("effort of the model", ("agent", "overrides", "model", "effort", "type"), "low"),
    ("system", ("agent", "overrides", "system"), "Be long."),
    ("system cleared instead of overridden", ("agent", "overrides", "system"), ""),
    ("system inherited", ("agent", "overrides", "system"), None),
    ("skills cleared", ("agent", "overrides", "skills"), []),
    ("key within a skill renamed", ("agent", "overrides", "skills", 0), {"type": "anthropic", "skil_id": "xlsx"}),
    ("environment", ("environment", "id"), "env_2"),
    ("order of vaults", ("vaults",), [{"id": "vlt_2"}, {"id": "vlt_1"}]),
    ("no vaults", ("vaults",), []),
    ("url of a repository", ("resources", 1, "githubRepository", "url"), "https://github.com/o/s"),
    ("branch", ("resources", 1, "githubRepository", "checkout", "branch"), "next"),
    ("path of a repository", ("resources", 1, "githubRepository", "mountPath"), None),
    ("name of a repository", ("resources", 1, "name"), "renamed"),
    ("a file in place of a repository", ("resources", 1), {"name": "repo", "file": {"fileId": "file_9"}}),
    ("a repository in place of a file", ("resources", 0), {"name": "data", "githubRepository": {"url": "u"}}),
    ("a memory store more", ("resources", 4), {"name": "more", "memoryStore": {"id": "memstore_3"}}),
    ("a branch where none was", ("resources", 6, "githubRepository", "checkout"), {"branch": "main"}),
    ("access", ("resources", 2, "memoryStore", "access"), "read_write"),
    ("instructions", ("resources", 2, "memoryStore", "instructions"), "Look last."),
]


def part(spec: Mapping[str, Any]) -> dict[str, Any]:
    return immutable_part(SessionSpec.model_validate(spec))


def changed(path: Path, value: Any) -> dict[str, Any]:
    spec: Any = copy.deepcopy(FULL)
    node = spec
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return dict(spec)


def test_the_immutable_part_is_written_as_in_yaml() -> None:
    assert part(FULL) == FULL_PART
    assert part(MINIMAL) == {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}


def test_of_an_adopted_session_it_is_what_was_said() -> None:
    assert part(ADOPTED) == ADOPTED
    assert part(ADOPTED | MINIMAL) == ADOPTED | MINIMAL
    assert part(ADOPTED | {"resources": FULL["resources"]}) == ADOPTED | {"resources": FULL_PART["resources"]}


def test_no_files_leave_no_trace() -> None:
    assert part(MINIMAL | {"resources": [FULL["resources"][0], FULL["resources"][4]]}) == MINIMAL


@pytest.mark.parametrize(("path", "value"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_what_may_change_is_no_part_of_it(path: Path, value: Any) -> None:
    assert part(changed(path, value)) == FULL_PART


@pytest.mark.parametrize(("path", "value"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_what_is_fixed_is_part_of_it(path: Path, value: Any) -> None:
    assert part(changed(path, value)) != FULL_PART


@given(st.permutations(FULL["resources"]), st.dictionaries(st.text(), st.text(), max_size=14), st.booleans())
def test_order_of_mounts_and_mutable_fields_never_matter(
    resources: list[Any], metadata: dict[str, str], suspend: bool
) -> None:
    spec = FULL | {"resources": resources, "metadata": metadata, "suspend": suspend}
    assert json.dumps(part(spec), sort_keys=True) == json.dumps(FULL_PART, sort_keys=True)


ids = st.text(min_size=1, max_size=128)


@given(ids, st.lists(ids.map(lambda i: {"id": i}), max_size=5), st.none() | st.integers(1, 9), st.none() | st.text())
def test_it_tells_two_specs_apart_exactly_by_what_is_fixed(
    agent: str, vaults: list[dict[str, str]], version: int | None, system: str | None
) -> None:
    one = {"agent": {"id": agent, "version": version, "overrides": {"system": system}}, "environment": {"id": "e"}}
    assert part(one | {"vaults": vaults}) == part(one | {"vaults": vaults, "title": "x"})
    assert part(one | {"vaults": [*vaults, {"id": "more"}]}) != part(one | {"vaults": vaults})
