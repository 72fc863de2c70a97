"""Tasks that live and die together, and how long one may stand still."""

from __future__ import annotations

import asyncio

import pytest

from managed_agents_operator.engine.crew import Crew, Ended
from managed_agents_operator.engine.pulse import Pulse


async def forever():
    await asyncio.Event().wait()


async def returns():
    await asyncio.sleep(0)


async def raises():
    raise LookupError("no such thing")


async def is_cancelled():
    raise asyncio.CancelledError


ENDS = [
    (returns, "a: it came to its end", "there is always something left to do"),
    (raises, "a: no such thing", "a bug"),
    (is_cancelled, "a: it was cancelled", "as a TaskGroup would not tell"),
]


@pytest.mark.parametrize(("one", "told", "reason"), ENDS, ids=[reason for *_, reason in ENDS])
async def test_the_first_end_is_told_and_ends_the_rest(one, told, reason):
    async with Crew() as crew:
        other = crew.add("b", forever())
        crew.add("a", one())
        with pytest.raises(Ended) as ended:
            await crew.watch()
    assert str(ended.value) == told, reason
    assert other.cancelled(), reason


async def test_what_is_dismissed_or_done_with_its_errand_is_none():
    async with Crew() as crew:
        task = crew.add("a", forever())
        errand = crew.add("b", returns(), errand=True)
        await crew.dismiss(task)
        await errand
        watching = asyncio.create_task(crew.watch())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not watching.done()
        crew.add("c", is_cancelled(), errand=True)
        with pytest.raises(Ended, match="c: it was cancelled"):
            await watching


async def test_who_is_cancelled_itself_ends_all_and_says_nothing():
    tasks = []

    async def crewed():
        async with Crew() as crew:
            tasks.append(crew.add("a", forever()))
            await crew.watch()

    working = asyncio.create_task(crewed())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert tasks[0].done()


def test_a_pulse_grows_old_only_while_a_step_is_due():
    now = [100.0]
    pulse = Pulse(lambda: now[0])
    now[0] += 50
    assert pulse.age == 0, "nothing was ever to be done"
    pulse.wanted()
    now[0] += 5
    pulse.wanted()
    assert pulse.age == 5, "the first wish counts"
    pulse.beat(rest=60)
    now[0] += 60
    assert pulse.age == 0, "it rests"
    now[0] += 7
    assert pulse.age == 7
    pulse.idle()
    assert pulse.age == 0
