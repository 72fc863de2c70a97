"""A session that is only looked at: spec.managementPolicy Observe.

Rung `observing` of the ladder. Nothing is changed at the API, whatever happens; our finalizer goes, so that deletion
needs nobody, but not before it is known what a creation of an earlier day has made.
"""

from __future__ import annotations

from dataclasses import replace

from managed_agents_operator.engine.adopting import not_there
from managed_agents_operator.engine.claiming import record, searched
from managed_agents_operator.engine.ending import lost, terminal
from managed_agents_operator.engine.looks import Absent, LookSession
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.searching import SEARCHING
from managed_agents_operator.engine.verdict import Ask, Release, Rest, Verdict
from managed_agents_operator.engine.view import View
from managed_agents_operator.engine.watching import asked, missing, rest, stopped, unseen

OBSERVING = "spec.managementPolicy is Observe: nothing is done to the session"
FORGOTTEN = (
    "archivedAt",
    "stopReason",
    "idleSince",
    "stats",
    "usage",
    "cost",
    "deploymentId",
    "workspaceId",
    "kickoff",
)


def observing(v: View) -> Verdict | None:
    """Only look, and let our finalizer go."""
    if v.resource.spec.management_policy != "Observe":
        return None
    if v.id is None or v.replacing:
        found = searched(v, SEARCHING)
        if not isinstance(found, tuple):
            return found
        if found:
            return record(v, found, v.claim)
    if v.guarded:
        return Release()
    wish, status = v.resource.spec.session_id, v.resource.status
    if wish is not None and status.incarnation is None and v.id != wish:
        return _first_sight(v, wish)
    for rung in (asked, missing, unseen, terminal, lost, stopped):
        verdict = rung(v)
        if verdict is not None:
            return _as_observer(verdict)
    return _as_observer(rest(v))


def _first_sight(v: View, id: str) -> Verdict:
    look = LookSession(id)
    if v.saw(look, Remote) is not None:
        return Rest(None, facts={**dict.fromkeys(FORGOTTEN), "id": id})
    if v.saw(look, Absent) is None:
        return Ask(look)
    return not_there(v, id, "Observing", OBSERVING)


def _as_observer(verdict: Verdict) -> Verdict:
    """What is said of the session stays, what would be done about it is not done."""
    if not isinstance(verdict, Rest):
        return verdict if isinstance(verdict, Ask) else Rest(None)
    facts = {k: x for k, x in verdict.facts.items() if k != "kickoff"}
    if verdict.report is None:
        return replace(verdict, facts=facts)
    unseen_now = verdict.report.synced == "Unreachable"
    told = verdict.report if unseen_now else replace(verdict.report, synced="Observing", synced_message=OBSERVING)
    return replace(verdict, report=told, facts=facts)
