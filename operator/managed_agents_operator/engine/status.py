"""From what was seen and decided to the next status, and from two statuses to the smallest patch.

Pure; the reconciler calls it at the end of each pass, and writes nothing where the two are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from managed_agents_operator.api.base import Condition
from managed_agents_operator.api.reasons.names import FinishedReason, given
from managed_agents_operator.api.reasons.synced import FINISHED
from managed_agents_operator.engine.conditions import STOPS, conditions
from managed_agents_operator.engine.drift import difference
from managed_agents_operator.engine.external import Created
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.mounts import rendered
from managed_agents_operator.engine.replacing import making_room
from managed_agents_operator.engine.unheard import doubted, still_noted
from managed_agents_operator.engine.verdict import Report
from managed_agents_operator.engine.view import View
from managed_agents_operator.engine.watching import unread

Status = dict[str, Any]

OUTLASTING = (
    "observedGeneration",
    "conditions",
    "previousIds",
    "lastHandledReconcileAt",
    "lastObservedAt",
    "connectionRef",
)
"""Fields that are not about one session: they stay when another one takes its place."""
REMEMBERED = 10

USAGE = frozenset({"usage", "cost", "stats", "updatedAt", "lastObservedAt"})
"""Fields that grow while a session works: their writes may wait."""


def known(status: Mapping[str, Any], memory: Memory) -> Status:
    """The status as it would stand if all that this process knows were written."""
    created = memory.created
    after = _recorded(status, created) if created is not None and _may_record(status, memory) else dict(status)
    return _set(after, memory.facts)


def _recorded(status: Mapping[str, Any], created: Created) -> Status:
    """With the id of a session that was made or found; what was said of another one before goes."""
    old, id = status.get("id"), created.remote.id
    after = dict(status) if old in (None, id) else {k: status[k] for k in OUTLASTING if k in status}
    after |= {"id": id, "incarnation": created.n, "createdFrom": created.digest}
    after.pop("creation", None)
    if created.remote.workspace:
        after["workspaceId"] = created.remote.workspace
    if created.resources:
        after["resources"] = [dict(entry) for entry in created.resources]
    if created.keys is not None:
        after["managedMetadataKeys"] = sorted(created.keys)
    before = [x for x in (*status.get("previousIds", ()), created.replaces, old) if x and x != id]
    if before:
        after["previousIds"] = list(dict.fromkeys(before))[-REMEMBERED:]
    if old not in (None, id) and "conditions" in after:
        after["conditions"] = [c for c in after["conditions"] if c["type"] != "Finished"]
    return after


def _may_record(status: Mapping[str, Any], memory: Memory) -> bool:
    """An id of this or a higher incarnation is never overwritten."""
    created = memory.created
    if created is None:
        return False
    if not status.get("id"):
        return True
    known = status.get("incarnation") or 0
    return known < created.n and (created.by_post or status["id"] != created.remote.id or known == 0)


def unwritten(status: Mapping[str, Any], memory: Memory) -> bool:
    """Whether something is known that must be written before anything else is done."""
    return bool(memory.facts) or _may_record(status, memory)


def conclude(before: Mapping[str, Any], v: View, report: Report | None, projection: Mapping[str, Any]) -> Status:
    """The next status. `before` is as the API server has it, `v` shows what is known, `projection` what was seen.

    Equal to `before` where only durations moved on. Without a report the conditions stay, and the generation that they
    speak of.
    """
    seen = {k: x for k, x in projection.items() if not (k == "archivedAt" and x is None)}
    if v.remote is not None and v.remote.mounts is not None:
        ours = v.resource.status.incarnation is not None and v.resource.spec.management_policy == "Full"
        known_mounts = v.resource.status.resources or ()
        unheard = doubted(v.memory, v.remote, v.terms) if ours else ()
        told = rendered(v.resource.spec.resources, v.remote.mounts, known_mounts, ours=ours, born_with=unheard)
        seen |= {"resources": told or None, "mounting": still_noted(v, v.remote, told) or None}
    after = _set(known(before, v.memory), seen)
    _idle(after, v)
    _bookkeeping(after, v)
    was = tuple(Condition.model_validate(c) for c in before.get("conditions") or ())
    now = v.wall.astimezone(UTC).replace(microsecond=0)
    if report is not None:
        after["observedGeneration"] = v.generation
        rows = conditions(was, report, _finished(after, was, report, v), v.generation, now)
        after["conditions"] = [c.model_dump(mode="json", by_alias=True, exclude_none=True) for c in rows]
    if _lasting(after) == _lasting(before):
        return dict(before)
    return after | {"lastObservedAt": v.stamp}


def patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7386) from one to the other; empty if they are equal."""
    out: dict[str, Any] = {k: None for k in before if k not in after}
    for key, value in after.items():
        old = before.get(key)
        if key in before and old == value:
            continue
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        out[key] = patch(old, value) if both and isinstance(old, Mapping) else value
    return out


def usage_only(change: Mapping[str, Any]) -> bool:
    """Whether a patch of status only tells of usage, so that it may wait its turn."""
    return set(change) <= USAGE


def bare(after: Mapping[str, Any]) -> Status:
    """What must be written at least where the whole is refused: whose session it is, and the conditions."""
    kept = (
        "id",
        "incarnation",
        "previousIds",
        "createdFrom",
        "workspaceId",
        "connectionRef",
        "kickoff",
        "creation",
        "mounting",
        "observedGeneration",
        "conditions",
    )
    return {k: after[k] for k in kept if k in after}


def _set(status: Status, values: Mapping[str, Any]) -> Status:
    for key, value in values.items():
        if value is None:
            status.pop(key, None)
        else:
            status[key] = value
    return status


def _idle(after: Status, v: View) -> None:
    if v.remote is None or v.remote.terminal:
        return
    if v.remote.state != "idle" or unread(v, v.remote):
        # Absent until it is known: so it is read also by whoever comes next, and no time counts from an earlier idle.
        after.pop("stopReason", None)
        after.pop("idleSince", None)
    elif v.remote.created_at and not v.remote.worked:
        after.setdefault("idleSince", v.remote.created_at)


def _bookkeeping(after: Status, v: View) -> None:
    if v.memory.asked is not None and _heeded(v, v.memory.asked[1]):
        after["lastHandledReconcileAt"] = v.memory.asked[0]
    if not after.get("id"):
        return
    if v.sight.link.ref is not None:
        after["connectionRef"] = dict(v.sight.link.ref)
    if not v.replacing:
        after.pop("creation", None)
    if v.remote is not None and v.remote.workspace:
        after.setdefault("workspaceId", v.remote.workspace)
    observed = v.resource.spec.management_policy == "Observe" or after.get("incarnation") is None
    if v.remote is not None and v.id is not None and not observed and difference(v, v.remote, "metadata") is None:
        # An empty list is no absence: it says that nothing is ours, whatever the session was made with.
        keys = sorted(v.resource.spec.metadata or ())
        _set(after, {"managedMetadataKeys": keys if keys or v.managed_keys else after.get("managedMetadataKeys")})


def _heeded(v: View, asked_at: float) -> bool:
    """Whether a fresh look was had, or without a session a fresh search or a fresh claim, where one is to be made."""
    if v.id is None:
        searched = v.sight.search is not None and v.sight.search.began_at >= asked_at
        return searched or v.resource.spec.archived or not v.memory.retry
    newest = v.remote or v.sight.absent
    return newest is not None and newest.seen_at >= asked_at


def _finished(after: Status, before: tuple[Condition, ...], report: Report, v: View) -> FinishedReason | None:
    """Over for good once it ended; a pause at the budget is over only until it goes on.

    While another session is to take the place of this one, it is the turn of that one which is not over.
    """
    if (after.get("kickoff") or {}).get("state") != "Sent":
        return None
    if making_room(v, report):
        return "Running" if v.resource.spec.initial_events else None
    was = next((c for c in before if c.type == "Finished"), None)
    told = given(was.reason, FINISHED) if was is not None and was.status == "True" else None
    if told is not None and told != "BudgetReached":
        return told
    ended = report.ready == "Lost" or bool(after.get("archivedAt")) or after.get("state") == "terminated"
    if after.get("state") != "idle" and not ended:
        return "Running"
    _, finished = STOPS.get(after.get("stopReason", ""), (None, None))
    return finished or ("Terminated" if ended else "Running")


def _lasting(status: Mapping[str, Any]) -> Status:
    """Without what moves on by itself."""
    out = {k: x for k, x in status.items() if k != "lastObservedAt"}
    if isinstance(stats := out.get("stats"), Mapping):
        out["stats"] = {k: x for k, x in stats.items() if k != "durationSeconds"}
    return out
