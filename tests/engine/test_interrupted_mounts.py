"""A mount interrupted at each of its points: what came from the spec goes with it, and nobody else's file does."""

from __future__ import annotations

import pytest
from tests.engine.world.play import begun, one_session, until
from tests.engine.world.world import TERMS

DATA = {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}}
PLACE = "/mnt/session/uploads/data.csv"
POINTS = [
    ("patch_status", False),
    ("patch_status", True),
    ("mount", False),
    ("mount", True),
]


@pytest.fixture
def wanted(world):
    """A session that lives, and a file that it is to get."""
    world.api.files.put("file_1", b"one")
    uid = begun(world)
    one_session(world)
    world.cluster.edit("a", resources=[DATA])
    world.operators[0].watch()
    return uid


def _places(world):
    return [mount.place for mount in world.api.living()[0].mounts]


@pytest.mark.parametrize(("call", "done"), POINTS)
@pytest.mark.parametrize("left", [False, True], ids=["stays wanted", "leaves the spec"])
def test_killed_on_the_way_to_a_mount(world, operator, wanted, call, done, left):
    until(operator, wanted, call, done=done)
    world.crash(operator)
    if left:
        world.cluster.edit("a", resources=[])
    world.start()
    world.settle()
    assert _places(world) == ([] if left else [PLACE])
    assert "mounting" not in world.status("a"), "nothing is on its way any more"
    assert world.condition("a", "Synced")["status"] == "True"


def test_what_may_have_been_mounted_is_told_before_it_is_sent(world, operator, wanted):
    until(operator, wanted, "mount", done=False)
    assert world.status("a")["mounting"] == [PLACE]


def test_several_files_are_noted_in_one_write(world, operator, wanted):
    files = [{**DATA, "name": f"f{n}", "file": {"fileId": "file_1", "mountPath": f"/{n}"}} for n in range(5)]
    world.cluster.edit("a", resources=files)
    before = world.cluster.writes
    world.settle()
    assert len(_places(world)) == 5
    assert world.cluster.writes - before == 1 + 5, "the notes together, and one for each that was mounted"


@pytest.mark.parametrize("seconds", [TERMS.doubt - 10, TERMS.doubt + 10])
def test_a_file_of_somebody_else_is_not_taken_for_one_of_ours_for_ever(world, operator, wanted, seconds):
    """Where a file may still come the place counts as ours; once it can't, it does not."""
    until(operator, wanted, "mount", done=False)
    world.crash(operator)
    world.cluster.edit("a", resources=[])
    world.start()
    world.run()
    world.advance(seconds)
    world.run()
    world.api.mount_outside(world.status("a")["id"], "/data.csv")
    world.settle()
    assert _places(world) == ([] if seconds < TERMS.doubt else [PLACE])
