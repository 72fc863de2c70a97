"""The generated files: complete, described, current, and readable by kubectl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from managed_agents_operator.api import crd
from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.api.status import SessionStatus

ROOT = Path(__file__).parents[2]
SCHEMA = crd.schema()
DOCUMENTS = crd.documents()
YAML = f"crds/{crd.FILE}"
REFERENCE = DOCUMENTS["crds/README.md"]

Node = dict[str, Any]


def fields(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    for name, field in node.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(f"{path}.{name}", field)
    for holder in ("items", "additionalProperties"):
        if holder in node:
            yield from fields(f"{path}[]", node[holder])


ALL = [found for part in ("spec", "status") for found in fields(part, SCHEMA["properties"][part])]


@pytest.mark.parametrize(("path", "field"), ALL, ids=[path for path, _ in ALL])
def test_every_field_says_what_it_is_for_and_has_a_row_in_the_reference(path: str, field: Node) -> None:
    assert field.get("description"), path
    assert f"| `{path}` |" in REFERENCE


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def missing(model: type[BaseModel], node: Node) -> Iterator[str]:
    """Fields of the model that the API server would prune, because the schema does not have them."""
    known = node.get("properties", {})
    for name, info in model.model_fields.items():
        if (alias := info.alias or name) not in known:
            yield f"{model.__name__}.{alias}"
            continue
        field = known[alias]
        for below in models_in(info.annotation):
            yield from missing(below, field.get("items", field))


@pytest.mark.parametrize(("part", "model"), [("spec", SessionSpec), ("status", SessionStatus)])
def test_no_field_of_the_models_would_be_pruned(part: str, model: type[BaseModel]) -> None:
    assert list(missing(model, SCHEMA["properties"][part])) == []


def test_a_missing_field_would_be_found() -> None:
    bare: Node = {"properties": {"observedGeneration": {}, "usage": {"properties": {"inputTokens": {}}}}}
    found = list(missing(SessionStatus, bare))
    assert "SessionStatus.id" in found
    assert "Usage.outputTokens" in found


def test_objects_are_described_completely() -> None:
    for path, field in ALL:
        kept = field.get("x-kubernetes-preserve-unknown-fields")
        assert field.get("type") != "object" or kept or field.keys() & {"properties", "additionalProperties"}, path


def test_lists_that_rules_read_are_bounded() -> None:
    for path, field in fields("spec", SCHEMA["properties"]["spec"]):
        assert "items" not in field or "maxItems" in field, path
        assert field.get("type") != "string" or field.keys() & {"maxLength", "enum"}, path


def rules(node: Node) -> Iterator[Node]:
    yield from node.get("x-kubernetes-validations", [])
    below = [*node.get("properties", {}).values()]
    below += [node[holder] for holder in ("items", "additionalProperties") if isinstance(node.get(holder), dict)]
    for inner in below:
        yield from rules(inner)


@pytest.mark.parametrize("rule", list(rules(SCHEMA)), ids=lambda rule: str(rule["message"])[:60])
def test_every_rule_says_what_to_do(rule: Node) -> None:
    message = rule["message"]
    assert "\n" not in message
    assert any(sign in message for sign in (": ", "must be https://")), message
    if "oldSelf" in rule["rule"]:
        assert rule["reason"] == "FieldValueForbidden"
        assert rule["fieldPath"].startswith(".spec.")
        assert message.startswith(rule["fieldPath"].removeprefix(".spec."))


def test_every_rule_of_the_whole_object_stands_in_the_reference() -> None:
    for rule in SCHEMA["x-kubernetes-validations"]:
        [row] = [line for line in REFERENCE.splitlines() if line.startswith(f"| `{rule['fieldPath'][1:]}` |")]
        assert rule["message"] in row


def test_what_a_new_session_would_mend_names_both_ways_out() -> None:
    fixed = [rule for rule in SCHEMA["x-kubernetes-validations"] if "!= 'Replace'" in rule["rule"]]
    assert {rule["fieldPath"].removeprefix(".spec.") for rule in fixed} == {
        *("agent", "agent.overrides", "environment", "vaults", "sessionId", "resources", "initialEvents"),
    }
    for rule in fixed:
        assert "make another Session, or set spec.onImmutableChange: Replace" in rule["message"]


def test_yaml_says_what_the_manifest_says() -> None:
    text = DOCUMENTS[YAML]
    assert yaml.safe_load(text) == crd.manifest()
    assert text == DOCUMENTS[f"deploy/base/crds/{crd.FILE}"]
    # Bare, kubectl would read this key as the boolean false.
    assert "'n':" in text


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.endswith(".yaml")])
def test_committed_files_are_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == DOCUMENTS[path], "run make crds"


def test_columns_stand_in_the_order_people_read() -> None:
    columns = crd.manifest()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [c["name"] for c in columns if "priority" not in c] == ["State", "Ready", "Agent", "Cost", "Age"]
    assert [c["name"] for c in columns if c.get("priority")] == ["Id", "Title", "Tokens", "Reason"]


def test_a_section_on_conditions_is_taken_in() -> None:
    text = crd.documents("## Conditions\n\nReady means ready.")["crds/README.md"]
    assert text.index("## spec") < text.index("## Conditions") < text.index("## status")
    assert "## Conditions" not in REFERENCE


def test_writing_makes_the_files(tmp_path: Path) -> None:
    written = crd.write(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == set(DOCUMENTS)
    assert (tmp_path / "crds" / crd.FILE).read_text(encoding="utf-8") == DOCUMENTS[YAML]
