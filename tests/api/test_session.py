"""What is read from a Session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError
from tests.api.specs import FULL, MINIMAL

from managed_agents_operator.api.session import Session, SessionSpec

METADATA = {
    "name": "triage",
    "namespace": "default",
    "uid": "5f1d",
    "resourceVersion": "7",
    "generation": 1,
    "creationTimestamp": "2026-11-22T10:00:00Z",
}


def test_a_fresh_object_has_the_empty_status() -> None:
    session = Session.parse({"apiVersion": "managedagents.dev/v1alpha1", "metadata": METADATA, "spec": MINIMAL})
    assert session.status.observed_generation == -1
    assert session.status.id is None
    assert session.metadata.finalizers == ()
    assert session.spec.deletion_policy == "Archive"
    assert session.spec.initial_events == ()


def test_a_bare_spec_means_the_careful_thing() -> None:
    spec = SessionSpec.model_validate(MINIMAL)
    assert (spec.on_immutable_change, spec.on_lost, spec.management_policy) == ("Reject", "Stall", "Full")
    assert (spec.archived, spec.suspend, spec.session_id) == (False, False, None)
    assert (spec.ttl_seconds_after_idle, spec.ttl_seconds_after_creation) == (None, None)


def test_a_resource_says_what_of_the_cluster_goes_into_it() -> None:
    sources = {each.name: each.source for each in SessionSpec.model_validate(FULL).resources}
    assert sources == {
        "data": None,
        "repo": ("Secret", "gh", "token"),
        "memory": None,
        "plain": None,
        "notes": ("ConfigMap", "notes", "a.md"),
        "netrc": ("Secret", "netrc", "netrc"),
        "public": None,
    }


class Body(Mapping[str, Any]):
    """kopf hands out views of its own, which are no dicts."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


def test_any_mapping_is_parsed() -> None:
    assert Session.parse(Body({"metadata": METADATA, "spec": FULL})).spec == SessionSpec.model_validate(FULL)


@pytest.mark.parametrize(("written", "meant"), [(2500, "2500"), ("2500", "2500"), (1, "1")])
def test_cents_are_text_however_they_were_written(written: object, meant: str) -> None:
    spec = SessionSpec.model_validate(MINIMAL | {"budget": {"maxListCost": {"amount": written}}})
    assert spec.budget is not None
    assert spec.budget.max_list_cost is not None
    assert spec.budget.max_list_cost.amount == meant
    assert spec.budget.max_list_cost.currency == "USD"


@pytest.mark.parametrize("written", [True, 25.5, None, ["2500"]])
def test_what_is_no_amount_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        SessionSpec.model_validate(MINIMAL | {"budget": {"maxListCost": {"amount": written}}})


def test_absent_and_empty_overrides_are_told_apart() -> None:
    spec = SessionSpec.model_validate(MINIMAL | {"agent": {"id": "a", "overrides": {"tools": [], "system": ""}}})
    assert spec.agent is not None
    assert spec.agent.overrides is not None
    assert (spec.agent.overrides.tools, spec.agent.overrides.skills) == ((), None)
    assert spec.agent.overrides.system == ""


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Session.parse({"metadata": METADATA, "spec": FULL}).spec.__setattr__("title", "x")
