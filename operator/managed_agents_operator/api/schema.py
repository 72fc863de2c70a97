"""From pydantic models to the structural schema of a CRD.

The models of this package carry the marks defined here (`Rule`, `Extend`, `list_map`, ...); `crd.py` calls
`structural`. Nothing here knows what a Session is: which fields exist and which rules hold is the models' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

RULES = "x-kubernetes-validations"
INT_OR_STRING = "x-kubernetes-int-or-string"
FREE_FIELDS = "x-kubernetes-preserve-unknown-fields"


# eq=False on both marks: pydantic wants what stands in Annotated to be hashable, and a dict in it is not.
@dataclass(frozen=True, eq=False)
class Rule:
    """A CEL rule. In `Annotated[...]` it belongs to the field, in `rules` of a model to the object."""

    rule: str
    message: str
    field_path: str | None = None
    reason: str | None = None

    def to_schema(self) -> dict[str, str]:
        """The rule as the CRD spells it, on one line, because a message with line breaks is refused."""
        names = {"field_path": "fieldPath"}
        return {names.get(k, k): " ".join(v.split()) for k, v in asdict(self).items() if v is not None}

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = dict(handler(core))
        schema[RULES] = [*schema.get(RULES, []), self.to_schema()]
        return schema


@dataclass(frozen=True, eq=False)
class Extend:
    """Any other keyword of the schema: list types, formats, int-or-string."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), **self.keywords}


def list_map(key: str) -> Extend:
    """A list that server-side apply merges by `key`, and that CEL compares without regard to order."""
    return Extend({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]})


ATOMIC = Extend({"x-kubernetes-list-type": "atomic"})
SET = Extend({"x-kubernetes-list-type": "set"})
FREE = Extend({FREE_FIELDS: True})
INT_OR_TEXT = Extend({INT_OR_STRING: True})
DATE_TIME = Extend({"format": "date-time"})

# In this order they are written, because pydantic's own order differs from release to release.
KEPT = (
    *("type", "format", "description", INT_OR_STRING, FREE_FIELDS, "enum", "default", "required"),
    *("minLength", "maxLength", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    *("minItems", "maxItems", "minProperties", "maxProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type", RULES),
    *("properties", "items", "additionalProperties"),
)
DROPPED = {"title", "$defs"}
CONVERTED = {"$ref", "anyOf", "const"}


class UnstructuralError(ValueError):
    """A model says something that a CRD can't say."""


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of `model`; raises on any keyword that would otherwise be lost unnoticed."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(whole, whole.get("$defs", {}), model.__name__)


def _convert(node: dict[str, Any], defs: dict[str, Any], path: str) -> dict[str, Any]:
    node = _inline(node, defs, path)
    if unknown := set(node) - set(KEPT) - DROPPED - CONVERTED:
        raise UnstructuralError(f"{path}: no counterpart for {sorted(unknown)}")
    said = node | _scalar(node) | _nested(node, defs, path)
    if said.get(INT_OR_STRING):
        said.pop("type", None)
    if not {"type", FREE_FIELDS, INT_OR_STRING} & set(said):
        raise UnstructuralError(f"{path}: no type in {node}")
    # A default of null is how pydantic writes "optional"; a CRD has no such default.
    return {keyword: said[keyword] for keyword in KEPT if said.get(keyword) is not None}


def _nested(node: dict[str, Any], defs: dict[str, Any], path: str) -> dict[str, Any]:
    """What the node holds, converted in turn."""
    out: dict[str, Any] = {}
    if "properties" in node:
        out["properties"] = {n: _convert(p, defs, f"{path}.{n}") for n, p in node["properties"].items()}
    if "items" in node:
        out["items"] = _convert(node["items"], defs, f"{path}[]")
    extra = node.get("additionalProperties")
    out["additionalProperties"] = _convert(extra, defs, f"{path}[*]") if isinstance(extra, dict) and extra else None
    if extra is True:
        out[FREE_FIELDS] = True
    return out


def _scalar(node: dict[str, Any]) -> dict[str, Any]:
    """What of one node is said in other words by a CRD."""
    out: dict[str, Any] = {}
    if "description" in node:
        out["description"] = " ".join(str(node["description"]).split())
    if "const" in node:
        out["enum"] = [node["const"]]
    if "exclusiveMinimum" in node:
        out |= _bound("minimum", "exclusiveMinimum", node, 1)
    if "exclusiveMaximum" in node:
        out |= _bound("maximum", "exclusiveMaximum", node, -1)
    if node.get("type") == "integer":
        out["format"] = "int64"
    return out


def _bound(keyword: str, exclusive: str, node: dict[str, Any], step: int) -> dict[str, Any]:
    """Exclusive bounds are booleans beside the bound in the old draft that CRDs follow."""
    if node.get("type") == "integer":
        return {keyword: node[exclusive] + step, exclusive: None}
    return {keyword: node[exclusive], exclusive: True}


def _inline(node: dict[str, Any], defs: dict[str, Any], path: str) -> dict[str, Any]:
    """$ref, and the anyOf that an optional field makes, dissolved; what stands beside them wins, rules add up."""
    if "$ref" in node:
        below = defs[node["$ref"].rsplit("/", 1)[-1]]
    elif "anyOf" in node:
        kinds = [k for k in node["anyOf"] if k.get("type") != "null"]
        if len(kinds) != 1:
            raise UnstructuralError(f"{path}: a union of several types is not structural: {node}")
        below = kinds[0]
    else:
        return node
    below = _inline(below, defs, path)
    beside = {k: v for k, v in node.items() if k not in ("$ref", "anyOf")}
    rules = [*below.get(RULES, []), *beside.get(RULES, [])]
    return {**below, **beside, **({RULES: rules} if rules else {})}
