"""The operator as a process of its own, as a Deployment would run it.

Called by `world.py` and by end-to-end tests, which kill it and start another.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from managed_agents_local.processes import Process

START_SECONDS = 60


class Operator:
    """One run of `managed-agents-operator run`; another run is another object."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    def start(cls, env: Mapping[str, str], log: Path) -> "Operator":
        """Start it with exactly this environment; its log lines are appended to `log`. Does not wait."""
        command = [sys.executable, "-m", "managed_agents_operator", "run"]
        return cls(Process.start("operator", command, env=env, log=log))

    @property
    def port(self) -> int:
        """Where /healthz, /readyz and /metrics answer on 127.0.0.1. Raises processes.NotReady when it won't say."""
        return int(self.process.wait_for_line(r"/metrics answer on port (\d+)", START_SECONDS)[1])

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until it works, or stands by for another's Lease. Raises processes.NotReady."""
        port = self.port
        self.process.wait_until(lambda: self._answers(f"http://127.0.0.1:{port}/readyz"), "operator is ready", timeout)

    def metrics(self) -> str:
        """All metrics as Prometheus reads them. Raises httpx.HTTPError."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False, timeout=10)
        return answer.raise_for_status().text

    def stop(self) -> int:
        """SIGTERM; its exit code, -9 if it did not end within 30 s."""
        return self.process.stop(timeout=30)

    def kill(self) -> None:
        """SIGKILL: it has no chance to tidy up."""
        self.process.kill()

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            return httpx.get(url, trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False
