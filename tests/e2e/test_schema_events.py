"""What a session may be told first, and what a person reads who wrote something that it may not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e

ACCEPTED = None


def events(*given):
    return {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, "initialEvents": list(given)}


def message(**fields):
    return {"type": "user.message"} | fields


def outcome(**fields):
    return {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "c"}} | fields


TEXT_OR_CONTENT = "a user.message needs exactly one of text, content: set one and remove the other"
OUTCOME = "a user.define_outcome needs description and rubric, and neither text nor content"
RUBRIC = "a rubric of type text needs content, one of type file needs file_id: set the one and remove the other"
TABLE = [
    ("text and content", events(message(text="t", content=[{"type": "text", "text": "t"}])), TEXT_OR_CONTENT),
    ("neither text nor content", events(message()), TEXT_OR_CONTENT),
    ("text empty", events(message(text="")), "spec.initialEvents[0].text in body should be at least 1 chars long"),
    ("text of 262,145", events(message(text="t" * 262_145)), "spec.initialEvents[0].text: Too long: may not be more"),
    ("no content", events(message(content=[])), "spec.initialEvents[0].content in body should have at least 1 items"),
    ("101 blocks", events(message(content=[{}] * 101)), "content: Too many: 101: must have at most 100 items"),
    ("event without type", events({"text": "t"}), "spec.initialEvents[0].type: Required value"),
    ("an interrupt", events({"type": "user.interrupt"}), 'supported values: "user.message", "user.define_outcome"'),
    (
        "a rubric on a message",
        events(message(text="t", maxIterations=3)),
        "belong to a user.define_outcome: remove them",
    ),
    ("outcome", events(outcome()), ACCEPTED),
    ("outcome judged by a file", events(outcome(rubric={"type": "file", "file_id": "file_1"})), ACCEPTED),
    ("outcome without rubric", events({"type": "user.define_outcome", "description": "d"}), OUTCOME),
    ("outcome with text", events(outcome(text="t")), OUTCOME),
    ("two outcomes", events(outcome(), outcome()), "initialEvents may have at most one user.define_outcome: remove"),
    ("no iterations", events(outcome(maxIterations=0)), "maxIterations in body should be greater than or equal to 1"),
    ("21 iterations", events(outcome(maxIterations=21)), "maxIterations in body should be less than or equal to 20"),
    ("rubric of a file without id", events(outcome(rubric={"type": "file"})), RUBRIC),
    ("rubric of both", events(outcome(rubric={"type": "text", "content": "c", "file_id": "f"})), RUBRIC),
    ("51 events", events(*[message(text="t")] * 51), "spec.initialEvents: Too many: 51: must have at most 50 items"),
]


@pytest.fixture(scope="module")
def answers(created):
    return created([spec for _, spec, _ in TABLE])


@pytest.mark.parametrize(("row", "says"), [(n, s) for n, (_, _, s) in enumerate(TABLE)], ids=[c for c, _, _ in TABLE])
def test_creation(answers, row, says):
    if says is ACCEPTED:
        assert answers[row] is None
    else:
        assert answers[row] is not None, "was accepted"
        assert says in answers[row]
