"""Specs that the tests of this folder start from: one with everything, and the least."""

from __future__ import annotations

from typing import Any

FULL: dict[str, Any] = {
    "agent": {
        "id": "agent_1",
        "version": 3,
        "overrides": {
            "model": {"id": "claude-opus-4-8", "effort": {"type": "high"}},
            "system": "Be brief.",
            "tools": [{"type": "agent_toolset_20260401"}],
            "mcpServers": [{"type": "url", "name": "docs", "url": "https://example.com"}],
            "skills": [{"type": "anthropic", "skill_id": "xlsx"}],
        },
    },
    "environment": {"id": "env_1"},
    "vaults": [{"id": "vlt_1"}, {"id": "vlt_2"}],
    "connectionRef": {"kind": "ClusterConnection", "name": "shared"},
    "title": "Nightly triage",
    "metadata": {"team": "platform"},
    "budget": {"maxListCost": {"amount": "2500", "currency": "USD"}},
    "resources": [
        {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}},
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "checkout": {"branch": "main"},
                "mountPath": "/workspace/r",
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        },
        {"name": "memory", "memoryStore": {"id": "memstore_1", "access": "read_only", "instructions": "Look first."}},
        {"name": "plain", "memoryStore": {"id": "memstore_2"}},
        {"name": "notes", "file": {"configMapKeyRef": {"name": "notes", "key": "a.md"}, "mountPath": "/a.md"}},
        {"name": "netrc", "file": {"secretKeyRef": {"name": "netrc", "key": "netrc"}, "mountPath": "/netrc"}},
        {"name": "public", "githubRepository": {"url": "https://github.com/o/p"}},
    ],
    "initialEvents": [{"type": "user.message", "text": "Triage the open issues."}],
    "deletionPolicy": "Delete",
    "suspend": True,
}

MINIMAL: dict[str, Any] = {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}}
