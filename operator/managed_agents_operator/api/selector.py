"""Which namespaces may use a ClusterConnection: by name, and by their labels as any label selector does.

Part of `connection.ClusterConnectionSpec`, which is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from managed_agents_operator.api.base import Model
from managed_agents_operator.api.schema import ATOMIC, SET, Rule

# A selector that is no selector for Kubernetes would silently select nothing, or with NotIn everything.
KEY = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
SHOWN = "write it as kubectl get namespaces --show-labels shows it"
KEY_RULE = f"key of a label has letters, digits, -, _ and ., with a prefix and / before them if need be: {SHOWN}"
VALUE_RULE = f"value of a label has letters, digits, -, _ and ., and begins and ends with a letter or digit: {SHOWN}"

LabelKey = Annotated[str, StringConstraints(max_length=317), Rule(f"self.matches('{KEY}')", KEY_RULE)]
LabelValue = Annotated[str, StringConstraints(max_length=63), Rule(f"self.matches('{VALUE}')", VALUE_RULE)]
MatchLabels = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=63)]],
    Field(max_length=16),
    Rule(f"self.all(k, size(k) <= 317 && k.matches('{KEY}'))", KEY_RULE),
    Rule(f"self.all(k, self[k].matches('{VALUE}'))", VALUE_RULE),
]
NamespaceName = Annotated[
    str,
    StringConstraints(max_length=63),
    Rule(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "name of a namespace has lower case letters, digits and - and begins and ends with a letter or digit: write it"
        " as kubectl get namespaces shows it; for several at once there is selector",
    ),
]


class Requirement(Model):
    """One condition on a label, as in any label selector of Kubernetes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.values) && size(self.values) > 0) == (self.operator in ['In', 'NotIn'])",
            "values are needed with operator In or NotIn, and with these alone: set values, or remove them",
        ),
    )
    key: LabelKey
    """Label that it is about."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """What must hold. NotIn holds for a namespace without the label, too."""
    # Without a default: the list around it is one value to server-side apply, and must be stored as it was written, or
    # two tools that apply the very same are in conflict.
    values: Annotated[tuple[LabelValue, ...], Field(max_length=64), ATOMIC] | None = None
    """Values that In and NotIn look for."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a namespace with these labels fits."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in (self.values or ())
            case "NotIn":
                return value not in (self.values or ())
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None


class Selector(Model):
    """Namespaces by their labels; all that is said must hold. An empty selector is every namespace."""

    match_labels: MatchLabels = Field(default={})
    """Labels that a namespace must have, each with this very value."""
    match_expressions: Annotated[tuple[Requirement, ...], Field(max_length=16), ATOMIC] = ()
    """Conditions that must hold, all of them."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a namespace with these labels is one of them."""
        same = all(labels.get(key) == value for key, value in self.match_labels.items())
        return same and all(requirement.holds(labels) for requirement in self.match_expressions)


class AllowedNamespaces(Model):
    """Namespaces whose Sessions may use a ClusterConnection: those that are named, and those that are selected."""

    names: Annotated[tuple[NamespaceName, ...], Field(max_length=1000), SET] = ()
    """Namespaces by name."""
    selector: Selector | None = None
    """Namespaces by their labels; all that is said must hold. An empty selector is every namespace. Absent: none but
    those that are named."""

    def holds(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a namespace with these labels is one of them."""
        return namespace in self.names or (self.selector is not None and self.selector.holds(labels))
