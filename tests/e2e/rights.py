"""What the roles of `deploy/base/roles.yaml` grant, one right at a time, and which of them a life made use of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

ROLES = Path(__file__).parents[2] / "deploy" / "base" / "roles.yaml"


class Right(NamedTuple):
    """One verb on one resource; `name` is the only object it is for, empty where it is for all."""

    group: str
    resource: str
    name: str
    verb: str

    def __str__(self):
        return " ".join(filter(None, (self.verb, self.resource, self.name, self.group and f"of {self.group}")))

    def allows(self, request):
        """Whether a request of the audit log is one of those that it is there for."""
        asked = (request.group, request.resource, request.verb)
        return asked == (self.group, self.resource, self.verb) and self.name in ("", request.name)


def granted():
    """By role, each right of the operator."""
    roles = [each for each in yaml.safe_load_all(ROLES.read_text()) if each["kind"] in ("Role", "ClusterRole")]
    return {role["metadata"]["name"]: [right for rule in role["rules"] for right in of_rule(rule)] for role in roles}


def of_rule(rule):
    return [
        Right(group, resource, name, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
    ]


def as_rule(right):
    rule = {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
    return rule | ({"resourceNames": [right.name]} if right.name else {})


def unused(rights, requests):
    """Those without which every request would have been answered as it was, as people read them."""
    served = [request for request in requests if request.code != 403]

    def needed(right):
        others = [other for other in rights if other != right]
        # What a right for one name covers is no use of the right for all.
        named = [other for other in others if other.name]
        return any(right.allows(one) and not any(other.allows(one) for other in named) for one in served)

    return sorted(str(right) for right in rights if not needed(right))
