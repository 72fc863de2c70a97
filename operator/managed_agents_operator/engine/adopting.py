"""A session that is there already becomes that of a resource: spec.sessionId.

Used by `claiming` in place of a creation. Our marker on the session is what makes it ours, so it is set and read back
before the id goes into status; of several resources that want one session, one wins, and the others name it.
"""

from __future__ import annotations

from managed_agents_operator.api.reasons.names import SyncedReason
from managed_agents_operator.api.session import METADATA_OWNER, METADATA_UID
from managed_agents_operator.engine.drift import held, marker_change
from managed_agents_operator.engine.looks import Absent, LookOwner, LookSession
from managed_agents_operator.engine.refusals import waits
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import Ask, Guard, Report, Rest, Update, Verdict
from managed_agents_operator.engine.view import View

ADOPTING = Report("Pending", "the session is being adopted", "Progressing", "the session is being adopted")
PAIRS = 16
"""Pairs of metadata that the API takes."""


def adopted(v: View, id: str) -> Remote | Verdict:
    """The session once it carries our marker, or what comes before that."""
    look = LookSession(id)
    remote = v.saw(look, Remote)
    if remote is None:
        return not_there(v, id) if v.saw(look, Absent) else Ask(look, ADOPTING)
    if refusal := _taken(v, remote) or _differs(v, remote):
        return refusal
    if not _claimed(v, id):
        claim = v.new_claim(v.n, v.digest, adopts=id, files=None, keys=None)
        return Guard(claim, token=False, report=ADOPTING)
    changes = marker_change(v, remote)
    if changes is None or remote.terminal:
        return remote
    if len({*remote.metadata, METADATA_UID, METADATA_OWNER}) > PAIRS:
        return _full(f"session {id} has no room for the operator's two pairs of metadata: remove some of its pairs")
    if held(v, "adopt", changes):
        return _waits(v, id)
    return Update(id, changes, "adopt", ADOPTING)


def _claimed(v: View, id: str) -> bool:
    claim = v.own_claim
    return v.guarded and claim is not None and claim.adopts == id and claim.digest == v.digest


def not_there(
    v: View, id: str, synced: SyncedReason = "Stalled", said: str = "the session to adopt is not there"
) -> Rest:
    """What spec.sessionId names can't be seen: it is looked for again after minutes."""
    message = (
        f"the operator's key sees no session {id}: mend spec.sessionId, or give the operator a key of its workspace"
    )
    return Rest(Report("InvalidSpec", message, synced, said), until=v.now + v.terms.refused_retry)


def _taken(v: View, remote: Remote) -> Verdict | None:
    """Somebody else has it, or has the better right to it."""
    marker = remote.marker
    if marker is not None and marker.uid == v.uid:
        return None
    if remote.marked:
        cluster, namespace, name = (marker.place if marker else None) or ("", "", "")
        if cluster != v.process.cluster:
            return _owned(v, remote.id, "another cluster")
        if namespace != v.resource.metadata.namespace:
            return _owned(v, remote.id, f"Session {namespace}/{name}")
        look = LookOwner(namespace, name)
        uid = v.saw(look, str)
        if uid is None:
            return Ask(look, ADOPTING)
        # Whoever it belonged to is gone and left it: it may be adopted.
        if marker is not None and uid == marker.uid:
            return _owned(v, remote.id, f"Session {namespace}/{name}")
    meta = v.resource.metadata
    first = min(v.sight.rivals, key=lambda r: (not r.has_it, r.created, r.uid), default=None)
    if first is None or (not first.has_it and (meta.creation_timestamp, v.uid) < (first.created, first.uid)):
        return None
    return _owned(v, remote.id, f"Session {first.namespace}/{first.name}")


def _owned(v: View, id: str, whose: str) -> Rest:
    message = (
        f"session {id} belongs to {whose}: name another one in spec.sessionId, or delete the other resource with "
        "spec.deletionPolicy: Retain"
    )
    report = Report("OwnedElsewhere", message, "Stalled", "the session belongs to somebody else")
    return Rest(report, until=v.now + v.terms.refused_retry)


def _differs(v: View, remote: Remote) -> Rest | None:
    """What spec says of agent and environment must be so already: a live session can't change them."""
    spec = v.resource.spec
    wanted = {
        "agent.id": (spec.agent.id if spec.agent else None, remote.agent_id),
        "agent.version": (spec.agent.version if spec.agent else None, remote.agent_version),
        "environment.id": (spec.environment.id if spec.environment else None, remote.environment_id),
    }
    for field, (wish, is_) in wanted.items():
        if wish is not None and is_ is not None and wish != is_:
            message = f"session {remote.id} has {is_} where spec.{field} says {wish}: mend or remove spec.{field}"
            report = Report("ImmutableChanged", message, "Stalled", "the session to adopt is not as the spec says")
            return Rest(report, until=v.now + v.terms.refused_retry)
    return None


def _full(message: str) -> Rest:
    return Rest(Report("MetadataFull", message, "Stalled", "the session can't be marked as this resource's"))


def _waits(v: View, id: str) -> Rest:
    refusal = v.memory.refusals.get("adopt")
    if refusal is not None and refusal.reason == "NotKept":
        return _full(f"session {id} does not keep the metadata that marks it as this resource's: it can't be adopted")
    return waits(v, "adopt", ADOPTING)
