"""The patch of `argocd-cm`, made of the Lua files beside it, and what of a default in a list Argo CD must not count.

Written by `make argocd`; a test compares it with the files. Argo CD fills in defaults of a resource in its own way
before it compares, and a list is one value to it: a default inside an item looks like a change that nobody made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.health.lua import CUSTOMIZATIONS, ROOT

from managed_agents_operator.api.crd import DEFINITIONS, schema
from managed_agents_operator.api.session import GROUP

FILE = ROOT / "argocd-cm.yaml"
HEADER = "# Written by `make argocd` from the Lua files below resource_customizations: edit those.\n"


class Dumper(yaml.SafeDumper):
    """Texts of several lines as they stand in their files."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Dumper.add_representer(str, _text)


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, width=120)


def defaults(node: dict[str, Any], path: str = "", *, inside: bool = False) -> Iterator[str]:
    """A jq path for each default inside the items of a list, which finds the field only where it has this value."""
    for name, field in node.get("properties", {}).items():
        if inside and "default" in field:
            yield f"{path or '.'} | select(.{name} == {json.dumps(field['default'])}) | .{name}"
        below = f"{path}.{name}"
        yield from defaults(field, below, inside=inside)
        yield from defaults(field.get("items", {}), f"{below}[]?", inside=True)


def data() -> dict[str, str]:
    """All keys of the ConfigMap."""
    out = {}
    for definition in DEFINITIONS:
        here, suffix = CUSTOMIZATIONS / definition.kind, f"{GROUP}_{definition.kind}"
        out[f"resource.customizations.health.{suffix}"] = (here / "health.lua").read_text()
        if (here / "actions").is_dir():
            out[f"resource.customizations.actions.{suffix}"] = _yaml(_actions(here / "actions"))
        spec = schema(definition)["properties"]["spec"]
        if paths := list(defaults(spec, ".spec")):
            out[f"resource.customizations.ignoreDifferences.{suffix}"] = _yaml({"jqPathExpressions": paths})
    return out


def _actions(folder: Path) -> dict[str, Any]:
    scripts = sorted(folder.glob("*/action.lua"))
    definitions = [{"name": script.parent.name, "action.lua": script.read_text()} for script in scripts]
    return {"discovery.lua": (folder / "discovery.lua").read_text(), "definitions": definitions}


def text() -> str:
    """The file as it should be."""
    return HEADER + _yaml({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data()})
