"""A session whose resource went away while it was being made: it must not live on alone.

Called by the reconciler for a resource that is not there any more.
"""

from __future__ import annotations

from managed_agents_operator.api.session import CLAIM_ANNOTATION, Session
from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Created, External
from managed_agents_operator.engine.learning import failed
from managed_agents_operator.engine.ports import Writer
from managed_agents_operator.engine.telling import Scribe

AGAIN = 5.0
"""Seconds until it is tried again where the cluster did not answer."""


async def disown(cell: Cell, kind: External, writer: Writer, scribe: Scribe, now: float, jitter: float) -> float | None:
    """Archive what was just made for a cell and never recorded, unless somebody there now stands for it.

    Answers the monotonic time to come again, None once there is nothing left to do.
    """
    made = cell.memory.created
    if made is None or not made.by_post:
        return None
    try:
        body = await writer.read(cell.namespace, cell.name)
    except ClusterUnreachable:
        return now + AGAIN
    if body is not None and _stands_for(body, cell.uid, made):
        return None
    outcome = await kind.delete(made.remote.id, "Archive")
    scribe.disowned(Session.parse(cell.body), made.remote.id, outcome)
    if not isinstance(outcome, Failure) or outcome.consequence is Consequence.ABSENT:
        return None
    cell.memory = failed(cell.memory, outcome, now, jitter)
    return cell.memory.backoff.until if cell.memory.backoff else now + 60.0


def _stands_for(body: dict[str, object], uid: str, made: Created) -> bool:
    metadata, status = body["metadata"], body.get("status")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    claim = Claim.parse((annotations or {}).get(CLAIM_ANNOTATION))
    recorded = status.get("id") if isinstance(status, dict) else None
    return (claim is not None and claim.uid == uid) or recorded == made.remote.id
