"""Steps that are held back: refused, or accepted before and undone again. Until when, and what is said meanwhile.

Used by the rungs that bring a session to its spec; what is remembered of a step is written by `outcomes`.
"""

from __future__ import annotations

from dataclasses import replace

from managed_agents_operator.engine.memory import Refusal
from managed_agents_operator.engine.verdict import Discard, Mount, Mutation, Report, Rest, Rotate, Unmount, Upload
from managed_agents_operator.engine.view import View

OF_MOUNTS = ("mount/", "unmount/", "rotate/", "upload/", "discard/")
"""How the steps begin that are about one mount or upload."""


def step(verdict: Mutation) -> str:
    """What a refusal of a call about a mount or an upload is remembered under."""
    match verdict:
        case Upload():
            return upload_step(verdict.mount)
        case Mount():
            return f"mount/{verdict.name}/{verdict.source.file_id}"
        case Unmount():
            return f"unmount/{verdict.mount_id}"
        case Rotate():
            return f"rotate/{verdict.name}"
        case Discard():
            return f"discard/{verdict.file_id}"
    raise AssertionError(f"{verdict} is about no mount")


def upload_step(mount: str) -> str:
    """The same for the upload of one mount, whatever its content."""
    return f"upload/{mount}"


def refused(v: View, step: str) -> Refusal | None:
    """Why a step of this generation is not to be tried yet; None where it may be."""
    refusal = v.memory.refusals.get(step)
    if refusal is None or refusal.generation != v.generation or v.now >= refusal.until:
        return None
    return None if refusal.idle and v.remote is not None and v.remote.state == "idle" else refusal


def held(v: View, verdict: Mutation) -> bool:
    """Whether a call about a mount or an upload was refused and is not to be tried yet."""
    return refused(v, step(verdict)) is not None


def due(v: View, step: str) -> float | None:
    """When a step that is held back may be tried again (monotonic)."""
    refusal, repeat = v.memory.refusals.get(step), v.memory.repeats.get(step)
    times = (refusal.until if refusal else 0.0, repeat[2] if repeat else 0.0)
    return min((time for time in times if time > v.now), default=None)


def waits(v: View, step: str, report: Report) -> Rest:
    """Nothing else is done before this step is; `report` stands where it was not refused."""
    if refusal := v.memory.refusals.get(step):
        said = refusal.message
        report = replace(report, message=said, synced=refusal.reason, synced_message=said)
    return Rest(report, until=due(v, step))
