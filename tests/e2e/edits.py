"""What is said to edits of a Session, by how far its life has got. Used by the tables of test_schema_edits*.py."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

ACCEPTED = None
GONE = object()
BARE = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}

# What the operator has written by then.
FRESH: dict[str, Any] = {}
LIVE = {"id": "sesn_1"}
STARTED = {"id": "sesn_1", "kickoff": {"sentAt": "2026-11-22T10:00:00Z"}}

ELSE = "make another Session, or set spec.onImmutableChange: Replace to archive this session and start a new one"


class Edit(NamedTuple):
    """One row of a table: an object before, what is changed in it, and what is said to that."""

    name: str
    case: str
    before: dict[str, Any]
    change: dict[str, Any]
    status: dict[str, Any]
    says: str | None


def edits(phase, status, rows, *, binds=True, replace=False):
    """Rows (case, before, change, says) in one phase; what they say holds where `binds`, or where it is among these."""
    for n, (case, before, change, says) in enumerate(rows):
        holds = binds if isinstance(binds, bool) else says in binds
        spec = before | {"onImmutableChange": "Replace"} if replace else before
        yield Edit(f"{phase}-{n}", f"{phase}: {case}", spec, change, status, says if holds else ACCEPTED)


def edited(spec, change):
    """The spec with other values at these paths."""
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


def answers(kubectl, session, table):
    """What kubectl says to each row: made, given a status by the status subresource, edited, and cleared away."""
    made = [session(row.name, row.before) for row in table]
    assert set(kubectl.each("create", objects=made).values()) == {None}
    known = [session(row.name, row.before, status=row.status) for row in table if row.status]
    assert set(kubectl.each("replace", "--subresource=status", objects=known).values()) == {None}
    yield kubectl.each("replace", objects=[session(row.name, edited(row.before, row.change)) for row in table])
    kubectl("delete", "--wait=false", objects=made)


def matches(said, says):
    """Whether that is what was said; a refusal may have more to say."""
    return said is None if says is ACCEPTED else said is not None and says in said
