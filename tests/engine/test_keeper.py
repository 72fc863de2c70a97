"""Who passes when: one pass at a time for each resource, newest body wins, every bell is heard, none rings for nothing.

The reconciler here only notes what it was given, and waits where a test wants a pass to last.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from tests.engine.world.clock import FakeClock

from managed_agents_operator.engine.errors import ObjectGone
from managed_agents_operator.engine.external import Rival
from managed_agents_operator.engine.keeper import CRASHED_PAUSE, Keeper


def obj(uid="u1", version=1, id=None, secret=None, made="2026-01-01T00:00:00Z", **spec):
    mounts = [{"name": "r", "githubRepository": {"url": "x", "authorizationTokenSecretRef": {"name": secret}}}]
    return {
        "metadata": {
            "uid": uid,
            "name": uid,
            "namespace": "team",
            "resourceVersion": str(version),
            "creationTimestamp": made,
            "managedFields": [],
        },
        "spec": {**spec, **({"resources": mounts} if secret else {})},
        "status": {"id": id} if id else {},
    }


def file(ref, name):
    return {"name": "f", "file": {ref: {"name": name, "key": "k"}, "mountPath": "/f"}}


class Notes:
    """A reconciler with a memory of its calls. `script` maps a uid to what its passes answer, the last one stays."""

    def __init__(self):
        self.passed, self.disowned = [], []
        self.answers, self.disowns = {}, {}
        self.under_way = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def reconcile(self, cell):
        assert cell.uid not in self.under_way, "two passes at once"
        self.under_way.add(cell.uid)
        self.passed.append((cell.uid, int(cell.body["metadata"]["resourceVersion"])))
        try:
            await self.gate.wait()
            return self._next(self.answers, cell)
        finally:
            self.under_way.discard(cell.uid)

    async def disown(self, cell):
        self.disowned.append(cell.uid)
        return self._next(self.disowns, cell)

    def _next(self, script, cell):
        answers = script.get(cell.uid, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(cell) if callable(answer) else answer


class Stage:
    """A keeper at work, on a clock that stands still."""

    def __init__(self, workers=2):
        self.clock, self.notes = FakeClock(), Notes()
        self._asleep = []
        self.keeper = Keeper(self.clock, workers=workers, sleep=self._sleep)
        self.keeper.serve(self.notes)

    async def _sleep(self, seconds):
        self._asleep.append(asyncio.get_running_loop().create_future())
        await self._asleep[-1]

    async def calm(self):
        """Until nobody has anything to do."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def later(self, seconds):
        self.clock.advance(seconds)
        asleep, self._asleep = self._asleep, []
        for one in asleep:
            one.set_result(None)
        await self.calm()


@pytest.fixture
async def stage():
    stage = Stage()
    running = asyncio.create_task(stage.keeper.run())
    yield stage
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_event_is_a_pass(stage):
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_many_bells_are_one_pass(stage):
    stage.keeper.see("ADDED", obj())
    for _ in range(5):
        stage.keeper.ring("u1")
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_an_echo_of_our_own_write_rings_nothing(stage):
    def written(cell):
        cell.body = obj(version=2)

    stage.notes.answers["u1"] = [written, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    stage.keeper.see("MODIFIED", obj(version=1))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]


async def test_a_pass_keeps_the_body_it_decides_on(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=3))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 3)]


async def test_the_newest_of_several_that_came_during_a_pass(stage):
    """As when a listing, which is always late, comes after an event."""
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=6))
    stage.keeper.see(None, obj(version=5))
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 6)]


async def test_a_bell_during_a_pass_is_heard_after_it(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.ring("u1")
    await stage.calm()
    assert len(stage.notes.passed) == 1
    stage.notes.gate.set()
    await stage.calm()
    assert len(stage.notes.passed) == 2


async def test_workers_are_bounded_and_nobody_is_forgotten(stage):
    stage.notes.gate.clear()
    for number in range(5):
        stage.keeper.see("ADDED", obj(f"u{number}"))
    await stage.calm()
    assert len(stage.notes.under_way) == 2
    stage.clock.advance(7)
    assert stage.keeper.queue_age() == 7
    stage.notes.gate.set()
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u0", "u1", "u2", "u3", "u4"]
    assert stage.keeper.queue_age() == 0


async def test_now_is_now(stage):
    stage.notes.answers["u1"] = [0.0, 0.0, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert len(stage.notes.passed) == 3


async def test_who_wants_to_come_again_does(stage):
    stage.notes.answers["u1"] = [stage.clock.monotonic() + 10, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    await stage.later(9)
    assert len(stage.notes.passed) == 1
    await stage.later(1)
    assert len(stage.notes.passed) == 2


async def test_a_newer_wish_replaces_an_older_one(stage):
    stage.notes.answers["u1"] = [stage.clock.monotonic() + 10, stage.clock.monotonic() + 50, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.ring("u1")
    await stage.calm()
    await stage.later(20)
    assert len(stage.notes.passed) == 2
    await stage.later(30)
    assert len(stage.notes.passed) == 3


async def test_a_pass_that_raises_is_tried_again_and_harms_nobody(stage):
    stage.notes.answers["u1"] = [RuntimeError("a bug"), None]
    stage.keeper.see("ADDED", obj())
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2"]
    await stage.later(CRASHED_PAUSE)
    assert [uid for uid, _ in stage.notes.passed] == ["u1", "u2", "u1"]


async def test_what_was_deleted_is_let_go_once_nothing_is_left_to_do(stage):
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj(id="sesn_1", secret="gh"))
    await stage.calm()
    stage.keeper.see("DELETED", obj(version=2))
    await stage.calm()
    assert stage.notes.disowned == ["u1"]
    assert stage.keeper.knows("u1")
    await stage.later(5)
    assert stage.notes.disowned == ["u1", "u1"]
    assert not stage.keeper.knows("u1")
    assert stage.keeper.tracked() == {}
    stage.keeper.source_changed("Secret", "team", "gh")
    stage.keeper.ring_session("sesn_1")
    await stage.calm()
    assert len(stage.notes.passed) == 1


async def test_a_deletion_during_a_pass_is_heard_after_it(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    stage.keeper.see("DELETED", obj(version=3))
    await stage.calm()
    assert stage.notes.disowned == []
    stage.notes.gate.set()
    await stage.calm()
    assert stage.notes.passed == [("u1", 1)]
    assert stage.notes.disowned == ["u1"]
    assert not stage.keeper.knows("u1")


async def test_a_pass_that_finds_the_object_gone_lets_it_go(stage):
    def written(cell):
        cell.body = obj(version=2, id="sesn_1", secret="gh")
        raise ObjectGone("gone")

    stage.notes.answers["u1"] = [written]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.notes.disowned == ["u1"]
    assert not stage.keeper.knows("u1")
    assert stage.keeper.tracked() == {}
    stage.keeper.source_changed("Secret", "team", "gh")


async def test_a_pass_that_was_wrong_about_that_does_not_lose_it(stage):
    """An API server may answer 404 for a moment; the watch knows better."""
    stage.notes.answers["u1"] = [ObjectGone("for now"), None]
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    stage.keeper.see("MODIFIED", obj(version=2))
    await stage.calm()
    assert stage.notes.passed == [("u1", 1), ("u1", 2)]
    await stage.later(5)
    assert stage.keeper.knows("u1")


async def test_letting_go_that_fails_is_tried_again(stage):
    stage.notes.answers["u1"] = [ObjectGone("gone")]
    stage.notes.disowns["u1"] = [RuntimeError("a bug"), None]
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    assert stage.keeper.knows("u1")
    await stage.later(CRASHED_PAUSE)
    assert not stage.keeper.knows("u1")


async def test_sessions_find_their_resource(stage):
    stage.keeper.see("ADDED", obj(id="sesn_1"))
    stage.keeper.see("ADDED", obj("u2", id="sesn_2"))
    await stage.calm()
    assert set(stage.keeper.tracked()) == {"sesn_1", "sesn_2"}
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
        assert dict(stage.keeper.tracked()) == {"sesn_1": {"id": "sesn_1"}}
        stage.keeper.see("DELETED", obj(uid, version=2))
        await stage.calm()
        assert stage.keeper.tracks("sesn_1") is tracked
    assert stage.keeper.tracked() == {}


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
    assert set(stage.keeper.tracked()) == {"sesn_9"}
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
    assert stage.keeper.rivals("sesn_1", "u1") == (
        Rival("team", "u3", "u3", old, has_it=True),
        Rival("team", "u2", "u2", young, has_it=True),
    )
    assert [(rival.uid, rival.has_it) for rival in stage.keeper.rivals("sesn_1", "u3")] == [("u1", False), ("u2", True)]
    assert stage.keeper.rivals("sesn_4", "u4") == ()
    assert stage.keeper.rivals("sesn_5", "u4") == ()


async def test_who_is_gone_is_no_rival_even_while_it_is_let_go(stage):
    stage.notes.disowns["u1"] = [stage.clock.monotonic() + 5, None]
    stage.keeper.see("ADDED", obj("u1", sessionId="sesn_1", id="sesn_1"))
    stage.keeper.see("ADDED", obj("u2", sessionId="sesn_1"))
    await stage.calm()
    stage.keeper.see("DELETED", obj("u1", version=2))
    await stage.calm()
    assert stage.keeper.knows("u1")
    assert stage.keeper.rivals("sesn_1", "u2") == ()


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


async def test_all_bells(stage):
    stage.keeper.see("ADDED", obj())
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    stage.keeper.ring_all()
    await stage.calm()
    assert len(stage.notes.passed) == 4


async def test_the_watch_is_as_old_as_its_last_event(stage):
    stage.keeper.see("ADDED", obj())
    stage.clock.advance(40)
    assert stage.keeper.last_event_age() == 40


async def test_draining_begins_nothing_and_waits_for_what_is_under_way(stage):
    stage.notes.gate.clear()
    stage.keeper.see("ADDED", obj())
    await stage.calm()
    draining = asyncio.create_task(stage.keeper.drain(60))
    await stage.calm()
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    assert not draining.done()
    stage.notes.gate.set()
    await stage.calm()
    assert draining.done()
    assert [uid for uid, _ in stage.notes.passed] == ["u1"]
