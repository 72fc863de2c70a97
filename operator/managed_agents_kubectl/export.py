"""`kubectl managedagents export ID`: a session that is there as the manifest of a Session that adopts it.

Called by `cli`; what the manifest says is `manifest`'s. Nothing is changed, neither at the API nor in the cluster.
"""

from __future__ import annotations

import click

from managed_agents_kubectl import tables, words
from managed_agents_kubectl.calling import connected, said
from managed_agents_kubectl.cluster import Kubernetes, Missing, opened
from managed_agents_kubectl.credentials import access, named, usual
from managed_agents_kubectl.installation import identities
from managed_agents_kubectl.manifest import Manifest, manifest, slug
from managed_agents_kubectl.scope import OK, Failed, Scope
from managed_agents_operator.claude.client import Client
from managed_agents_operator.claude.errors import ClaudeError
from managed_agents_operator.claude.models import Session
from managed_agents_operator.engine.choosing import Place
from managed_agents_operator.engine.claim import Marker


async def run(scope: Scope, id: str, *, name: str | None, connection: str | None, output: str) -> int:
    """Print the manifest; notes of another owner go to stderr too, since whoever pipes this sees no comments."""
    async with opened(scope) as kubernetes:
        place = await chosen(kubernetes, connection)
        found = await access(kubernetes, scope, place)
        async with connected(found, scope) as client:
            with said(found, id):
                wire = (await client.get_session(id)).value
            marker = Marker.parse(wire.metadata)
            owner = marker.place[2] if marker and marker.place else None
            made = await exported(
                client,
                wire,
                name=name or slug(owner, wire.title, wire.id),
                namespace=kubernetes.namespace,
                place=place if connection is not None else None,
            )
        if marker is not None and (note := await _owned(kubernetes, scope, marker)):
            made.notes.append(note)
            click.echo(f"warning: {words.harmless(note)}", err=True)
    if output == "json":
        tables.document("json", made.body)
        for note in made.notes:
            click.echo(f"# {words.harmless(note)}", err=True)
    else:
        click.echo(made.yaml(), nl=False)
    return OK


async def chosen(kubernetes: Kubernetes, connection: str | None) -> Place:
    """The connection that was named, else the usual one of the namespace."""
    if connection is not None:
        return named(connection, kubernetes.namespace)
    return await usual(kubernetes, kubernetes.namespace)


async def exported(client: Client, wire: Session, *, name: str, namespace: str, place: Place | None) -> Manifest:
    """The manifest of a session, with what its agent says in that version."""
    agent = None
    if wire.agent is not None and wire.agent.id:
        try:
            agent = (await client.get_agent(wire.agent.id, wire.agent.version)).value
        except ClaudeError:
            agent = None
    return manifest(wire, agent, name=name, namespace=namespace, place=place)


async def _owned(kubernetes: Kubernetes, scope: Scope, marker: Marker) -> str | None:
    """What to say of a session that belongs to a resource; None where that is gone, or will be this one."""
    if marker.place is None:
        return None
    cluster, namespace, name = marker.place
    try:
        here = await identities(kubernetes, scope, namespace)
    except Failed:
        return (
            f"It carries the marker of Session {namespace}/{name}, perhaps of another cluster: it may not be adopted."
        )
    if cluster not in here:
        return "It belongs to another cluster: it is not adopted here before that one lets go of it."
    try:
        body = await kubernetes.within(namespace).session(name)
    except Missing:
        body = None
    except Failed as error:
        return f"It carries the marker of Session {namespace}/{name} ({error})."
    if body is not None and body["metadata"]["uid"] == marker.uid:
        return (
            f"It belongs to Session {namespace}/{name}, which is there: delete that with deletionPolicy: Retain first."
        )
    if namespace != kubernetes.namespace:
        return f"It was made for Session {namespace}/{name}, which is gone: only namespace {namespace} can adopt it."
    return None
