"""Content of the cluster becomes files of the API: one upload for each content and mount, cleared when it is of no use.

Used by `claiming` before a session is made, by `mounting` while it lives, by `deletion` before its resource may go. An
upload is known again by its name, so that whoever comes after a crash finds it; that there may be any stands in the
claim (`uploads`) before the first one is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.resources import Resource
from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.looks import Content, LookContents, LookUploads, OwnFile
from managed_agents_operator.engine.mounts import source_of
from managed_agents_operator.engine.pauses import doubled
from managed_agents_operator.engine.refusals import held, upload_step
from managed_agents_operator.engine.verdict import Ask, Discard, Guard, Report, Rest, Upload, Verdict
from managed_agents_operator.engine.view import View

EVER = float("-inf")
LONGEST_PAUSE = 16.0


def contents(v: View) -> tuple[Resource, ...]:
    """The mounts whose content stands in the cluster."""
    return tuple(r for r in v.resource.spec.resources if r.file and r.file.content)


def all_needed(v: View, report: Report) -> Mapping[str, Source] | Verdict:
    """The uploads of all mounts of content by name, or what must be done before they are there."""
    wanted = contents(v)
    if not wanted:
        return {}
    look = LookContents(tuple(r.name for r in wanted))
    seen = v.seen(look)
    if seen is None:
        return Ask(look, report)
    if missing := next((x for x in seen.values() if isinstance(x, str)), None):
        return Rest(Report("Pending", "the session can't be made before its files are there", "SecretMissing", missing))
    found = {}
    for wish in wanted:
        source = _source(v, wish, seen[wish.name], report)
        if not isinstance(source, Source):
            return source if source is not None else _refused(v, wish)
        found[wish.name] = source
    return found


def needed(v: View, wish: Resource, report: Report) -> Source | Verdict | None:
    """The upload of one mount; None where it can't be had now."""
    ref = wish.source
    if ref is not None and v.sight.sources.get((ref.kind, ref.name), ref) is None:
        return None
    look = LookContents((wish.name,))
    seen = v.seen(look)
    if seen is None:
        return None if wish.name in v.memory.missing else Ask(look, report)
    content = seen[wish.name]
    return None if isinstance(content, str) else _source(v, wish, content, report)


def _source(v: View, wish: Resource, content: Content, report: Report) -> Source | Verdict | None:
    ref = wish.source
    if ref is None:
        raise ValueError(f"resource {wish.name} has no content")
    if not (v.guarded and v.claim and v.claim.uploads):
        return _announced(v, report)
    if v.sight.uploads is None:
        return Ask(LookUploads(EVER), report)
    own = next((f for f in v.sight.uploads if (f.mount, f.digest) == (wish.name, content.digest)), None)
    if own is not None:
        return source_of(ref, content, own.id)
    upload = Upload(wish.name, content.digest, report)
    if held(v, upload):
        return None
    # One without an answer may be there, or still come: it is looked for as long as it may.
    if (due := doubt_due(v)) is not None:
        return Ask(LookUploads(v.now), report) if v.now >= due else None
    return upload


def _announced(v: View, report: Report) -> Guard:
    """That there may be uploads is written before the first one, with the finalizer that waits for them."""
    claim = v.claim
    if claim is None or claim.uid != v.uid:
        return Guard(v.new_claim(v.n, v.digest, uploads=True), token=False, report=report, fresh=not v.trace)
    return Guard(claim.model_copy(update={"uploads": True}), token=False, report=report, fresh=v.settled)


def doubt_due(v: View) -> float | None:
    """When an upload without an answer is to be looked for again (monotonic); None if there is none in doubt."""
    if v.memory.upload_doubt is None:
        return None
    since, looks = v.memory.upload_doubt
    end = since + v.terms.doubt
    if v.sight.uploads_at >= end:
        return None
    return min(max(since, v.sight.uploads_at) + doubled(1.0, looks, LONGEST_PAUSE), end)


def _refused(v: View, wish: Resource) -> Rest:
    """Before a session is made: what keeps a file from being uploaded."""
    refusal = v.memory.refusals.get(upload_step(wish.name))
    message = refusal.message if refusal else "whether a file was uploaded is not known: it is looked for first"
    report = Report("Pending", message, refusal.reason if refusal else "Progressing", message)
    until = refusal.until if refusal else doubt_due(v)
    return Rest(report, until=until if until is not None and until < float("inf") else None)


def spare(v: View, report: Report | None) -> Verdict | None:
    """An upload that nothing uses: each process looks for it, and deletes it."""
    if not may_be_there(v):
        return None
    if v.sight.uploads is None:
        return Ask(LookUploads(EVER), report)
    # What goes with its resource is never looked for again: an upload without an answer is waited for.
    if v.deleting and (due := doubt_due(v)) is not None:
        return Ask(LookUploads(v.now), report) if v.now >= due else Rest(report, until=due)
    late = last_arrivals(v)
    if not v.deleting and late <= v.now and v.sight.uploads_at < late:
        return Ask(LookUploads(late), report)
    used = {e.source.file_id for e in v.resource.status.resources or () if e.source} if not v.deleting else set()
    waste = (Discard(file.id, report) for file in _by_age(v.sight.uploads) if file.id not in used)
    return next((discard for discard in waste if not held(v, discard)), None)


def last_arrivals(v: View) -> float:
    """Until when an upload of the process before this one may still arrive (monotonic)."""
    return v.now - (v.wall - v.process.started).total_seconds() + v.terms.doubt


def _by_age(files: tuple[OwnFile, ...]) -> list[OwnFile]:
    return sorted(files, key=lambda f: f.id)


def may_be_there(v: View) -> bool:
    """Whether this resource may have uploads."""
    told = any(
        e.source and e.source.kind in ("ConfigMap", "Secret") and e.source.file_id
        for e in v.resource.status.resources or ()
    )
    announced = bool(v.claim and v.claim.uploads) or v.memory.upload_doubt is not None
    return told or announced or bool(v.sight.uploads)
