"""What a session is told first. Part of `session.SessionSpec`; when it went out is `kickoff` in `status.py`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from managed_agents_operator.api.base import Free, Id, Model
from managed_agents_operator.api.schema import ATOMIC, Rule


class Rubric(Model):
    """By what an outcome is judged, in the API's own form (snake_case)."""

    model_config = ConfigDict(alias_generator=None)
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'text' ? has(self.content) && !has(self.file_id) : has(self.file_id) && !has(self.content)",
            "a rubric of type text needs content, one of type file needs file_id: set the one and remove the other",
        ),
    )
    type: Literal["text", "file"]
    """Whether the rubric stands here or in a file."""
    content: Annotated[str, StringConstraints(min_length=1, max_length=262_144)] | None = None
    """Text of the rubric, with type text."""
    file_id: Id | None = None
    """Id of a file at the API, with type file."""


class InitialEvent(Model):
    """One of the events the session is started with."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type != 'user.message' || has(self.text) != has(self.content)",
            "a user.message needs exactly one of text, content: set one and remove the other",
        ),
        Rule(
            "self.type != 'user.message' || !(has(self.description) || has(self.rubric) || has(self.maxIterations))",
            "description, rubric and maxIterations belong to a user.define_outcome: remove them or change type",
        ),
        Rule(
            "self.type != 'user.define_outcome' || (has(self.description) && has(self.rubric) && !has(self.text)"
            " && !has(self.content))",
            "a user.define_outcome needs description and rubric, and neither text nor content: set and remove them",
        ),
    )
    type: Literal["user.message", "user.define_outcome"]
    """What kind of event it is."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=262_144)] | None = None
    """Of a user.message: short for a content of one text block."""
    content: Annotated[tuple[Free, ...], Field(min_length=1, max_length=100), ATOMIC] | None = None
    """Of a user.message: content blocks in the API's own form (snake_case)."""
    description: Annotated[str, StringConstraints(min_length=1, max_length=65_536)] | None = None
    """Of a user.define_outcome: what is to be reached."""
    rubric: Rubric | None = None
    """Of a user.define_outcome: by what it is judged, in the API's own form (snake_case)."""
    max_iterations: Annotated[int, Field(ge=1, le=20)] | None = None
    """Of a user.define_outcome: how often it is tried. Absent: the API's default, 3."""


InitialEvents = Annotated[
    tuple[InitialEvent, ...],
    Field(max_length=50),
    ATOMIC,
    Rule(
        "self.filter(e, e.type == 'user.define_outcome').size() <= 1",
        "initialEvents may have at most one user.define_outcome: remove the others",
    ),
]
