"""One etcd process, for a control plane that lives for minutes.

Called by `controlplane.py`.
"""

from pathlib import Path

import httpx

from managed_agents_local import ports
from managed_agents_local.processes import NotReady, Process

TRIES = 3
"""How often another port is tried when someone else took it first."""


class Etcd:
    """etcd at 127.0.0.1, with its data in `data`, its log in `etcd.log`, both below `directory`."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self._binary = binary
        self._log = directory / "etcd.log"
        self._process: Process | None = None
        self.data = directory / "etcd"
        self.url = ""
        """Where clients connect, once started."""

    def start(self) -> None:
        """Start it on the data that is there, and wait until it is healthy. Raises processes.NotReady."""
        for left in reversed(range(TRIES)):
            process = self._launch()
            try:
                process.wait_until(self._healthy, "etcd is healthy", timeout=60)
            except NotReady:
                if not left or "address already in use" not in process.text():
                    raise
            else:
                return

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        if self._process:
            # Nothing needs to reach the disk, so there is nothing to wait for.
            self._process.kill()
            self._process = None

    def fallen(self) -> str | None:
        """What to tell a person when it ended by itself; None while it runs, and when it was stopped."""
        return self._process.fallen() if self._process else None

    def _launch(self) -> Process:
        self.stop()
        client, peer = (f"http://127.0.0.1:{port}" for port in ports.free(2))
        self.url = client
        self._process = Process.start(
            "etcd",
            [
                self._binary,
                f"--data-dir={self.data}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                # Nothing here outlives the process, so nothing needs to reach the disk.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
            log=self._log,
        )
        return self._process

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False
