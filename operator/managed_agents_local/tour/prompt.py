"""Commands run by a real shell, exactly as they are shown.

Called by `demo.py` and the acts. The shell has the environment of the demo's own cluster, so that kubectl finds that
one and no other.
"""

import subprocess

from managed_agents_local.cluster import Cluster
from managed_agents_local.tour.screen import Screen
from managed_agents_local.tour.witness import NotSeen


class Prompt:
    """Where commands are typed."""

    def __init__(self, cluster: Cluster, screen: Screen) -> None:
        self._cluster = cluster
        self._screen = screen

    def run(self, command: str) -> str:
        """Show a command, run it, show what it said, and give what it wrote to stdout. Raises NotSeen when it fails."""
        self._screen.command(command)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=self._cluster.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self._screen.output(done.stdout + done.stderr)
        if done.returncode:
            raise NotSeen(f"a command that succeeds: {command}: it ended with {done.returncode}\n{done.stderr.strip()}")
        return done.stdout
