"""Each resource is kept by one keeper, that of its connection, and leaves it only while nothing is in doubt."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from tests.engine.keeping import Notes, obj
from tests.engine.test_choosing import CLAIM, Known
from tests.engine.world.clock import FakeClock

from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.switchboard import Seat, Switchboard

OWN, TEAM = Place("Connection", "team", "default"), Place("Connection", "team", "other")


class Stage:
    """A switchboard at work, with keepers whose passes are noted. `late` are connections that only a look shows."""

    def __init__(self):
        self.clock, self.known, self.late = FakeClock(), Known(), set()
        self.looked, self.used, self.tasks, self.notes = [], [], [], {}
        self.failures = 0
        self.nowhere = Keeper(self.clock, workers=2)
        self.board = Switchboard(
            self.clock,
            self.known,
            self.nowhere,
            look=self.look,
            used=self.used.append,
            source_changed=lambda *_: None,
        )
        self._serve(None, self.nowhere)
        self._run(self.board.run())

    async def look(self, place):
        self.looked.append(place)
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ClusterUnreachable("no answer")
        if place in self.late:
            self.known.places.add(place)

    def open(self, place):
        keeper = Keeper(self.clock, workers=2)
        self._serve(place, keeper)
        self._run(keeper.run())
        self.known.places.add(place)
        if place == ENVIRONMENT:
            self.known.environment = True
        self.board.open(place, keeper)
        return keeper

    def passed(self, place):
        """Uids in the order of their passes."""
        return [uid for uid, _ in self.notes[place].passed]

    def _serve(self, place, keeper):
        self.notes[place] = Notes()
        keeper.serve(self.notes[place], self.board.ended)

    def _run(self, doing):
        self.tasks.append(asyncio.create_task(doing))

    async def calm(self):
        for _ in range(80):
            await asyncio.sleep(0)


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    for task in stage.tasks:
        task.cancel()
    await asyncio.gather(*stage.tasks, return_exceptions=True)


def claimed(body, connection):
    body["metadata"]["annotations"] = {"managedagents.dev/claim": json.dumps(CLAIM | {"connection": connection})}
    return body


async def test_nothing_is_handed_on_before_all_is_known(stage):
    stage.open(ENVIRONMENT)
    stage.board.see(None, obj())
    await stage.calm()
    assert stage.passed(ENVIRONMENT) == []
    stage.board.begin()
    await stage.calm()
    assert stage.passed(ENVIRONMENT) == ["u1"]


async def test_a_default_that_only_the_api_server_knows_of_comes_before_the_environment(stage):
    """Applied together, Session and Connection come by two watches, in any order."""
    stage.open(ENVIRONMENT)
    stage.open(OWN)
    stage.known.places.discard(OWN)
    stage.late.add(OWN)
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    assert (stage.passed(OWN), stage.passed(ENVIRONMENT)) == (["u1"], [])


async def test_many_at_once_are_looked_up_together(stage):
    stage.open(ENVIRONMENT)
    stage.board.begin()
    for n in range(100):
        stage.board.see("ADDED", obj(f"u{n}"))
    for _ in range(10):
        await stage.calm()
    assert len(stage.passed(ENVIRONMENT)) == 100
    assert len(stage.looked) <= 4


async def test_a_look_without_an_answer_is_had_again(stage, monkeypatch):
    monkeypatch.setattr("managed_agents_operator.engine.waiting.AGAIN_SECONDS", 0.0)
    stage.open(ENVIRONMENT)
    stage.failures = 2
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    assert stage.passed(ENVIRONMENT) == ["u1"]


async def test_one_without_a_connection_is_told_why_and_leaves_when_there_is_one(stage):
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    assert stage.passed(None) == ["u1"]
    assert stage.board.trouble("u1").reason == "KeyMissing"
    stage.open(OWN)
    await stage.calm()
    assert stage.passed(OWN) == ["u1"]
    assert stage.board.trouble("u1") is None
    assert stage.nowhere.body("u1") is None


async def test_who_leaves_nowhere_takes_no_second_best_unlooked(stage):
    """The labels of its namespace were heard of before the Connection that it would rather have."""
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    assert stage.passed(None) == ["u1"]
    stage.late = {OWN}
    stage.looked.clear()
    stage.open(ENVIRONMENT)
    await stage.calm()
    assert OWN in stage.looked
    assert stage.passed(ENVIRONMENT) == []
    stage.open(OWN)
    await stage.calm()
    assert stage.passed(OWN) == ["u1"]


async def test_another_default_moves_nothing_that_was_claimed(stage):
    stage.open(ENVIRONMENT)
    stage.board.begin()
    stage.board.see("ADDED", claimed(obj("u1"), "environment"))
    stage.board.see("ADDED", obj("u2", id="sesn_2"))
    stage.board.see("ADDED", obj("u3"))
    await stage.calm()
    stage.open(OWN)
    stage.board.reconsider()
    await stage.calm()
    assert sorted(stage.passed(ENVIRONMENT)) == ["u1", "u2", "u3"]
    assert stage.passed(OWN) == ["u3"]
    assert stage.board.elsewhere(ENVIRONMENT, "u1")
    assert not stage.board.elsewhere(OWN, "u3")


async def test_a_pass_under_way_ends_before_its_resource_leaves(stage):
    stage.open(ENVIRONMENT)
    stage.notes[ENVIRONMENT].gate.clear()
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    stage.open(OWN)
    await stage.calm()
    assert stage.passed(OWN) == []
    stage.notes[ENVIRONMENT].gate.set()
    await stage.calm()
    assert stage.passed(OWN) == ["u1"]


async def test_what_only_one_keeper_knows_holds_its_resource_there(stage):
    """A POST without an answer, whose claim was wiped: nobody else would search for it."""
    keeper = stage.open(ENVIRONMENT)

    def unanswered(cell):
        cell.memory = replace(cell.memory, facts={"kickoff": {}})

    stage.notes[ENVIRONMENT].answers["u1"] = [unanswered]
    stage.board.begin()
    stage.board.see("ADDED", obj())
    await stage.calm()
    stage.open(OWN)
    await stage.calm()
    assert stage.passed(OWN) == []
    assert keeper.body("u1") is not None


async def test_who_uses_a_connection_is_counted(stage):
    stage.open(OWN)
    stage.board.begin()
    stage.board.see("ADDED", obj("u1"))
    stage.board.see("ADDED", obj("u2", connectionRef={"name": "default"}))
    await stage.calm()
    assert stage.board.users(OWN) == 2
    assert stage.used == [OWN, OWN]
    stage.board.see("DELETED", obj("u1"))
    await stage.calm()
    assert stage.board.users(OWN) == 1


async def test_a_right_that_is_lost_rings_and_holds_only_those_it_is_about(stage):
    shared = Place("ClusterConnection", "", "shared")
    stage.known.allowed.add(shared)
    stage.open(shared)
    stage.open(OWN)
    stage.board.begin()
    stage.board.see("ADDED", obj("u1", connectionRef={"kind": "ClusterConnection", "name": "shared"}))
    has = obj("u2", id="sesn_2")
    has["status"]["connectionRef"] = {"kind": "ClusterConnection", "name": "shared"}
    stage.board.see("ADDED", has)
    stage.board.see("ADDED", obj("u3"))
    await stage.calm()
    stage.known.allowed.clear()
    stage.board.reconsider()
    await stage.calm()
    assert {uid: stage.board.trouble(uid) and stage.board.trouble(uid).reason for uid in ("u1", "u2", "u3")} == {
        "u1": "ConnectionNotAllowed",
        "u2": "ConnectionNotAllowed",
        "u3": None,
    }
    assert (stage.passed(shared), stage.passed(None), stage.passed(OWN)) == (["u1", "u2", "u2"], ["u1"], ["u3"])


async def test_a_connection_that_hangs_delays_nobody_of_another(stage):
    stage.open(OWN)
    stage.open(TEAM)
    stage.notes[OWN].gate.clear()
    stage.board.begin()
    for n in range(10):
        stage.board.see("ADDED", obj(f"slow-{n}"))
    stage.board.see("ADDED", obj("quick", connectionRef={"name": "other"}))
    await stage.calm()
    assert stage.passed(TEAM) == ["quick"]


async def test_a_seat_speaks_for_its_connection(stage):
    stage.open(OWN)
    seat = Seat(stage.board, OWN, lambda place: {"kind": place.kind, "name": place.name, "uid": "u"})
    assert seat.ref() == {"kind": "Connection", "name": "default", "uid": "u"}
    assert seat.trouble("nobody") is None
    assert not seat.elsewhere("nobody")
