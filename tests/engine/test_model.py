"""Whatever happens, in whatever order: one resource, one session, told as it is.

The real reconciler against a cluster and an API in memory. Hypothesis writes the story: people edit, delete, replace
and restore, others end sessions, answers are lost, processes freeze and die at any point of a pass. When all that is
over and time has gone by, the world must be as the resources say.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.engine.world.story import Story


def test_story():
    stories = max(300, settings.default.max_examples)
    run_state_machine_as_test(Story, settings=settings(max_examples=stories, stateful_step_count=50, deadline=None))
