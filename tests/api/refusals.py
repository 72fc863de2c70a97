"""What an API server would refuse of a value, by the schema in a CRD: types, formats, bounds and keys of lists.

For tests that ask of very many values whether they could be stored; that it judges as a real one does is tested beside
one, in tests/e2e/test_hostile_api.py. Rules in CEL are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parents[2] / "crds"
FREE = "x-kubernetes-preserve-unknown-fields"
RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def status_schema(kind: str = "sessions") -> dict[str, Any]:
    """The schema of the status of a kind, as it is installed."""
    crd = yaml.safe_load((CRDS / f"managedagents.dev_{kind}.yaml").read_text())
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return schema


def refusals(schema: Mapping[str, Any], value: Any, path: str = "status") -> Iterator[str]:
    """One line for each reason; none if the value may be stored."""
    checks = {"object": _object, "array": _array, "string": _string, "integer": _integer, "number": _number}
    if (kind := schema.get("type")) in checks:
        yield from checks[kind](schema, value, path)
    elif kind == "boolean" and not isinstance(value, bool):
        yield f"{path} is no boolean"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} is none of {schema['enum']}"


def _object(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is required"
    fields, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        if name in fields:
            yield from refusals(fields[name], one, f"{path}.{name}")
        elif isinstance(others, dict):
            yield from refusals(others, one, f"{path}.{name}")
        elif not schema.get(FREE):
            yield f"{path}.{name} is not known"


def _array(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} is no list"
        return
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path} has too many items"
    for at, one in enumerate(value):
        yield from refusals(schema["items"], one, f"{path}[{at}]")
    if keys := schema.get("x-kubernetes-list-map-keys"):
        seen = [tuple(str(one.get(key)) for key in keys) for one in value if isinstance(one, dict)]
        if len(seen) != len(set(seen)):
            yield f"{path} has two items of one key"


def _string(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} is no text"
        return
    if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
        yield f"{path} is too long or too short"
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{path} is no time"
        else:
            if not RFC3339.fullmatch(value):
                yield f"{path} is no time"


def _integer(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        yield f"{path} is no integer of 64 bits"
    else:
        yield from _bounds(schema, value, path)


def _number(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield f"{path} is no number"
    elif not math.isfinite(value):
        yield f"{path} is no number that JSON knows"
    else:
        yield from _bounds(schema, value, path)


def _bounds(schema: Mapping[str, Any], value: float, path: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        yield f"{path} is out of bounds"
