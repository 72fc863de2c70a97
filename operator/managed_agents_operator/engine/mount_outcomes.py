"""What a process remembers after a call about mounts, uploads and tokens; part of `outcomes`.

Pure. What went into a mount is known only to whoever mounted it, so it goes to status with the next write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from managed_agents_operator.api.session import SessionSpec
from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Rotated, Version
from managed_agents_operator.engine.memory import Memory, Refusal
from managed_agents_operator.engine.mounting import entries
from managed_agents_operator.engine.mounts import rendered, rooted, source_of, where
from managed_agents_operator.engine.refusals import step
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.unheard import doubted
from managed_agents_operator.engine.verdict import Discard, Mount, Mutation, Rotate, Unmount, Upload
from managed_agents_operator.engine.view import View

MISSING: Literal["SecretMissing"] = "SecretMissing"
SOON = 10.0
"""Seconds until a mount is tried again that was refused for what an earlier one may have done."""


def what_went_in(spec: SessionSpec, files: Mapping[str, Source], tokens: Mapping[str, Version]) -> dict[str, Source]:
    """By name what a creation put into each mount: files of the API, uploads, tokens."""
    made = dict(files)
    for resource in spec.resources:
        if resource.file and resource.file.file_id:
            made[resource.name] = Source(kind="File", file_id=resource.file.file_id)
        elif (ref := resource.source) is not None and (token := tokens.get(resource.name)) is not None:
            made[resource.name] = source_of(ref, token)
    return made


def in_place(verdict: Mount) -> tuple[str, str]:
    """The session, and where in it the file is to lie."""
    return verdict.id, where(_place(verdict))


def _place(verdict: Mount) -> str:
    return rooted(verdict.path or f"/{verdict.source.file_id}")


def in_effect(verdict: Mount | Unmount, remote: Remote) -> bool:
    """Whether the answer shows what was accepted."""
    mounts = remote.mounts or ()
    if isinstance(verdict, Unmount):
        return all(m.id != verdict.mount_id for m in mounts)
    return any(m.mount_path is not None and rooted(m.mount_path) == _place(verdict) for m in mounts)


def mounted(v: View, memory: Memory, verdict: Mutation, outcome: object, now: float) -> Memory:
    """The call was taken; whatever was refused of that mount before is forgotten."""
    memory = _without(replace(memory, backoff=None), verdict)
    if isinstance(verdict, Upload):
        return replace(memory, upload_doubt=None)
    if isinstance(verdict, Rotate) and isinstance(outcome, Rotated):
        return _rotated(v, memory, verdict, outcome)
    if isinstance(verdict, Unmount) and isinstance(outcome, Remote) and not in_effect(verdict, outcome):
        said = f"the API accepted that the file of {verdict.name} is taken out and did not take it out"
        return _not_kept(v, memory, verdict, said, now)
    if isinstance(verdict, Mount) and isinstance(outcome, Remote):
        return _mounted(v, memory, verdict, outcome, now)
    return memory


def _mounted(v: View, memory: Memory, verdict: Mount, remote: Remote, now: float) -> Memory:
    memory = _heard(memory, verdict)
    made = {verdict.name: verdict.source}
    known, unheard = v.resource.status.resources or (), doubted(memory, remote, v.terms)
    told = rendered(v.resource.spec.resources, remote.mounts or (), known, made, born_with=unheard)
    if in_effect(verdict, remote):
        return replace(memory, facts={**memory.facts, "resources": told})
    said = f"the API accepted the file of spec.resources[{verdict.name}] and did not mount it"
    return _not_kept(v, memory, verdict, said, now)


def _heard(memory: Memory, verdict: Mount) -> Memory:
    left = {at: since for at, since in memory.mounts_in_doubt.items() if at != in_place(verdict)}
    return replace(memory, mounts_in_doubt=left)


def _not_kept(v: View, memory: Memory, verdict: Mutation, said: str, now: float) -> Memory:
    """An accepted change that the answer does not show will not be shown by doing it again at once."""
    refusal = Refusal(v.generation, now + v.terms.refused_retry, "NotKept", said)
    return replace(memory, refusals={**memory.refusals, step(verdict): refusal})


def _rotated(v: View, memory: Memory, verdict: Rotate, outcome: Rotated) -> Memory:
    wish = next((r for r in v.resource.spec.resources if r.name == verdict.name), None)
    ref = wish.source if wish else None
    if ref is None:
        return memory
    told = entries(v, verdict.mount_id, source_of(ref, outcome.version))
    return replace(memory, facts={**memory.facts, "resources": told})


def not_mounted(v: View, memory: Memory, verdict: Mutation, failure: Failure) -> Memory:
    """The call failed. What is refused, or can't be read, holds up no other step."""
    if isinstance(verdict, Upload) and not failure.certain:
        return replace(memory, upload_doubt=(memory.fresh_after, 0))
    until = memory.fresh_after + v.terms.refused_retry
    if isinstance(verdict, Mount):
        at, earlier = in_place(verdict), v.memory.mounts_in_doubt
        if not failure.certain:
            memory = replace(memory, mounts_in_doubt={**earlier, at: memory.fresh_after})
        elif at in earlier:
            # One that was sent before, and not heard of, may lie there by now, and be what this one was refused for.
            memory, until = replace(memory, mounts_in_doubt=earlier), memory.fresh_after + SOON
        else:
            memory = _heard(memory, verdict)
    if failure.reason == MISSING:
        # Whatever changes there rings, and then it is tried again.
        refusal = Refusal(v.generation, float("inf"), MISSING, failure.message)
    elif failure.consequence is not Consequence.REFUSED:
        return memory
    elif v.remote is not None and v.remote.state != "idle" and not isinstance(verdict, Upload | Discard):
        said = (
            f"the change of {_where(verdict)} was refused while the session works: it is made once the session is idle"
        )
        refusal = Refusal(v.generation, until, "NotIdle", said, idle=True)
    else:
        refusal = Refusal(v.generation, until, "UpdateRefused", f"the API refused {_where(verdict)}: {failure.message}")
    return replace(memory, backoff=None, refusals={**memory.refusals, step(verdict): refusal})


def _where(verdict: Mutation) -> str:
    if isinstance(verdict, Upload):
        return f"the content of spec.resources[{verdict.mount}].file"
    if isinstance(verdict, Mount) and verdict.source.kind == "File":
        return f"spec.resources[{verdict.name}].file.fileId {verdict.source.file_id}"
    if isinstance(verdict, Rotate):
        return f"the token of spec.resources[{verdict.name}].githubRepository"
    if isinstance(verdict, Discard):
        return f"the removal of the uploaded file {verdict.file_id}"
    return f"the file of spec.resources[{getattr(verdict, 'name', '')}]"


def _without(memory: Memory, verdict: Mutation) -> Memory:
    """Of a mount, whichever file it was."""
    taken = (f"mount/{verdict.name}/",) if isinstance(verdict, Mount) else ()
    gone = {k for k in memory.refusals if k == step(verdict) or k.startswith(taken)}
    return replace(memory, refusals={k: r for k, r in memory.refusals.items() if k not in gone})
