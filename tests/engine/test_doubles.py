"""Rungs `dispute` and `stray`: more than one session for one resource."""

from __future__ import annotations

import pytest
from tests.engine.views import ID, NOW, created, living, marker, memory, remote, resource, stamp, view
from tests.engine.wording import words

from managed_agents_operator.engine.doubles import dispute, stray
from managed_agents_operator.engine.looks import Absent, LookStray, Stray

OTHER = "sesn_2"
LOOK = LookStray(OTHER)


def _two(of=None, second=None, **sight):
    return view(of or living(), remote=remote(), strays=(second or remote(id=OTHER),), **sight)


def _seen(one, spoken_to=False):
    return {LOOK: Stray(one, spoken_to)}


STRAY = [
    ("alone", view(living(), remote=remote()), "passed over"),
    ("no id yet: it may be the very one", view(resource(), strays=(remote(id=OTHER),)), "passed over"),
    ("a second one: was it ever spoken to?", _two(), f"look: Stray {OTHER}"),
    ("never: it is put away", _two(seen=_seen(remote(id=OTHER))), f"archive {OTHER} as a stray"),
    ("it was: a person decides", _two(seen=_seen(remote(id=OTHER), True)), "rest: DuplicateSession/Stalled"),
    (
        "it works: a person decides",
        _two(seen=_seen(remote(id=OTHER, state="running"))),
        "rest: DuplicateSession/Stalled",
    ),
    ("gone by now", _two(seen={LOOK: Absent(None, NOW)}), "passed over"),
    ("ended by now", _two(seen=_seen(remote(id=OTHER, archived_at=stamp()))), "passed over"),
    ("known to have ended: no call is needed", _two(second=remote(id=OTHER, archived_at=stamp())), "passed over"),
    ("another uid is not ours to judge", _two(second=remote(id=OTHER, marked=marker(uid="uid-x"))), "passed over"),
    (
        "one of a later incarnation may be the right one, as after a restored backup",
        _two(seen=_seen(remote(id=OTHER, marked=marker(n=2)))),
        "rest: DuplicateSession/Stalled",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), STRAY, ids=[row[0] for row in STRAY])
def test_stray(reason, v, expected):
    assert words(stray(v)) == expected


MADE = created(remote(id=OTHER))
DISPUTE = [
    ("nothing was made", view(living(), remote=remote()), "passed over"),
    ("made and recorded", view(living(), memory_=memory(created=created())), "passed over"),
    ("made and not recorded yet", view(resource(), memory_=memory(created=MADE)), "passed over"),
    (
        "another one stands in status: ours must go",
        view(living(), memory_=memory(created=MADE)),
        f"archive {OTHER} as a stray",
    ),
    (
        "one that was found belongs to whoever made it",
        view(living(), memory_=memory(created=created(remote(id=OTHER), by_post=False))),
        "passed over",
    ),
    (
        "one of a higher incarnation takes the place",
        view(living(), memory_=memory(created=created(remote(id=OTHER), n=2))),
        "passed over",
    ),
]


@pytest.mark.parametrize(("reason", "v", "expected"), DISPUTE, ids=[row[0] for row in DISPUTE])
def test_dispute(reason, v, expected):
    assert words(dispute(v)) == expected


def test_every_one_is_named():
    others = (remote(id="sesn_3", created_at=stamp(5)), remote(id=OTHER))
    v = view(living(), remote=remote(id=ID), strays=others, seen=_seen(remote(id=OTHER), True))
    assert "sesn_2, sesn_3" in stray(v).report.message
