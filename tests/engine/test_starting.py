"""A new process: those at rest wait for the first sweep, and have one pass; nobody else waits."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.engine.keeping import Stage, at_rest, obj

from managed_agents_operator.engine.cell import settled
from managed_agents_operator.engine.keeper import UNSWEPT_SECONDS


@pytest.fixture
async def stage():
    stage = Stage(swept=False)
    task = asyncio.create_task(stage.keeper.run())
    yield stage
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def passed(stage):
    return [uid for uid, _ in stage.notes.passed]


async def test_those_at_rest_wait_for_the_first_sweep_and_the_others_do_not(stage):
    stage.keeper.see("ADDED", at_rest("u1"))
    stage.keeper.see("ADDED", obj("u2"))
    await stage.calm()
    assert passed(stage) == ["u2"]
    stage.keeper.first_sweep_over()
    await stage.calm()
    assert sorted(passed(stage)) == ["u1", "u2", "u2"], "who may have waited for it has another one"


async def test_one_that_the_sweep_showed_has_had_its_pass(stage):
    stage.keeper.see("ADDED", at_rest("u1"))
    stage.keeper.see("ADDED", at_rest("u2"))
    stage.keeper.ring_session("sesn_u1")
    await stage.calm()
    assert passed(stage) == ["u1"]
    stage.keeper.first_sweep_over()
    await stage.calm()
    assert passed(stage) == ["u1", "u2"]


async def test_a_bell_for_all_passes_over_those_that_still_wait(stage):
    stage.keeper.see("ADDED", at_rest("u1"))
    stage.keeper.see("ADDED", at_rest("u2"))
    stage.keeper.ring_session("sesn_u1")
    await stage.calm()
    stage.keeper.ring_all()
    await stage.calm()
    assert passed(stage) == ["u1", "u1"]


async def test_an_edit_does_not_wait(stage):
    stage.keeper.see("ADDED", at_rest("u1"))
    edited = at_rest("u1", version=2)
    edited["metadata"]["generation"] = 2
    stage.keeper.see("MODIFIED", edited)
    await stage.calm()
    assert passed(stage) == ["u1"]


async def test_nobody_waits_for_ever(stage):
    stage.keeper.see("ADDED", at_rest("u1"))
    await stage.calm()
    await stage.later(UNSWEPT_SECONDS - 1)
    assert passed(stage) == []
    await stage.later(2)
    assert passed(stage) == ["u1"]


async def test_later_ones_do_not_wait(stage):
    stage.keeper.first_sweep_over()
    stage.keeper.see("ADDED", at_rest("u1"))
    await stage.calm()
    assert passed(stage) == ["u1"]


def body(**changes):
    made = at_rest("u1")
    for path, value in changes.items():
        *holders, last = path.split("__")
        place = made
        for holder in holders:
            place = place[holder]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return made


ASKED, HEEDED = {"managedagents.dev/reconcile-requested-at": "now"}, "now"
# What differs from a resource at rest, whether it is one, and why.
BODIES = [
    ({}, True, "as it was left"),
    ({"status": None}, False, "nothing was done yet"),
    ({"status__id": None}, False, "no session"),
    ({"metadata__generation": 2}, False, "an edit nobody has looked at"),
    ({"metadata__deletionTimestamp": "2026-11-28T00:00:00Z"}, False, "to be deleted"),
    ({"metadata__annotations": ASKED}, False, "somebody wants a look"),
    ({"metadata__annotations": ASKED, "status__lastHandledReconcileAt": HEEDED}, True, "and had it"),
    ({"metadata__annotations": {"a": "b"}}, True, "an annotation of somebody else"),
    ({"status__conditions": None}, False, "nothing was said of it"),
    ({"status__conditions": [{"type": "Synced", "status": "False"}]}, False, "something waits"),
    ({"status__conditions": [{"type": "Ready", "status": "True"}]}, False, "not known whether something waits"),
]


@pytest.mark.parametrize(("changes", "expected", "why"), BODIES)
def test_what_is_at_rest(changes, expected, why):
    assert settled(body(**changes)) is expected, why
