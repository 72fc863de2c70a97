"""Rung `foreign_claim`: restored backups take their sessions over, copied manifests begin anew."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    FOREIGN,
    ID,
    NOW,
    claim,
    found,
    living,
    marker,
    memory,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.looks import Absent, LookAgent, LookOwner, LookSession
from managed_agents_operator.engine.restoring import foreign_claim

THEIRS = marker(uid="uid-old")
COPIED = marker(uid="uid-old", owner="cluster-1/team/original")
OTHER_CLUSTER = marker(uid="uid-old", owner="cluster-2/team/nightly")
WAITING = memory(claim_seen_at=NOW - 10)
OWNER = LookOwner("team", "original")


def _restored(**fields):
    """As a backup without status brings it: the finalizer may be on it or not."""
    return resource(claimed=FOREIGN, **{"guarded": False, **fields})


def _known(**fields):
    """As a backup with status brings it."""
    return living(**{"claimed": FOREIGN, **fields})


SEARCH = [
    ("our own claim is none of this", view(resource(claimed=claim())), "passed over"),
    ("it may stand for a living session: search", view(_restored()), "look: Search"),
    (
        "nothing found yet: wait",
        view(_restored(), memory_=WAITING, search=found()),
        "rest: Searching/Progressing",
    ),
    ("found nowhere in the whole time of doubt: a new wish", view(_restored(), search=found()), "claim n=1"),
    (
        "alive and made for this namespace and name: it is this resource's",
        view(_restored(), memory_=WAITING, search=found(remote(marked=THEIRS))),
        f"record {ID}",
    ),
    (
        "ended: there may still be a call on its way, so the time of doubt is kept",
        view(_restored(), memory_=WAITING, search=found(remote(marked=THEIRS, archived_at=stamp()))),
        "rest: Searching/Progressing",
    ),
    (
        "ended, and nothing else in all that time: a new wish",
        view(_restored(), search=found(remote(marked=THEIRS, archived_at=stamp()))),
        "claim n=1",
    ),
    (
        "one with our own uid: the keys were changed already, only the status is missing",
        view(_restored(), memory_=WAITING, search=found(remote(id="sesn_9", marked=THEIRS), remote())),
        f"record {ID}",
    ),
    (
        "our own one that has ended stays ended",
        view(_restored(), memory_=WAITING, search=found(remote(archived_at=stamp()))),
        f"record {ID}",
    ),
    (
        "alive under another name of this cluster: is that resource still there?",
        view(_restored(), memory_=WAITING, search=found(remote(marked=COPIED))),
        "look: Owner",
    ),
    (
        "it is: this one is a copy",
        view(_restored(), memory_=WAITING, search=found(remote(marked=COPIED)), seen={OWNER: "uid-there"}),
        "claim n=1",
    ),
    (
        "a copy put over a resource of ours may hide a claim of its own",
        view(
            _restored(guarded=True),
            memory_=WAITING,
            search=found(remote(marked=COPIED), began_at=NOW),
            seen={OWNER: "uid-there"},
        ),
        "rest: Searching/Progressing",
    ),
    (
        "until the time of doubt is over",
        view(_restored(guarded=True), search=found(remote(marked=COPIED)), seen={OWNER: "uid-there"}),
        "claim n=1",
    ),
    (
        "it is not: nobody knows whose it is now",
        view(_restored(), memory_=WAITING, search=found(remote(marked=COPIED)), seen={OWNER: ""}),
        "rest: OwnedElsewhere/Stalled",
    ),
    (
        "alive in another cluster: hands off",
        view(_restored(), memory_=WAITING, search=found(remote(marked=OTHER_CLUSTER))),
        "rest: OwnedElsewhere/Stalled",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), SEARCH, ids=[row[0] for row in SEARCH])
def test_a_foreign_claim_without_an_id(reason, v, expected):
    assert words(foreign_claim(v)) == expected


def test_all_agents_are_searched():
    """The claim of the old uid says nothing of what our own uid may have made."""
    assert foreign_claim(view(_restored())).look.agent is None


def test_both_uids_are_searched():
    assert set(foreign_claim(view(_restored())).look.uids) == {"uid-old", "uid-own"}


FRESH = remote(marked=THEIRS)
TAKE_OVER = [
    ("nothing seen of it: look", view(_known()), f"look: Session {ID}"),
    ("its keys first", view(_known(), remote=FRESH), "update metadata of metadata"),
    ("but only on a fresh look", view(_known(), remote=remote(marked=THEIRS, seen_at=NOW - 60)), f"look: Session {ID}"),
    ("the claim last", view(_known(), remote=remote()), "repair n=1"),
    (
        "a session that has ended can't be changed",
        view(_known(), remote=remote(marked=THEIRS, archived_at=stamp())),
        "repair n=1",
    ),
    ("a server without metadata has no keys", view(_known(), remote=remote(marked={})), "repair n=1"),
    (
        "someone else's session is left alone",
        view(_known(), remote=remote(marked=COPIED)),
        "rest: OwnedElsewhere/Stalled",
    ),
    (
        "so is one of a third uid",
        view(_known(), remote=remote(marked=marker(uid="uid-x"))),
        "rest: OwnedElsewhere/Stalled",
    ),
    ("known to have ended: no look is needed", view(_known(status={"archivedAt": stamp()})), "repair n=1"),
    (
        "a 404 from another workspace proves nothing",
        view(_known(), absent=Absent("wrkspc_2", NOW)),
        "rest: WrongWorkspace/Stalled",
    ),
    ("nor does an old one", view(_known(), absent=Absent("wrkspc_1", NOW - 60)), f"look: Session {ID}"),
    ("one by proof does", view(_known(), absent=Absent("wrkspc_1", NOW)), "repair n=1"),
    (
        "refused while it runs: waited for, not asked again and again",
        view(_known(), remote=FRESH, memory_=memory(refusals={"metadata": refusal(reason="NotIdle")})),
        "rest: -/NotIdle",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), TAKE_OVER, ids=[row[0] for row in TAKE_OVER])
def test_a_foreign_claim_with_an_id(reason, v, expected):
    assert words(foreign_claim(v)) == expected


def test_the_keys_go_with_the_metadata_of_the_spec():
    """In one update, so that its answer shows whether all of it was kept."""
    v = view(_known(wish=spec(metadata={"team": "a"})), remote=FRESH)
    assert foreign_claim(v).changes.body == {"metadata": {"team": "a", "k8s_uid": marker()["k8s_uid"]}}


def test_who_waits_comes_back():
    held = memory(refusals={"metadata": refusal(until=NOW + 7)})
    assert foreign_claim(view(_known(), remote=FRESH, memory_=held)).until == NOW + 7


def test_without_a_workspace_the_agent_proves_it():
    v = view(
        _known(status={"workspaceId": None}, claimed=claim(uid="uid-old", workspace=None)), absent=Absent(None, NOW)
    )
    assert words(foreign_claim(v)) == "look: Session sesn_1", "who was asked then is not known"
    seen = {LookSession(ID): Absent(None, NOW)}
    assert words(foreign_claim(view(v.resource, absent=Absent(None, NOW), seen=seen))) == "look: Agent agent_1"
    seen[LookAgent("agent_1")] = True
    again = view(v.resource, absent=Absent(None, NOW), seen=seen)
    assert words(foreign_claim(again)) == "repair n=1"
