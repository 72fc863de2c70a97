"""With a database everything outlives the process; sessions go on where they were."""

from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.clock import SECOND, Clock

START = 1_790_000_000_000_000


def simulator(path: Path, seconds: int) -> Simulator:
    return Simulator(clock=Clock.standing(START + seconds * SECOND), database=path)


async def test_a_restart_forgets_nothing(tmp_path: Path, bare: Any, message: Any) -> None:
    path = tmp_path / "simulator.db"
    async with simulator(path, 0) as first:
        key = first.key
        async with AsyncAnthropic(base_url=first.base_url, api_key=key) as sdk:
            agent = await sdk.beta.agents.create(name="Kept", model="claude-opus-5-5")
            agent = await sdk.beta.agents.update(agent.id, name="Kept twice")
            file = await sdk.beta.files.upload(file=("a.csv", b"a,b\n"))
            working = await sdk.beta.sessions.create(
                agent=agent.id,
                environment_id="env_sample",
                metadata={"a": "b"},
                title="x",
                resources=[{"type": "file", "file_id": file.id}],
                budget={"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}},
                initial_events=[message],
            )
            archived = await sdk.beta.sessions.create(**bare)
            await sdk.beta.sessions.archive(archived.id)
            deleted = await sdk.beta.sessions.create(**bare)
            await sdk.beta.sessions.delete(deleted.id)
            gone = await sdk.beta.vaults.create(display_name="gone")
            await sdk.beta.vaults.delete(gone.id)
            first.control.behaviour(working.id, reply="Custom words.")
            first.control.advance(3)
            steps = [{"type": "user.message", "content": [{"type": "text", "text": str(n)}]} for n in range(9)]
            await sdk.beta.sessions.events.send(working.id, events=steps)  # type: ignore[arg-type]
            halfway = await sdk.beta.sessions.retrieve(working.id)

    async with simulator(path, 3) as second:
        assert second.key == key
        async with AsyncAnthropic(base_url=second.base_url, api_key=key, max_retries=0) as sdk:
            assert await sdk.beta.sessions.retrieve(working.id) == halfway
            assert (await sdk.beta.agents.retrieve(agent.id, version=1)).name == "Kept"
            assert await sdk.beta.agents.retrieve(agent.id) == agent
            assert await sdk.beta.files.retrieve_metadata(file.id) == file
            assert (await sdk.beta.sessions.retrieve(archived.id)).archived_at is not None
            with pytest.raises(anthropic.NotFoundError):
                await sdk.beta.sessions.retrieve(deleted.id)
            with pytest.raises(anthropic.NotFoundError):
                await sdk.beta.vaults.retrieve(gone.id)
            assert [one.id async for one in sdk.beta.sessions.list()] == [working.id]
            assert len(second.control.sessions()) == 3
            told = [event["content"][0]["text"] for event in second.control.session(working.id)["events"][1:]]
            assert told == [str(n) for n in range(9)], "a batch keeps its order"

            second.control.advance(20)
            assert (await sdk.beta.sessions.retrieve(working.id)).status == "idle"
            events = [event async for event in sdk.beta.sessions.events.list(working.id)]
            assert events[-1].type == "session.status_idle"
            spoken = next(event for event in events if event.type == "agent.message")
            assert spoken.content[0].text == "Custom words."  # type: ignore[union-attr]


async def test_a_turn_that_was_due_meanwhile_has_happened(tmp_path: Path, bare: Any, message: Any) -> None:
    path = tmp_path / "simulator.db"
    async with simulator(path, 0) as first, AsyncAnthropic(base_url=first.base_url, api_key=first.key) as sdk:
        session = await sdk.beta.sessions.create(**bare, initial_events=[message])

    async with simulator(path, 3600) as second, AsyncAnthropic(base_url=second.base_url, api_key=second.key) as sdk:
        done = await sdk.beta.sessions.retrieve(session.id)
        last = [event async for event in sdk.beta.sessions.events.list(session.id)][-1]

    assert done.status == "idle"
    assert done.usage.active_seconds == 6
    assert (last.processed_at - session.created_at).total_seconds() == 6, "at its own time, not at the restart's"


async def test_keys_and_workspaces_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "simulator.db"
    async with simulator(path, 0) as first:
        added = first.control.add_key("sk-team", "team")
        first.control.revoke_key(first.key)
        other = first.control.other_key()

    async with simulator(path, 1) as second:
        keys = {entry["secret"]: entry for entry in second.control.api_keys()}

    assert not keys[added]["revoked"]
    assert keys[first.key]["revoked"]
    assert other in keys
    assert second.key != first.key, "a key that works is told"


async def test_every_kind_of_waiting_state_is_kept(tmp_path: Path, bare: Any, message: Any) -> None:
    path = tmp_path / "simulator.db"
    async with simulator(path, 0) as first, AsyncAnthropic(base_url=first.base_url, api_key=first.key) as sdk:
        first.control.behaviour(stop_reason="requires_action")
        asking = await sdk.beta.sessions.create(**bare, initial_events=[message])
        first.control.advance(6)
        first.control.behaviour(stop_reason="end_turn", reschedules=True)
        capped = await sdk.beta.sessions.create(
            **bare,
            initial_events=[message],
            budget={"type": "limit", "max_list_cost": {"amount": "5", "currency": "USD"}},
        )
        first.control.advance(60)
        paused = await sdk.beta.sessions.create(**bare, initial_events=[message])
        first.control.advance(3)

    async with simulator(path, 69) as second, AsyncAnthropic(base_url=second.base_url, api_key=second.key) as sdk:
        asked = second.control.session(asking.id)["pending"][0]
        await sdk.beta.sessions.events.send(
            asking.id, events=[{"type": "user.tool_confirmation", "tool_use_id": asked, "result": "allow"}]
        )
        assert (await sdk.beta.sessions.retrieve(asking.id)).status == "running"
        resumed = await sdk.beta.sessions.update(capped.id, budget=None)
        assert resumed.status == "running"
        assert (await sdk.beta.sessions.retrieve(paused.id)).status == "rescheduling"
        second.control.advance(60)
        for session in (asking, capped, paused):
            assert (await sdk.beta.sessions.retrieve(session.id)).status == "idle"


async def test_a_reset_is_not_undone_by_a_restart(tmp_path: Path, bare: Any) -> None:
    path = tmp_path / "simulator.db"
    async with simulator(path, 0) as first:
        key = first.key
        async with AsyncAnthropic(base_url=first.base_url, api_key=key) as sdk:
            await sdk.beta.sessions.create(**bare)
            first.control.reset()
            kept = await sdk.beta.sessions.create(**bare)
    async with simulator(path, 3) as second:
        assert second.key == key
        assert [session["id"] for session in second.control.sessions()] == [kept.id]
