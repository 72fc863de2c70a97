"""Rung `replacing`: another session takes the place of the one in status, which ends first."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    NOW,
    claim,
    digest_of,
    found,
    living,
    marker,
    memory,
    permit,
    ready,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.learning import guarded
from managed_agents_operator.engine.looks import Absent, LookSession
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.replacing import begin, replacing

NEW = "sesn_2"
WISH = spec(agent={"id": "agent_2"}, onImmutableChange="Replace")
ENDED = remote(archived_at=stamp(-5))
NEXT = claim(n=2, replaces=ID, digest=digest_of(WISH), at=stamp(-10))
REFUSED = {"n": 2, "by": NEXT.by, "at": NEXT.at, "outcome": "Refused", "generation": 1}
SETTLED = memory(settled=NEXT.text)
LATER = remote(id=NEW, marked=marker(n=2, digest=digest_of(WISH)))


def _edited(**fields):
    """The spec differs from what the session was made from, and Replace says what to do about it."""
    return living(**{"wish": WISH, **fields})


def _half(**fields):
    """The next incarnation is claimed, the first session has not ended."""
    return _edited(**{"claimed": NEXT, **fields})


def _alone(**fields):
    """The first session has ended, as status knows, and there is no other one."""
    return _half(**{**fields, "status": {"archivedAt": stamp(-5), **fields.get("status", {})}})


BEGIN = [
    ("made from this very spec", view(living(wish=spec(onImmutableChange="Replace")), remote=remote()), "passed over"),
    ("another one, and Reject", view(living(wish=spec(agent={"id": "agent_2"})), remote=remote()), "passed over"),
    ("another one, and Replace: claimed before anything is touched", view(_edited(), remote=remote()), "repair n=2"),
    ("whatever it does", view(_edited(), remote=remote(state="running")), "repair n=2"),
    ("it needs not be seen", view(_edited()), "repair n=2"),
    ("one that ended outside is replaced on this wish too", view(_edited(), remote=ENDED), "repair n=2"),
    ("an unknown origin is no change", view(_edited(status={"createdFrom": None}), remote=remote()), "passed over"),
    (
        "an archive is wished for: nothing new is made",
        view(living(wish={**WISH, "archived": True}), remote=remote()),
        "passed over",
    ),
    (
        "before the first sweep nobody knows which incarnation is the next",
        view(_edited(), remote=remote(), link=Link(workspace="wrkspc_1")),
        "rest: Replacing/Progressing",
    ),
    (
        "it is one above the highest that was seen",
        view(_edited(), remote=remote(), strays=(remote(id=NEW, marked=marker(n=4)),)),
        "repair n=5",
    ),
    ("without a session there is nothing to replace", view(resource(wish=WISH)), "passed over"),
]

OLD_ENDS = [
    ("the old one works: interrupted", view(_half(), remote=remote(state="running")), f"interrupt {ID}"),
    (
        "interrupted: patience",
        view(_half(), remote=remote(state="running"), memory_=memory(interrupted=(ID, NOW - 5), poll_at=NOW + 2)),
        "rest: Replacing/Progressing",
    ),
    ("the old one is idle: archived", view(_half(), remote=remote()), f"archive {ID}"),
    ("on a fresh look alone", view(_half(), remote=remote(seen_at=NOW - 60)), f"look: Session {ID}"),
    ("nothing seen of it: a look", view(_half()), f"look: Session {ID}"),
    (
        "an old 404 of it proves nothing",
        view(_half(), absent=Absent("wrkspc_1", NOW - 60)),
        f"look: Session {ID}",
    ),
    (
        "nor does one in another workspace",
        view(_half(), absent=Absent("wrkspc_2", NOW)),
        "rest: WrongWorkspace/Stalled",
    ),
    ("gone by proof", view(_half(), absent=Absent("wrkspc_1", NOW), memory_=SETTLED), "claim n=2"),
    (
        "somebody else's marker is on it by now: it is not touched",
        view(_half(), remote=remote(marked=marker(uid="uid-x")), memory_=SETTLED),
        "claim n=2",
    ),
    (
        "an edit back to what it was made from comes too late",
        view(_half(wish=spec()), remote=remote()),
        f"archive {ID}",
    ),
    (
        "status names another one than the claim replaces: that one has ended first",
        view(_alone(claimed=claim(n=3, replaces=NEW, digest=digest_of(WISH)))),
        f"look: Session {NEW}",
    ),
    (
        "and is archived if it has not",
        view(
            _alone(claimed=claim(n=3, replaces=NEW, digest=digest_of(WISH))),
            seen={LookSession(NEW): remote(id=NEW, marked=marker(n=2))},
        ),
        f"archive {NEW}",
    ),
]

MAKING = [
    ("this process knows its claim unsent: no search", view(_alone(), memory_=SETTLED), "claim n=2"),
    ("nobody knows: searched", view(_alone()), "look: Search"),
    (
        "for the whole time of doubt",
        view(_alone(), memory_=memory(claim_seen_at=NOW - 20), search=found()),
        "rest: Searching/Progressing",
    ),
    ("nothing found in all that time", view(_alone(), search=found()), "claim n=2"),
    (
        "the old one alone is no match",
        view(_alone(), memory_=memory(claim_seen_at=NOW - 20), search=found(ENDED)),
        "rest: Searching/Progressing",
    ),
    (
        "a match is recorded at once",
        view(_alone(), memory_=memory(claim_seen_at=NOW), search=found(LATER)),
        f"record {NEW}",
    ),
    ("so is one that a sweep shows", view(_half(), remote=remote(), strays=(LATER,)), f"record {NEW}"),
    (
        "an edit meanwhile: the same incarnation is claimed anew",
        view(_alone(wish={**WISH, "agent": {"id": "agent_3"}}), memory_=SETTLED),
        "claim n=2",
    ),
    (
        "but is searched first where the claim may have been used",
        view(_alone(wish={**WISH, "agent": {"id": "agent_3"}})),
        "look: Search",
    ),
    ("refused: told, and not tried again", view(_alone(status={"creation": REFUSED})), "rest: InvalidSpec/Stalled"),
    (
        "refused, and what was told of it stays",
        view(_alone(status={"creation": REFUSED, "conditions": [ready("InvalidSpec", status="False")]})),
        "rest: nothing to say",
    ),
    (
        "refused, and mended: claimed anew",
        view(_alone(generation=2, status={"creation": REFUSED}), memory_=memory(refusals={"create": refusal()})),
        "claim n=2",
    ),
    (
        "an archive is wished for in the middle: what may have been made is searched for",
        view(_alone(wish={**WISH, "archived": True})),
        "look: Search",
    ),
    (
        "and goes to status, to be archived",
        view(_alone(wish={**WISH, "archived": True}), search=found(LATER)),
        f"record {NEW}",
    ),
    (
        "nothing was made: the old one is archived and that is all",
        view(_alone(wish={**WISH, "archived": True}), search=found()),
        "passed over",
    ),
]

OUTLIVED = [
    (
        "a restored backup names one that ended: the later one is recorded",
        view(living(), remote=ENDED, strays=(LATER,)),
        f"record {NEW}",
    ),
    ("while the one in status lives it is a stray", view(living(), remote=remote(), strays=(LATER,)), "passed over"),
    (
        "the highest of them",
        view(living(), remote=ENDED, strays=(LATER, remote(id="sesn_3", marked=marker(n=3)))),
        "record sesn_3",
    ),
    (
        "one of the same incarnation is none of them",
        view(living(), remote=ENDED, strays=(remote(id=NEW),)),
        "passed over",
    ),
    (
        "nor is one of another resource",
        view(living(), remote=ENDED, strays=(remote(id=NEW, marked=marker(uid="uid-x", n=2)),)),
        "passed over",
    ),
]

ROWS = [*BEGIN, *OLD_ENDS, *MAKING, *OUTLIVED]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_replacing(reason, v, expected):
    assert words(replacing(v)) == expected


def test_with_a_permit_the_new_one_is_made():
    it = _alone()
    v = view(it, memory_=memory(permit=permit(it, claim=NEXT), settled=NEXT.text))
    assert words(decide(v)) == "create"


def test_the_claim_names_what_it_replaces_until_there_is_another_one():
    first = begin(view(_edited(), remote=remote())).claim
    assert (first.n, first.replaces, first.digest) == (2, ID, digest_of(WISH))
    again = replacing(view(_alone(claimed=first), memory_=memory(settled=first.text)))
    assert (again.claim.n, again.claim.replaces) == (2, ID)
    assert again.token


def test_uploads_are_not_forgotten_over_a_replacement():
    assert begin(view(_edited(claimed=claim(uploads=True)), remote=remote())).claim.uploads


@pytest.mark.parametrize(
    ("reason", "standing", "expected"),
    [
        ("whoever wrote n wrote no n+1", claim(), True),
        ("what was put back may have stood for n+1", claim(repaired=True), False),
        ("no claim at all", None, False),
    ],
)
def test_whether_a_search_is_needed(reason, standing, expected):
    guard = begin(view(_edited(claimed=standing, guarded=True), remote=remote()))
    after = guarded(Memory(), guard, _edited(claimed=guard.claim), 0.0, 5.0)
    assert (after.settled == guard.claim.text) is expected, reason
    assert after.permit is None, "ending the old one may take minutes"


@pytest.mark.parametrize(
    ("reason", "of", "expected"),
    [
        ("claimed, and then a restart", view(_half(), memory_=Memory()), f"look: Session {ID}"),
        ("archived, and then a restart", view(_alone(), memory_=Memory()), "look: Search"),
        ("the claim taken away before the old one ended", view(_edited(claimed=None), remote=remote()), "repair n=1"),
        (
            "the claim of an unanswered POST taken away: it goes back",
            view(_edited(claimed=None), remote=ENDED, memory_=memory(unanswered=NEXT)),
            "repair n=2",
        ),
        (
            "an old claim put over it: it goes back too",
            view(_edited(), remote=ENDED, memory_=memory(unanswered=NEXT)),
            "repair n=2",
        ),
        (
            "the id wiped: what stood there a moment ago goes back",
            view(
                resource(wish=WISH, claimed=NEXT),
                memory_=memory(last_id=ID, settled=NEXT.text),
                seen={LookSession(ID): ENDED},
            ),
            f"record {ID}",
        ),
        (
            "the id wiped and a restart: searched for, the old one too",
            view(resource(wish=WISH, claimed=NEXT), memory_=Memory(generation=1), search=found(ENDED)),
            f"record {ID}",
        ),
        ("suspended in the middle", view(_half(wish={**WISH, "suspend": True})), "rest: Suspended/Suspended"),
        ("deleted in the middle", view(_half(deleting=True), remote=remote()), "look: Search"),
        (
            "deleted in the middle, nothing else made",
            view(_half(deleting=True), remote=remote(), memory_=SETTLED),
            f"archive {ID}",
        ),
    ],
)
def test_interrupted_anywhere(reason, of, expected):
    assert words(decide(of)) == expected, reason
