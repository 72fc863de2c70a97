"""What is read from a Connection and a ClusterConnection, and which namespaces may use one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from managed_agents_operator.api.connection import ClusterConnection, ClusterConnectionSpec, Connection, ConnectionSpec
from managed_agents_operator.api.session import Session

METADATA: dict[str, Any] = {
    "name": "team",
    "namespace": "default",
    "uid": "5f1d",
    "resourceVersion": "7",
    "generation": 1,
    "creationTimestamp": "2026-11-24T10:00:00Z",
}
SHARED = {key: value for key, value in METADATA.items() if key != "namespace"}
KEY = {"name": "anthropic", "key": "apiKey"}
SPEC = {"apiKeySecretRef": KEY}


def test_a_bare_spec_means_the_public_api_at_its_usual_pace() -> None:
    connection = Connection.parse({"apiVersion": "managedagents.dev/v1alpha1", "metadata": METADATA, "spec": SPEC})
    spec = connection.spec
    assert (spec.base_url, spec.workspace_id, spec.beta_headers) == ("https://api.anthropic.com", None, ())
    assert (spec.creates_per_minute, spec.requests_per_minute) == (300, 600)
    assert connection.status.observed_generation == -1
    assert connection.metadata.namespace == "default"


def test_a_cluster_connection_has_no_namespace_and_serves_none_unless_it_says_so() -> None:
    shared = ClusterConnection.parse({"metadata": SHARED, "spec": SPEC})
    assert shared.metadata.namespace == ""
    assert not shared.spec.allows("default", {"kubernetes.io/metadata.name": "default"})


def test_a_session_needs_its_namespace_all_the_same() -> None:
    with pytest.raises(ValidationError, match="namespace"):
        Session.parse({"metadata": SHARED, "spec": {}})


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"apiKeySecretRef": KEY}, "spec.apiKeySecretRef"),
        ({"authTokenSecretRef": KEY}, "spec.authTokenSecretRef"),
    ],
)
def test_it_says_where_the_key_is(written: dict[str, Any], field: str) -> None:
    spec = ConnectionSpec.model_validate(written)
    assert (spec.secret_ref.name, spec.secret_ref.key, spec.secret_field) == ("anthropic", "apiKey", field)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("http://localhost:8080/claude/", "http://localhost:8080/claude"),
    ],
)
def test_a_slash_at_the_end_of_the_url_does_not_count(written: str, meant: str) -> None:
    assert ConnectionSpec.model_validate(SPEC | {"baseURL": written}).base_url == meant


def needs(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def labels(**pairs: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": pairs}}


def where(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"selector": {"matchExpressions": list(expressions)}}


LABELS = {"team": "blue", "tier": "gold"}

# Why, what is allowed, and whether that is the namespace `here` with the labels above.
ALLOWED: list[tuple[str, dict[str, Any] | None, bool]] = [
    ("nothing said is nobody", None, False),
    ("nothing within it is nobody", {}, False),
    ("no names are nobody", {"names": []}, False),
    ("named", {"names": ["there", "here"]}, True),
    ("another is named", {"names": ["there"]}, False),
    ("a name is the whole name", {"names": ["her"]}, False),
    ("an empty selector is everybody", {"selector": {}}, True),
    ("an empty selector is everybody, written out", {"selector": {"matchLabels": {}, "matchExpressions": []}}, True),
    ("a label", labels(team="blue"), True),
    ("another value", labels(team="red"), False),
    ("a label that is not there", labels(owner="me"), False),
    ("labels, all of them", labels(team="blue", tier="gold"), True),
    ("labels, one of them missed", labels(team="blue", tier="tin"), False),
    ("In", where(needs("team", "In", "red", "blue")), True),
    ("In, and none of them", where(needs("team", "In", "red")), False),
    ("In, and no such label", where(needs("owner", "In", "me")), False),
    ("NotIn", where(needs("team", "NotIn", "red")), True),
    ("NotIn, and one of them", where(needs("team", "NotIn", "red", "blue")), False),
    ("NotIn holds without the label, as everywhere", where(needs("owner", "NotIn", "me")), True),
    ("Exists", where(needs("team", "Exists")), True),
    ("Exists, and no such label", where(needs("owner", "Exists")), False),
    ("DoesNotExist", where(needs("owner", "DoesNotExist")), True),
    ("DoesNotExist, and there it is", where(needs("team", "DoesNotExist")), False),
    ("expressions, all of them", where(needs("team", "Exists"), needs("tier", "In", "gold")), True),
    ("expressions, one of them missed", where(needs("team", "Exists"), needs("tier", "In", "tin")), False),
    (
        "labels and expressions, both",
        {"selector": {"matchLabels": {"team": "blue"}, "matchExpressions": [needs("tier", "NotIn", "gold")]}},
        False,
    ),
    ("named though not selected", {"names": ["here"]} | labels(team="red"), True),
    ("selected though not named", {"names": ["there"]} | labels(team="blue"), True),
    ("neither named nor selected", {"names": ["there"]} | labels(team="red"), False),
]


@pytest.mark.parametrize(("allowed", "may"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_who_may_use_it(allowed: dict[str, Any] | None, may: bool) -> None:
    said = {} if allowed is None else {"allowedNamespaces": allowed}
    assert ClusterConnectionSpec.model_validate(SPEC | said).allows("here", LABELS) is may


words = st.sampled_from(["a", "b", "c"])


@given(st.dictionaries(words, words), words, st.lists(words, min_size=1))
def test_each_operator_has_its_opposite(there: dict[str, str], key: str, values: list[str]) -> None:
    def may(operator: str, *values: str) -> bool:
        spec = ClusterConnectionSpec.model_validate(
            SPEC | {"allowedNamespaces": where(needs(key, operator, *values))},
        )
        return spec.allows("here", there)

    assert may("In", *values) is not may("NotIn", *values)
    assert may("Exists") is not may("DoesNotExist")


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        ConnectionSpec.model_validate(SPEC).__setattr__("base_url", "https://elsewhere.example.com")
