"""The id of a session goes into status, and what was told of another one goes from it."""

from __future__ import annotations

import pytest
from tests.engine.views import ID, created, memory, ready, stamp
from tests.engine.views import known as status_of

from managed_agents_operator.engine.status import known, unwritten

RECORD = [
    ("nothing was made", {}, memory(), {}),
    (
        "an id of our own",
        {"creation": {"n": 1}, "title": "t"},
        memory(created=created()),
        {"id": ID, "incarnation": 1, "workspaceId": "wrkspc_1", "title": "t"},
    ),
    ("never over another one of this incarnation", {"id": "sesn_9", "incarnation": 1}, memory(created=created()), None),
    ("nor of a higher one", {"id": "sesn_9", "incarnation": 2}, memory(created=created()), None),
    (
        "but over one of a lower one",
        {"id": "sesn_9", "incarnation": 1},
        memory(created=created(n=2)),
        {"id": ID, "incarnation": 2, "workspaceId": "wrkspc_1", "previousIds": ["sesn_9"]},
    ),
    (
        "by one that was only found too: nobody else's is of a higher one",
        {"id": "sesn_9", "incarnation": 1},
        memory(created=created(n=2, by_post=False)),
        {"id": ID, "incarnation": 2, "workspaceId": "wrkspc_1", "previousIds": ["sesn_9"]},
    ),
    (
        "what was observed and is adopted keeps all that was seen of it",
        {"id": ID, "title": "t"},
        memory(created=created(by_post=False)),
        {"id": ID, "incarnation": 1, "workspaceId": "wrkspc_1", "title": "t"},
    ),
    (
        "the very id found once more is no news",
        {"id": ID, "incarnation": 1},
        memory(created=created(by_post=False)),
        None,
    ),
    ("facts", {"title": "t"}, memory(facts={"stopReason": "end_turn", "title": None}), {"stopReason": "end_turn"}),
]


TEN = [f"old_{n}" for n in range(10)]
REPLACED = [
    ("the session that went", {}, "sesn_9", ["sesn_9"]),
    ("one that only the claim names", {}, "sesn_8", ["sesn_8", "sesn_9"]),
    ("and those before it", {"previousIds": ["sesn_7"]}, "sesn_9", ["sesn_7", "sesn_9"]),
    ("each once", {"previousIds": ["sesn_9"]}, "sesn_9", ["sesn_9"]),
    ("the last ten", {"previousIds": TEN}, "sesn_9", [*TEN[1:], "sesn_9"]),
]


@pytest.mark.parametrize(("reason", "more", "replaces", "expected"), REPLACED, ids=[row[0] for row in REPLACED])
def test_the_ids_before(reason, more, replaces, expected):
    before = {"id": "sesn_9", "incarnation": 1, **more}
    after = known(before, memory(created=created(n=2, replaces=replaces)))
    assert after["previousIds"] == expected


def test_what_is_told_of_another_session_goes_with_it():
    """What stays is not about one session: conditions, generation, the wish that was heeded."""
    before = status_of(
        id="sesn_9",
        kickoff={"state": "Sent", "tries": 2},
        creation={"n": 2, "outcome": "Refused"},
        archivedAt=stamp(-5),
        stopReason="end_turn",
        idleSince=stamp(-9),
        usage={"inputTokens": 4},
        cost="$1",
        title="old",
        resources=[{"name": "data", "id": "r1", "source": {"kind": "File", "fileId": "file_1"}}],
        managedMetadataKeys=["team"],
        lastHandledReconcileAt="1",
        observedGeneration=3,
        conditions=[ready("Replacing", status="False"), ready("EndTurn", type_="Finished")],
    )
    after = known(before, memory(created=created(n=2, replaces="sesn_9")))
    assert set(after) == {
        "id", "incarnation", "createdFrom", "workspaceId", "previousIds",
        "lastHandledReconcileAt", "observedGeneration", "conditions",
    }  # fmt: skip
    assert [c["type"] for c in after["conditions"]] == ["Ready"], "a turn of another session says nothing of this one"
    assert after["lastHandledReconcileAt"] == "1"


def test_what_the_new_one_was_made_with_is_known():
    made = created(n=2, keys=("team", "app"), resources=({"name": "data", "id": "r2"},))
    after = known(status_of(id="sesn_9", managedMetadataKeys=["old"]), memory(created=made))
    assert after["managedMetadataKeys"] == ["app", "team"]
    assert after["resources"] == [{"name": "data", "id": "r2"}]


@pytest.mark.parametrize(("reason", "before", "kept", "expected"), RECORD, ids=[row[0] for row in RECORD])
def test_what_is_known_and_not_written(reason, before, kept, expected):
    after = known(before, kept)
    after.pop("createdFrom", None)
    assert after == (before if expected is None else expected)
    assert unwritten(before, kept) is (after != before)
