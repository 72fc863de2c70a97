"""More than one session for one resource: how it comes to light, and which of them may be put away.

Rungs `dispute` and `stray` of the ladder. Only a session that is ours, and that nobody ever spoke to, is archived
unasked.
"""

from __future__ import annotations

from managed_agents_operator.engine.looks import Absent, LookStray, Stray
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import Ask, End, Report, Rest, Verdict
from managed_agents_operator.engine.view import View


def dispute(v: View) -> Verdict | None:
    """A session that this process just made, while another one stands in status: ours must not live on beside it."""
    made = v.memory.created
    if made is None or v.id is None or v.id == made.remote.id:
        return None
    if made.n > (v.resource.status.incarnation or 0) or not made.by_post:
        return None
    return End(made.remote.id, "Archive", None, stray=True)


def stray(v: View) -> Verdict | None:
    """A second session with our marker: one that nobody ever spoke to is archived, any other is for a person."""
    others = living(v)
    if v.id is None or not others:
        return None
    one = min(others, key=lambda r: (r.created_at, r.id))
    look = LookStray(one.id)
    if v.saw(look, Absent):
        return None
    seen = v.saw(look, Stray)
    if seen is None:
        return Ask(look)
    if seen.remote.terminal:
        return None
    if seen.remote.state == "idle" and not seen.spoken_to and _superfluous(v, seen.remote):
        return End(one.id, "Archive", None, stray=True)
    ids = ", ".join(sorted(r.id for r in others))
    return Rest(
        Report(
            "DuplicateSession",
            f"{ids} carry the marker of this resource too and were used: archive those that shall not live on",
            "Stalled",
            "more than one session carries the marker of this resource",
        )
    )


def living(v: View) -> tuple[Remote, ...]:
    """Sessions with the marker of this resource that have not ended, but the one in status."""
    ours = (r for r in v.sight.strays if r.id != v.id and r.marker and r.marker.uid == v.uid)
    return tuple(r for r in ours if not r.terminal)


def _superfluous(v: View, one: Remote) -> bool:
    """Whether the one in status stands for it: one of a later incarnation may be what status should hold."""
    marker = one.marker
    return marker is not None and marker.uid == v.uid and marker.n <= (v.resource.status.incarnation or 1)
