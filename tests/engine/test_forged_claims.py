"""Annotations that somebody made up: anybody may write them who may write the resource.

They can harm this resource, and nothing else: whatever stands there, a pass ends with a verdict, its status can be
stored, and nothing is called over a connection that the namespace may not use.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.refusals import refusals, status_schema
from tests.engine.anything import FILES, MEMORIES, SPECS, STATUSES, at_least, sights
from tests.engine.views import (
    ID,
    PROCESS,
    UID,
    WALL,
    body,
    claim,
    digest_of,
    found,
    living,
    remote,
    resource,
    stamp,
    view,
)
from tests.kinds.answers import SCALARS, TEXTS

from managed_agents_operator.engine.choosing import ENVIRONMENT, Place, bound, chosen
from managed_agents_operator.engine.claim import Claim, Marker
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.learning import meet
from managed_agents_operator.engine.looks import LookSession
from managed_agents_operator.engine.status import conclude
from managed_agents_operator.engine.verdict import End, Guard, Interrupt, Release, Rest, Send, Update
from managed_agents_operator.kinds.projection import project

SCHEMA = status_schema()
CLAIM = "managedagents.dev/claim"
TIMES = st.sampled_from(
    [
        stamp(-60),
        stamp(10**7),
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "yesterday",
        "2026-11-20",
        "2026-11-20T12:00:00",
        "1969-12-31T23:59:59Z",
        "",
        "x" * 9999,
    ]
)
NUMBERS = st.sampled_from([1, 2, 0, -1, 3, 10**9, 10**18 - 1, 10**18, 2**63, 10**30, 1.5, "2", "x", None, True])
SESSIONS = st.sampled_from([None, "", ID, "sesn_2", "sesn_of_others", "../agents/x", "a\nb", "x" * 9999])
FORGED = st.fixed_dictionaries(
    {
        "uid": st.sampled_from([UID, UID, "uid-old", "", "x" * 9999, 7]),
        "n": st.integers(1, 3) | NUMBERS,
        "at": st.just(stamp(-60)) | TIMES,
        "by": st.sampled_from([PROCESS.by, "process-2", "", "x" * 9999]),
        "digest": st.sampled_from([digest_of(), "d", "", "x" * 9999]),
    },
    optional={
        "agent": TEXTS | st.none(),
        "connection": st.sampled_from(["environment", "ClusterConnection/shared", "Connection/../b/default", "", "x"]),
        "workspace": TEXTS | st.none(),
        "replaces": SESSIONS,
        "adopts": SESSIONS,
        "files": st.lists(TEXTS, max_size=3) | SCALARS,
        "keys": st.lists(TEXTS, max_size=3) | SCALARS,
        "uploads": SCALARS,
        "repaired": SCALARS,
        "moon": SCALARS,
    },
).map(json.dumps) | st.sampled_from(
    ["", "{", "null", "[" * 9999, '{"uid":' * 5000, "\x00", '{"n": ' + "9" * 5000 + "}"]
)


@st.composite
def forged(draw: Any) -> Any:
    """A view of a resource with such an annotation, of anything else that there may be."""
    of = resource(
        wish=draw(st.sampled_from(SPECS)),
        status=draw(st.sampled_from(STATUSES)),
        claimed=draw(FORGED),
        guarded=draw(st.booleans()),
        deleting=draw(st.booleans()),
        annotations={"managedagents.dev/reconcile-requested-at": draw(TEXTS), "managedagents.dev/force-delete": "1"},
    )
    seen = draw(sights())
    one = view(of, memory_=draw(MEMORIES), **seen)
    return replace(one, memory=meet(one.memory, of, one.sight, one.now))


@at_least(300)
@given(forged())
def test_a_pass_ends_and_its_status_can_be_stored(v: Any) -> None:
    verdict = decide(v)
    report = verdict.report if isinstance(verdict, Rest | Guard) else None
    facts = verdict.facts if isinstance(verdict, Rest) else None
    v = replace(v, memory=replace(v.memory, facts={**v.memory.facts, **(facts or {})}))
    seen = project(v.remote.wire, v.remote.usage) if v.remote is not None and v.remote.wire is not None else {}
    before = v.resource.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = {name: value for name, value in conclude(before, v, report, seen).items() if value is not None}
    assert list(refusals(SCHEMA, json.loads(json.dumps(status, allow_nan=False)))) == []
    if isinstance(verdict, Guard):
        assert Claim.parse(verdict.claim.text) == verdict.claim, "what is written is read back"


@at_least(300)
@given(forged())
def test_no_session_of_others_is_touched(v: Any) -> None:
    """Named in a claim or not: what its own metadata says counts."""
    verdict = decide(v)
    if isinstance(verdict, Update | Interrupt | End | Send):
        touched = [r for r in (v.remote, *v.sight.strays, *v.sight.seen.values()) if getattr(r, "id", "") == verdict.id]
        assert all(v.ours(r) for r in touched if hasattr(r, "metadata")) or v.memory.created is not None


OTHERS = remote(id="sesn_of_others", marked=Marker("uid-of-others", 1, "d", "cluster-1/other/prod").metadata)


@pytest.mark.parametrize(
    ("field", "deleting", "goes_on"),
    [
        ("replaces", False, Guard),
        ("replaces", True, Release),
        ("adopts", False, Guard),
        ("adopts", True, Release),
    ],
)
def test_a_session_of_others_that_a_claim_names_stays(field: str, deleting: bool, goes_on: type) -> None:
    """Neither a replacement nor a deletion ends what only an annotation says is ours, nor waits for its end."""
    text = claim(n=2, **{field: OTHERS.id}).text
    of = living(claimed=text, deleting=deleting)
    ended = remote(archived_at=stamp(-5), state="terminated")
    v = view(of, remote=ended, seen={LookSession(OTHERS.id): OTHERS}, search=found())
    verdict = decide(v)
    assert isinstance(verdict, goes_on)


class Nobody:
    """Connections of which this namespace may use none."""

    environment = True

    def exists(self, place: Place) -> bool:
        return True

    def withheld(self, place: Place) -> str | None:
        return None

    def barred(self, place: Place, namespace: str) -> bool:
        return place.kind == "ClusterConnection"

    def unseen(self, namespace: str) -> bool:
        return False

    def unread(self, place: Place) -> bool:
        return False

    def keyless(self, place: Place) -> str | None:
        return None


@given(FORGED)
def test_no_annotation_opens_a_connection(text: str) -> None:
    """A claim names at most what is in its own namespace, or what anybody may use."""
    choice = chosen(body(claimed=text), Nobody())
    assert choice.place is None or choice.place == ENVIRONMENT or choice.place.namespace == "team"
    where = bound(body(claimed=text))
    assert where is None or where.namespace in ("team", "")


ROWS: list[Any] = [
    ({}, True, "as we write it"),
    ({"n": 10**17}, True, "after very many replacements"),
    ({"n": 0}, False, "we begin with one"),
    ({"n": -1}, False, "we count upwards"),
    ({"n": 10**18}, False, "no status holds the next one's square"),
    ({"n": 10**30}, False, "no status holds it"),
    ({"at": "0001-01-01T00:00:00+23:59"}, False, "nothing is before it"),
    ({"at": "9999-12-31T23:59:59-23:59"}, False, "nothing is after it"),
    ({"at": "2026-11-20T12:00:00"}, False, "no status holds it"),
    ({"agent": "x" * 512}, True, "as long as an id may be"),
    ({"agent": "x" * 513}, False, "no URL has room for very long ones"),
    ({"replaces": ""}, False, "that is no id"),
    ({"by": "x" * 100_000}, False, "it would be copied into status"),
]


@pytest.mark.parametrize(("changes", "ours", "why"), ROWS)
def test_what_is_no_claim_of_ours(changes: dict[str, Any], ours: bool, why: str) -> None:
    """Spoiled, it is still a trace of a life: searched for, and never taken at its word."""
    text = json.dumps(json.loads(claim().text) | changes)
    assert (Claim.parse(text) is not None) is ours, why
    v = view(resource(claimed=text))
    assert v.trace
    assert (v.claim is not None) is ours


def test_files_in_a_claim_are_only_compared() -> None:
    text = claim(files=("../../etc", "x" * 9999), keys=("a\nb",)).text
    v = view(
        living(wish={"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, "resources": FILES}, claimed=text)
    )
    assert "etc" not in repr(decide(replace(v, wall=WALL)))
