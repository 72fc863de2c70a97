"""A session of the API as the manifest of a Session that adopts it and has nothing to change about it.

Pure; used by `export` and `orphans`. What of a session a spec can't say, or must not say of one that is adopted, is
told in notes that go into the manifest as comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from managed_agents_kubectl.words import harmless
from managed_agents_operator.api.session import GROUP, KIND, METADATA_OWNER, METADATA_UID, VERSION
from managed_agents_operator.claude.models import Session, SessionResource
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place

LONGEST_NAME = 63
MOST_PAIRS = 14
REPOSITORY = re.compile(r"https://github[.]com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
TOKENS = [
    "Tokens of repositories are not told by the API, and the session keeps those that it has. To renew one, add",
    "authorizationTokenSecretRef: {name: ..., key: ...} to its githubRepository.",
]
OTHERS = "Stays mounted beside what the spec says (a file is a copy of the session's own, which no spec can name):"
OVERRIDES = {"model": "model", "system": "system", "tools": "tools", "mcp_servers": "mcpServers", "skills": "skills"}
"""What a session may have otherwise than its agent, and how a spec spells it."""


@dataclass
class Manifest:
    """`body` is the object, `notes` are what people should know about it, a line each."""

    body: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def yaml(self) -> str:
        """As a document, with the notes as comments before it."""
        comments = "".join(f"# {harmless(note)}".rstrip() + "\n" for note in self.notes)
        return comments + yaml.safe_dump(self.body, sort_keys=False, allow_unicode=False, width=120)


def manifest(
    wire: Session, agent: Mapping[str, Any] | None, *, name: str, namespace: str, place: Place | None = None
) -> Manifest:
    """The manifest of a session. `agent` is its agent in that very version, None where it can't be read.

    `place` is the connection to be named, None where the usual one is meant.
    """
    notes = [
        f"Session {wire.id} as it was when this was exported.",
        "Deleting this resource archives the session; deletionPolicy: Retain leaves it as it is.",
    ]
    spec: dict[str, Any] = {"sessionId": wire.id}
    if place is not None and place != ENVIRONMENT:
        spec["connectionRef"] = {"kind": place.kind, "name": place.name}
    spec |= _agent(wire, agent, notes)
    if wire.environment_id:
        spec["environment"] = {"id": wire.environment_id}
    if wire.vault_ids:
        spec["vaults"] = [{"id": id} for id in wire.vault_ids]
    spec |= _title(wire, notes) | _metadata(wire, notes) | _budget(wire) | _resources(wire, notes)
    if wire.archived_at:
        spec["archived"] = True
    elif wire.status == "terminated":
        notes.append("The session has terminated: its resource will say so (Stalled, Terminated).")
    meta = {"name": name, "namespace": namespace}
    return Manifest({"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": meta, "spec": spec}, notes)


def slug(*wishes: str | None) -> str:
    """The first of these that can be made the name of an object."""
    for wish in wishes:
        name = re.sub(r"[^a-z0-9]+", "-", (wish or "").lower()).strip("-")[:LONGEST_NAME].strip("-")
        if name:
            return name
    return "session"


def free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name[: LONGEST_NAME - 4].rstrip('-')}-{number}"
    return candidate


def _agent(wire: Session, agent: Mapping[str, Any] | None, notes: list[str]) -> dict[str, Any]:
    if wire.agent is None or not wire.agent.id:
        notes.append("The API does not tell which agent the session has.")
        return {}
    said: dict[str, Any] = {"id": wire.agent.id}
    if wire.agent.version:
        said["version"] = wire.agent.version
    if agent is None:
        notes.append("Its agent can't be read, so whether the session has overrides of it is not known.")
        return {"agent": said}
    has = wire.agent.model_dump(mode="json")
    overrides = {}
    for field_, spelled in OVERRIDES.items():
        own, given = _lean(has.get(field_)), _lean(agent.get(field_))
        if _plain_model(own) != _plain_model(given) and not (own in _EMPTY and given in _EMPTY):
            # Without a model or with another one in words alone there is nothing that a spec can say.
            if field_ == "model" and not isinstance(own, dict):
                own = {"id": own} if isinstance(own, str) else None
            if own is not None or field_ != "model":
                overrides[spelled] = own if own is not None else ("" if field_ == "system" else [])
    return {"agent": said | ({"overrides": overrides} if overrides else {})}


_EMPTY: tuple[Any, ...] = (None, "", [], {})


def _plain_model(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) and set(value) == {"id"} else value


def _lean(value: Any) -> Any:
    """Without what is null: an API server would keep it, and nothing means the same."""
    if isinstance(value, Mapping):
        return {key: _lean(one) for key, one in value.items() if one is not None}
    return [_lean(one) for one in value] if isinstance(value, list) else value


def _title(wire: Session, notes: list[str]) -> dict[str, Any]:
    if not wire.title:
        return {}
    if len(wire.title) > 500:
        notes.append("Its title is longer than a spec takes (500 characters), and stays as it is.")
        return {}
    return {"title": wire.title}


def _metadata(wire: Session, notes: list[str]) -> dict[str, Any]:
    pairs = {key: text for key, text in wire.metadata.items() if key not in (METADATA_UID, METADATA_OWNER)}
    if len(pairs) > MOST_PAIRS:
        notes.append(
            f"It has {len(pairs)} pairs of metadata, and the operator needs two of 16 for its own: remove some at the"
        )
        notes.append("API before this is applied, or its resource will say MetadataFull.")
    fit = {key: text for key, text in pairs.items() if 1 <= len(key) <= 64 and 1 <= len(text) <= 512}
    kept = dict(list(fit.items())[:MOST_PAIRS])
    if left := [key for key in pairs if key not in kept]:
        notes.append(f"Pairs of metadata that a spec can't say stay as they are: {json.dumps(left)}")
    return {"metadata": kept} if kept else {}


def _budget(wire: Session) -> dict[str, Any]:
    limit = wire.budget.max_list_cost if wire.budget else None
    amount = limit.amount if limit else None
    if amount is None or not re.fullmatch(r"[1-9][0-9]{0,14}", amount):
        return {}
    return {"budget": {"maxListCost": {"amount": amount, "currency": "USD"}}}


def _resources(wire: Session, notes: list[str]) -> dict[str, Any]:
    taken: set[str] = set()
    mounts: list[dict[str, Any]] = []
    for resource in wire.resources:
        said = next(_mount(resource, notes), None)
        if said is not None:
            wish, mount = said
            name = free(slug(wish), taken)
            taken.add(name)
            mounts.append({"name": name, **mount})
    return {"resources": mounts} if mounts else {}


def _mount(resource: SessionResource, notes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The wish for a name, and what follows it; nothing for what stays out of the spec."""
    if resource.type == "memory_store" and resource.memory_store_id:
        store: dict[str, Any] = {"id": resource.memory_store_id}
        if resource.access in ("read_write", "read_only"):
            store["access"] = resource.access
        if resource.instructions:
            store["instructions"] = resource.instructions
        yield resource.name or "memory", {"memoryStore": store}
    elif resource.type == "github_repository" and resource.url:
        url = resource.url.strip().rstrip("/").removesuffix(".git")
        path = resource.mount_path
        if not REPOSITORY.fullmatch(url) or (path is not None and not _below_workspace(path)):
            notes.append(f"A repository that a spec can't say stays mounted: {url} at {path}")
            return
        repository: dict[str, Any] = {"url": url} | ({"mountPath": path} if path else {}) | _checkout(resource)
        notes += [] if TOKENS[0] in notes else TOKENS
        yield url.rsplit("/", 1)[-1], {"githubRepository": repository}
    else:
        what = {"fileId": resource.file_id, "mountPath": resource.mount_path}
        notes += [] if OTHERS in notes else [OTHERS]
        notes.append(f"  {resource.type}: {json.dumps({key: one for key, one in what.items() if one})}")


def _below_workspace(path: str) -> bool:
    parts = path.split("/")
    return path.startswith("/workspace/") and len(path) <= 256 and not {"", ".", ".."} & set(parts[1:])


def _checkout(resource: SessionResource) -> dict[str, Any]:
    checkout = resource.checkout or {}
    if checkout.get("type") == "branch" and checkout.get("name"):
        return {"checkout": {"branch": str(checkout["name"])}}
    if checkout.get("type") == "commit" and checkout.get("sha"):
        return {"checkout": {"commit": str(checkout["sha"])}}
    return {}
