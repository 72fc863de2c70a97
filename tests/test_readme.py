"""What the README says is what the code has: settings, conditions, fields, manifest, commands, files."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from managed_agents_operator.api.crd import DEFINITIONS, schema
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, IN_SYNC, SYNCED
from managed_agents_operator.engine import news, telling
from managed_agents_operator.settings import Settings, variable

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FIELDS = (
    *("id", "type", "status", "agent", "environment_id", "vault_ids", "title", "metadata", "usage", "stats"),
    *("resources", "outcome_evaluations", "created_at", "updated_at", "archived_at"),
)
SAMPLE = ROOT / "deploy/samples/03-kickoff-and-budget.yaml"


def section(title):
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def rows(title):
    """The cells of each row of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def blocks(title, language):
    return re.findall(rf"^```{language}\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)


def settings():
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory is not None or field.default in (None, ()) else f"`{field.default}`"
        yield [f"`{variable(name)}`", default, " ".join((field.description or "").split())]


def conditions():
    def ready(status, effect):
        return (name for name, reason in READY.items() if (reason.status, reason.effect) == (status, effect))

    table = {
        "**Ready** True: as the spec asks": ready("True", ""),
        "Ready False, **Reconciling** True: work is under way": ready("False", "Reconciling"),
        "Ready False, **Stalled** True: nothing more happens until a person acts": ready("False", "Stalled"),
        "Ready False alone": ready("False", ""),
        "**Synced** True: the session equals the spec, or is only looked at": IN_SYNC,
        "Synced False": (name for name in SYNCED if name not in IN_SYNC),
        "**Finished** True: the turn that the initial events started is over": (n for n in FINISHED if n != "Running"),
        "Finished False": ["Running"],
    }
    return [[what, ", ".join(f"`{name}`" for name in reasons)] for what, reasons in table.items()]


def events(type_):
    """The reasons of Events of one type that stand in the code; those of conditions come as variables."""
    for module in (news, telling):
        for call in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            first = {"News": 0, "publish": 1}.get(name)
            if first is None or getattr(call.args[first], "value", None) != type_:
                continue
            reason = call.args[first + 1]
            values = (reason.body, reason.orelse) if isinstance(reason, ast.IfExp) else (reason,)
            yield from (value.value for value in values if isinstance(value, ast.Constant))


def known(path):
    """Whether a path such as spec.resources[].file is one of the schema of some kind."""
    return any(leads(schema(definition), path) for definition in DEFINITIONS)


def leads(node, path):
    for part in path.replace("[]", ".[]").split("."):
        node = node.get("items") if part == "[]" else (node or {}).get("properties", {}).get(part)
        if node is None:
            return False
    return True


def unknown(value, node, path):
    """The paths in a document for which the schema has no place."""
    if isinstance(value, list):
        return [found for each in value for found in unknown(each, node.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or node.get("x-kubernetes-preserve-unknown-fields"):
        return []
    if "additionalProperties" in node:
        return []
    fields = node.get("properties", {})
    return [
        found
        for name, each in value.items()
        for found in (unknown(each, fields[name], f"{path}.{name}") if name in fields else [f"{path}.{name}"])
    ]


def test_every_setting_is_told():
    assert rows("Settings") == list(settings())


def test_every_reason_of_every_condition_is_told():
    assert rows("Conditions") == conditions()


@pytest.mark.parametrize(("type_", "more"), [("Normal", frozenset()), ("Warning", news.WAITING)])
def test_every_reason_of_an_event_is_told(type_, more):
    told = {cells[0]: cells[1] for cells in rows("Events")}
    assert set(re.findall(r"`(\w+)`", told[type_])) == {*events(type_), *more}


def test_each_field_of_the_api_has_its_place():
    table = rows("The API's session, field by field")
    assert [cells[0] for cells in table] == [f"`{field}`" for field in FIELDS]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:spec|status)\.[\w.\[\]]+)`", README))))
def test_a_field_that_is_named_is_one_of_the_schema(path):
    assert known(path.removesuffix("[]"))


def test_the_manifest_is_the_sample_and_becomes_a_status_of_our_schema():
    manifest, status = blocks("A manifest and what it becomes", "yaml")
    sample = SAMPLE.read_text()
    assert manifest == "".join(line for line in sample.splitlines(keepends=True) if not line.startswith("#"))
    assert unknown(yaml.safe_load(status), schema()["properties"]["status"], "status") == []


def test_what_is_named_is_there():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)) <= targets
    links = {link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link and link[0] != "#"}
    paths = links | set(re.findall(r"(?:-f|-k) ((?:deploy|crds)\S*?)[`/]?(?=\s|$|`)", README, re.MULTILINE))
    assert {"deploy/base", "crds"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert set(re.findall(r"MANAGED_AGENTS_[A-Z_]+", README)) <= {variable(name) for name in Settings.model_fields}
