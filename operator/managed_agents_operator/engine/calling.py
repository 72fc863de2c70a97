"""One mutation, carried out by the kind: which verb it is, and until when it may be sent.

Used by the reconciler; what comes of it is learnt in `outcomes.py`.
"""

from __future__ import annotations

from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.external import External
from managed_agents_operator.engine.outcomes import Outcome
from managed_agents_operator.engine.verdict import Create, Interrupt, Mutation, Send, Update
from managed_agents_operator.engine.view import View


async def call(kind: External, view: View, verdict: Mutation, clock: Clock) -> Outcome:
    """The one call that a verdict asks for. Permits are looked at once more by the kind, right before it sends."""
    resource = view.resource
    if isinstance(verdict, Create):
        permit = view.permitted
        if permit is None:
            raise AssertionError("no POST without a permit")
        return await kind.create(permit.resource, permit.claim, lambda: clock.boottime() < permit.deadline)
    if isinstance(verdict, Send):
        deadline = view.memory.kick_permit[1] if view.memory.kick_permit else 0.0
        return await kind.send(resource, verdict.id, lambda: clock.boottime() < deadline)
    if isinstance(verdict, Update):
        return await kind.update(verdict.id, verdict.changes)
    if isinstance(verdict, Interrupt):
        return await kind.interrupt(verdict.id)
    return await kind.delete(verdict.id, verdict.how)
