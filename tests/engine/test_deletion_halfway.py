"""Rung `deletion` in the middle of something else: observing, a replacement, an adoption, uploads."""

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
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.deletion import FORCE, deletion
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.looks import Absent, LookSession, OwnFile
from managed_agents_operator.engine.memory import Memory

NEW = "sesn_2"
OBSERVE = spec(managementPolicy="Observe", sessionId=ID)
RETAIN = spec(deletionPolicy="Retain")
ENDED = remote(archived_at=stamp(-5))
NEXT = claim(n=2, replaces=ID)
LATER = remote(id=NEW, marked=marker(n=2))
ADOPTS = claim(adopts=ID, digest=digest_of(spec(sessionId=ID)))
UPLOADS = claim(uploads=True)
A, B = OwnFile("file_a", "conf", "d0"), OwnFile("file_b", "conf", "d1")


def _going(**fields):
    return living(deleting=True, **fields)


def _half(**fields):
    """Half-way through a replacement."""
    return _going(**{"claimed": NEXT, **fields})


def _done(**fields):
    """Replaced: status has the second one, the claim still names the first."""
    status = {"id": NEW, "incarnation": 2, "archivedAt": stamp(-1)}
    return _going(claimed=claim(n=2, replaces=ID), status=status, **fields)


def _adopting(**fields):
    return resource(deleting=True, wish=spec(sessionId=ID), **{"claimed": ADOPTS, **fields})


OBSERVING = [
    ("an observer leaves all as it is", view(_going(wish=OBSERVE), remote=remote()), "release"),
    ("whatever it does", view(_going(wish=OBSERVE), remote=remote(state="running")), "release"),
    ("without a call", view(_going(wish=OBSERVE)), "release"),
    ("and without a search", view(resource(wish=OBSERVE, claimed=claim(), deleting=True)), "release"),
    ("half replaced too", view(_half(wish=OBSERVE)), "release"),
]

REPLACING = [
    ("whether another one was made is searched for", view(_half(), remote=remote()), "look: Search"),
    (
        "for the whole time of doubt",
        view(_half(), remote=ENDED, memory_=memory(claim_seen_at=NOW - 9), search=found(ENDED)),
        "rest: Deleting/Progressing",
    ),
    ("it is recorded, to be ended", view(_half(), remote=ENDED, search=found(ENDED, LATER)), f"record {NEW}"),
    ("none was: the old one ends", view(_half(), remote=remote(), search=found(remote())), f"archive {ID}"),
    ("none was, and it has ended", view(_half(), remote=ENDED, search=found(ENDED)), "release"),
    ("this process knows its claim unsent", view(_half(), remote=ENDED, memory_=memory(settled=NEXT.text)), "release"),
    (
        "the very claim was refused",
        view(
            _half(status={"creation": {"n": 2, "by": NEXT.by, "at": NEXT.at, "outcome": "Refused"}}),
            remote=ENDED,
        ),
        "release",
    ),
    ("after a restart as before", view(_half(), memory_=Memory()), "look: Search"),
    ("what was replaced is looked at", view(_done()), f"look: Session {ID}"),
    ("it has ended", view(_done(), seen={LookSession(ID): ENDED}), "release"),
    ("it has not", view(_done(), seen={LookSession(ID): remote()}), f"archive {ID}"),
    ("it works even", view(_done(), seen={LookSession(ID): remote(state="running")}), f"interrupt {ID}"),
    ("it is gone", view(_done(), seen={LookSession(ID): Absent("wrkspc_1", NOW)}), "release"),
    (
        "gone for another key",
        view(_done(), seen={LookSession(ID): Absent("wrkspc_2", NOW)}),
        "rest: WrongWorkspace/Stalled",
    ),
    ("it is somebody else's by now", view(_done(), seen={LookSession(ID): remote(marked=marker(uid="x"))}), "release"),
    (
        "without an id it is looked at too",
        view(resource(deleting=True, claimed=NEXT), memory_=memory(settled=NEXT.text)),
        f"look: Session {ID}",
    ),
    ("Retain leaves both", view(_half(wish=RETAIN), remote=remote()), "release"),
]

ADOPTING = [
    ("a claim that adopts made nothing: the session is looked at", view(_adopting()), f"look: Session {ID}"),
    ("no marker was set: not ours", view(_adopting(), seen={LookSession(ID): remote(marked={})}), "release"),
    ("somebody else's", view(_adopting(), seen={LookSession(ID): remote(marked=marker(uid="uid-x"))}), "release"),
    (
        "our marker is on it: it ends like any other",
        view(_adopting(), seen={LookSession(ID): remote()}),
        f"record {ID}",
    ),
    ("it is not there", view(_adopting(), seen={LookSession(ID): Absent("wrkspc_1", NOW)}), "release"),
    (
        "adopted: as the policy says",
        view(_going(wish=spec(sessionId=ID), claimed=ADOPTS), remote=remote()),
        f"archive {ID}",
    ),
    (
        "adopted, and Delete",
        view(_going(wish=spec(sessionId=ID, deletionPolicy="Delete"), claimed=ADOPTS), remote=remote()),
        f"delete {ID}",
    ),
    ("adopted, and Retain", view(_going(wish={**RETAIN, "sessionId": ID}, claimed=ADOPTS), remote=remote()), "release"),
]

UPLOADED = [
    ("are there any?", view(_going(claimed=UPLOADS), remote=ENDED), "look: Uploads"),
    ("none is", view(_going(claimed=UPLOADS), remote=ENDED, uploads=()), "release"),
    ("one after the other", view(_going(claimed=UPLOADS), remote=ENDED, uploads=(A, B)), "discard file_a"),
    ("not before the session has ended", view(_going(claimed=UPLOADS), remote=remote(), uploads=(A,)), f"archive {ID}"),
    (
        "one that can't be removed holds nobody up",
        view(
            _going(claimed=UPLOADS), remote=ENDED, uploads=(A,), memory_=memory(refusals={"discard/file_a": refusal()})
        ),
        "release",
    ),
    (
        "Retain keeps the session and not the uploads",
        view(_going(wish=RETAIN, claimed=UPLOADS), remote=remote(), uploads=(A,)),
        "discard file_a",
    ),
    (
        "by force nothing is cleared",
        view(_going(claimed=UPLOADS, annotations={"managedagents.dev/force-delete": "true"}), uploads=(A,)),
        "release: released by force: what there is outside stays as it is",
    ),
    (
        "somebody else's session stays, the uploads go",
        view(_going(claimed=UPLOADS), remote=remote(marked=marker(uid="x")), uploads=(A,)),
        "discard file_a",
    ),
    (
        "nothing was ever made but uploads",
        view(resource(deleting=True, claimed=UPLOADS), memory_=memory(settled=UPLOADS.text), uploads=(A,)),
        "discard file_a",
    ),
]

ROWS = [*OBSERVING, *REPLACING, *ADOPTING, *UPLOADED]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_deletion(reason, v, expected):
    assert words(deletion(v)) == expected


@pytest.mark.parametrize(
    ("reason", "v"),
    [
        (
            "a replacement is searched for",
            view(_half(), remote=ENDED, memory_=memory(claim_seen_at=NOW), search=found()),
        ),
        (
            "what was replaced works",
            view(
                _done(),
                seen={LookSession(ID): remote(state="running")},
                memory_=memory(interrupted=(ID, NOW), poll_at=NOW + 2),
            ),
        ),
        ("half adopted", view(_adopting())),
    ],
)
def test_whoever_waits_is_told_the_way_out(reason, v):
    report = decide(v).report
    assert FORCE in report.message + report.synced_message, reason
