"""A session that is there already becomes that of a resource: spec.sessionId."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.engine.views import (
    ID,
    NOW,
    WALL,
    claim,
    digest_of,
    found,
    known,
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

from managed_agents_operator.engine.claim import Marker, digest
from managed_agents_operator.engine.drift import marker_change
from managed_agents_operator.engine.external import Link, Rival
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import Absent, LookOwner, LookSession
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.outcomes import learn

WISH = spec(sessionId=ID)
ALONE = {"sessionId": ID}
"""Agent and environment may be left out."""
MARK = marker(digest=digest_of(WISH))
CLAIM = claim(adopts=ID, digest=digest_of(WISH))
LOOK = LookSession(ID)
BARE = remote(marked={})
THEIRS = LookOwner("team", "other")
ENDS = spec(sessionId=ID, archived=True)
HALF = claim(adopts="sesn_9")
HALF_LOOK = LookSession("sesn_9")


def _asks(seen=None, *, claimed=CLAIM, wish=WISH, memory_=None, status=None, link=None, more=None, **sight):
    of = resource(wish=wish, claimed=claimed, status=status)
    looks = {**({LOOK: seen} if seen is not None else {}), **(more or {})}
    shown = {"link": link} if link else {}
    return view(of, memory_=memory_ or memory(), seen=looks, **shown, **sight)


def _left(owner="cluster-1/team/other", uid="uid-x"):
    """With the marker of another resource."""
    return remote(marked=marker(uid=uid, owner=owner))


def _rival(name="other", older=True, **fields):
    created = WALL - timedelta(days=1) if older else WALL
    return Rival(**{"namespace": "team", "name": name, "uid": "uid-r", "created": created, "has_it": False, **fields})


ORDER = [
    ("a look before all else", _asks(claimed=None), f"look: Session {ID}"),
    ("the claim before the marker", _asks(BARE, claimed=None), "repair n=1"),
    ("the marker before the id", _asks(BARE), "update adopt of metadata"),
    ("and read back", _asks(remote(marked=MARK)), f"record {ID}"),
    ("after a restart as before", _asks(BARE, memory_=Memory()), "update adopt of metadata"),
    ("a marker that was set before a crash", _asks(remote(marked=MARK), memory_=Memory()), f"record {ID}"),
    ("one that works is adopted as it is", _asks(remote(marked={}, state="running")), "update adopt of metadata"),
    ("one that has ended takes no marker", _asks(remote(marked={}, archived_at=stamp())), f"record {ID}"),
    ("without agent and environment", _asks(BARE, wish=ALONE, claimed=None), "repair n=1"),
    (
        "a claim for another spec is written anew",
        _asks(BARE, claimed=claim(adopts=ID, digest="other")),
        "repair n=1",
    ),
    ("a claim for another session: is that ours by now?", _asks(BARE, claimed=HALF), "look: Session sesn_9"),
    (
        "our marker is on it: it was adopted, and goes to status",
        _asks(BARE, claimed=HALF, more={HALF_LOOK: remote(id="sesn_9")}),
        "record sesn_9",
    ),
    (
        "it is not: the claim is written anew",
        _asks(BARE, claimed=HALF, more={HALF_LOOK: remote(id="sesn_9", marked={})}),
        "repair n=1",
    ),
    (
        "somebody else's is: likewise",
        _asks(BARE, claimed=HALF, more={HALF_LOOK: remote(id="sesn_9", marked=marker(uid="uid-x"))}),
        "repair n=1",
    ),
    (
        "it is not there: likewise",
        _asks(BARE, claimed=HALF, more={HALF_LOOK: Absent("wrkspc_1", NOW)}),
        "repair n=1",
    ),
    (
        "another workspace does not have it: that says nothing",
        _asks(BARE, claimed=HALF, more={HALF_LOOK: Absent("wrkspc_2", NOW)}, link=Link(workspace="wrkspc_2")),
        "rest: WrongWorkspace/Stalled",
    ),
    (
        "the spec names none any more: looked at all the same",
        _asks(claimed=HALF, wish=spec()),
        "look: Session sesn_9",
    ),
    (
        "what a creation of an earlier day made is searched for first",
        _asks(BARE, claimed=claim()),
        "look: Search",
    ),
    (
        "and is that of the resource",
        _asks(BARE, claimed=claim(), search=found(remote(id="sesn_9", marked=marker()))),
        "record sesn_9",
    ),
    (
        "an old marker of ours is brought up to date",
        _asks(remote(marked=marker(digest="older"))),
        "update adopt of metadata",
    ),
    ("no session is made in its place", _asks(Absent("wrkspc_1", NOW)), "rest: InvalidSpec/Stalled"),
    (
        "observed before: nothing but the marker is missing",
        _asks(BARE, status={"id": ID}, remote=BARE),
        "update adopt of metadata",
    ),
    (
        "observed before, without a claim: no search is needed",
        _asks(BARE, claimed=None, status={"id": ID}, remote=BARE),
        "repair n=1",
    ),
    (
        "to be archived: adopted first",
        _asks(wish=ENDS),
        f"look: Session {ID}",
    ),
    ("marked too", _asks(BARE, wish=ENDS), "update adopt of metadata"),
    ("and recorded", _asks(remote(marked=MARK), wish=ENDS), f"record {ID}"),
    (
        "and archived then",
        _asks(wish=ENDS, status=known(), remote=remote(marked=MARK)),
        f"archive {ID}",
    ),
]

TAKEN = [
    (
        "another cluster's",
        _asks(_left("cluster-2/team/other")),
        "rest: OwnedElsewhere/Stalled",
    ),
    ("another namespace's, there or not", _asks(_left("cluster-1/prod/other")), "rest: OwnedElsewhere/Stalled"),
    ("of nobody knows whom", _asks(_left(owner=None)), "rest: OwnedElsewhere/Stalled"),
    ("a marker in a form that is not ours", _asks(remote(marked={"k8s_uid": "mine"})), "rest: OwnedElsewhere/Stalled"),
    ("of this namespace: is it there?", _asks(_left()), "look: Owner"),
    ("it is there", _asks(_left(), more={THEIRS: "uid-x"}), "rest: OwnedElsewhere/Stalled"),
    ("it is gone and left the session", _asks(_left(), more={THEIRS: ""}), "update adopt of metadata"),
    ("another one bears its name by now", _asks(_left(), more={THEIRS: "uid-y"}), "update adopt of metadata"),
    ("an older resource wants it too", _asks(BARE, rivals=(_rival(),)), "rest: OwnedElsewhere/Stalled"),
    ("a younger one does", _asks(BARE, rivals=(_rival(older=False),)), "update adopt of metadata"),
    ("a younger one has it", _asks(BARE, rivals=(_rival(older=False, has_it=True),)), "rest: OwnedElsewhere/Stalled"),
    (
        "of the same age: by uid",
        _asks(BARE, rivals=(_rival(created=WALL - timedelta(minutes=2), uid="uid-a"),)),
        "rest: OwnedElsewhere/Stalled",
    ),
    (
        "of the same age, and ours comes first",
        _asks(BARE, rivals=(_rival(created=WALL - timedelta(minutes=2), uid="uid-z"),)),
        "update adopt of metadata",
    ),
    ("our marker is on it: the elder comes too late", _asks(remote(marked=MARK), rivals=(_rival(),)), f"record {ID}"),
]

DIFFERS = [
    ("another agent", _asks(remote(marked={}, agent_id="agent_2")), "rest: ImmutableChanged/Stalled"),
    ("another environment", _asks(remote(marked={}, environment_id="env_2")), "rest: ImmutableChanged/Stalled"),
    (
        "another version",
        _asks(
            remote(marked={}, agent_id="agent_1", agent_version=2),
            wish=spec(sessionId=ID, agent={"id": "agent_1", "version": 3}),
        ),
        "rest: ImmutableChanged/Stalled",
    ),
    (
        "no version is asked for",
        _asks(remote(marked={}, agent_id="agent_1", agent_version=2)),
        "update adopt of metadata",
    ),
    ("the spec asks for nothing", _asks(remote(marked={}, agent_id="agent_2"), wish=ALONE, claimed=None), "repair n=1"),
]

FULL = {f"key-{n}": "x" for n in range(14)}
ROOM = [
    ("room for two", _asks(remote(marked={}, metadata=FULL)), "update adopt of metadata"),
    ("room for one", _asks(remote(marked={}, metadata={**FULL, "key-14": "x"})), "rest: MetadataFull/Stalled"),
    (
        "full of pairs, two of which are those of a resource that is gone",
        _asks(remote(marked=_left().metadata, metadata=FULL), more={THEIRS: ""}),
        "update adopt of metadata",
    ),
    (
        "a server that keeps no metadata",
        _asks(BARE, memory_=memory(refusals={"adopt": refusal(reason="NotKept")})),
        "rest: MetadataFull/Stalled",
    ),
    (
        "refused for now",
        _asks(BARE, memory_=memory(refusals={"adopt": refusal(reason="NotIdle")})),
        "rest: Pending/NotIdle",
    ),
    (
        "taken off again by somebody: not at once",
        _asks(BARE, memory_=memory(repeats={"adopt": (digest({"metadata": MARK}), 3, NOW + 40)})),
        "rest: Pending/Progressing",
    ),
]

ROWS = [*ORDER, *TAKEN, *DIFFERS, *ROOM]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_adopting(reason, v, expected):
    assert words(decide(v)) == expected


def test_the_claim_says_that_nothing_is_created_for_it():
    guard = decide(_asks(BARE, claimed=None))
    assert (guard.claim.adopts, guard.claim.files, guard.claim.keys) == (ID, None, None)
    assert not guard.token


def test_both_pairs_are_set_and_nothing_else():
    update = decide(_asks(remote(marked={}, metadata={"theirs": "x"}), wish={**WISH, "metadata": {"team": "a"}}))
    assert update.changes.body == {"metadata": MARK}, "keys of the spec come once it is ours"


@pytest.mark.parametrize(
    ("reason", "v", "name"),
    [
        ("by its marker", _asks(_left(), more={THEIRS: "uid-x"}), "Session team/other"),
        ("in another namespace", _asks(_left("cluster-1/prod/x")), "Session prod/x"),
        ("in another cluster", _asks(_left("cluster-2/team/x")), "another cluster"),
        ("by age", _asks(BARE, rivals=(_rival("elder"),)), "Session team/elder"),
    ],
)
def test_the_others_name_the_winner(reason, v, name):
    rest = decide(v)
    assert f"belongs to {name}:" in rest.report.message, reason
    assert rest.until == NOW + 600, "it is looked at again, since nobody rings when the other one goes"


def test_what_was_not_applied_is_not_ours():
    """Neither its metadata nor its files came from this spec."""
    one = remote(marked=MARK, metadata={"team": "a"})
    created = decide(_asks(one, wish=WISH)).created
    assert (created.keys, created.by_post, created.n) == (None, False, 1)


def test_an_answer_without_the_marker_is_no_adoption():
    v = _asks(BARE, link=Link(workspace="wrkspc_1", swept_at=NOW))
    update = decide(v)
    after = learn(v, v.memory, update, BARE, NOW, 0.5)
    again = decide(_asks(BARE, memory_=after, link=Link(workspace="wrkspc_1", swept_at=NOW)))
    assert words(again) == "rest: MetadataFull/Stalled"


def test_an_answer_with_it_is_one():
    v = _asks(BARE)
    after = learn(v, v.memory, decide(v), remote(marked=MARK), NOW, 0.5)
    assert words(decide(_asks(remote(marked=MARK), memory_=after))) == f"record {ID}"


def test_the_marker_is_that_of_the_first_incarnation():
    v = _asks(BARE)
    assert Marker.parse(marker_change(v, BARE).body["metadata"]).n == 1
