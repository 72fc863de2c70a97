"""Statuses as the engine writes them, by what a resource is in; `python -m tests.health.recording` writes them down.

They are kept in `statuses.yaml`, so that one can read what Argo CD and Flux are shown, and see in a diff when that
becomes another; a test compares it with what the engine says now.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.engine.views import WALL
from tests.health.situations import CONNECTIONS, SESSIONS

from managed_agents_operator.api.session import GROUP, VERSION
from managed_agents_operator.engine import faring
from managed_agents_operator.engine.faring import Facts
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.status import conclude
from managed_agents_operator.engine.view import View

FILE = Path(__file__).with_name("statuses.yaml")
HEADER = "# Written by `python -m tests.health.recording`: what the engine says in each situation of situations.py.\n"
SHOWN = ("observedGeneration", "conditions", "id", "state", "stopReason", "archivedAt", "circuit", "sessions")
"""Of a status, what tools of others could look at."""


def session(v: View) -> dict[str, Any]:
    """The resource after a pass that saw this."""
    meta, status = v.resource.metadata, v.resource.status
    before = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    seen = {"state": v.remote.state} if v.remote is not None else {}
    after = conclude(before, v, getattr(decide(v), "report", None), seen)
    return _object("Session", meta.name, meta.generation, after, deleting=meta.deletion_timestamp is not None)


def connection(kind: str, facts: Facts) -> dict[str, Any]:
    """A Connection or ClusterConnection that fares so."""
    return _object(kind, "default", facts.generation, faring.status({}, facts, WALL), deleting=facts.deleting)


def _object(kind: str, name: str, generation: int, status: dict[str, Any], *, deleting: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "generation": generation}
    if deleting:
        metadata["deletionTimestamp"] = "2026-11-20T12:00:00Z"
    shown = {key: status[key] for key in SHOWN if key in status}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "status": shown}


def recorded() -> dict[str, list[dict[str, Any]]]:
    """Everything by kind, each with the name of its situation under `situation`."""
    return {
        "Session": [{"situation": name, "object": session(v)} for name, v in SESSIONS.items()],
        "Connection": [{"situation": n, "object": connection("Connection", f)} for n, f in CONNECTIONS.items()],
    }


def reason(body: dict[str, Any], type_: str) -> str | None:
    """That of a condition, None where there is no such condition."""
    return next((c["reason"] for c in body["status"].get("conditions", ()) if c["type"] == type_), None)


def each() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, situation and object of all that is kept in the file."""
    for kind, rows in yaml.safe_load(FILE.read_text()).items():
        for row in rows:
            yield kind, row["situation"], row["object"]


def text() -> str:
    """The file as it should be."""
    return HEADER + yaml.safe_dump(recorded(), sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    FILE.write_text(text())
