"""What a Session and a connection can be in: a view for each reason that their conditions know.

The engine makes statuses of them (`recording`); the tests of this folder show what Argo CD and kstatus make of those. A
reason without a row here fails there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.engine.mounted import CM, CONF, DATA, REPO, at, entry, mounted_view
from tests.engine.views import (
    ID,
    LATER,
    LINK,
    NOW,
    OUTAGE,
    backoff,
    claim,
    digest_of,
    found,
    living,
    marker,
    memory,
    ready,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)

from managed_agents_operator.claude.errors import BillingRequired, ClaudeError, Forbidden, Unauthorized
from managed_agents_operator.engine.choosing import NO_KEY, Place, not_allowed
from managed_agents_operator.engine.claim import digest
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.faring import Facts, Fare, another_workspace
from managed_agents_operator.engine.looks import Absent, LookSession, LookStray, LookTokens, Stray
from managed_agents_operator.engine.memory import PERMIT_EXPIRED
from managed_agents_operator.engine.view import View
from managed_agents_operator.kinds.errors import failure

GO = [{"type": "user.message", "text": "go"}]
OTHER = "sesn_2"
GONE = Absent("wrkspc_1", NOW)
ENDED = {"state": "terminated", "archivedAt": stamp(-5)}
ADOPTS = spec(sessionId=ID)
REFUSED = {"n": 1, "by": "process-1", "at": stamp(-60), "outcome": "Refused", "generation": 1}
NO_AGENT = "the API refused the session: Agent agent_1 not found; mend spec.agent.id"
CAP = {"maxListCost": {"amount": "2500", "currency": "USD"}}
EXPIRED = Failure(Consequence.LATER, PERMIT_EXPIRED, "the call was not ready in time and was not sent")


def _sent(stop: str | None = None, *, was: str | None = None, **status: Any) -> dict[str, Any]:
    """Its first events went out; why it became idle then, and how Finished stood `was`."""
    told = {"conditions": [ready(was, type_="Finished")]} if was else {}
    stopped = {"stopReason": stop} if stop else {}
    return {"kickoff": {"state": "Sent", "tries": 1}, **stopped, **told, **status}


def _idle(**status: Any) -> View:
    return view(living(wish=spec(initialEvents=GO), status=status), remote=remote())


def _ended(**status: Any) -> View:
    """It is over, and status knows."""
    return view(living(wish=spec(initialEvents=GO), status=status))


def _shut(kind: type[ClaudeError], status: int) -> View:
    return _blocked(failure(kind("refused", status=status), NOW))


def _blocked(why: Failure | None) -> View:
    link = replace(LINK, blocked=why, retry_at=NOW + 60)
    return view(living(), remote=remote(), link=link)


def _titled(reason: str, message: str, **seen: Any) -> View:
    """A title that the session has not, because of something."""
    held = memory(generation=2, refusals={"title": refusal(generation=2, reason=reason, message=message)})
    return view(living(wish=spec(title="new"), generation=2), remote=remote(**seen), memory_=held)


def _waits(failed: Failure) -> View:
    """A title that can't be sent yet."""
    wish = living(wish=spec(title="new"), generation=2)
    return view(wish, remote=remote(), memory_=memory(generation=2, backoff=backoff(failed)))


SESSIONS: dict[str, View] = {
    "idle": view(living(), remote=remote()),
    "idle, its turn is over": _idle(**_sent("end_turn")),
    "working": view(living(), remote=remote(state="running")),
    "working at its first events": view(
        living(wish=spec(initialEvents=GO), status=_sent()), remote=remote(state="running")
    ),
    "rescheduling": view(living(), remote=remote(state="rescheduling")),
    "in a state from the future": view(living(), remote=remote(state="dreaming")),
    "waits for an answer to a tool": _idle(**_sent("requires_action")),
    "paused at its budget": _idle(**_sent("budget_reached")),
    "gave up after errors": _idle(**_sent("retries_exhausted")),
    "the model declined": _idle(**_sent("refusal")),
    "archived as spec says": view(living(wish=spec(archived=True), status=ENDED)),
    "archived as spec says after its turn": view(
        living(wish=spec(archived=True, initialEvents=GO), status=ENDED | _sent("end_turn", was="EndTurn"))
    ),
    "archived as spec says, then deleted": view(
        living(wish=spec(archived=True), status=ENDED | {"conditions": [ready("RemoteDeleted", type_="Synced")]})
    ),
    "only looked at": view(living(wish=spec(sessionId=ID, managementPolicy="Observe"), guarded=False), remote=remote()),
    "fresh": view(resource()),
    "waits for a Secret": view(
        resource(wish=spec(resources=[REPO])), seen={LookTokens(): "Secret team/gh of spec.resources does not exist"}
    ),
    "its creation may have been made": view(
        resource(claimed=claim()), search=found(), memory_=memory(claim_seen_at=NOW - 1)
    ),
    "its creation has to wait": view(resource(), memory_=memory(backoff=backoff(LATER))),
    "its creation was not sent in time": view(resource(), memory_=memory(backoff=backoff(EXPIRED))),
    "its first events are on their way": view(
        living(wish=spec(initialEvents=GO)), remote=remote(), memory_=memory(kick_seen_at=NOW, kick_look_at=NOW + 2)
    ),
    "another one takes its place": view(
        living(wish=spec(onLost="Replace")), absent=GONE, memory_=memory(gone_since=(ID, NOW))
    ),
    "being deleted": view(living(deleting=True), remote=remote()),
    "being deleted, and the key is refused": view(
        living(deleting=True), link=replace(LINK, blocked=failure(Unauthorized("refused", status=401), NOW))
    ),
    "archived outside": _ended(**ENDED),
    "archived outside at work": _ended(**ENDED | _sent()),
    "archived outside after its turn": _ended(**ENDED | _sent("end_turn", was="EndTurn")),
    "archived outside after it gave up": _ended(**ENDED | _sent("retries_exhausted", was="RetriesExhausted")),
    "ended by an error": _ended(state="terminated"),
    "ended by an error at its first events": _ended(**_sent(state="terminated")),
    "ended by an error after its turn": _ended(**_sent("end_turn", was="EndTurn", state="terminated")),
    "ended by an error at a later turn": _ended(**_sent(was="EndTurn", state="terminated")),
    "ended by an error, then deleted": _ended(
        state="terminated", conditions=[ready("RemoteDeleted", type_="Synced", status="False")]
    ),
    "deleted outside": view(living(), absent=GONE),
    "deleted outside with many others": view(living(), absent=GONE, mass_loss=True),
    "its creation can't be searched for": view(
        resource(claimed=claim()), link=Link(workspace="wrkspc_1"), search=found(keeps_metadata=False)
    ),
    "its first events are in doubt": view(
        living(wish=spec(initialEvents=GO), status={"kickoff": {"state": "Doubtful"}}), remote=remote()
    ),
    "its first events were refused": view(
        living(wish=spec(initialEvents=GO), status={"kickoff": {"state": "Refused", "digest": digest(GO)}}),
        remote=remote(),
    ),
    "it is somebody else's": view(living(), remote=remote(marked=marker(uid="uid-x"))),
    "no room for its marker": view(
        resource(wish=ADOPTS, claimed=claim(adopts=ID, digest=digest_of(ADOPTS))),
        seen={LookSession(ID): remote(marked={}, metadata={f"key-{n}": "x" for n in range(15)})},
    ),
    "there are two": view(
        living(), remote=remote(), strays=(remote(id=OTHER),), seen={LookStray(OTHER): Stray(remote(id=OTHER), True)}
    ),
    "another workspace answers": view(living(), remote=remote(), link=Link(workspace="wrkspc_2")),
    "made from another spec": view(living(status={"createdFrom": "other"}), remote=remote()),
    "the API refused it": view(
        resource(claimed=claim(), status={"creation": REFUSED, "conditions": [ready("Creating", status="False")]}),
        memory_=memory(refusals={"create": refusal(reason="InvalidSpec", message=NO_AGENT)}),
    ),
    "its key is refused": _shut(Unauthorized, 401),
    "its key has no right": _shut(Forbidden, 403),
    "its account has to pay": _shut(BillingRequired, 402),
    "there is no key for it": _blocked(Failure(Consequence.BLOCKED, "KeyMissing", NO_KEY)),
    "it may not use its connection": _blocked(not_allowed(Place("ClusterConnection", "", "shared"), "team")),
    "its key is of another workspace": _blocked(another_workspace("wrkspc_2", "wrkspc_1")),
    "suspended": view(living(wish=spec(suspend=True)), remote=remote()),
    "suspended before it was made": view(resource(wish=spec(suspend=True))),
    "a title is on its way": view(living(wish=spec(title="new"), generation=2), remote=remote()),
    "a title waits until it is idle": _titled("NotIdle", "spec.title waits until the session is idle", state="running"),
    "a title is refused": _titled("UpdateRefused", "the API refused the change of title: too long; mend spec.title"),
    "a title is not kept": _titled("NotKept", "the API accepted spec.title and did not keep it"),
    "a title has to wait": _waits(LATER),
    "a title in an outage": _waits(OUTAGE),
    "a title at a bad time": _waits(Failure(Consequence.UNCLEAR, "CallRefused", "somebody else changed it (409)")),
    "an outage of some time": view(
        living(), remote=remote(), link=Link(workspace="wrkspc_1", unreachable_since=NOW - 900)
    ),
    "metadata that the server does not keep": view(
        living(wish=spec(metadata={"a": "b"})), remote=remote(marked={}), link=Link(workspace="wrkspc_1")
    ),
    "a budget that is gone": view(living(wish=spec(budget=CAP)), remote=remote()),
    "a file waits for its ConfigMap": mounted_view([CONF], sources={CM: None}),
    "somebody else's file where one is to be": mounted_view([DATA], [at("/data.csv")], [entry("r1", "/data.csv")]),
    "other first events than were sent": view(
        living(wish=spec(initialEvents=GO), status=_sent("end_turn", kickoff={"state": "Sent", "digest": "other"})),
        remote=remote(),
    ),
}
"""By name, the conditions of a Session in it."""

WELL = Facts(1, deleting=False, sessions=2, keyless=None, wanted_workspace=None, fare=Fare("wrkspc_1", called=True))


def _fares(kind: type[ClaudeError], status: int) -> Facts:
    return replace(WELL, fare=Fare(failure=failure(kind("refused", status=status), NOW)))


CONNECTIONS: dict[str, Facts] = {
    "calls are answered": WELL,
    "not called yet": replace(WELL, fare=None),
    "no answer yet": replace(WELL, fare=Fare()),
    "there is no Secret": replace(WELL, keyless="Secret team/key does not exist", fare=None),
    "the Secret went": replace(WELL, keyless="Secret team/key does not exist"),
    "the key is refused": _fares(Unauthorized, 401),
    "the key has no right": _fares(Forbidden, 403),
    "the account has to pay": _fares(BillingRequired, 402),
    "an outage": replace(WELL, fare=Fare(unreachable=True, called=True)),
    "no sessions are listed": replace(WELL, fare=Fare(called=True, refused="not found")),
    "another workspace answers": replace(WELL, wanted_workspace="wrkspc_2"),
    "being deleted": replace(WELL, deleting=True),
}
"""By name, how a Connection or ClusterConnection fares."""
