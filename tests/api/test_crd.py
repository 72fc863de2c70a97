"""The generated files: complete, described, current, and readable by kubectl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from managed_agents_operator.api import crd
from managed_agents_operator.api.status import SessionStatus

ROOT = Path(__file__).parents[2]
SCHEMAS = {definition.kind: crd.schema(definition) for definition in crd.DEFINITIONS}
SCHEMA = SCHEMAS["Session"]
DOCUMENTS = crd.documents()
YAML = f"crds/{crd.SESSION.file}"
REFERENCE = DOCUMENTS["crds/README.md"]

Node = dict[str, Any]


def fields(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    for name, field in node.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(f"{path}.{name}", field)
    for holder in ("items", "additionalProperties"):
        if holder in node:
            yield from fields(f"{path}[]", node[holder])


ALL = [
    (kind, *found)
    for kind, schema in SCHEMAS.items()
    for part in ("spec", "status")
    for found in fields(part, schema["properties"][part])
]


def section(kind: str) -> str:
    """What the field reference says of one kind."""
    return REFERENCE.partition(f"\n# {kind}\n")[2].partition("\n# ")[0]


@pytest.mark.parametrize(("kind", "path", "field"), ALL, ids=[f"{kind}.{path}" for kind, path, _ in ALL])
def test_every_field_says_what_it_is_for_and_has_a_row_in_the_reference(kind: str, path: str, field: Node) -> None:
    assert field.get("description"), path
    assert f"| `{path}` |" in section(kind)


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


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("definition", crd.DEFINITIONS, ids=lambda definition: definition.kind)
def test_no_field_of_the_models_would_be_pruned(definition: crd.Definition, part: str) -> None:
    [model] = models_in(definition.model.model_fields[part].annotation)
    assert list(missing(model, SCHEMAS[definition.kind]["properties"][part])) == []


def test_a_missing_field_would_be_found() -> None:
    bare: Node = {"properties": {"observedGeneration": {}, "usage": {"properties": {"inputTokens": {}}}}}
    found = list(missing(SessionStatus, bare))
    assert "SessionStatus.id" in found
    assert "Usage.outputTokens" in found


def test_objects_are_described_completely() -> None:
    for _, path, field in ALL:
        kept = field.get("x-kubernetes-preserve-unknown-fields")
        assert field.get("type") != "object" or kept or field.keys() & {"properties", "additionalProperties"}, path


def test_lists_that_rules_read_are_bounded() -> None:
    for _, path, field in (row for row in ALL if row[1].startswith("spec.")):
        assert "items" not in field or "maxItems" in field, path
        assert "additionalProperties" not in field or "maxProperties" in field, path
        assert field.get("type") != "string" or field.keys() & {"maxLength", "enum"}, path


def rules(node: Node) -> Iterator[Node]:
    yield from node.get("x-kubernetes-validations", [])
    below = [*node.get("properties", {}).values()]
    below += [node[holder] for holder in ("items", "additionalProperties") if isinstance(node.get(holder), dict)]
    for inner in below:
        yield from rules(inner)


RULES = [rule for schema in SCHEMAS.values() for rule in rules(schema)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["message"])[:60])
def test_every_rule_says_what_to_do(rule: Node) -> None:
    message = rule["message"]
    assert "\n" not in message
    assert any(sign in message for sign in (": ", "must be https://")), message
    if "oldSelf" in rule["rule"]:
        assert rule["reason"] == "FieldValueForbidden"
        assert rule["fieldPath"].startswith(".spec.")
        assert message.startswith(rule["fieldPath"].removeprefix(".spec."))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_rule_of_the_whole_object_stands_in_the_reference(kind: str) -> None:
    for rule in SCHEMAS[kind]["x-kubernetes-validations"]:
        [row] = [line for line in section(kind).splitlines() if line.startswith(f"| `{rule['fieldPath'][1:]}` |")]
        assert rule["message"] in row


def test_what_a_new_session_would_mend_names_both_ways_out() -> None:
    fixed = [rule for rule in SCHEMA["x-kubernetes-validations"] if "!= 'Replace'" in rule["rule"]]
    assert {rule["fieldPath"].removeprefix(".spec.") for rule in fixed} == {
        *("agent", "agent.overrides", "environment", "vaults", "sessionId", "resources", "initialEvents"),
    }
    for rule in fixed:
        assert "make another Session, or set spec.onImmutableChange: Replace" in rule["message"]


def test_a_connection_of_a_session_stays_whatever_replaces_the_session() -> None:
    [rule] = [r for r in SCHEMA["x-kubernetes-validations"] if r["fieldPath"] == ".spec.connectionRef"]
    assert "onImmutableChange" not in rule["rule"]
    assert rule["message"].endswith("put it back, write what status.connectionRef says, or make another Session")


def test_both_kinds_of_connections_differ_in_who_may_use_them_alone() -> None:
    own, shared = (SCHEMAS[kind]["properties"] for kind in ("Connection", "ClusterConnection"))
    assert shared["status"] == own["status"]
    more = {"allowedNamespaces": shared["spec"]["properties"]["allowedNamespaces"]}
    assert shared["spec"]["properties"] == own["spec"]["properties"] | more


@pytest.mark.parametrize("definition", crd.DEFINITIONS, ids=lambda definition: definition.kind)
def test_yaml_says_what_the_manifest_says(definition: crd.Definition) -> None:
    text = DOCUMENTS[f"crds/{definition.file}"]
    assert yaml.safe_load(text) == crd.manifest(definition)
    copies = (DOCUMENTS[f"deploy/{place}/crds/{definition.file}"] for place in ("base", "chart/files"))
    assert set(copies) == {text}


def test_a_key_that_kubectl_would_misread_is_quoted() -> None:
    text = DOCUMENTS[YAML]
    # Bare, kubectl would read this key as the boolean false.
    assert "'n':" in text


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.endswith(".yaml")])
def test_committed_files_are_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == DOCUMENTS[path], "run make crds"


@pytest.mark.parametrize(
    ("definition", "narrow", "wide"),
    [
        (crd.SESSION, ["State", "Ready", "Agent", "Cost", "Age"], ["Id", "Title", "Tokens", "Reason"]),
        *(
            (each, ["Ready", "Sessions", "Workspace", "Age"], ["URL", "Circuit", "Reason"])
            for each in crd.DEFINITIONS
            if each is not crd.SESSION
        ),
    ],
)
def test_columns_stand_in_the_order_people_read(definition: crd.Definition, narrow: list[str], wide: list[str]) -> None:
    columns = crd.manifest(definition)["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [c["name"] for c in columns if "priority" not in c] == narrow
    assert [c["name"] for c in columns if c.get("priority")] == wide


def test_the_base_has_every_crd() -> None:
    base = ROOT / "deploy/base"
    listed = yaml.safe_load((base / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert {path for path in listed if path.startswith("crds/")} == {f"crds/{each.file}" for each in crd.DEFINITIONS}
    assert {path.name for path in (base / "crds").iterdir()} == {each.file for each in crd.DEFINITIONS}


def test_sections_on_conditions_are_taken_in() -> None:
    text = crd.documents("## Conditions\n\nIt works.", "## Conditions\n\nIt answers.")["crds/README.md"]
    said = [line for line in text.splitlines() if line.startswith("#") or line in ("It works.", "It answers.")]
    kinds = (("Session", "It works."), ("Connection", "It answers."), ("ClusterConnection", "It answers."))
    wanted = [[f"# {kind}", "## spec", "## Conditions", meaning, "## status"] for kind, meaning in kinds]
    assert said[1:] == [line for lines in wanted for line in lines]
    assert "## Conditions" not in REFERENCE


def test_writing_makes_the_files(tmp_path: Path) -> None:
    written = crd.write(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == set(DOCUMENTS)
    assert (tmp_path / YAML).read_text(encoding="utf-8") == DOCUMENTS[YAML]
