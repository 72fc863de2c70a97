"""The command: what it prints, how it ends, what it refuses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from managed_agents_simulator.control import Control

HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}
COMMAND = [sys.executable, "-m", "managed_agents_simulator"]


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its base URL and its key; killed at the end if it still lives."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("base URL: ").strip()
            key = process.stdout.readline().removeprefix("key: ").strip()
            yield process, url, key
        finally:
            process.kill()


def sessions(url: str, key: str) -> httpx.Response:
    return httpx.get(f"{url}/v1/sessions", headers={**HEADERS, "x-api-key": key}, verify=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_well(number: signal.Signals) -> None:
    with started() as (process, url, key):
        assert url.startswith("http://127.0.0.1:")
        assert key.startswith("sk-ant-sim-")
        assert sessions(url, key).json()["data"] == []
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert (out, err) == ("", "")


def test_an_open_stream_does_not_keep_it(bare: dict[str, str]) -> None:
    with started() as (process, url, key):
        headers = {**HEADERS, "x-api-key": key}
        session = httpx.post(f"{url}/v1/sessions", headers=headers, json=bare, verify=False).json()["id"]
        path = f"{url}/v1/sessions/{session}/events/stream"
        with httpx.stream("GET", path, headers=headers, verify=False) as response:
            process.send_signal(signal.SIGTERM)
            assert list(response.iter_lines()) == []
        assert process.wait(timeout=60) == 0


def test_its_options(tmp_path: Path, bare: dict[str, str]) -> None:
    path = tmp_path / "simulator.db"
    options = (
        "--db",
        str(path),
        "--key",
        "sk-mine",
        "--key",
        "sk-theirs=other",
        "--speed",
        "1000",
        "--latency-ms",
        "1",
    )
    with started(*options) as (process, url, key):
        assert key == "sk-mine"
        headers = {**HEADERS, "x-api-key": key}
        made = httpx.post(f"{url}/v1/sessions", headers=headers, json=bare, verify=False).json()["id"]
        assert sessions(url, "sk-theirs").json()["data"] == []
        with Control(url) as control:
            assert control.session(made)["id"] == made
        process.kill()
        process.wait(timeout=60)

    with started("--db", str(path)) as (_, url, key):
        assert [session["id"] for session in sessions(url, key).json()["data"]] == [made], "killed, and nothing lost"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--db", "/nonexistent/folder/simulator.db"), "unable to open"),
        (("--host", "203.0.113.1"), "assign"),
        (("--speed", "0"), "speed"),
        (("--latency-ms", "-1"), "latency-ms"),
        (("--key", "=x"), "key"),
        (("--unknown",), "unknown"),
    ],
)
def test_it_refuses_to_start_in_one_line(options: tuple[str, ...], named: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode != 0
    assert named in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_the_installed_command_explains_itself() -> None:
    command = Path(sys.executable).parent / "managed-agents-simulator"
    done = subprocess.run(
        [command, "--help"], capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "COLUMNS": "80"}
    )

    for option in ("--host", "--port", "--db", "--latency-ms", "--speed", "--key"):
        assert option in done.stdout
