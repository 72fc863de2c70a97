"""What every resource of ours is built from: the model classes, metadata, conditions, and the commonest field types.

Imported by every module of this package; engine and kinds use `Meta` and `Condition`. What a Session says is in
`session.py`; how a model becomes a schema is in `schema.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from managed_agents_operator.api.schema import DATE_TIME, FREE, RULES, Rule

Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Free = Annotated[dict[str, Any], FREE]
# Kept as the text the API wrote: read and written again as a time it would change in its digits, and so each pass.
Time = Annotated[str, DATE_TIME]


def camel(name: str) -> str:
    """Kubernetes spelling of a field; pydantic's own would write a capital after a digit (`ephemeral5MInput`)."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def one_of(where: str, *names: str) -> Rule:
    """Exactly one of these fields, all optional in the model, is set."""
    sets = ", ".join(f"has(self.{n})" for n in names)
    return Rule(
        f"[{sets}].filter(x, x).size() == 1",
        f"{where} needs exactly one of {', '.join(names)}: set one and remove the others",
    )


class Model(BaseModel):
    """A frozen value in our own spelling: snake_case in Python, camelCase in YAML. Unknown fields are dropped."""

    model_config = ConfigDict(
        alias_generator=camel, populate_by_name=True, frozen=True, use_attribute_docstrings=True, extra="ignore"
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            schema[RULES] = [rule.to_schema() for rule in cls.rules]
        return schema


class FreeModel(Model):
    """Known fields are checked, unknown ones are kept as they are: for what belongs to the API and may grow."""

    model_config = ConfigDict(extra="allow")


class Meta(Model):
    """What of a resource's metadata the operator decides by."""

    name: str
    """Name of the resource."""
    namespace: str
    """Namespace of the resource."""
    uid: str
    """Tells this resource from an earlier or later one of the same name."""
    resource_version: str
    """Precondition of every patch."""
    generation: int
    """Counts changes of the spec."""
    creation_timestamp: datetime
    """When the resource was made."""
    deletion_timestamp: datetime | None = None
    """When its deletion was asked for."""
    finalizers: tuple[str, ...] = ()
    """What must be done before it may go."""
    annotations: dict[str, str] = {}
    """Claim, reconcile request and force-delete stand here."""


class Condition(Model):
    """One aspect of the state, in the form that kubectl wait, Argo CD and Flux read."""

    type: Annotated[str, StringConstraints(max_length=316)]
    """What the condition is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, StringConstraints(max_length=1024)]
    """One word for programs."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """For people: what is, and what to do about it."""
    observed_generation: int | None = None
    """Generation of the spec that this speaks of. Smaller than metadata.generation: it is of an older spec."""
    last_transition_time: datetime
    """When status last changed, from True to False or back. A new reason or message does not move it."""
