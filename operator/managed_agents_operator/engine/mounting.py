"""The mounts of a live session are brought to its spec: files come, go and change, tokens are renewed, uploads cleared.

Rung `mounting` of the ladder, one remote mutation a pass, and `mount_notes`, which says what could not be brought there
and why. What may have changed is told by uid and version of a ConfigMap or Secret alone; its content is read only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from managed_agents_operator.api.reasons.names import SyncedReason
from managed_agents_operator.api.resources import ContentRef, Resource
from managed_agents_operator.api.status import MountedResource, Source
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.looks import LookFile, LookSession, LookUploads
from managed_agents_operator.engine.mounts import paired, place
from managed_agents_operator.engine.refusals import OF_MOUNTS, held
from managed_agents_operator.engine.remote import Mount as Mounted
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.unheard import due, noted
from managed_agents_operator.engine.uploading import doubt_due, last_arrivals, may_be_there, needed, spare
from managed_agents_operator.engine.verdict import Ask, Guard, Mount, Report, Rest, Rotate, Unmount, Verdict
from managed_agents_operator.engine.view import View

MOUNTING = Report(None, "", "Progressing", "the mounts of the session are being brought to the spec")


class Step(NamedTuple):
    """Something to be done about one mount. `there` is what lies in its place now."""

    wish: Resource
    there: Mounted | None
    source: Source | None


def mounting(v: View) -> Verdict | None:
    """The first thing that can be done about a mount now."""
    remote = v.remote
    if v.id is None or remote is None or remote.mounts is None:
        return None
    for find in (_file, _superfluous, _token, _unheard):
        verdict = find(v, v.id, remote)
        if verdict is not None:
            return verdict if isinstance(verdict, Rest | Guard) else _fresh(v, remote, verdict)
    return None


def clearing(v: View) -> Verdict | None:
    """Uploads of no use go last, since a list of files that does not come must hold up nothing."""
    remote = v.remote
    if v.id is None or remote is None or remote.mounts is None or any(_unsettled(v, remote)):
        return None
    waste = spare(v, None)
    return waste and _fresh(v, remote, waste)


def _fresh(v: View, remote: Remote, verdict: Verdict) -> Verdict:
    """No change without a young sight of the session; nor is a list believed that another key may have been shown."""
    looks = isinstance(verdict, Ask) and not isinstance(verdict.look, LookUploads)
    return verdict if looks or v.fresh(remote) else Ask(LookSession(remote.id), MOUNTING)


def _file(v: View, id: str, remote: Remote) -> Verdict | None:
    """A file that is not there yet, or not with the right content."""
    for step in _unsettled(v, remote):
        verdict = _bring(v, id, remote, step)
        if verdict is not None:
            return verdict
    return None


def _bring(v: View, id: str, remote: Remote, step: Step) -> Verdict | None:
    """None where nothing can be done about it now; `mount_notes` says why."""
    name, there = step.wish.name, step.there
    if (there is not None and step.source is None) or step.wish.file is None:
        return None
    source: Source | Verdict | None
    if step.wish.file.file_id:
        source = Source(kind="File", file_id=step.wish.file.file_id)
    else:
        source = needed(v, step.wish, MOUNTING)
    if source is None or not isinstance(source, Source):
        return source
    if there is not None and source.file_id in (step.source and step.source.file_id, there.file_id):
        return _noted(v, there, source)
    mount = Mount(id, name, step.wish.file.mount_path, source, MOUNTING)
    if held(v, mount):
        return None
    if there is None:
        return noted(v, remote, place(step.wish)) or mount
    return _taken_out(v, Unmount(id, there.id or "", name, MOUNTING), step.wish.file.file_id)


def _taken_out(v: View, unmount: Unmount, file_id: str | None) -> Verdict | None:
    """What lies in the place of a file goes first; but not for one that does not exist."""
    if held(v, unmount):
        return None
    if file_id:
        look = LookFile(file_id)
        asked_at = v.memory.no_files.get(look.id)
        if asked_at is not None and v.now < asked_at + v.terms.refused_retry:
            return None
        if v.seen(look) is None:
            return Ask(look, MOUNTING)
    return unmount


def _noted(v: View, there: Mounted, source: Source) -> Rest:
    """The same bytes as before in a newer version of their object: nothing but what status remembers changes."""
    return Rest(None, facts={"resources": entries(v, there.id, source)})


def entries(v: View, mount_id: str | None, source: Source) -> list[dict[str, object]]:
    """`status.resources` with another source beside one mount."""
    known = v.resource.status.resources or ()
    changed = [e.model_copy(update={"source": source}) if e.id == mount_id else e for e in known]
    return [e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in changed]


def _superfluous(v: View, id: str, remote: Remote) -> Verdict | None:
    """A file that came from the spec and is not in it any more."""
    _, others = paired(v.resource.spec.resources, remote.mounts or ())
    known = _entries(v)
    for mount in others:
        entry = known.get(mount.id)
        if entry and entry.source is not None and mount.type in (None, "file"):
            unmount = Unmount(id, mount.id or "", entry.name, MOUNTING)
            if not held(v, unmount):
                return unmount
    return None


def _unheard(v: View, id: str, remote: Remote) -> Ask | None:
    """A last look for a file that nobody wants any more, and that may have been mounted."""
    over = due(v)
    return Ask(LookSession(id)) if over is not None and over <= v.now else None


def _token(v: View, id: str, remote: Remote) -> Verdict | None:
    """A repository whose token is not that of its Secret any more."""
    for wish, mount in paired(v.resource.spec.resources, remote.mounts or ())[0]:
        if wish.github_repository and mount and mount.id and _stale(v, wish, mount):
            rotate = Rotate(id, mount.id, wish.name, MOUNTING)
            if not held(v, rotate):
                return rotate
    return None


def _stale(v: View, wish: Resource, mount: Mounted) -> bool:
    """Whether what stands in the cluster is surely not what went into a mount."""
    ref = wish.source
    entry = _entries(v).get(mount.id)
    if ref is None or entry is None:
        return False
    now = v.sight.sources.get((ref.kind, ref.name))
    return now is not None and not _is(entry.source, ref, now)


def _is(source: Source | None, ref: ContentRef, now: Version) -> bool:
    told = (source.kind, source.name, source.key, source.uid, source.resource_version) if source else None
    return told == (ref.kind, ref.name, ref.key, now.uid, now.resource_version)


def _unsettled(v: View, remote: Remote) -> Iterator[Step]:
    """Files of the spec that are missing, or not (surely) there with what the spec names."""
    known = _entries(v)
    for wish, there in paired(v.resource.spec.resources, remote.mounts or ())[0]:
        if wish.file is None:
            continue
        entry = known.get(there.id) if there else None
        source = entry.source if entry else None
        if there is not None and there.id is None:
            continue
        if there is None or source is None or not _settled(v, wish, source):
            yield Step(wish, there, source)


def _settled(v: View, wish: Resource, source: Source) -> bool:
    ref = wish.source
    if ref is None:
        return source.kind == "File" and wish.file is not None and source.file_id == wish.file.file_id
    if (ref.kind, ref.name) not in v.sight.sources:
        # Which version is there is not known yet: nothing is concluded from that.
        return (source.kind, source.name, source.key) == ref
    now = v.sight.sources[ref.kind, ref.name]
    return now is not None and _is(source, ref, now)


def _entries(v: View) -> dict[str | None, MountedResource]:
    return {entry.id: entry for entry in v.resource.status.resources or () if entry.id}


def mounts_due(v: View) -> float | None:
    """When the next step that was refused may be tried again (monotonic); None if none was."""
    times = [r.until for step, r in v.memory.refusals.items() if step.startswith(OF_MOUNTS)]
    times += [at + v.terms.refused_retry for at in v.memory.no_files.values()]
    times += [last_arrivals(v)] if may_be_there(v) else []
    times += [time for time in (doubt_due(v), due(v)) if time is not None]
    return min((time for time in times if v.now < time < float("inf")), default=None)


def mount_notes(v: View) -> tuple[SyncedReason, str] | None:
    """Reason and message of Synced for the first mount that is not as the spec says; None if all are."""
    remote = v.remote
    if remote is None or remote.mounts is None:
        return None
    refusals = v.memory.refusals.items()
    refused = next((r for s, r in refusals if r.generation == v.generation and _still_wanted(v, remote, s)), None)
    if refused is not None:
        return refused.reason, refused.message
    for wish, there in paired(v.resource.spec.resources, remote.mounts)[0]:
        if note := _note(v, wish, there):
            return note
    if any(_unsettled(v, remote)):
        return "Progressing", MOUNTING.synced_message
    return None


def _still_wanted(v: View, remote: Remote, step: str) -> bool:
    """Whether a step that was refused is one that there is to do."""
    kind, _, what = step.partition("/")
    match kind:
        case "mount" | "upload":
            return any(s.wish.name == what.partition("/")[0] for s in _unsettled(v, remote))
        case "unmount":
            return any(mount.id == what for mount in remote.mounts or ())
        case "rotate":
            pairs = paired(v.resource.spec.resources, remote.mounts or ())[0]
            return any(wish.name == what and mount is not None and _stale(v, wish, mount) for wish, mount in pairs)
    return False


def _note(v: View, wish: Resource, there: Mounted | None) -> tuple[SyncedReason, str] | None:
    where = f"spec.resources[{wish.name}]"
    if wish.file is None and there is None:
        said = f"{where} is not mounted, and repositories and memory stores are mounted only with the session"
        return "MountsDiffer", said
    ref = wish.source
    if ref is not None and v.sight.sources.get((ref.kind, ref.name), ref) is None:
        what = f"{ref.kind} {v.resource.metadata.namespace}/{ref.name}"
        said = f"{what} of {where} does not exist: create it, nothing else is needed"
        return "SecretMissing", said
    entry = _entries(v).get(there.id) if there else None
    if wish.file and there is not None and there.id is not None and entry is not None and entry.source is None:
        said = f"somebody else mounted a file where {where} is to lie: take that one out, or set another mountPath"
        return "MountsDiffer", said
    if wish.name in v.memory.missing:
        return "SecretMissing", v.memory.missing[wish.name]
    if wish.file and wish.file.file_id in v.memory.no_files:
        return "UpdateRefused", f"the API has no file {wish.file.file_id}: mend {where}.file.fileId"
    return None
