"""What came to an end, or was never ours: told as it is, and never made good by a new session.

Rungs `suspended`, `changed`, `terminal`, `lost` and `owned_elsewhere` of the ladder. None of them acts.
"""

from __future__ import annotations

from managed_agents_operator.api.reasons.names import SyncedReason
from managed_agents_operator.engine.expiring import as_wished
from managed_agents_operator.engine.looks import LookSession, LookStop, Stop
from managed_agents_operator.engine.replacing import ITSELF, begin
from managed_agents_operator.engine.searching import proved_gone, wrong_workspace
from managed_agents_operator.engine.verdict import Ask, End, Report, Rest, Verdict
from managed_agents_operator.engine.view import View
from managed_agents_operator.engine.watching import asked, missing

AGAIN = "delete this resource and make another Session to go on"
AGAIN_SECONDS = 15.0
MASS_LOSS = Report(
    "MassLoss",
    "the session is gone together with many others of this connection, so nothing is concluded: find out why, and if "
    "they are gone for good, give the annotation managedagents.dev/reconcile-requested-at of this resource a new value",
    "Stalled",
    "many sessions are gone at once",
)
LOSING = Report(
    "Replacing",
    "the session is not there any more: before another one is made, it is looked for once more in a whole listing",
    "Progressing",
    "the session is not there any more",
)


def suspended(v: View) -> Verdict | None:
    """Nothing is done, nothing is created; what is seen goes to status all the same."""
    if not v.resource.spec.suspend:
        return None
    if look := asked(v) or missing(v):
        return look
    message = "spec.suspend is true: nothing is done to the session; set it to false to go on"
    return Rest(Report("Suspended", message, "Suspended", "spec.suspend is true"))


def changed(v: View) -> Verdict | None:
    """An edit of what can't change slipped in before the id was in status, where admission could not refuse it."""
    made_from = v.resource.status.created_from
    if v.id is None or made_from is None or made_from == v.digest or v.resource.spec.archived or v.replacing:
        return None
    if v.resource.spec.on_immutable_change == "Replace" and v.resource.spec.session_id == v.id:
        return Rest(ITSELF)
    message = (
        "the session was made from another spec (agent, environment, vaults, repositories or memory stores differ): "
        "put the spec back, make another Session, or set spec.onImmutableChange: Replace"
    )
    return Rest(Report("ImmutableChanged", message, "Stalled", "the spec can't be brought to this session"))


def terminal(v: View) -> Verdict | None:
    """Archived or terminated: reported, and it stays so whatever is seen later."""
    status, remote = v.resource.status, v.remote
    if v.id is None:
        return None
    archived = status.archived_at or (remote.archived_at if remote else None)
    if not archived and (remote.state if remote else status.state) != "terminated":
        return None
    full = v.resource.spec.management_policy == "Full"
    if full and v.resource.spec.archived and not archived and (last := _archived_at_last(v, v.id)):
        return last
    if unread := _last_stop(v):
        return unread
    why = as_wished(v, archived) if archived and full else None
    synced: SyncedReason = "Synced" if why else "Stalled"
    message = "the session is as the spec says" if why else "the session has ended"
    told = v.told("Synced")
    deleted = told is not None and told.reason == "RemoteDeleted"
    if v.sight.absent is not None and not deleted:
        doubt = proved_gone(v, v.id)
        if isinstance(doubt, Ask):
            return doubt
        deleted = doubt is None
    if deleted:
        synced, message = "RemoteDeleted", "the session ended and was then deleted outside"
    if why:
        report = Report("Archived", f"the session was archived: {why}", synced, message)
    elif archived:
        report = Report("ArchivedOutside", f"the session was archived outside: {AGAIN}", synced, message)
    else:
        report = Report(
            "Terminated", f"the session ended by an error that it can't recover from: {AGAIN}", synced, message
        )
    return Rest(report, facts=_doubtful(v))


def _archived_at_last(v: View, id: str) -> Verdict | None:
    """One that ended by an error is archived too where that is wished for, if the API takes it; tried once."""
    if v.memory.ended == id or "end" in v.memory.refusals:
        return None
    if v.remote is None:
        # A process before this one may have done it, and no listing shows it any more.
        return Ask(LookSession(id)) if v.sight.absent is None else None
    if not v.ours(v.remote):
        return None
    return End(id, "Archive", None) if v.fresh(v.remote) else Ask(LookSession(id))


def _last_stop(v: View) -> Verdict | None:
    """How the turn that our first events began came to its end, if that was not seen before the session did."""
    kickoff, told = v.resource.status.kickoff, v.told("Finished")
    if v.id is None or v.remote is None or not (kickoff and kickoff.state == "Sent"):
        return None
    if (told is not None and told.status == "True") or v.memory.last_stop == v.id:
        return None
    look = LookStop(v.id)
    seen = v.saw(look, Stop)
    if seen is None:
        return Ask(look)
    facts = {"stopReason": seen.reason} if seen.own and seen.reason else {}
    return Rest(None, facts=facts) if facts and v.resource.status.stop_reason != seen.reason else None


def _doubtful(v: View) -> dict[str, object]:
    """First events of which nobody knows whether they arrived can't be asked after in a session that has ended."""
    kickoff = v.resource.status.kickoff
    if not v.resource.spec.initial_events or (kickoff and kickoff.state):
        return {}
    known = kickoff.model_dump(mode="json", by_alias=True, exclude_none=True) if kickoff else {}
    return {"kickoff": known | {"tries": known.get("tries", 1), "state": "Doubtful"}}


def lost(v: View) -> Verdict | None:
    """A 404 of a known session: what it proves depends on the workspace that answered."""
    if v.id is None:
        return None
    here, known = v.sight.link.workspace, v.resource.status.workspace_id
    if here and known and here != known:
        return wrong_workspace(v)
    if v.sight.absent is None:
        return None
    ready = v.told("Ready")
    told = ready.reason if ready else None
    if v.memory.asked is None and told != "Lost" and (v.sight.mass_loss or told == "MassLoss"):
        return Rest(MASS_LOSS, until=v.now + AGAIN_SECONDS)
    spec = v.resource.spec
    replaces = spec.on_lost == "Replace" and spec.management_policy == "Full" and not spec.archived
    replaces = replaces and spec.session_id != v.id
    if replaces and v.memory.asked is None and not _swept(v):
        # Whether many went at once is told by a whole sweep.
        return Rest(LOSING, until=v.now + AGAIN_SECONDS)
    if (replaces or told != "Lost") and (doubt := proved_gone(v, v.id)):
        return doubt
    if replaces:
        return begin(v)
    if spec.archived and spec.management_policy == "Full":
        message = "spec.archived is true, and the session was deleted outside"
        return Rest(Report("Archived", message, "RemoteDeleted", message))
    return Rest(
        Report("Lost", f"the session was deleted outside: {AGAIN}", "Stalled", "the session is not there any more")
    )


def _swept(v: View) -> bool:
    """Whether a whole sweep was made since the session was first found missing."""
    since = v.memory.gone_since
    return since is not None and v.sight.link.swept_at is not None and v.sight.link.swept_at > since[1]


def owned_elsewhere(v: View) -> Verdict | None:
    """Somebody else's marker is on the session in status: it is looked at and never touched."""
    remote = v.remote
    if remote is None or v.ours(remote) or v.adopting:
        return None
    if remote.seen_at < v.memory.claim_seen_at and not v.fresh(remote):
        return Ask(LookSession(remote.id))
    message = (
        f"session {remote.id} carries the marker of another resource (metadata k8s_uid), so it is not touched: "
        "put that metadata back, or make another Session"
    )
    return Rest(Report("OwnedElsewhere", message, "Stalled", "the session belongs to another resource"))
