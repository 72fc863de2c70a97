"""From what was seen to the next status, and to the smallest patch that gets there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import (
    ID,
    LINK,
    NOW,
    claim,
    created,
    digest_of,
    found,
    living,
    memory,
    ready,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.views import (
    known as status_of,
)
from tests.engine.world.cluster import merged

from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.ending import LOSING
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.replacing import REPLACING
from managed_agents_operator.engine.status import bare, conclude, patch, usage_only
from managed_agents_operator.engine.verdict import Report
from managed_agents_operator.engine.watching import looks

IDLE = Report("Idle", "it waits", "Synced", "all is there")
SUSPENDED = Report("Suspended", "spec.suspend is true", "Suspended", "spec.suspend is true")
KEYS = st.sampled_from(["a", "b", "c", "d"])
JSON = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"]) | st.floats(0, 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
STATUSES = st.dictionaries(KEYS, JSON, max_size=4)


@given(STATUSES, STATUSES)
def test_a_patch_makes_the_one_out_of_the_other(before, after):
    """By the rules of RFC 7386, as the API server applies them."""
    assert merged(before, patch(before, after)) == after


@given(STATUSES)
def test_no_change_no_patch(status):
    assert patch(status, status) == {}


@given(STATUSES, STATUSES)
def test_a_patch_names_nothing_that_stays(before, after):
    for key in patch(before, after):
        assert key not in before or key not in after or before[key] != after[key]


def _conclude(v, before=None, report=IDLE, **projection):
    standing = before if before is not None else v.resource.status.model_dump(by_alias=True, exclude_none=True)
    return conclude(standing, v, report, projection)


def test_what_was_seen_is_what_stands_there():
    v = view(living(), remote=remote())
    after = _conclude(v, status_of(), state="idle", title="new", usage=None)
    assert (after["state"], after["title"]) == ("idle", "new")
    assert after["observedGeneration"] == 1


def test_nothing_new_nothing_written():
    v = view(living(), remote=remote())
    first = _conclude(v, status_of(), state="idle")
    later = replace(v, wall=v.wall.replace(hour=18))
    assert conclude(first, later, IDLE, {"state": "idle"}) == first


def test_durations_alone_are_no_change():
    v = view(living(), remote=remote())
    first = _conclude(v, status_of(), stats={"durationSeconds": 1, "activeSeconds": 2})
    assert conclude(first, v, IDLE, {"stats": {"durationSeconds": 9, "activeSeconds": 2}}) == first
    moved = conclude(first, v, IDLE, {"stats": {"durationSeconds": 9, "activeSeconds": 3}})
    assert moved["stats"] == {"durationSeconds": 9, "activeSeconds": 3}


def test_without_a_report_conditions_and_generation_stay():
    """Nobody may take a spec for heeded that nobody looked at."""
    before = status_of(observedGeneration=1, conditions=[ready("Idle")])
    after = _conclude(view(living(generation=2), remote=remote()), before, report=None, state="running")
    assert after["observedGeneration"] == 1
    assert after["conditions"] == before["conditions"]
    assert after["state"] == "running"


def test_archived_once_is_archived_for_good():
    """A server that forgets it does not make us forget it."""
    after = _conclude(view(living(), remote=remote()), status_of(archivedAt=stamp()), archivedAt=None)
    assert after["archivedAt"] == stamp()


def _idle_anew(**kept):
    """It worked since status was written; `kept` is what the process remembers."""
    told = {"stopReason": "end_turn", "idleSince": stamp(-60), "usage": {"outputTokens": 1}, "state": "idle"}
    now = remote(worked=True, usage={"outputTokens": 2})
    return view(living(status=told), remote=now, memory_=memory(**kept))


def test_what_ended_a_turn_is_absent_until_it_is_known():
    """What was told of the turn before would be believed by the next process, and its idle time counted from."""
    after = _conclude(_idle_anew(), status_of(stopReason="end_turn", idleSince=stamp(-60)))
    assert "stopReason" not in after
    assert "idleSince" not in after


def test_what_ended_a_turn_stays_once_it_was_read():
    v = _idle_anew(stop_read=looks(remote(worked=True, usage={"outputTokens": 2})))
    after = _conclude(v, status_of(stopReason="end_turn", idleSince=stamp(-60)))
    assert after["stopReason"] == "end_turn"


def test_a_stop_reason_goes_when_it_works_again():
    before = status_of(stopReason="end_turn", idleSince=stamp())
    after = _conclude(view(living(), remote=remote(state="running")), before, state="running")
    assert "stopReason" not in after
    assert "idleSince" not in after


def test_the_workspace_of_a_session_is_that_of_the_answer_that_showed_it():
    before = {k: v for k, v in status_of().items() if k != "workspaceId"}
    assert _conclude(view(living(), remote=remote()), before)["workspaceId"] == "wrkspc_1"
    moved = view(living(), remote=remote(), link=Link(workspace="wrkspc_2"))
    assert _conclude(moved, before)["workspaceId"] == "wrkspc_1", "the key is another one by now"
    other = view(living(), remote=remote(workspace="wrkspc_2"))
    assert _conclude(other, status_of())["workspaceId"] == "wrkspc_1", "once known it stays"
    mute = view(living(), remote=remote(workspace=None))
    assert "workspaceId" not in _conclude(mute, before)


def test_keys_of_metadata_are_ours_once_they_are_there():
    wish = spec(metadata={"team": "a"})
    there = view(living(wish=wish), remote=remote(metadata={"team": "a"}))
    assert _conclude(there, status_of())["managedMetadataKeys"] == ["team"]
    not_yet = view(living(wish=wish), remote=remote())
    assert "managedMetadataKeys" not in _conclude(not_yet, status_of())


KEYS_OURS = [
    ("nothing of the session is ours", {}, {}, {}, None),
    ("a key that went is ours no more, and that is said", {}, {}, {"managedMetadataKeys": ["team"]}, []),
    ("others' keys are never ours", {}, {"metadata": {"theirs": "x"}}, {"managedMetadataKeys": []}, []),
    ("what is still there is ours still", {}, {"metadata": {"team": "a"}}, {"managedMetadataKeys": ["team"]}, ["team"]),
    (
        "a key more",
        {"metadata": {"team": "a", "app": "b"}},
        {"metadata": {"team": "a", "app": "b"}},
        {"managedMetadataKeys": ["team"]},
        ["app", "team"],
    ),
    (
        "an observer has none",
        {"metadata": {"team": "a"}, "managementPolicy": "Observe", "sessionId": ID},
        {"metadata": {"team": "a"}},
        {},
        None,
    ),
    (
        "nor has who observed and did not adopt yet",
        {"metadata": {"team": "a"}, "sessionId": ID},
        {"metadata": {"team": "a"}},
        {"incarnation": None},
        None,
    ),
]


@pytest.mark.parametrize(("reason", "wish", "seen", "told", "expected"), KEYS_OURS, ids=[row[0] for row in KEYS_OURS])
def test_which_keys_are_ours(reason, wish, seen, told, expected):
    status = {k: x for k, x in status_of(**told).items() if x is not None}
    after = _conclude(view(living(wish=spec(**wish), status=told), remote=remote(**seen)), status)
    assert after.get("managedMetadataKeys") == expected


def test_a_refused_creation_is_remembered_only_while_it_may_come():
    refused = {"n": 2, "by": "process-1", "at": stamp(-60), "outcome": "Refused"}
    half = living(claimed=claim(n=2, replaces=ID), status={"creation": refused, "archivedAt": stamp()})
    assert _conclude(view(half), status_of(creation=refused))["creation"] == refused, "of the session that is to come"
    assert "creation" not in _conclude(view(living()), status_of(creation=refused)), "there is one"


WISHES = [
    ("a look since then", view(living(), remote=remote(), memory_=memory(asked=("now", NOW - 2))), True),
    ("a look before it", view(living(), remote=remote(), memory_=memory(asked=("now", NOW))), False),
    ("a 404 since then", view(living(), absent=Absent(None, NOW), memory_=memory(asked=("now", NOW - 2))), True),
    ("no session: tried again", view(resource(), memory_=memory(asked=("now", NOW - 2), retry=False)), True),
    ("no session: not tried yet", view(resource(), memory_=memory(asked=("now", NOW - 2), retry=True)), False),
    (
        "no session: searched since then",
        view(resource(claimed=claim()), search=found(), memory_=memory(asked=("now", NOW - 2), retry=True)),
        True,
    ),
]


@pytest.mark.parametrize(("reason", "v", "heeded"), WISHES, ids=[row[0] for row in WISHES])
def test_a_wish_is_echoed_once_it_was_heeded(reason, v, heeded):
    after = _conclude(v, {} if v.id is None else status_of())
    assert after.get("lastHandledReconcileAt") == ("now" if heeded else None)


SENT = {"state": "Sent"}
FINISHED = [
    ("never sent: no such condition", {}, [], None),
    ("sent, and it works", {"kickoff": SENT, "state": "running"}, [], "Running"),
    ("sent, and idle, nobody knows why yet", {"kickoff": SENT, "state": "idle"}, [], "Running"),
    ("end of turn", {"kickoff": SENT, "state": "idle", "stopReason": "end_turn"}, [], "EndTurn"),
    (
        "it wants an answer: not over",
        {"kickoff": SENT, "state": "idle", "stopReason": "requires_action"},
        [],
        "Running",
    ),
    ("over once is over", {"kickoff": SENT, "state": "running"}, [ready("EndTurn", type_="Finished")], "EndTurn"),
    (
        "a budget that was raised: not over",
        {"kickoff": SENT, "state": "running"},
        [ready("BudgetReached", type_="Finished")],
        "Running",
    ),
    (
        "archived before its turn was over",
        {"kickoff": SENT, "state": "idle", "archivedAt": stamp()},
        [ready("Running", type_="Finished", status="False")],
        "Terminated",
    ),
    (
        "archived after it: as it ended",
        {"kickoff": SENT, "state": "idle", "stopReason": "refusal", "archivedAt": stamp()},
        [],
        "Refused",
    ),
    ("ended by an error", {"kickoff": SENT, "state": "terminated"}, [], "Terminated"),
    (
        "and what was over before stays as it was",
        {"kickoff": SENT, "state": "terminated"},
        [ready("EndTurn", type_="Finished")],
        "EndTurn",
    ),
    (
        "at the budget, then archived: it does not go on",
        {"kickoff": SENT, "state": "idle", "stopReason": "budget_reached", "archivedAt": stamp()},
        [ready("BudgetReached", type_="Finished")],
        "BudgetReached",
    ),
    (
        "in the word of a newer operator: told in ours",
        {"kickoff": SENT, "state": "idle", "stopReason": "end_turn"},
        [ready("Abandoned", type_="Finished")],
        "EndTurn",
    ),
    ("in doubt: no such condition", {"kickoff": {"state": "Doubtful"}, "state": "idle"}, [], None),
]


def test_the_turn_of_a_session_that_was_lost_is_over():
    v = view(living(), absent=Absent("wrkspc_1", NOW))
    after = _conclude(v, status_of(kickoff=SENT, state="running"), Report("Lost", "gone", "Stalled", "gone"))
    assert {c["type"]: c["reason"] for c in after["conditions"]}["Finished"] == "Terminated"


EVENTS = [{"type": "user.message", "text": "go"}]
REPLACE = spec(initialEvents=EVENTS, onImmutableChange="Replace")
EDITED = {**REPLACE, "agent": {"id": "agent_2"}}
LOST = Report("Lost", "gone", "Stalled", "gone")
HALF = {"claimed": claim(n=2, replaces=ID)}
MAKING_ROOM = [
    ("edited, and nothing done yet", EDITED, {}, IDLE, "Running"),
    ("first events edited", {**REPLACE, "initialEvents": [*EVENTS, *EVENTS]}, {}, IDLE, "Running"),
    ("the next one is claimed", EDITED, HALF, REPLACING, "Running"),
    ("claimed, whatever stops it", {**EDITED, "suspend": True}, HALF, SUSPENDED, "Running"),
    ("lost, and to be replaced", {**REPLACE, "onLost": "Replace"}, {}, LOSING, "Running"),
    ("lost, and not to be replaced", REPLACE, {}, LOST, "EndTurn"),
    ("no first events for the next one", spec(onImmutableChange="Replace"), HALF, REPLACING, None),
    ("no edit", REPLACE, {}, IDLE, "EndTurn"),
    ("an edit that replaces nothing", {**EDITED, "onImmutableChange": "Reject"}, {}, IDLE, "EndTurn"),
    ("archived instead", {**EDITED, "archived": True}, {}, IDLE, "EndTurn"),
    ("deleted instead", EDITED, {"deleting": True}, IDLE, "EndTurn"),
    ("only looked at", {**EDITED, "managementPolicy": "Observe"}, {}, IDLE, "EndTurn"),
]


@pytest.mark.parametrize(
    ("reason", "wish", "more", "report", "expected"), MAKING_ROOM, ids=[row[0] for row in MAKING_ROOM]
)
def test_the_turn_of_a_session_that_makes_room_is_not_the_one_to_wait_for(reason, wish, more, report, expected):
    over = {"stopReason": "end_turn", "conditions": [ready("EndTurn", type_="Finished")]}
    status = status_of(kickoff=SENT | {"digest": digest(EVENTS)}, createdFrom=digest_of(REPLACE), **over)
    after = _conclude(view(living(wish=wish, status=status, **more), remote=remote()), status, report, state="idle")
    assert {c["type"]: c["reason"] for c in after["conditions"]}.get("Finished") == expected


@pytest.mark.parametrize(("reason", "status", "conditions", "expected"), FINISHED, ids=[row[0] for row in FINISHED])
def test_finished(reason, status, conditions, expected):
    before = status_of(**status, conditions=conditions)
    seen = remote(state=status.get("state", "idle"))
    after = _conclude(view(living(), remote=seen), before, state=seen.state)
    told = {c["type"]: c["reason"] for c in after["conditions"]}
    assert told.get("Finished") == expected


def test_what_may_wait():
    assert usage_only({"usage": {}, "cost": "$1", "lastObservedAt": "x"})
    assert not usage_only({"usage": {}, "state": "idle"})


def test_the_least_that_must_stand():
    whole = status_of(agent={"id": "agent_1"}, conditions=[ready("Idle")], kickoff=SENT, observedGeneration=1)
    assert set(bare(whole)) == {
        "id", "incarnation", "createdFrom", "workspaceId", "kickoff", "observedGeneration", "conditions",
    }  # fmt: skip


def test_a_fresh_session_says_where_it_is():
    v = view(resource(claimed=claim()), remote=remote(), memory_=memory(created=created()), link=LINK)
    after = conclude({}, replace(v, resource=living()), IDLE, {})
    assert after["workspaceId"] == "wrkspc_1"
