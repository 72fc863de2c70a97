"""Files whose mounting may have been done unheard: noted in status before it is sent, ours when they turn up.

Used by `mounting`, which sends nothing that is not noted, by `status`, which shows whose a mount is, and by whoever
keeps the memory. A note (`status.mounting`) outlives the process and the wish, so that a file whose answer was lost
goes out again when the spec does not want it any more; it is over once the file is told of, or can't come any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from managed_agents_operator.api.status import SessionStatus
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.mounts import paired, place, rooted, where
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import Terms
from managed_agents_operator.engine.verdict import Rest
from managed_agents_operator.engine.view import View


def noted(v: View, remote: Remote, at: str) -> Rest | None:
    """What is written before a file is mounted there; None once it is. All that are missing are noted together."""
    known = v.resource.status.mounting or ()
    if at in known:
        return None
    return Rest(None, facts={"mounting": sorted({*known, *_missing(v, remote), at})})


def doubted(memory: Memory, remote: Remote, terms: Terms) -> set[str]:
    """Where in a session (see `mounts.where`) a file may lie, as it was seen, that was mounted unheard."""
    times = memory.mounts_in_doubt.items()
    return {at for (id, at), since in times if id == remote.id and remote.seen_at < since + terms.doubt}


def still_noted(v: View, remote: Remote, told: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stays of the notes. `told` is what status says of the mounts now."""
    shown = _told(told)
    open_ = doubted(v.memory, remote, v.terms)
    wanted = _missing(v, remote)
    known = v.resource.status.mounting or ()
    return [at for at in known if where(at) not in shown and (at in wanted or where(at) in open_)]


def due(v: View) -> float | None:
    """When it is sure (monotonic) that no file comes any more of which nothing was heard; None if there is none."""
    times = (since + v.terms.doubt for (id, _), since in v.memory.mounts_in_doubt.items() if id == v.id)
    return min((time for time in times if v.remote is None or v.remote.seen_at < time), default=None)


def found(memory: Memory, status: SessionStatus, now: float) -> Memory:
    """A process that finds a note knows nothing of what was sent."""
    places = {(status.id or "", where(at)): now for at in status.mounting or ()}
    return replace(memory, mounts_in_doubt={**places, **memory.mounts_in_doubt}) if places else memory


def told_of(memory: Memory, status: Mapping[str, Any]) -> Memory:
    """Status was written: what it says is ours is in doubt no longer."""
    shown = {(status.get("id") or "", at) for at in _told(status.get("resources") or ())}
    left = {key: since for key, since in memory.mounts_in_doubt.items() if key not in shown}
    return replace(memory, mounts_in_doubt=left)


def _told(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Where the files lie of which status says that they are ours."""
    ours = (e["mountPath"] for e in entries if e.get("source") is not None and e.get("mountPath"))
    return {where(rooted(path)) for path in ours}


def _missing(v: View, remote: Remote) -> set[str]:
    pairs, _ = paired(v.resource.spec.resources, remote.mounts or ())
    return {place(wish) for wish, there in pairs if wish.file and there is None}
