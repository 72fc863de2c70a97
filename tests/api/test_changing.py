"""Whether a field may be edited later: the field reference says what the rules and the engine make of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.specs import FULL

from managed_agents_operator.api import changing, crd
from managed_agents_operator.api.schema import RULES
from managed_agents_operator.api.session import SessionSpec, immutable_part

Path = tuple[str | int, ...]
OTHERS = {"ClusterConnection": "Connection", "read_only": "read_write", "Delete": "Archive"}


def leaves(node: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(node, dict | list) and node:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from leaves(value, (*path, key))
    else:
        yield path


def edited(path: Path) -> dict[str, Any]:
    """The full spec with another value at one place."""
    spec: Any = copy.deepcopy(FULL)
    node = spec
    for step in path[:-1]:
        node = node[step]
    was = node[path[-1]]
    if isinstance(was, bool | int):
        node[path[-1]] = not was if isinstance(was, bool) else was + 1
    else:
        node[path[-1]] = OTHERS.get(was, f"{was}9")
    return dict(spec)


def as_field(path: Path) -> str:
    return "spec" + "".join("[]" if isinstance(step, int) else f".{step}" for step in path)


# What has one value only, or one for each form of an event, can't be edited by itself.
EDITS = [path for path in leaves(FULL) if path[-1] != "currency" and (path[0], path[-1]) != ("initialEvents", "type")]


@pytest.mark.parametrize("path", EDITS, ids=as_field)
def test_an_edit_asks_for_another_session_where_the_reference_says_so(path: Path) -> None:
    """What a session is made from is what `immutable_part` answers; rules of their own bind without it."""
    made_from, edit = (immutable_part(SessionSpec.model_validate(spec)) for spec in (FULL, edited(path)))
    another = edit != made_from
    said = changing.may_change(as_field(path), changing.OF_SESSIONS)
    if said == "of files":
        assert another is ("file" not in FULL["resources"][path[1]])
    else:
        assert another is (said == changing.OR_REPLACED)


def bound(definition: crd.Definition) -> set[str]:
    """Fields about which some rule compares the object with what it was."""
    rules = crd.schema(definition)[RULES]
    return {rule["fieldPath"].removeprefix(".") for rule in rules if "oldSelf" in rule["rule"]}


@pytest.mark.parametrize("definition", crd.DEFINITIONS, ids=lambda definition: definition.kind)
def test_what_is_said_is_what_some_rule_asks(definition: crd.Definition) -> None:
    limited = {path for path, said in definition.changes.items() if said != changing.ANY_TIME}
    rules = bound(definition)
    assert {path for path in limited if not any(path.startswith(rule) for rule in rules)} == set()
    assert {rule for rule in rules if not any(path.startswith(rule) for path in limited)} == set()


NEAREST = [
    ("spec.title", "yes", "nothing is said of it"),
    ("spec.agent.version", changing.OR_REPLACED, "as what it stands below"),
    ("spec.agent.overrides.model.id", changing.OR_REPLACED, "two levels below"),
    ("spec.agent.overrides.tools", "yes", "the nearest counts"),
    ("spec.vaults[].id", changing.OR_REPLACED, "in a list"),
    ("spec.resources[].file.fileId", "yes", "of a list of which nothing is said"),
    ("spec.resources[].githubRepository.authorizationTokenSecretRef.key", "yes", "an exception within"),
]


@pytest.mark.parametrize(("path", "said", "why"), NEAREST)
def test_a_field_is_as_the_nearest_that_is_told_of(path: str, said: str, why: str) -> None:
    assert changing.may_change(path, changing.OF_SESSIONS) == said, why
