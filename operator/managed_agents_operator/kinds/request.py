"""From what users write to what the API takes: the body of a creation, and the first events.

Pure; used by the session kind. Tokens are handed in, never read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from managed_agents_operator.api.events import InitialEvent
from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.engine.claim import Marker


def creation(spec: SessionSpec, marker: Marker, tokens: Mapping[str, str], files: Mapping[str, str]) -> dict[str, Any]:
    """Body of `POST /v1/sessions`, without first events.

    `tokens`, and `files`, the ids of what was uploaded, are by name of the resource. Raises `ValueError` where one of
    the files is missing, or the spec names no agent and environment, as it may for a session that is there already.
    """
    if spec.environment is None:
        raise ValueError("without an environment no session can be made")
    body: dict[str, Any] = {
        "agent": agent(spec),
        "environment_id": spec.environment.id,
        "metadata": {**(spec.metadata or {}), **marker.metadata},
    }
    if spec.title is not None:
        body["title"] = spec.title
    if spec.vaults:
        body["vault_ids"] = [vault.id for vault in spec.vaults]
    if spec.resources:
        body["resources"] = [mount(r, tokens.get(r.name), files.get(r.name)) for r in spec.resources]
    if spec.budget and spec.budget.max_list_cost:
        cost = spec.budget.max_list_cost
        body["budget"] = {"type": "limit", "max_list_cost": {"amount": cost.amount, "currency": cost.currency}}
    return body


def agent(spec: SessionSpec) -> Any:
    """The agent as a creation names it: by id alone where nothing else is said, since that form is the oldest."""
    wish = spec.agent
    if wish is None:
        raise ValueError("without an agent no session can be made")
    version = {"version": wish.version} if wish.version is not None else {}
    changed = wish.overrides.model_dump(mode="json", exclude_none=True) if wish.overrides else {}
    if changed:
        return {"type": "agent_with_overrides", "id": wish.id, **version, **changed}
    return {"type": "agent", "id": wish.id, **version} if version else wish.id


def mount(resource: Resource, token: str | None, upload: str | None) -> dict[str, Any]:
    """One entry of a creation's resources."""
    if wish := resource.file:
        id = upload if wish.content else wish.file_id
        if id is None:
            raise ValueError(f"the content of resource {resource.name} was not uploaded")
        return file(id, wish.mount_path)
    if store := resource.memory_store:
        said = {"instructions": store.instructions} if store.instructions else {}
        return {"type": "memory_store", "memory_store_id": store.id, "access": store.access, **said}
    repository = resource.github_repository
    if repository is None:
        raise ValueError(f"resource {resource.name} is of no kind")
    body: dict[str, Any] = {"type": "github_repository", "url": repository.url}
    if token is not None:
        body["authorization_token"] = token
    if repository.mount_path:
        body["mount_path"] = repository.mount_path
    if checkout := repository.checkout:
        branch, commit = checkout.branch, checkout.commit
        body["checkout"] = {"type": "branch", "name": branch} if branch else {"type": "commit", "sha": commit}
    return body


def file(id: str, path: str | None) -> dict[str, Any]:
    """A file to mount, at a creation and afterwards."""
    return {"type": "file", "file_id": id, **({"mount_path": path} if path else {})}


def event(wish: InitialEvent) -> dict[str, Any]:
    """One first event as the API takes it."""
    if wish.type == "user.message":
        blocks = list(wish.content) if wish.content is not None else [{"type": "text", "text": wish.text}]
        return {"type": "user.message", "content": blocks}
    rubric = wish.rubric.model_dump(mode="json", exclude_none=True) if wish.rubric else {}
    limit = {"max_iterations": wish.max_iterations} if wish.max_iterations is not None else {}
    return {"type": "user.define_outcome", "description": wish.description, "rubric": rubric, **limit}
