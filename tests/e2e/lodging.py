"""One world for test after test: what a test leaves of its operator serves the next one, where nothing is against it.

A world of its own costs a test more than all that it does there; `conftest` says who has one and who shares this one.
"""

from __future__ import annotations

from tests.e2e.tidying import remove_resources, remove_values

HARMLESS = range(200, 500)
POISON = (401, 402, 403, 429)
"""After these answers an operator waits, and the next test would wait with it."""


class Lodging:
    """Has at most one operator, started when a test asks for one."""

    def __init__(self, world, stored):
        self.world = world
        self._stored = stored
        self._env = None

    @property
    def _runs(self):
        return self._env is not None and self.world.operator.process.running

    def start(self, env):
        """An operator with these settings: the one that runs if it has them, else another in its place."""
        if not (self._runs and env == self._env):
            self.park()
            self.world.start_operator(env)
            self._env = env
        return self.world.operator

    def enter(self):
        """As at the beginning, but for the operator."""
        # Tests that live elsewhere in this cluster may have left some, and an operator serves them all.
        remove_resources(self._stored)
        if not self.world.control.healthy():
            self.world.simulator.start()
        self.world.control.reset()

    def leave(self, scene):
        """Take away what a test made; after trouble the operator, too, since it would remember."""
        answers = {call["status"] for call in scene.calls()}
        if any(code not in HARMLESS or code in POISON for code in answers) or not self.world.control.healthy():
            self.park()
        scene.clear()
        remove_values(self._stored, "default")

    def park(self):
        """No operator: somebody else has one in this cluster."""
        if self._runs:
            self.world.stop_operator()
        self._env = None
