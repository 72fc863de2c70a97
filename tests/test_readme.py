"""What the documents say is what the code has: settings, conditions, fields, manifest, commands, files."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.toolbox.tools import tool

from managed_agents_operator import guide
from managed_agents_operator.api.crd import DEFINITIONS, schema
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.settings import Settings, variable
from managed_agents_operator.telemetry import METRICS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = {path: (ROOT / path).read_text() for path in ("README.md", "deploy/README.md", "tests/bench/README.md")}
FIELDS = (
    *("id", "type", "status", "agent", "environment_id", "vault_ids", "title", "metadata", "usage", "stats"),
    *("resources", "outcome_evaluations", "created_at", "updated_at", "archived_at"),
)
SAMPLE = ROOT / "deploy/samples/03-kickoff-and-budget.yaml"
PATHS = sorted({found for text in DOCUMENTS.values() for found in re.findall(r"`((?:spec|status)\.[\w.\[\]]+)`", text)})


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


def headings(path):
    """The anchors of a document."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def leads_nowhere(link, document):
    path, _, anchor = link.partition("#")
    target = (document.parent / path) if path else document
    return not target.exists() or (anchor and anchor not in headings(target))


def test_the_tables_of_the_guide_are_those_of_the_code():
    text = DOCUMENTS["deploy/README.md"]
    tables = guide.tables()
    assert [name for name in tables if guide.begin(name) not in text] == []
    assert guide.filled(text, tables) == text, "run make crds"
    assert [f"`{variable(name)}`" for name in Settings.model_fields] == [row[0] for row in guide.settings()]


def test_each_field_of_the_api_has_its_place():
    table = rows("The API's session, field by field")
    assert [cells[0] for cells in table] == [f"`{field}`" for field in FIELDS]


@pytest.mark.parametrize("path", PATHS)
def test_a_field_that_is_named_is_one_of_the_schema(path):
    assert known(path.removesuffix("[]"))


def test_the_manifest_is_the_sample_and_becomes_a_status_of_our_schema():
    manifest, status = blocks("A first Session on your cluster", "yaml")
    sample = SAMPLE.read_text()
    assert manifest == "".join(line for line in sample.splitlines(keepends=True) if not line.startswith("#"))
    assert unknown(yaml.safe_load(status), schema()["properties"]["status"], "status") == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_named_is_there(name):
    text, document = DOCUMENTS[name], ROOT / name
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    links = {link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    assert {link for link in links if leads_nowhere(link, document)} == set()
    paths = set(re.findall(r"(?:-f |-k |`)((?:deploy|crds|tests)(?:/[\w.-]*\w)*)/?(?=\s|$|`)", text, re.MULTILINE))
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    assert set(re.findall(r"MANAGED_AGENTS_[A-Z_]+", text)) <= {variable(name) for name in Settings.model_fields}


def test_a_metric_that_is_named_is_one():
    named = set(re.findall(r"\bmanaged_agents_(?!operator|simulator|local|kubectl)\w+", "".join(DOCUMENTS.values())))
    assert named == {metric.name for metric in METRICS}


QUERIES = [one.replace("\\|", "|") for one in re.findall(r"`(\w+ by \(.*?)`", DOCUMENTS["deploy/README.md"])]


def test_what_is_asked_of_prometheus_is_a_question_to_it(tmp_path):
    rules = tmp_path / "rules.yaml"
    asked = [{"record": f"asked:{n}", "expr": query} for n, query in enumerate(QUERIES)]
    rules.write_text(yaml.safe_dump({"groups": [{"name": "guide", "rules": asked}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(QUERIES) >= 6


@pytest.mark.parametrize("query", QUERIES)
def test_a_question_names_labels_that_the_metric_has(query):
    labels = {metric.name: set(metric.labels) for metric in METRICS}
    [name] = re.findall(r"managed_agents_\w+", query)
    named = set(re.search(r"by \((.*?)\)", query)[1].split(", ")) | set(re.findall(r"(\w+)=~?\"", query))
    assert named <= labels[name]
    reasons = {reason for listed in re.findall(r"reason=~\"(.*?)\"", query) for reason in listed.split("|")}
    assert reasons <= set(READY)


def test_all_samples_that_are_shown_are_samples():
    shown = re.search(r"^NAME +STATE.*?^```", README, re.MULTILINE | re.DOTALL)
    assert shown
    names = [line.split()[0] for line in shown[0].splitlines()[1:-1]]
    documents = [one for path in SAMPLE.parent.glob("*.yaml") for one in yaml.safe_load_all(path.read_text())]
    assert names == sorted(one["metadata"]["name"] for one in documents if one["kind"] == "Session")
