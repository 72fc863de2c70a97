"""The simulated API as a process of its own.

Called by `world.py` and by end-to-end tests, which take it away and bring it back.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from managed_agents_local.processes import Process
from managed_agents_simulator.control import Control

START_SECONDS = 30


class Simulator:
    """The API for whoever has `key`. `stop` and `kill` leave it where it is: what it knows is in a file.

    `options` go to `managed-agents-simulator` as they are; log and database are in `directory`.
    """

    def __init__(self, directory: Path, options: Sequence[str] = ()) -> None:
        self._directory = directory
        self._options = list(options)
        self._process: Process | None = None
        self._control: Control | None = None
        self._port = 0
        self.url = ""
        """Its base URL, the same after another start."""
        self.key = ""
        """A key that it takes."""

    @property
    def control(self) -> Control:
        """Faults, modes, outside edits and the request log of a started simulator."""
        if self._control is None:
            raise RuntimeError("the simulator was never started")
        return self._control

    def start(self) -> None:
        """Start it, again at the same address, and wait until it answers. Raises processes.NotReady."""
        options = [f"--port={self._port}", f"--db={self._directory / 'simulator.db'}", *self._options]
        if self.key:
            options.append(f"--key={self.key}")
        command = [sys.executable, "-m", "managed_agents_simulator", *options]
        process = Process.start("simulator", command, log=self._directory / "simulator.log")
        self._process = process
        self.url = process.wait_for_line(r"^base URL: (\S+)$", START_SECONDS)[1]
        self.key = process.wait_for_line(r"^key: (\S+)$", START_SECONDS)[1]
        self._port = urlsplit(self.url).port or 0
        if self._control is None:
            self._control = Control(self.url)
        process.wait_until(self._control.healthy, "simulator answers", START_SECONDS)

    def stop(self) -> None:
        """SIGTERM; nothing happens if it does not run."""
        if self._process:
            self._process.stop(10)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        if self._process:
            self._process.kill()

    def fallen(self) -> str | None:
        """What to tell a person when it has ended; None while it runs."""
        return self._process.fallen() if self._process else None

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        if self._control:
            self._control.close()
            self._control = None
