"""Verdicts in few words, so that a table of them can be read."""

from __future__ import annotations

from managed_agents_operator.engine.verdict import (
    Allow,
    Ask,
    Create,
    Discard,
    End,
    Guard,
    Interrupt,
    Mount,
    Record,
    Release,
    Rest,
    Rotate,
    Send,
    Unmount,
    Update,
    Upload,
    Verdict,
)


def words(verdict: Verdict | None) -> str:  # noqa: C901, PLR0912 - one case for each verdict
    """What a verdict comes to; reports only where nothing is done."""
    match verdict:
        case None:
            return "passed over"
        case Rest():
            return f"rest: {_told(verdict)}" + (f" knowing {', '.join(sorted(verdict.facts))}" if verdict.facts else "")
        case Ask():
            asked = getattr(verdict.look, "id", "")
            return f"look: {type(verdict.look).__name__.removeprefix('Look')} {asked}".strip()
        case Guard():
            return f"claim n={verdict.claim.n}" if verdict.token else f"repair n={verdict.claim.n}"
        case Record():
            return f"record {verdict.created.remote.id}"
        case Create():
            return "create"
        case Allow():
            return f"allow try {verdict.kickoff['tries']}"
        case Send():
            return f"send to {verdict.id}"
        case Update():
            return f"update {verdict.step} of {'+'.join(verdict.changes.fields)}"
        case Interrupt():
            return f"interrupt {verdict.id}"
        case End():
            return f"{verdict.how.lower()} {verdict.id}" + (" as a stray" if verdict.stray else "")
        case Release():
            return "release" + (f": {verdict.note}" if verdict.note else "")
        case Upload():
            return f"upload {verdict.digest} for {verdict.mount}"
        case Mount():
            return f"mount {verdict.source.file_id} as {verdict.name}"
        case Unmount():
            return f"unmount {verdict.mount_id} of {verdict.name}"
        case Rotate():
            return f"rotate {verdict.mount_id} of {verdict.name}"
        case Discard():
            return f"discard {verdict.file_id}"
    raise AssertionError(verdict)


def _told(verdict: Rest) -> str:
    if verdict.report is None:
        return "nothing to say"
    return f"{verdict.report.ready or '-'}/{verdict.report.synced or '-'}"
