"""The objects that are there from the start, so that the sample manifests work as they stand.

Put into a workspace when a world begins and they are not there yet. Their ids are fixed and known: `agent_sample`,
`env_sample`, `vlt_sample`, `memstore_sample` and `file_sample` in the default workspace.
"""

from __future__ import annotations

import base64
from typing import Any

from managed_agents_simulator.clock import Instant, wire_time
from managed_agents_simulator.library.agent_shapes import resolve_tools
from managed_agents_simulator.library.shelf import Document
from managed_agents_simulator.workspace import Workspace

_CONTENT = b"date,amount\n2026-11-01,12\n2026-11-02,15\n"


PREFIXES = {
    "agent": "agent_",
    "environment": "env_",
    "vault": "vlt_",
    "memory_store": "memstore_",
    "file": "file_",
}


def stock(workspace: Workspace, name: str, now: Instant) -> None:
    """Put what is missing of the samples into the workspace, under ids that end in the name."""
    for kind, (sample, hidden) in _samples(now).items():
        body = {"id": f"{PREFIXES[kind]}{name}", **sample}
        if workspace.shelf(kind).find(body["id"]) is None:
            if kind == "agent":
                hidden["versions"] = [dict(body)]
            workspace.shelf(kind).put(Document(kind, body["id"], workspace.id, now, body, hidden))


def _samples(now: Instant) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    dates = {"created_at": wire_time(now), "updated_at": wire_time(now), "archived_at": None}
    return {
        "agent": ({**_agent(), **dates}, {}),
        "environment": ({**_environment(), **dates}, {}),
        "vault": ({"type": "vault", "display_name": "Sample vault", "metadata": {}, **dates}, {}),
        "memory_store": (
            {
                "type": "memory_store",
                "name": "Team notes",
                "description": "What the team has learned so far.",
                "metadata": {},
                **dates,
            },
            {},
        ),
        "file": (_file(now), {"content": base64.b64encode(_CONTENT).decode(), "scope": None}),
    }


def _agent() -> dict[str, Any]:
    return {
        "type": "agent",
        "version": 1,
        "name": "Sample agent",
        "description": "Answers questions about a repository.",
        "system": "You are a careful engineer. Read before you write.",
        "model": {"id": "claude-opus-5-5", "effort": {"type": "high"}, "inference_geo": None, "speed": "standard"},
        "tools": resolve_tools([{"type": "agent_toolset_20260401"}]),
        "mcp_servers": [],
        "skills": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
        "metadata": {},
    }


def _environment() -> dict[str, Any]:
    packages: dict[str, Any] = {"type": "packages", "apt": [], "cargo": [], "gem": [], "go": [], "npm": [], "pip": []}
    return {
        "type": "environment",
        "name": "sample",
        "description": "A container with access to the internet.",
        "config": {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": packages},
        "metadata": {},
        "scope": "organization",
    }


def _file(now: Instant) -> dict[str, Any]:
    return {
        "type": "file",
        "filename": "data.csv",
        "mime_type": "text/csv",
        "size_bytes": len(_CONTENT),
        "created_at": wire_time(now),
        "expires_at": None,
        "downloadable": False,
        "scope": None,
    }
