"""What of the cluster goes into a session: tokens of repositories and contents of files, read when they are used.

Used by the session kind, before a call and again right before it; nothing is kept here. What is missing is told in
words, with the remedy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from managed_agents_operator.api.resources import ContentRef, Resource, SourceKind
from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.looks import Content
from managed_agents_operator.engine.ports import SourceMissing, Sources, SourceValue, Unwatched

UNREAD = "a Secret or ConfigMap of spec.resources can't be read now: the cluster does not answer"
DIGITS = 16
"""Of a digest: as many as tell two versions of one file apart."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and which version of its Secret it came from. `value` stays out of every repr, log and message."""

    value: str = field(repr=False)
    version: Version


def digest(content: bytes) -> str:
    """What tells one content from another, in 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


# tokens


async def tokens(sources: Sources, resource: Session) -> dict[str, Token] | Failure:
    """Token by name of the mount; without all of them a creation is surely not sent."""
    try:
        return await _tokens(sources, resource)
    except SourceMissing as error:
        return _missing(error)
    except ClusterUnreachable:
        return Failure(Consequence.LATER, "SecretMissing", UNREAD)


async def token(sources: Sources, resource: Session, mount: str) -> Token | Failure:
    """The token of one mount."""
    one = _named(resource, mount)
    ref = one.source if one is not None and one.github_repository else None
    if ref is None:
        return _changed(f"spec.resources[{mount}] names no Secret with a token any more")
    try:
        return await _token(sources, resource, ref)
    except SourceMissing as error:
        return _missing(error)
    except ClusterUnreachable:
        return _changed(UNREAD)


async def missing_tokens(sources: Sources, resource: Session) -> str:
    """What is not there yet, in words; empty if all is. Raises `ClusterUnreachable`."""
    try:
        await _tokens(sources, resource)
    except SourceMissing as error:
        return _remedy(error)
    return ""


async def _tokens(sources: Sources, resource: Session) -> dict[str, Token]:
    wanted = [(one.name, one.source) for one in resource.spec.resources if one.github_repository]
    return {name: await _token(sources, resource, ref) for name, ref in wanted if ref is not None}


async def _token(sources: Sources, resource: Session, ref: ContentRef) -> Token:
    namespace = resource.metadata.namespace
    seen = await sources.read(ref.kind, namespace, ref.name, ref.key)
    try:
        # A file made with an editor ends in a line break, a token never does.
        text = seen.value.decode().strip()
    except UnicodeDecodeError:
        raise SourceMissing(ref.kind, namespace, ref.name, ref.key, "is no text") from None
    if not text:
        raise SourceMissing(ref.kind, namespace, ref.name, ref.key, "is empty")
    return Token(text, Version(seen.uid, seen.resource_version))


# contents


async def contents(sources: Sources, resource: Session, mounts: Iterable[str]) -> dict[str, Content | str]:
    """Content by name of the mount, or what is missing, in words. Raises `ClusterUnreachable`."""
    found: dict[str, Content | str] = {}
    for mount in mounts:
        ref = _content_ref(resource, mount)
        if ref is None:
            continue
        try:
            seen = await sources.read(ref.kind, resource.metadata.namespace, ref.name, ref.key)
        except SourceMissing as error:
            found[mount] = _remedy(error)
        else:
            found[mount] = Content(digest(seen.value), seen.uid, seen.resource_version)
    return found


async def content(sources: Sources, resource: Session, mount: str, wanted: str) -> SourceValue | Failure:
    """What stands in the ConfigMap or Secret of a mount, while it is what the digest says."""
    ref = _content_ref(resource, mount)
    if ref is None:
        return _changed(f"spec.resources[{mount}] names no content any more")
    try:
        seen = await sources.read(ref.kind, resource.metadata.namespace, ref.name, ref.key)
    except SourceMissing as error:
        return _missing(error)
    except ClusterUnreachable:
        return _changed(UNREAD)
    if digest(seen.value) != wanted:
        return _changed(f"the content of spec.resources[{mount}] is another one by now: it is read again")
    return seen


def _content_ref(resource: Session, mount: str) -> ContentRef | None:
    one = _named(resource, mount)
    return one.file.content if one is not None and one.file else None


# versions


def versions(sources: Sources, resource: Session) -> Mapping[tuple[SourceKind, str], Version | None]:
    """Which versions are there of all that spec names, without a call; what is not known yet is left out."""
    found: dict[tuple[SourceKind, str], Version | None] = {}
    for one in resource.spec.resources:
        ref = one.source
        if ref is None or (ref.kind, ref.name) in found:
            continue
        try:
            seen = sources.version(ref.kind, resource.metadata.namespace, ref.name)
        except Unwatched:
            continue
        found[ref.kind, ref.name] = Version(*seen) if seen is not None else None
    return found


def _named(resource: Session, mount: str) -> Resource | None:
    return next((one for one in resource.spec.resources if one.name == mount), None)


def _remedy(error: SourceMissing) -> str:
    return f"{error}: create it, nothing else is needed"


def _missing(error: SourceMissing) -> Failure:
    return Failure(Consequence.LATER, "SecretMissing", _remedy(error))


def _changed(what: str) -> Failure:
    """Nothing is missing: it is decided anew, and soon."""
    return Failure(Consequence.LATER, "Progressing", what)
