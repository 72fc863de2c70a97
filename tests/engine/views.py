"""Views of one resource, said in few words: what a test does not mention is as in the most ordinary life.

`resource` is a Session as the API server has it, `remote` a session as the API has it, `view` both with what the
process remembers. Everything is a plain value; the clock stands at `NOW`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from managed_agents_operator.api.session import CLAIM_ANNOTATION, FINALIZER, Session, immutable_part
from managed_agents_operator.engine.claim import Claim, Marker, digest
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Created, Link, Sight
from managed_agents_operator.engine.looks import Found
from managed_agents_operator.engine.memory import Backoff, Memory, Permit, Refusal
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.terms import Process, Terms
from managed_agents_operator.engine.view import View

NOW = 10_000.0
BOOT = 20_000.0
WALL = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STARTED = WALL - timedelta(minutes=10)
UID = "uid-own"
OWNER = "cluster-1/team/nightly"
ID = "sesn_1"
PROCESS = Process(by="process-1", cluster="cluster-1", started=STARTED)
TERMS = Terms(grace=30, create_timeout=60)
LINK = Link(workspace="wrkspc_1", keeps_metadata=True, swept_at=NOW - 20)

LATER = Failure(Consequence.LATER, "RateLimited", "the API asks to wait (429)")
REFUSED = Failure(Consequence.REFUSED, "InvalidSpec", "no such agent")
UNCLEAR = Failure(Consequence.UNCLEAR, "Unreachable", "no answer")
BLOCKED = Failure(Consequence.BLOCKED, "KeyRefused", "the key is wrong")
OUTAGE = Failure(Consequence.LATER, "Unreachable", "no connection")
GONE = Failure(Consequence.ABSENT, "NotFound", "not found")


def stamp(seconds: float = 0.0) -> str:
    """A time so many seconds from `WALL`, as the API and claims write it."""
    return (WALL + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def spec(**fields: Any) -> dict[str, Any]:
    return {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, **fields}


def _meta() -> dict[str, Any]:
    made = (WALL - timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    return {
        "name": "nightly",
        "namespace": "team",
        "uid": UID,
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": made,
    }


def digest_of(wish: dict[str, Any] | None = None) -> str:
    """What of a spec goes into claim and marker."""
    body = {"metadata": _meta(), "spec": wish or spec()}
    return digest(immutable_part(Session.parse(body).spec))


def claim(**changes: Any) -> Claim:
    """Our own claim, written a minute ago by this process."""
    known = {"uid": UID, "n": 1, "at": stamp(-60), "by": "process-1", "agent": "agent_1", "digest": digest_of()}
    return Claim(**(known | {"workspace": "wrkspc_1"} | changes))


FOREIGN = claim(uid="uid-old", by="process-0")


def ready(reason: str, message: str = "", status: str = "True", type_: str = "Ready") -> dict[str, Any]:
    """One condition as it stands in status."""
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-20T11:00:00Z",
    }


def body(
    *,
    wish: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    claimed: Claim | str | None = None,
    guarded: bool | None = None,
    deleting: bool = False,
    annotations: dict[str, str] | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """The object as a dict. The finalizer is there with a claim, unless `guarded` says otherwise."""
    text = claimed.text if isinstance(claimed, Claim) else claimed
    noted = {**(annotations or {}), **({CLAIM_ANNOTATION: text} if text is not None else {})}
    metadata = {**_meta(), "annotations": noted, **meta}
    metadata["finalizers"] = [FINALIZER] if (text is not None if guarded is None else guarded) else []
    if deleting:
        metadata["deletionTimestamp"] = stamp(-1)
    return {"metadata": metadata, "spec": wish or spec(), "status": {"observedGeneration": 1, **(status or {})}}


def known(**fields: Any) -> dict[str, Any]:
    """The status of a resource with a session."""
    return {
        "id": ID,
        "state": "idle",
        "incarnation": 1,
        "createdFrom": digest_of(),
        "workspaceId": "wrkspc_1",
        "createdAt": stamp(-50),
        **fields,
    }


def resource(**fields: Any) -> Session:
    """A fresh one unless it is said what was done to it."""
    return Session.parse(body(**fields))


def living(**fields: Any) -> Session:
    """One with a claim, a finalizer and the id of its session."""
    status = known(**fields.pop("status", {}))
    return resource(**{"claimed": claim(), "status": status, **fields})


def marker(**changes: Any) -> dict[str, str]:
    """The two pairs of metadata on a session of ours."""
    return Marker(**({"uid": UID, "n": 1, "digest": digest_of(), "owner": OWNER} | changes)).metadata


def remote(**changes: Any) -> Remote:
    """Our session: idle, marked, seen a second ago."""
    metadata = changes.pop("metadata", {})
    pairs = {**changes.pop("marked", marker()), **metadata}
    known = {"id": ID, "state": "idle", "seen_at": NOW - 1, "created_at": stamp(-50), "metadata": pairs}
    known["workspace"] = "wrkspc_1"
    return Remote(**(known | changes))


def found(*matches: Remote, **changes: Any) -> Found:
    """A listing that has just begun and is whole."""
    known = {"began_at": NOW, "workspace": "wrkspc_1", "keeps_metadata": True, "any_since": True}
    return Found(matches, **(known | changes))


def memory(**changes: Any) -> Memory:
    """What a process keeps that has looked at the resource for a long time."""
    return Memory(**({"generation": 1, "claim_seen_at": NOW - 1000, "kick_seen_at": NOW - 1000} | changes))


def permit(of: Session, **changes: Any) -> Permit:
    return Permit(**({"claim": claim(), "resource": of, "deadline": BOOT + 5} | changes))


def backoff(failure: Failure = LATER, **changes: Any) -> Backoff:
    return Backoff(**({"tries": 1, "since": NOW - 4, "until": NOW + 4, "failure": failure} | changes))


def refusal(**changes: Any) -> Refusal:
    known = {"generation": 1, "until": NOW + 600, "reason": "UpdateRefused", "message": "the API refused it"}
    return Refusal(**(known | changes))


def created(one: Remote | None = None, **changes: Any) -> Created:
    known = {"remote": one or remote(), "n": 1, "digest": digest_of(), "by_post": True}
    return Created(**(known | changes))


def view(of: Session | None = None, *, memory_: Memory | None = None, link: Link = LINK, **sight: Any) -> View:
    """A view of a resource; keywords are what is seen of the outside."""
    return View(
        resource=of if of is not None else resource(),
        memory=memory_ if memory_ is not None else memory(),
        sight=Sight(link=link, **sight),
        now=NOW,
        boot=BOOT,
        wall=WALL,
        process=PROCESS,
        terms=TERMS,
    )
