"""A live session is brought to its spec: title, metadata and budget in one update, tools and MCP servers in another.

Rung `drift` of the ladder, and `notes`, which says what could not be brought there and why. Declared fields are
compared as a subset of what is observed, since the API fills in defaults; what the spec leaves out is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from managed_agents_operator.api.reasons.names import SyncedReason
from managed_agents_operator.api.session import METADATA_OWNER, METADATA_UID
from managed_agents_operator.engine.claim import Marker, digest
from managed_agents_operator.engine.external import Changes
from managed_agents_operator.engine.kickoff import told_otherwise
from managed_agents_operator.engine.looks import LookSession
from managed_agents_operator.engine.mounting import mount_notes, mounts_due
from managed_agents_operator.engine.refusals import due, refused
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import Ask, Report, Update, Verdict
from managed_agents_operator.engine.view import View

Step = Literal["update", "title", "metadata", "budget", "retool", "adopt"]
FIELDS: tuple[Step, ...] = ("title", "metadata", "budget")
PROGRESSING = Report(None, "", "Progressing", "the session is being brought to the spec")


def drift(v: View) -> Verdict | None:
    """The first step that can act now; steps that can't are passed over and told by `notes`."""
    remote = v.remote
    if v.id is None or remote is None:
        return None
    step, changes = _next(v, remote)
    if step is None or changes is None:
        return None
    if not v.fresh(remote):
        return Ask(LookSession(remote.id))
    return Update(remote.id, changes, step, PROGRESSING)


def _next(v: View, remote: Remote) -> tuple[Step | None, Changes | None]:
    wanted = {f: c for f in FIELDS if (c := difference(v, remote, f)) is not None and not held(v, f, c)}
    if wanted:
        together = Changes({k: x for c in wanted.values() for k, x in c.body.items()}, tuple(wanted))
        if len(wanted) > 1 and not held(v, "update", together):
            return "update", together
        field, alone = next(iter(wanted.items()))
        return field, alone
    tools = difference(v, remote, "retool")
    if tools is not None and remote.state == "idle" and not held(v, "retool", tools):
        return "retool", tools
    return None, None


def held(v: View, step: Step, changes: Changes) -> bool:
    """Whether a step was refused for this generation, or was accepted before and undone again by somebody."""
    repeat = v.memory.repeats.get(step)
    return refused(v, step) is not None or bool(repeat and repeat[0] == digest(changes.body) and v.now < repeat[2])


def held_until(v: View) -> float | None:
    """When the next step that is held back may be tried again (monotonic); None if none is."""
    if v.remote is None:
        return None
    times = []
    for step in (*FIELDS, "retool"):
        changes = difference(v, v.remote, step)
        if changes is not None and held(v, step, changes):
            times.append(due(v, step))
    times.append(mounts_due(v))
    return min((time for time in times if time is not None), default=None)


def notes(v: View) -> tuple[SyncedReason, str] | None:
    """Reason and message of Synced for the first thing that is not as the spec says; None if all is."""
    remote = v.remote
    if remote is None:
        return None
    spec = v.resource.spec
    for step in (*FIELDS, "retool"):
        if difference(v, remote, step) is None:
            continue
        refusal = v.memory.refusals.get(step)
        if refusal and refusal.generation == v.generation:
            return refusal.reason, refusal.message
        if step == "retool" and remote.state != "idle":
            return "NotIdle", "spec.agent.overrides (tools, mcpServers) is applied once the session is idle"
        return "Progressing", "the session is being brought to the spec"
    if spec.metadata and not v.sight.link.keeps_metadata and not _has_metadata(v, remote):
        return (
            "MetadataNotKept",
            "this server keeps no metadata of sessions: remove spec.metadata, or leave it for later",
        )
    if spec.budget and spec.budget.max_list_cost and remote.budget is None:
        message = "the session has no budget any more and the API takes no second one: set spec.budget to removed: true"
        return "BudgetGone", message
    if told_otherwise(v):
        message = "the session was sent other initialEvents than spec has now: put them back, or make another Session"
        return "InitialEventsChanged", message
    return mount_notes(v)


def difference(v: View, remote: Remote, step: str) -> Changes | None:
    """What one step would change; None if it would change nothing, since the API must never get a POST for nothing."""
    if remote is not v.remote:
        return _difference(v, remote, step)
    if step not in v.differences:
        v.differences[step] = _difference(v, remote, step)
    found: Changes | None = v.differences[step]
    return found


def _difference(v: View, remote: Remote, step: str) -> Changes | None:
    spec = v.resource.spec
    if step == "title":
        if spec.title is None or (remote.title or "") == spec.title:
            return None
        return Changes({"title": spec.title}, ("title",))
    if step == "metadata":
        return _metadata(v, remote)
    if step == "budget":
        return _budget(v, remote)
    if step == "adopt":
        return marker_change(v, remote)
    return _tools(v, remote)


def marker_change(v: View, remote: Remote) -> Changes | None:
    """Our two pairs of metadata, where they are not as they shall be."""
    wanted = _marker(v).metadata
    body = {k: x for k, x in wanted.items() if remote.metadata.get(k) != x}
    return Changes({"metadata": body}, ("metadata",)) if body else None


def _marker(v: View) -> Marker:
    """The marker that the session of this resource shall carry."""
    if v.replacing and v.own_claim is not None:
        return Marker(v.uid, v.own_claim.n, v.own_claim.digest, v.owner)
    status = v.resource.status
    return Marker(v.uid, status.incarnation or v.n, status.created_from or v.digest, v.owner)


def _metadata(v: View, remote: Remote) -> Changes | None:
    if not v.sight.link.keeps_metadata and not _has_metadata(v, remote):
        return None
    spec = v.resource.spec.metadata or {}
    wanted: dict[str, str | None] = {k: x for k, x in spec.items() if remote.metadata.get(k) != x}
    gone = set(v.managed_keys) - set(spec) - {METADATA_UID, METADATA_OWNER}
    wanted |= {k: None for k in sorted(gone) if remote.metadata.get(k)}
    if marker := marker_change(v, remote):
        wanted |= marker.body["metadata"]
    return Changes({"metadata": wanted}, ("metadata",)) if wanted else None


def _has_metadata(v: View, remote: Remote) -> bool:
    return bool(remote.metadata)


def _budget(v: View, remote: Remote) -> Changes | None:
    budget = v.resource.spec.budget
    if budget is None or remote.budget is None:
        return None
    if budget.removed:
        return Changes({"budget": None}, ("budget",))
    cost = budget.max_list_cost
    if cost is None or cost.amount == remote.budget:
        return None
    limit = {"type": "limit", "max_list_cost": {"amount": cost.amount, "currency": cost.currency}}
    return Changes({"budget": limit}, ("budget",))


def _tools(v: View, remote: Remote) -> Changes | None:
    overrides = v.resource.spec.agent.overrides if v.resource.spec.agent else None
    if overrides is None:
        return None
    body: dict[str, Any] = {}
    if overrides.tools is not None and not subset(overrides.tools, remote.tools):
        body["tools"] = list(overrides.tools)
    if overrides.mcp_servers is not None and not subset(overrides.mcp_servers, remote.mcp_servers):
        body["mcp_servers"] = list(overrides.mcp_servers)
    return Changes({"agent": body}, tuple(f"agent.{k}" for k in body)) if body else None


def subset(declared: Any, observed: Any) -> bool:
    """Whether all that was declared is observed: maps by their declared keys, lists item by item in order.

    null, absent and "" are one, as servers answer any of them for the others.
    """
    if declared in (None, ""):
        return observed in (None, "")
    if isinstance(declared, Mapping):
        return isinstance(observed, Mapping) and all(subset(x, observed.get(k)) for k, x in declared.items())
    if isinstance(declared, Sequence) and not isinstance(declared, str):
        if not isinstance(observed, Sequence) or isinstance(observed, str):
            return not declared and observed is None
        return len(declared) == len(observed) and all(map(subset, declared, observed))
    return bool(declared == observed)
