"""What the operator did, judged by what it knew when it did it. Everything said here is an AssertionError."""

from __future__ import annotations

from collections.abc import Iterator

from tests.engine.world.history import Deed
from tests.engine.world.world import World

from managed_agents_operator.api.session import CLAIM_ANNOTATION
from managed_agents_operator.engine.claim import Claim

ENDING = ("archive", "delete", "interrupt")
SLACK = 0.001
"""Seconds that times lose when they are written down."""


def deeds(world: World) -> None:
    """All that was done was asked for."""
    for deed in _ours(world):
        _observed(deed)
        _of_others(deed)
        _by_time(world, deed)
        _anew(world, deed)
    _replaced(world)


def _ours(world: World) -> Iterator[Deed]:
    return (deed for deed in world.api.history.deeds if deed.body is not None)


def _observed(deed: Deed) -> None:
    assert deed.spec.get("managementPolicy") != "Observe", f"{deed.what} of {deed.target} for one that only observes"


def _of_others(deed: Deed) -> None:
    assert not deed.of_others, f"{deed.what} in {deed.target} of what somebody else mounted"


def _by_time(world: World, deed: Deed) -> None:
    """A time of being idle never interrupts, and ends nothing before it is over."""
    if deed.what not in ENDING or deed.body is None or _other_reason(deed):
        return
    ttl = deed.spec.get("ttlSecondsAfterIdle")
    if ttl is None or deed.target != (deed.body.get("status") or {}).get("id"):
        return
    assert deed.what == "archive", f"{deed.what} of {deed.target}, which is to be archived when idle"
    assert deed.idle >= ttl - SLACK, f"{deed.target} was archived after {deed.idle} s of being idle, not {ttl}"


def _other_reason(deed: Deed) -> bool:
    """Whether the session was to end whatever it was doing."""
    spec, going = deed.spec, deed.body and "deletionTimestamp" in deed.body["metadata"]
    return bool(
        going
        or spec.get("archived")
        or spec.get("ttlSecondsAfterCreation")
        or "Replace" in (spec.get("onImmutableChange"), spec.get("onLost"))
    )


def _anew(world: World, deed: Deed) -> None:
    """Another session than the one in status is only made where that was asked for, at the latest by its claim."""
    if deed.what != "create" or deed.body is None or not (deed.body.get("status") or {}).get("id"):
        return
    id, meta = deed.body["status"]["id"], deed.body["metadata"]
    claim = Claim.parse(meta["annotations"].get(CLAIM_ANNOTATION))
    begun = claim is not None and claim.replaces == id and meta["uid"] in world.cluster.chronicle.replacing
    wish = (deed.spec.get("onImmutableChange"), deed.spec.get("onLost"))
    assert "Replace" in wish or begun, f"{deed.target} was made beside {id}"


def _replaced(world: World) -> None:
    """What stood in status is replaced on wish alone."""
    chronicle = world.cluster.chronicle
    for uid, ids in chronicle.sessions.items():
        if uid not in chronicle.replacing | chronicle.forgotten | chronicle.observing:
            assert len(ids) == 1, f"{uid} had one after the other, unasked: {ids}"
