"""One mutation, carried out by the kind: which verb it is, and until when it may be sent.

Used by the reconciler; what comes of it is learnt in `outcomes.py`.
"""

from __future__ import annotations

from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.external import External
from managed_agents_operator.engine.outcomes import Outcome
from managed_agents_operator.engine.verdict import (
    Create,
    Discard,
    End,
    Interrupt,
    Mount,
    Mutation,
    Rotate,
    Send,
    Unmount,
    Update,
    Upload,
)
from managed_agents_operator.engine.view import View


async def call(kind: External, view: View, verdict: Mutation, clock: Clock) -> Outcome:
    """The one call that a verdict asks for. Permits are looked at once more by the kind, right before it sends."""
    resource = view.resource
    if isinstance(verdict, Create):
        permit = view.permitted
        if permit is None:
            raise AssertionError("no POST without a permit")
        files = {name: source.file_id for name, source in permit.files.items() if source.file_id}
        return await kind.create(permit.resource, permit.claim, files, lambda: clock.boottime() < permit.deadline)
    if isinstance(verdict, Send):
        deadline = view.memory.kick_permit[1] if view.memory.kick_permit else 0.0
        return await kind.send(resource, verdict.id, lambda: clock.boottime() < deadline)
    if isinstance(verdict, Update):
        return await kind.update(verdict.id, verdict.changes)
    if isinstance(verdict, Interrupt):
        return await kind.interrupt(verdict.id)
    if isinstance(verdict, End):
        return await kind.delete(verdict.id, verdict.how)
    return await _mount(kind, view, verdict)


async def _mount(kind: External, view: View, verdict: Upload | Mount | Unmount | Rotate | Discard) -> Outcome:
    if isinstance(verdict, Upload):
        return await kind.upload(view.resource, verdict.mount, verdict.digest)
    if isinstance(verdict, Mount):
        return await kind.mount(verdict.id, verdict.source.file_id or "", verdict.path)
    if isinstance(verdict, Unmount):
        return await kind.unmount(verdict.id, verdict.mount_id)
    if isinstance(verdict, Rotate):
        return await kind.rotate(view.resource, verdict.id, verdict.mount_id, verdict.name)
    return await kind.discard(view.resource, verdict.file_id)
