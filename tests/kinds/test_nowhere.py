"""Without a connection nothing is called, and everybody is told why."""

from __future__ import annotations

import pytest
from tests.kinds.stage import UID, Seat, resource

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.looks import LookSession
from managed_agents_operator.kinds.nowhere import UNKNOWN, Nowhere

WHY = Failure(Consequence.BLOCKED, "ConnectionNotAllowed", "not for this namespace")


@pytest.fixture
def nowhere():
    return Nowhere(Seat({UID: WHY}))


def test_all_that_is_seen_is_why(nowhere):
    sight = nowhere.sight(resource({"id": "sesn_1"}))
    assert (sight.link.blocked, sight.link.trial, sight.remote, sight.absent) == (WHY, False, None, None)
    assert nowhere.project(resource(), None) == {}
    assert Nowhere(Seat()).sight(resource()).link.blocked == UNKNOWN


async def test_no_call_is_made(nowhere):
    one = resource()
    assert await nowhere.observe(one, LookSession("sesn_1")) == WHY
    assert await nowhere.create(one, None, {}, lambda: True) == WHY
    assert await nowhere.upload(one, "data", "d") == WHY
    assert await nowhere.send(one, "sesn_1", lambda: True) == WHY
    for verb in (nowhere.mount, nowhere.unmount, nowhere.update, nowhere.interrupt, nowhere.delete):
        assert await verb("sesn_1", "x") == UNKNOWN


def test_there_is_no_turn_to_wait_for(nowhere):
    ticket = nowhere.ticket(resource(), creates=True, look=False, ring=lambda: None)
    assert not ticket.granted
    ticket.give_back()
    nowhere.take(creates=False)
