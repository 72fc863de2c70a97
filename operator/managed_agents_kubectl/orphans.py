"""`kubectl managedagents orphans`: sessions that carry the marker of a resource of this cluster which is gone.

Called by `cli`; which they are is found by `unowned`. Nothing is done to a session before it was read again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import click

from managed_agents_kubectl import tables, words
from managed_agents_kubectl.calling import explained, over, said
from managed_agents_kubectl.cluster import Kubernetes, Missing, Object, opened
from managed_agents_kubectl.credentials import usual
from managed_agents_kubectl.export import exported
from managed_agents_kubectl.manifest import free, slug
from managed_agents_kubectl.scope import FAILED, OK, Failed, Scope
from managed_agents_kubectl.unowned import Orphan, found, owned, places
from managed_agents_operator.claude.errors import ClaudeError, NotFound, Unclear
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import ENVIRONMENT, Place
from managed_agents_operator.engine.claim import Marker

INTERRUPT_SECONDS = 60.0
STEP_SECONDS = 0.5
AT_A_TIME = 8


async def run(
    scope: Scope,
    *,
    everywhere: bool,
    connection: str | None,
    act: str | None,
    yes: bool,
    interrupt: bool,
    dry_run: bool,
    output: str,
) -> int:
    """List them, and `adopt` or `archive` them when told to."""
    async with opened(scope) as kubernetes:
        where = await places(kubernetes, connection, everywhere=everywhere)
        namespace = None if everywhere else kubernetes.namespace
        async with found(kubernetes, scope, where, namespace) as (orphans, troubles):
            for trouble in troubles:
                click.echo(f"warning: {words.harmless(trouble)}", err=True)
            if len(troubles) == len(where):
                raise Failed("no connection could be looked through")
            if act is None or not orphans:
                _show(orphans, namespace, output)
                return FAILED if troubles else OK
            if not dry_run and not yes:
                _show(orphans, namespace, "table")
                _agreed(act, len(orphans))
            if act == "adopt":
                # One after another, for each takes a name that is free.
                done = [await _adopt(kubernetes, one, dry_run=dry_run) for one in orphans]
            else:
                done = await _archived_all(kubernetes, orphans, dry_run=dry_run, interrupt=interrupt)
    return OK if all(done) and not troubles else FAILED


def _show(orphans: Sequence[Orphan], namespace: str | None, output: str) -> None:
    if output in ("json", "yaml"):
        tables.document(output, [_row(one) for one in orphans])
    elif output == "name":
        for one in orphans:
            click.echo(one.id)
    elif not orphans:
        where = "in any namespace" if namespace is None else f"in namespace {namespace}"
        click.echo(f"No orphans {where}.", err=True)
    else:
        rows = [tuple(_row(one).values()) for one in orphans]
        now = words.now()
        rows = [(*row[:-1], words.since(str(row[-1]), now)) for row in rows]
        tables.table(("ID", "STATE", "NAMESPACE", "MADE FOR", "TITLE", "CONNECTION", "AGE"), rows)


def _row(one: Orphan) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.wire.status,
        "namespace": one.namespace,
        "madeFor": one.owner,
        "title": one.wire.title or "",
        "connection": str(one.access.place),
        "createdAt": one.wire.created_at,
    }


def _agreed(act: str, count: int) -> None:
    if not sys.stdin.isatty():
        raise Failed(
            f"nobody is here to be asked whether to {act} them: add --yes, or --dry-run to see what would be done"
        )
    if not click.confirm(f"{act.capitalize()} {'it' if count == 1 else f'these {count}'}?", err=True):
        raise Failed("nothing was done")


async def _again(kubernetes: Kubernetes, one: Orphan) -> Session:
    """The session as it is now, if it still has nobody. Raises `Failed`."""
    try:
        body = await kubernetes.within(one.namespace).session(one.owner)
    except Missing:
        body = None
    uids, ids = owned([body] if body is not None else [])
    if one.uid in uids or one.id in ids:
        raise Failed(f"Session {one.namespace}/{one.owner} is back")
    try:
        wire = (await one.client.get_session(one.id)).value
    except NotFound:
        raise Failed("it is gone") from None
    except ClaudeError as error:
        raise Failed(explained(error, one.access, one.id)) from None
    marker = Marker.parse(wire.metadata)
    if marker is None or marker.uid != one.uid:
        raise Failed("somebody else has it by now")
    return wire


async def _archived_all(
    kubernetes: Kubernetes, orphans: Sequence[Orphan], *, dry_run: bool, interrupt: bool
) -> list[bool]:
    """Some at a time, for one that works takes a while to stop."""
    free_hands = asyncio.Semaphore(AT_A_TIME)

    async def archived(one: Orphan) -> bool:
        async with free_hands:
            return await _archive(kubernetes, one, dry_run=dry_run, interrupt=interrupt)

    return await asyncio.gather(*map(archived, orphans))


async def _archive(kubernetes: Kubernetes, one: Orphan, *, dry_run: bool, interrupt: bool) -> bool:
    try:
        wire = await _again(kubernetes, one)
        if wire.archived_at:
            raise Failed("it is archived already")
        if wire.status not in ("idle", "terminated") and not interrupt:
            raise Failed(f"it is {wire.status}: add --interrupt to end what it does")
        if dry_run:
            click.echo(f"session {one.id} archived (dry run)")
            return True
        if not over(wire) and wire.status != "idle":
            await _interrupted(one)
        await _archived(one)
    except Failed as error:
        click.echo(f"error: session {one.id} is not archived: {words.harmless(error)}", err=True)
        return False
    click.echo(f"session {one.id} archived")
    return True


async def _archived(one: Orphan) -> None:
    try:
        await one.client.archive_session(one.id)
    except Unclear as error:
        # Archiving twice does no harm, but what became of it is to be said as it is.
        with said(one.access, one.id):
            if (await one.client.get_session(one.id)).value.archived_at:
                return
        raise Failed(f"{error.message}; look again with kubectl managedagents orphans") from None
    except ClaudeError as error:
        raise Failed(explained(error, one.access, one.id)) from None


async def _interrupted(one: Orphan) -> None:
    with said(one.access, one.id):
        await one.client.send_events(one.id, [{"type": "user.interrupt"}])
        for _ in range(int(INTERRUPT_SECONDS / STEP_SECONDS)):
            wire = (await one.client.get_session(one.id)).value
            if over(wire) or wire.status == "idle":
                return
            await asyncio.sleep(STEP_SECONDS)
    raise Failed("it was interrupted and still works: try again later")


async def _adopt(kubernetes: Kubernetes, one: Orphan, *, dry_run: bool) -> bool:
    """A session that works is adopted as it is."""
    try:
        wire = await _again(kubernetes, one)
        there: list[Object] = await kubernetes.sessions(one.namespace)
        name = free(slug(one.owner), {body["metadata"]["name"] for body in there})
        place = await _to_name(kubernetes, one)
        made = await exported(one.client, wire, name=name, namespace=one.namespace, place=place)
        if dry_run:
            click.echo(f"---\n{made.yaml()}", nl=False)
            return True
        await kubernetes.create(made.body)
    except Failed as error:
        click.echo(f"error: session {one.id} is not adopted: {words.harmless(error)}", err=True)
        return False
    click.echo(f"session.managedagents.dev/{name} created in namespace {one.namespace}: it adopts {one.id}")
    return True


async def _to_name(kubernetes: Kubernetes, one: Orphan) -> Place | None:
    """The connection to be named in spec; None where it is the usual one of the namespace."""
    its, usually = one.access.place, await usual(kubernetes, one.namespace)
    if its == usually:
        return None
    if its == ENVIRONMENT:
        raise Failed(f"it was found with {its}, and a Session in namespace {one.namespace} would use {usually}")
    if its.kind == "Connection" and its.namespace != one.namespace:
        raise Failed(f"it was found with {its}, which Sessions in namespace {one.namespace} can't use")
    return its
