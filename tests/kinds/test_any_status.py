"""Whatever the API tells of a session: it can be decided on, and what is made of it can be stored.

Judged by the schema of the CRD, by what comes back from an API server, and by the size that etcd takes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.refusals import refusals, status_schema
from tests.engine.anything import FILES
from tests.engine.views import living, marker, spec, view
from tests.engine.world.cluster import merged
from tests.kinds.answers import ANYTHING, IDS, MOUNTS, NOT_JSON, ODD_NUMBERS, ODD_TEXTS, SESSIONS, sent, session
from tests.kinds.stage import CLUSTER, Board, Roll
from tests.kinds.test_projection import stored

from managed_agents_operator.claude.answers import Received
from managed_agents_operator.claude.models import Session as Wire
from managed_agents_operator.claude.models import fingerprint
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.status import bare, conclude, patch
from managed_agents_operator.engine.verdict import Report
from managed_agents_operator.kinds.observatory import Observatory
from managed_agents_operator.kinds.projection import project, remote

SCHEMA = status_schema()
ETCD = 1_500_000
IDLE = Report("Idle", "it waits", "Synced", "all is there")


def no_date() -> datetime:
    raise AssertionError("no error, no date")


def told(fields: dict[str, Any]) -> Wire:
    """The session that a client makes of an answer."""
    body = Received(200, {}, sent(session(fields)))
    return body.answer(Wire.model_validate, no_date).value


def after(wire: Wire) -> dict[str, Any]:
    """The status that a pass writes, of a resource whose session this is."""
    seen = remote(wire, 9_999.0)
    of = living()
    return conclude(of.status.model_dump(by_alias=True), view(of, remote=seen), IDLE, project(wire, seen.usage))


def judge(status: dict[str, Any]) -> None:
    text = json.dumps(status, allow_nan=False)
    assert list(refusals(SCHEMA, json.loads(text))) == []
    assert len(text.encode()) < ETCD


@given(SESSIONS)
def test_whatever_it_is_told_a_status_can_be_stored(fields: dict[str, Any]) -> None:
    status = {name: value for name, value in after(told(fields)).items() if value is not None}
    judge(status)
    judge(bare(status))


@given(SESSIONS)
def test_what_was_stored_is_not_written_again(fields: dict[str, Any]) -> None:
    seen = {name: value for name, value in project(told(fields)).items() if value is not None}
    assert patch(stored(patch({}, seen)), seen) == {}
    assert merged({}, patch({}, seen)) == seen, "no null anywhere, which would take out what it stands for"


WISH = spec(
    title="t",
    metadata={"a": "b"},
    budget={"maxListCost": {"amount": "2500", "currency": "USD"}},
    agent={"id": "agent_1", "overrides": {"tools": [{"type": "bash"}], "mcpServers": []}},
    resources=FILES,
)


@given(SESSIONS, MOUNTS)
def test_whatever_it_is_told_the_ladder_decides(fields: dict[str, Any], mounts: Any) -> None:
    """And nothing that it does is asked of another session than the one in status."""
    seen = remote(told({**fields, "metadata": marker(), "resources": mounts}), 9_999.0)
    verdict = decide(view(living(wish=WISH), remote=seen))
    assert getattr(verdict, "id", "sesn_1") in ("sesn_1", None)


@pytest.mark.parametrize("told_at", [t for t in ODD_TEXTS if t[:1].isdecimal()] + ["0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("archived", [False, True])
def test_no_time_is_beyond_those_that_can_be_added_to(told_at: str, archived: bool) -> None:
    """A time to live begins at what the API tells, and servers in Go have a first year for "never"."""
    times = {"created_at": told_at, "updated_at": told_at, "archived_at": told_at if archived else None}
    seen = remote(told({**times, "metadata": marker(), "status": "idle"}), 9_999.0)
    ttl = {"ttlSecondsAfterCreation": 315_360_000, "ttlSecondsAfterIdle": 315_360_000}
    for status in ({}, {"idleSince": told_at, "createdAt": told_at}):
        assert decide(view(living(wish=spec(**ttl), status=status), remote=seen)) is not None
    judge({k: v for k, v in after(told(times)).items() if v is not None})


@given(st.lists(SESSIONS, max_size=3), IDS)
def test_any_item_of_a_listing_is_taken_in(items: list[dict[str, Any]], id: str) -> None:
    """As raw as it came: one session of somebody else must not end the sweep of all."""
    board = Board()
    seen = Observatory(Roll(statuses={"sesn_1": {}}), board.bells, CLUSTER)
    for at, item in enumerate(items):
        raw = Received(200, {}, sent(session(item))).answer(lambda raw: raw, no_date).value
        assert len(fingerprint(raw)) == 16
        seen.listed(raw, float(at))
        seen.listed(raw, at + 0.5)
    assert len(board.sessions) <= len(items), "what did not change rings nobody"
    assert (seen.snapshot("sesn_1") is not None) == bool(items)


LONG = "x" * 2_000_000
MANY = {f"key-{n}": "v" * 50 for n in range(5000)}
LARGE: list[Any] = [
    ({"title": LONG}, "a title"),
    ({"status": LONG}, "a state"),
    ({"environment_id": LONG, "deployment_id": LONG}, "ids"),
    ({"metadata": {"a": LONG}}, "a pair"),
    ({"metadata": MANY}, "pairs"),
    ({"vault_ids": [f"vlt_{n}" for n in range(5000)]}, "vaults"),
    ({"vault_ids": ["v" * 500] * 900}, "long vaults"),
    ({"outcome_evaluations": [{"result": "x", "explanation": LONG}]}, "an explanation"),
    ({"outcome_evaluations": [{"result": f"r{n}"} for n in range(900)]}, "outcomes"),
    ({"usage": {"input_tokens": 1, "more": LONG}}, "usage that we don't know"),
    ({"usage": {"input_tokens": 1} | MANY}, "much of it"),
    ({"stats": {"active_seconds": 1.0, "more": LONG}}, "stats"),
    ({"budget": {"max_list_cost": {"amount": "1" * 5000, "currency": LONG}}}, "money"),
    ({"agent": {"id": "a", "tools": [{"name": f"t{n}", "type": LONG[:9000]} for n in range(900)]}}, "tools"),
    ({"agent": {"id": "a", "name": LONG}}, "a name"),
    ({"resources": [{"id": f"r{n}", "type": "file", "mount_path": "/" + "p" * 250} for n in range(500)]}, "mounts"),
    ({"resources": [{"id": f"r{n}", "type": "file"} for n in range(50_000)]}, "more mounts than there can be"),
    ({"resources": [{"id": f"r{n}", "mount_path": "p" * 4000, "url": "u" * 4000} for n in range(900)]}, "long ones"),
    ({"resources": [{"id": LONG, "type": LONG, "mount_path": LONG, "url": LONG, "checkout": {"a": LONG}}]}, "one"),
]


@pytest.mark.parametrize(("fields", "why"), LARGE, ids=[why for _, why in LARGE])
def test_nothing_that_is_told_makes_a_status_too_large(fields: dict[str, Any], why: str) -> None:
    status = after(told(fields | {"created_at": "2026-11-22T09:30:00Z"}))
    judge({name: value for name, value in status.items() if value is not None})
    assert len(json.dumps(status)) < 700_000, why
    assert status["createdAt"] == "2026-11-22T09:30:00Z", "the rest of it is told all the same"


NUMBERS = {
    "input_tokens": lambda n: {"usage": {"input_tokens": n, "new": n}},
    "cache": lambda n: {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": n}}},
    "tools": lambda n: {"usage": {"server_tool_use": {"web_search_requests": n}}},
    "usage seconds": lambda n: {"usage": {"active_seconds": n}},
    "by our own name": lambda n: {"usage": {"inputTokens": n, "cacheCreation": {"ephemeral1hInputTokens": n}}},
    "seconds": lambda n: {"stats": {"active_seconds": n, "duration_seconds": n}},
    "cents": lambda n: {"usage": {"list_cost": {"amount": n, "currency": n}}},
    "version": lambda n: {"agent": {"id": "agent_1", "version": n, "new": n}},
    "iteration": lambda n: {"outcome_evaluations": [{"iteration": n, "new": n}]},
    "texts": lambda n: {"status": n, "title": n, "created_at": n, "metadata": {"a": n}, "vault_ids": [n]},
}


@pytest.mark.parametrize("number", ODD_NUMBERS + NOT_JSON, ids=str)
@pytest.mark.parametrize("where", NUMBERS)
def test_no_number_is_one_that_can_not_be_stored(where: str, number: float) -> None:
    wire = told(NUMBERS[where](number))
    judge({name: value for name, value in after(wire).items() if value is not None})
    seen = {name: value for name, value in project(wire).items() if value is not None}
    assert patch(stored(patch({}, seen)), seen) == {}


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_no_text_of_theirs_is_more_than_a_text(text: str) -> None:
    """In each field that holds one."""
    fields = dict.fromkeys(("status", "title", "environment_id", "deployment_id", "created_at", "updated_at"), text)
    nested = {"metadata": {text: text}, "vault_ids": [text], "archived_at": text}
    mounts = [dict.fromkeys(("id", "type", "mount_path", "url", "created_at", "access"), text)]
    nested["agent"] = {"id": "agent_1", "name": text}
    nested["usage"] = {"list_cost": {"amount": "42", "currency": text}}
    status = {k: v for k, v in after(told({**fields, **nested, "resources": mounts})).items() if v is not None}
    judge(status)
    columns = [status.get("state"), status.get("cost"), status["agent"].get("name"), status["id"]]
    assert all(cell is None or cell.isprintable() for cell in columns), "kubectl prints them as they are"


@given(ANYTHING)
def test_any_kind_of_mount_has_a_place_in_a_list_by_name(mount: Any) -> None:
    status = after(told({"resources": [mount, mount, {"id": "sesrsc_1", "type": "file"}]}))
    assert list(refusals(SCHEMA, json.loads(json.dumps(status)))) == [] or None in status.values()
