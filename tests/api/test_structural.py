"""From models to schemas: each thing a model can say has a counterpart or is refused, never lost."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from managed_agents_operator.api.base import FreeModel, Model, Time, camel, one_of
from managed_agents_operator.api.schema import (
    ATOMIC,
    FREE,
    INT_OR_TEXT,
    RULES,
    Rule,
    UnstructuralError,
    list_map,
    structural,
)


class Inner(Model):
    """An inner thing."""

    rules: ClassVar[tuple[Rule, ...]] = (one_of("inner", "a_b", "c"),)
    a_b: int | None = None
    c: str = "x"


class Outer(Model):
    """An outer thing."""

    needed: str
    word: Literal["A", "B"] = "A"
    only: Literal["C"] | None = None
    size: Annotated[int, Field(gt=0, lt=10)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    when: Time | None = None
    inner: Annotated[Inner, Rule("self.c != 'y'", "no\n  y")] | None = None
    """Beside what is there."""
    inners: Annotated[tuple[Inner, ...], Field(max_length=3), list_map("c")] = ()
    pairs: dict[str, Annotated[str, Field(max_length=5)]] | None = None
    free: Annotated[dict[str, Any], FREE] | None = None
    frees: Annotated[tuple[Annotated[dict[str, Any], FREE], ...], ATOMIC] | None = None
    either: Annotated[str, INT_OR_TEXT] | None = None
    flag: bool = False


RULE = {
    "rule": "[has(self.a_b), has(self.c)].filter(x, x).size() == 1",
    "message": "inner needs exactly one of a_b, c: set one and remove the others",
}
INNER = {
    "type": "object",
    "description": "An inner thing.",
    "properties": {"aB": {"type": "integer", "format": "int64"}, "c": {"type": "string", "default": "x"}},
    RULES: [RULE],
}

FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("needed", {"type": "string"}),
    ("word", {"type": "string", "enum": ["A", "B"], "default": "A"}),
    ("only", {"type": "string", "enum": ["C"]}),
    ("size", {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9}),
    ("share", {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1}),
    ("when", {"type": "string", "format": "date-time"}),
    (
        "inner",
        INNER | {"description": "Beside what is there.", RULES: [RULE, {"rule": "self.c != 'y'", "message": "no y"}]},
    ),
    (
        "inners",
        {
            "type": "array",
            "items": INNER,
            "maxItems": 3,
            "default": [],
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["c"],
        },
    ),
    ("pairs", {"type": "object", "additionalProperties": {"type": "string", "maxLength": 5}}),
    ("free", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    (
        "frees",
        {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "x-kubernetes-list-type": "atomic",
        },
    ),
    ("either", {"x-kubernetes-int-or-string": True}),
    ("flag", {"type": "boolean", "default": False}),
]


@pytest.mark.parametrize(("name", "expected"), FIELDS, ids=[name for name, _ in FIELDS])
def test_a_field_becomes(name: str, expected: dict[str, Any]) -> None:
    assert structural(Outer)["properties"][name] == expected


def test_every_field_of_the_model_is_there_and_only_what_is_needed_is_required() -> None:
    schema = structural(Outer)
    assert list(schema["properties"]) == [name for name, _ in FIELDS]
    assert schema["required"] == ["needed"]
    assert schema["description"] == "An outer thing."


class Union(Model):
    field: int | str


class Tuple(Model):
    field: tuple[int, str]


class Step(Model):
    field: Annotated[int, Field(multiple_of=5)]


class Anything(Model):
    field: Any = None


@pytest.mark.parametrize("model", [Union, Tuple, Step, Anything])
def test_what_a_crd_can_not_say_is_refused(model: type[Model]) -> None:
    with pytest.raises(UnstructuralError, match=r"\.field|Union"):
        structural(model)


def test_a_free_model_keeps_what_it_does_not_know() -> None:
    class Grows(FreeModel):
        """Grows."""

        known: str

    assert structural(Grows)["x-kubernetes-preserve-unknown-fields"] is True
    assert Grows.model_validate({"known": "a", "brand_new": [1]}).model_dump() == {"known": "a", "brand_new": [1]}


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("id", "id"),
        ("max_list_cost", "maxListCost"),
        ("ephemeral_5m_input_tokens", "ephemeral5mInputTokens"),
        ("mcp_servers", "mcpServers"),
    ],
)
def test_fields_are_spelled_as_kubernetes_does(name: str, spelled: str) -> None:
    assert camel(name) == spelled


@given(st.lists(st.text("abcdefgh0123456789", min_size=1), min_size=1))
def test_spelling_loses_nothing(parts: list[str]) -> None:
    assert camel("_".join(parts)).lower() == "".join(parts)
