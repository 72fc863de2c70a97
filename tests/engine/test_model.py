"""Whatever happens, in whatever order: one resource, one session, told as it is.

The real reconciler against a cluster and an API in memory. Hypothesis writes the story: people edit, delete, replace
and restore, others end sessions, answers are lost, processes freeze and die at any point of a pass. When all that is
over and time has gone by, the world must be as the resources say.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.engine.world.mount_story import MountStory
from tests.engine.world.story import Story

# A failure is made small before it is told, and a night tells many.
pytestmark = pytest.mark.timeout(0)


def test_story():
    tell(Story, 100)


def test_mount_story():
    tell(MountStory, 100)


def tell(story, at_least):
    """So many stories, much the same at each run; where the profile asks for more, others each time."""
    stories = max(at_least, settings.default.max_examples)
    told = settings(
        max_examples=stories,
        stateful_step_count=50,
        deadline=None,
        derandomize=stories == at_least,
        database=None if stories == at_least else settings.default.database,
    )
    run_state_machine_as_test(story, settings=told)
