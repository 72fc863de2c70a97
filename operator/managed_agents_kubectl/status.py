"""`kubectl managedagents status [NAME...]`: what is wrong with Sessions, and what to do.

Called by `cli`. The verdict is `diagnosis`'; what is shown beside it is the status that the operator wrote, and the
Events about it. No call of the API is made, and no key is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from managed_agents_kubectl import tables, words
from managed_agents_kubectl.cluster import Kubernetes, Object, opened
from managed_agents_kubectl.diagnosis import BAD, Diagnosis, diagnose, generations
from managed_agents_kubectl.scope import OK, STALLED, Failed, Scope, bare

MOST_EVENTS = 8
STYLES = {"Well": "green", "Working": "cyan", "Waiting": "yellow", "Suspended": "yellow", "Unseen": "yellow"}


async def run(scope: Scope, names: Sequence[str], *, everywhere: bool, output: str) -> int:
    """Print one Session at length, or several as a table; 3 where one of them is stalled or has failed."""
    async with opened(scope) as kubernetes:
        if names:
            bodies = [await kubernetes.session(bare(name)) for name in names]
        else:
            bodies = await kubernetes.sessions(None if everywhere else kubernetes.namespace)
        now = words.now()
        found = [(body, diagnose(body, now)) for body in bodies]
        if output == "name":
            for body, _ in found:
                click.echo(f"session.managedagents.dev/{body['metadata']['name']}")
        elif output in ("json", "yaml"):
            told = [data(body, verdict, await _events(kubernetes, body) if names else None) for body, verdict in found]
            tables.document(output, told[0] if len(names) == 1 else told)
        elif len(names) == 1:
            body, verdict = found[0]
            _page(body, verdict, await _events(kubernetes, body), now)
        elif not found:
            where = "any namespace" if everywhere else f"namespace {kubernetes.namespace}"
            click.echo(f"No Sessions in {where}.", err=True)
        else:
            _overview(found, everywhere=everywhere)
    return STALLED if any(verdict.bad for _, verdict in found) else OK


async def _events(kubernetes: Kubernetes, body: Object) -> list[Object] | str:
    """The last of them, the newest last, or why there are none to be seen."""
    meta = body["metadata"]
    try:
        found = await kubernetes.events(meta["namespace"], meta["uid"])
    except Failed as error:
        return str(error)
    return sorted(found, key=_at)[-MOST_EVENTS:]


def _at(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def data(body: Object, verdict: Diagnosis, events: list[Object] | str | None) -> dict[str, Any]:
    """All of it for programs."""
    meta, status = body["metadata"], body.get("status") or {}
    wanted, seen = generations(body)
    told: dict[str, Any] = {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "problem": verdict.problem,
        "remedies": list(verdict.remedies),
        "generation": wanted,
        "observedGeneration": seen,
        "deletionTimestamp": meta.get("deletionTimestamp"),
        "connection": _connection(body),
    }
    kept = ("id", "state", "stopReason", "cost", "usage", "stats", "environmentId", "resources", "conditions")
    told |= {field: status.get(field) for field in (*kept, "createdAt", "archivedAt", "previousIds")}
    told["agent"] = {key: (status.get("agent") or {}).get(key) for key in ("id", "name", "version")}
    if isinstance(events, list):
        known = ("type", "reason", "message", "count")
        told["events"] = [{"at": _at(one)} | {key: one.get(key) for key in known} for one in events]
    return told


def _connection(body: Object) -> str:
    status, spec = body.get("status") or {}, body.get("spec") or {}
    ref = status.get("connectionRef") or (None if status.get("id") else spec.get("connectionRef"))
    if ref:
        return f"{ref.get('kind', 'Connection')}/{ref['name']}"
    return "the operator's own key" if status.get("id") else "not chosen yet"


def _overview(found: Sequence[tuple[Object, Diagnosis]], *, everywhere: bool) -> None:
    rows = []
    for body, verdict in sorted(found, key=lambda one: (not one[1].bad, one[1].verdict == "Well")):
        meta, status = body["metadata"], body.get("status") or {}
        cells = [meta["name"], verdict.verdict, status.get("state"), verdict.reason, status.get("cost")]
        cells.append("" if verdict.verdict == "Well" else words.short(words.harmless(verdict.problem), 100))
        rows.append([meta["namespace"], *cells] if everywhere else cells)
    head = ["NAME", "VERDICT", "STATE", "REASON", "COST", "WHAT"]
    tables.table(["NAMESPACE", *head] if everywhere else head, rows)


def _page(body: Object, verdict: Diagnosis, events: list[Object] | str, now: datetime) -> None:
    meta, status = body["metadata"], body.get("status") or {}
    style = "bold red" if verdict.verdict in BAD else STYLES[verdict.verdict]
    tables.styled(f"{verdict.verdict}: {words.harmless(verdict.problem)}", style)
    for remedy in verdict.remedies:
        click.echo(f"  -> {words.harmless(remedy)}")
    click.echo()
    for label, value in _facts(body, now):
        click.echo(f"{label + ':':<13}{words.harmless(value)}")
    if conditions := status.get("conditions"):
        click.echo("\nConditions:")
        rows = [(c["type"], c["status"], c["reason"], _moved(c, now), c.get("message")) for c in conditions]
        tables.table(("TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"), rows, "  ")
    if mounts := status.get("resources"):
        click.echo("\nMounts:")
        rows_ = [(m["name"], m.get("type"), m.get("mountPath"), _source(m)) for m in mounts]
        tables.table(("NAME", "TYPE", "PATH", "FROM"), rows_, "  ")
    if isinstance(events, str):
        click.echo(f"\nEvents: not shown, since {events}")
    elif events:
        click.echo("\nEvents:")
        told = [(words.since(_at(e), now), e.get("type"), e.get("reason"), e.get("message")) for e in events]
        tables.table(("AGE", "TYPE", "REASON", "MESSAGE"), told, "  ")
    else:
        click.echo(f"\nEvents: none about {meta['name']} are left")


def _moved(one: Mapping[str, Any], now: datetime) -> str:
    return words.since(one.get("lastTransitionTime"), now)


def _facts(body: Object, now: datetime) -> list[tuple[str, str]]:
    meta, status, spec = body["metadata"], body.get("status") or {}, body.get("spec") or {}
    wanted, seen = generations(body)
    agent = status.get("agent") or spec.get("agent") or {}
    stop = f" ({status['stopReason']})" if status.get("stopReason") else ""
    usage = status.get("usage") or {}
    facts: list[tuple[str, str | None]] = [
        ("Session", f"{meta['namespace']}/{meta['name']}, {words.since(meta.get('creationTimestamp'), now)} old"),
        ("Id", status.get("id") or "none yet"),
        ("State", f"{status['state']}{stop}" if status.get("state") else "none yet"),
        ("Archived", status.get("archivedAt")),
        ("Spec", f"generation {wanted}, " + ("seen" if seen >= wanted else f"the operator has seen {max(seen, 0)}")),
        (
            "Deletion",
            f"asked for {words.since(meta['deletionTimestamp'], now)} ago; {spec.get('deletionPolicy')}"
            if meta.get("deletionTimestamp")
            else None,
        ),
        ("Connection", _connection(body)),
        ("Workspace", status.get("workspaceId")),
        (
            "Agent",
            " ".join(str(x) for x in (agent.get("name"), agent.get("id")) if x)
            + (f" version {agent['version']}" if agent.get("version") else ""),
        ),
        ("Environment", status.get("environmentId") or (spec.get("environment") or {}).get("id")),
        ("Title", status.get("title")),
        ("Cost", _cost(status, usage)),
        ("Before it", ", ".join(status.get("previousIds") or ())),
    ]
    return [(label, value) for label, value in facts if value]


def _cost(status: Mapping[str, Any], usage: Mapping[str, Any]) -> str | None:
    parts = [status.get("cost")]
    limit = ((status.get("budget") or {}).get("maxListCost") or {}).get("amount")
    if limit and str(limit).isdecimal():
        parts = [parts[0] or "nothing yet"]
        parts.append(f"of ${int(limit) // 100}.{int(limit) % 100:02d}")
    told = {"tokens in": usage.get("inputTokens"), "tokens out": usage.get("outputTokens")}
    told["seconds at work"] = usage.get("activeSeconds")
    more = ", ".join(
        f"{value:g} {name}" if isinstance(value, float) else f"{value} {name}"
        for name, value in told.items()
        if value is not None
    )
    return " ".join(str(part) for part in parts if part) + (f" ({more})" if more else "") or None


def _source(mount: Mapping[str, Any]) -> str:
    source = mount.get("source") or {}
    if source.get("kind") in ("ConfigMap", "Secret"):
        return f"{source['kind']}/{source.get('name')} {source.get('key')}"
    return str(mount.get("url") or mount.get("memoryStoreId") or source.get("fileId") or mount.get("fileId") or "")
