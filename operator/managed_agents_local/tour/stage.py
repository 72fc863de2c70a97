"""What every act of the tour works with.

Built by `demo.py`, used by every act.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from managed_agents_local.tour.prompt import Prompt
from managed_agents_local.tour.screen import Screen
from managed_agents_local.tour.witness import Witness
from managed_agents_local.world import World

PAUSES = {
    "MANAGED_AGENTS_HOT_SWEEP_SECONDS": "1",
    "MANAGED_AGENTS_FULL_SWEEP_SECONDS": "3",
    "MANAGED_AGENTS_STATUS_INTERVAL_SECONDS": "1",
    "MANAGED_AGENTS_SEARCH_GRACE_SECONDS": "6",
}
"""Short enough for a demo. The grace stays above the 5 s that a permit to create lives, which is what makes it safe."""


@dataclass(frozen=True, slots=True)
class Stage:
    """World and samples, and the means to do something with them, to look, and to show."""

    world: World
    prompt: Prompt
    witness: Witness
    screen: Screen
    samples: Path

    def sample(self, name: str = "") -> str:
        """The path of a sample, or of their folder, as it would be typed here."""
        path = self.samples / name
        here = Path.cwd()
        return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path)) + (os.sep * (not name))

    def version(self, kind: str, name: str) -> str:
        """The resourceVersion of an object in `default`."""
        return self.world.kubectl("get", kind, name, "-o", "jsonpath={.metadata.resourceVersion}").stdout

    def start_operator(self, settings: Mapping[str, str]) -> None:
        """Start it as a process of its own, with these variables set, and wait until it is ready.

        Raises processes.NotReady.
        """
        for name, value in settings.items():
            self.screen.command(f"export {name}={value}")
        self.screen.command("managed-agents-operator run")
        # Killed, it has no chance to remove its temporary files: they go with the demo's folder.
        self.world.start_operator({**PAUSES, **settings, "TMPDIR": str(self.world.directory)})
