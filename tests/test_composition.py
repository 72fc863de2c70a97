"""The composition root: keys that are renewed under our feet, and a whole that is joined and taken apart again."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.engine.world.cluster import Quiet
from tests.kinds.stage import CLUSTER, Cupboard, Objects

from managed_agents_operator.app import Ports
from managed_agents_operator.composition import Credentials, join
from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.settings import Settings
from managed_agents_simulator import Simulator

KEY, NEXT = "sk-ant-canary-0123456789", "sk-ant-canary-9876543210"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "MANAGED_AGENTS_")):
            monkeypatch.delenv(name)


def settings(monkeypatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_a_key_goes_as_a_key_and_a_token_as_a_bearer(monkeypatch):
    assert Credentials(settings(monkeypatch, ANTHROPIC_AUTH_TOKEN=KEY))() == {"authorization": f"Bearer {KEY}"}
    assert Credentials(settings(monkeypatch, ANTHROPIC_API_KEY=KEY))() == {"x-api-key": KEY}


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file, Credentials(settings(monkeypatch, MANAGED_AGENTS_API_KEY_FILE=str(file)))


def test_a_key_file_is_read_again_when_it_changed(key_file):
    file, credentials = key_file
    assert credentials() == {"x-api-key": KEY}
    other = file.with_name("next")
    other.write_text(NEXT)
    # As the kubelet does it: another file in the same place.
    other.replace(file)
    assert credentials() == {"x-api-key": NEXT}


@pytest.mark.parametrize("content", [None, ""], ids=["not there", "empty"])
def test_a_key_file_that_is_being_replaced_keeps_the_last_key(key_file, caplog, content):
    file, credentials = key_file
    credentials()
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert credentials() == {"x-api-key": KEY}
    assert KEY not in caplog.text
    file.write_text(NEXT)
    assert credentials() == {"x-api-key": NEXT}


def test_no_key_shows(key_file):
    _, credentials = key_file
    credentials()
    assert KEY not in repr(credentials)
    assert KEY not in repr(credentials._settings)


class Listing(Objects):
    """A cluster that fails once and then has no objects."""

    failures = 1

    async def list_pages(self, limit=500):
        if self.failures:
            self.failures -= 1
            raise ClusterUnreachable("no answer")
        yield []


async def test_all_of_it_is_joined_looks_and_ends(monkeypatch):
    async with Simulator(seed=7) as simulator:
        here = settings(
            monkeypatch,
            ANTHROPIC_API_KEY=simulator.key,
            ANTHROPIC_BASE_URL=simulator.base_url,
            MANAGED_AGENTS_FULL_SWEEP_SECONDS="1",
        )
        async with join(here, Ports(CLUSTER, Listing(), Cupboard(), Quiet())) as work:
            assert set(work.ages) == {"connections", "pass", "queue", "sweep"}
            assert all(age() < bound for age, bound in work.ages.values())
            tasks = [asyncio.create_task(run()) for run in (*work.tasks.values(), work.keeper.run)]
            for _ in range(2000):
                if simulator.control.requests():
                    break
                await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [entry["path"] for entry in simulator.control.requests()][:1] == ["/v1/sessions"]
