"""No reason is given without a text that says what it means and what to do, and no text is there for nothing."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

import managed_agents_operator
from managed_agents_operator.api import remedies
from managed_agents_operator.api.crd import DEFINITIONS, schema
from managed_agents_operator.api.reasons import names
from managed_agents_operator.api.reasons.deeds import DEEDS
from managed_agents_operator.api.reasons.fares import FARES
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, IN_SYNC, SYNCED
from managed_agents_operator.engine import news, telling
from managed_agents_operator.settings import Settings, variable

PACKAGE = Path(managed_agents_operator.__file__).parent
TABLES = {
    names.ReadyReason: READY,
    names.SyncedReason: SYNCED,
    names.FinishedReason: FINISHED,
    names.FareReason: FARES,
    names.DeedReason: DEEDS,
}
REASONS = [(table, name) for table in TABLES.values() for name in table]
SETTINGS = {variable(name) for name in Settings.model_fields}


def words_of_the_code():
    """Every string that stands by itself in what decides and tells, outside of the tables."""
    modules = [*PACKAGE.glob("engine/*.py"), *PACKAGE.glob("kinds/*.py")]
    nodes = (node for path in modules for node in ast.walk(ast.parse(path.read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("type_", TABLES, ids=lambda type_: get_args(type_)[0])
def test_every_reason_has_a_text_and_every_text_a_reason(type_):
    assert set(TABLES[type_]) == set(get_args(type_))


def test_every_reason_is_one_that_the_code_gives():
    assert {name for _, name in REASONS} - words_of_the_code() == set()


def events_of_the_code():
    """Type and reason of each Event whose reason stands in the code; those of conditions come as variables."""
    calls = (
        node
        for module in (news, telling)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.Call)
    )
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        first = {"News": 0, "publish": 1}.get(name)
        if first is None or not isinstance(call.args[first], ast.Constant):
            continue
        reason = call.args[first + 1]
        for value in (reason.body, reason.orelse) if isinstance(reason, ast.IfExp) else (reason,):
            if isinstance(value, ast.Constant):
                yield value.value, call.args[first].value


def test_an_event_has_the_type_that_the_code_gives_it():
    assert dict(events_of_the_code()) == {name: deed.type for name, deed in DEEDS.items()}


def test_what_holds_up_a_connection_is_told_in_both_conditions():
    blocked = set(get_args(names.BlockedReason))
    assert blocked <= set(READY) & set(SYNCED)
    assert {*get_args(names.OwnFailure)} <= set(SYNCED)


@pytest.mark.parametrize(("table", "name"), REASONS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_text_can_be_read_on_a_terminal_and_in_a_table(table, name):
    for text in (table[name].meaning, table[name].remedy):
        assert text.isprintable()
        assert text.endswith(".")
        assert not set("|<`") & set(text)
        assert len(text) <= 300
        assert set(re.findall(r"MANAGED_AGENTS_[A-Z_]+", text)) <= SETTINGS
        assert [path for path in re.findall(r"\b(?:spec|status)(?:\.\w+)+", text) if not known(path)] == []


def known(path):
    """Whether a path is one of the schema of some kind."""

    def leads(node):
        for part in path.split("."):
            node = node.get("properties", {}).get(part)
            if node is None:
                return False
        return True

    return any(leads(schema(definition)) for definition in DEFINITIONS)


@pytest.mark.parametrize("name", READY)
def test_whether_it_heals_is_what_kstatus_is_told(name):
    reason = READY[name]
    if reason.effect == "Stalled":
        assert reason.heals == "person", "somebody has to act"
    if reason.effect == "Reconciling":
        assert reason.heals == "itself", "the operator is at it"
    if reason.heals == "person":
        assert not reason.remedy.startswith("Nothing."), "whoever has to act is told what to do"


def test_what_is_in_sync_needs_nobody():
    assert {name for name, reason in SYNCED.items() if reason.status == "True"} == set(IN_SYNC)
    assert {SYNCED[name].heals for name in IN_SYNC} == {""}


ASKED = [
    ("Session", "Ready", "BudgetReached", READY["BudgetReached"], "a condition"),
    ("Session", "Stalled", "Lost", READY["Lost"], "a condition that repeats Ready"),
    ("Session", "Stalled", "UpdateRefused", SYNCED["UpdateRefused"], "or that repeats Synced"),
    ("Session", "Synced", "SecretMissing", SYNCED["SecretMissing"], "another type"),
    ("Session", "Finished", "Running", FINISHED["Running"], "the same word in another type is another thing"),
    ("Session", "Ready", "Running", READY["Running"], "and here it is this one"),
    ("Connection", "Ready", "KeyMissing", FARES["KeyMissing"], "another kind"),
    ("ClusterConnection", "Ready", "Pending", FARES["Pending"], "which has the reasons of the other one"),
    ("Session", "Ready", "Connected", None, "not of this kind"),
    ("Connection", "Synced", "Synced", None, "no such condition there"),
    ("Agent", "Ready", "Idle", None, "a kind of a newer version"),
]


@pytest.mark.parametrize(("kind", "type_", "reason", "told", "why"), ASKED)
def test_a_condition_is_explained(kind, type_, reason, told, why):
    assert remedies.condition(kind, type_, reason) is told, why


TOLD = [
    ("Session", "Created", DEEDS["Created"], "something done"),
    ("Session", "DuplicateSession", DEEDS["DuplicateSession"], "an Event means the deed before the condition"),
    ("Session", "Lost", READY["Lost"], "an Event about a condition"),
    ("Session", "SecretMissing", SYNCED["SecretMissing"], "or about the other one"),
    ("Connection", "KeyRefused", FARES["KeyRefused"], "of a connection"),
    ("Connection", "Created", None, "connections are not made by us"),
    ("Session", "BackOff", None, "an Event of somebody else"),
]


@pytest.mark.parametrize(("kind", "reason", "told", "why"), TOLD)
def test_an_event_is_explained(kind, reason, told, why):
    assert remedies.event(kind, reason) is told, why


def test_the_tables_have_a_row_for_every_reason():
    rows = [line.split(" | ") for line in remedies.markdown().splitlines() if line.startswith("| `")]
    assert [row[0].removeprefix("| ") for row in rows] == [f"`{name}`" for _, name in REASONS]
    assert {len(row) for row in rows} == {5}
