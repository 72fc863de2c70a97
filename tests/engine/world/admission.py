"""What the API server lets through: the rules of the CRD over old and new, as far as the stories break them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.engine.world.judge_mounts import place

from managed_agents_operator.api.session import Session, immutable_part


def admitted(before: Mapping[str, Any] | None, spec: Mapping[str, Any]) -> bool:
    """Whether a spec may stand there, in place of the object that stands there now."""
    status = (before or {}).get("status") or {}
    return _whole(spec, status) and (before is None or _follows(before, spec, status))


def _whole(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    adopts = "sessionId" in spec
    if adopts and spec.get("initialEvents"):
        return False
    if not adopts and not ("agent" in spec and "environment" in spec):
        return False
    places = [place(one) for one in _parsed(spec).spec.resources]
    if len(set(places)) < len(places):
        return False
    return spec.get("managementPolicy") != "Observe" or adopts or bool(status.get("id"))


def _follows(before: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    old = before["spec"]
    if old.get("archived") and not spec.get("archived"):
        return False
    if status.get("id") and not _budget_follows(old.get("budget"), spec.get("budget")):
        return False
    if not status.get("id") or spec.get("onImmutableChange") == "Replace":
        return True
    if (status.get("kickoff") or {}).get("sentAt") and old.get("initialEvents") != spec.get("initialEvents"):
        return False
    return immutable_part(_parsed(old).spec) == immutable_part(_parsed(spec).spec)


def _budget_follows(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    if old is None or new is None:
        return new is None and "removed" not in (old or {})
    if "removed" in old:
        return "removed" in new
    return "removed" in new or int(new["maxListCost"]["amount"]) >= int(old["maxListCost"]["amount"])


def _parsed(spec: Mapping[str, Any]) -> Session:
    metadata = {"name": "a", "namespace": "team", "uid": "u", "resourceVersion": "1", "generation": 1}
    return Session.parse({"metadata": {**metadata, "creationTimestamp": "2026-11-20T12:00:00Z"}, "spec": dict(spec)})
