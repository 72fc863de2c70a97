"""Whom the keeper finds by a session, or by a ConfigMap or Secret, and who hears that another gave a session up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.engine.keeping import obj

from managed_agents_operator.engine.external import Rival


def file(ref, name):
    return {"name": "f", "file": {ref: {"name": name, "key": "k"}, "mountPath": "/f"}}


async def test_sessions_find_their_resource(stage):
    stage.keeper.see("ADDED", obj(id="sesn_1"))
    stage.keeper.see("ADDED", obj("u2", id="sesn_2"))
    await stage.calm()
    assert set(stage.keeper.cells.tracked()) == {"sesn_1", "sesn_2"}
    stage.keeper.ring_session("sesn_2")
    stage.keeper.ring_session("sesn_3")
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2", "u2"]


async def test_a_session_in_several_status_rings_all_of_them_and_is_tracked_until_the_last_is_gone(stage):
    for uid in ("u1", "u2"):
        stage.keeper.see("ADDED", obj(uid, id="sesn_1"))
    await stage.calm()
    stage.keeper.ring_session("sesn_1")
    await stage.calm()
    assert sorted(uid for uid, _ in stage.notes.passed) == ["u1", "u1", "u2", "u2"]
    for uid, tracked in (("u2", True), ("u1", False)):
        assert dict(stage.keeper.cells.tracked()) == {"sesn_1": {"id": "sesn_1"}}
        stage.keeper.see("DELETED", obj(uid, version=2))
        await stage.calm()
        assert stage.keeper.cells.tracks("sesn_1") is tracked
    assert stage.keeper.cells.tracked() == {}


SOURCES = [
    ({"secret": "x"}, "Secret", "the token of a repository"),
    ({"resources": [file("secretKeyRef", "x")]}, "Secret", "a file from a Secret"),
    ({"resources": [file("configMapKeyRef", "x")]}, "ConfigMap", "a file from a ConfigMap"),
    ({"resources": [file("configMapKeyRef", "y"), file("configMapKeyRef", "x")]}, "ConfigMap", "one of several"),
]


@pytest.mark.parametrize(("spec", "kind", "reason"), SOURCES)
async def test_what_a_spec_names_finds_its_resource_and_frees_what_was_held_back(stage, spec, kind, reason):
    (other,) = {"ConfigMap", "Secret"} - {kind}
    stage.keeper.see("ADDED", obj(**spec))
    stage.keeper.see("ADDED", obj("u2", resources=[file("fileId", "x")]))
    await stage.calm()
    stage.keeper.source_changed(other, "team", "x")
    stage.keeper.source_changed(kind, "other", "x")
    stage.keeper.source_changed(kind, "team", "z")
    await stage.calm()
    assert len(stage.notes.passed) == 2, reason
    stage.notes.answers["u1"] = [lambda cell: None if cell.memory.retry else pytest.fail("not told")]
    stage.keeper.source_changed(kind, "team", "x")
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed[2:]] == ["u1"], reason


async def test_a_list_of_sources_rings_those_that_name_any_and_frees_nothing(stage):
    stage.keeper.see("ADDED", obj(secret="gh"))
    stage.keeper.see("ADDED", obj("u2", resources=[file("configMapKeyRef", "c")]))
    stage.keeper.see("ADDED", obj("u3"))
    await stage.calm()
    stage.notes.answers["u1"] = [lambda cell: pytest.fail("a retry") if cell.memory.retry else None]
    stage.keeper.sources_listed()
    await stage.calm()
    assert sorted(uid for uid, _ in stage.notes.passed[3:]) == ["u1", "u2"]


async def test_all_these_follow_what_a_pass_wrote(stage):
    def written(cell):
        cell.body = obj(version=2, id="sesn_9")

    stage.notes.answers["u1"] = [written, None]
    stage.keeper.see("ADDED", obj(id="sesn_1", secret="gh"))
    await stage.calm()
    assert set(stage.keeper.cells.tracked()) == {"sesn_9"}
    stage.keeper.ring_session("sesn_1")
    stage.keeper.source_changed("Secret", "team", "gh")
    stage.keeper.sources_listed()
    await stage.calm()
    assert len(stage.notes.passed) == 1


async def test_rivals_are_all_others_that_have_or_want_a_session(stage):
    stage.keeper.see("ADDED", obj("u1", sessionId="sesn_1"))
    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1", id="sesn_1", made="2026-01-03T00:00:00Z"))
    stage.keeper.see("ADDED", obj("u3", id="sesn_1", made="2026-01-02T00:00:00Z"))
    stage.keeper.see("ADDED", obj("u4", sessionId="sesn_4", id="sesn_4"))
    stage.keeper.see("ADDED", obj("u5"))
    young, old = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert stage.keeper.cells.rivals("sesn_1", "u1") == (
        Rival("team", "u3", "u3", old, has_it=True),
        Rival("team", "u2", "u2", young, has_it=True),
    )
    assert [(rival.uid, rival.has_it) for rival in stage.keeper.cells.rivals("sesn_1", "u3")] == [
        ("u1", False),
        ("u2", True),
    ]
    assert stage.keeper.cells.rivals("sesn_4", "u4") == ()
    assert stage.keeper.cells.rivals("sesn_5", "u4") == ()


async def test_who_is_gone_is_no_rival_even_while_it_is_let_go(stage):
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj("u1", sessionId="sesn_1", id="sesn_1"))
    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1"))
    await stage.calm()
    stage.keeper.see("DELETED", obj("u1", version=2))
    await stage.calm()
    assert stage.keeper.cells.knows("u1")
    assert stage.keeper.cells.rivals("sesn_1", "u2") == ()


GIVEN_UP = [
    ({"sessionId": "sesn_1"}, {"sessionId": "sesn_2"}, True, "wants another"),
    ({"sessionId": "sesn_1"}, {}, True, "wants none"),
    ({"id": "sesn_1"}, {"id": "sesn_2"}, True, "has another"),
    ({"sessionId": "sesn_1", "id": "sesn_1"}, {"sessionId": "sesn_1"}, True, "has it no more, but wants it"),
    ({"sessionId": "sesn_1"}, {"sessionId": "sesn_1", "id": "sesn_1"}, False, "has what it wanted"),
    ({"sessionId": "sesn_1"}, {"sessionId": "sesn_1", "title": "x"}, False, "nothing of that changed"),
]


@pytest.mark.parametrize(("before", "after", "rung", "reason"), GIVEN_UP)
async def test_who_gives_a_session_up_rings_those_that_want_it(stage, before, after, rung, reason):
    stage.keeper.see("ADDED", obj("u1", **before))
    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1"))
    stage.keeper.see("ADDED", obj("u3", sessionId="sesn_3"))
    await stage.calm()
    stage.keeper.see("MODIFIED", obj("u1", version=2, **after))
    await stage.calm()
    assert sorted(uid for uid, _ in stage.notes.passed[3:]) == ["u1", "u2"][: 1 + rung], reason


@pytest.mark.parametrize("had", [{"sessionId": "sesn_1"}, {"id": "sesn_1"}])
async def test_who_goes_away_rings_those_that_want_its_session(stage, had):
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj("u1", **had))
    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1"))
    await stage.calm()
    stage.keeper.see("DELETED", obj("u1", version=2, **had))
    await stage.calm()
    assert len(stage.notes.passed) == 2, "something of it may be left"
    await stage.later(5)
    assert [uid for uid, _ in stage.notes.passed[2:]] == ["u2"]


async def test_what_a_pass_gave_up_rings_those_that_want_it(stage):
    def written(cell):
        cell.body = obj("u1", version=2)

    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1"))
    await stage.calm()
    stage.notes.answers["u1"] = [written, None]
    stage.keeper.see("ADDED", obj("u1", id="sesn_1"))
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u2", "u1", "u2"]


LIVES = {"id": "sesn_1", "state": "idle"}
# Statuses of two resources one after the other, and whether their session is one of those that live.
LIVING = [
    ([LIVES], True, "it has one"),
    ([{**LIVES, "state": "terminated"}], False, "it has ended"),
    ([{**LIVES, "archivedAt": "2026-11-28T00:00:00Z"}], False, "it was archived, whatever its state"),
    ([LIVES, {**LIVES, "state": "terminated"}], False, "and then it ended"),
    ([LIVES, {}], False, "its status was wiped"),
    ([{**LIVES, "state": "terminated"}, LIVES], True, "a status was put back"),
    ([LIVES, {"id": "sesn_2", "state": "idle"}], False, "another one took its place"),
]


@pytest.mark.parametrize(("statuses", "lives", "why"), LIVING)
async def test_which_sessions_live(stage, statuses, lives, why):
    for version, status in enumerate(statuses, 1):
        stage.keeper.see("MODIFIED", obj("u1", version) | {"status": status})
        await stage.calm()
    assert ("sesn_1" in stage.keeper.cells.living()) is lives, why


async def test_a_session_lives_while_any_status_says_so(stage):
    stage.keeper.see("ADDED", obj("u1") | {"status": LIVES})
    stage.keeper.see("ADDED", obj("u2") | {"status": {**LIVES, "state": "terminated"}})
    await stage.calm()
    assert stage.keeper.cells.living() == {"sesn_1"}
    stage.keeper.see("DELETED", obj("u1", 2))
    await stage.calm()
    assert stage.keeper.cells.living() == set()
