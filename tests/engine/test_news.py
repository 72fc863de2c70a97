"""Events: one for each thing that happened, none for what passes by itself, and nothing that nobody did."""

from __future__ import annotations

import pytest
from tests.engine.mounted import DATA, at
from tests.engine.views import ID, LATER, created, living, memory, ready, remote, resource, spec, stamp, view

from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.external import Changes, Discarded, Rotated, Sent, Uploaded, Version
from managed_agents_operator.engine.looks import Absent, OwnFile
from managed_agents_operator.engine.news import of_call, of_change
from managed_agents_operator.engine.verdict import (
    Create,
    Discard,
    End,
    Interrupt,
    Mount,
    Report,
    Rotate,
    Send,
    Unmount,
    Update,
    Upload,
)

SAID = Report()
TITLE = Update(ID, Changes({"title": "secret plans"}, ("title",)), "title", SAID)
SHARED = Update(ID, Changes({"metadata": {"team": "a"}}, ("metadata",)), "metadata", SAID)
BOTH = Update(ID, Changes({"title": "t", "metadata": {"team": "a"}}, ("title", "metadata")), "update", SAID)
MOUNT = Mount(ID, "data", "/data.csv", Source(kind="File", file_id="file_1"), SAID)
ARCHIVED = remote(archived_at=stamp())
NEW = "sesn_2"
SENT = Sent(("sevt_1",), stamp())

CALLS = [
    ("a change", TITLE, remote(title="t"), "Normal Updated: title of sesn_1 is as spec says"),
    ("a change that was not kept", SHARED, remote(), None),
    ("one of which half was kept", BOTH, remote(metadata={"team": "a"}), None),
    ("our marker is no news, the adoption is", Update(ID, TITLE.changes, "adopt", SAID), remote(), None),
    ("an interrupt", Interrupt(ID, SAID), SENT, "Normal Interrupted: session sesn_1 works and was asked to stop"),
    ("first events", Send(ID, SAID), SENT, "Normal InitialEventsSent: session sesn_1 was sent the initial events"),
    ("an archive", End(ID, "Archive", SAID), ARCHIVED, "Normal Archived: session sesn_1 was archived"),
    ("one that did not end yet", End(ID, "Archive", SAID), remote(), None),
    ("a delete", End(ID, "Delete", SAID), Absent("wrkspc_1", 0.0), "Normal Deleted: session sesn_1 was deleted"),
    (
        "one too many",
        End(NEW, "Archive", None, stray=True),
        ARCHIVED,
        "Warning DuplicateSession: session sesn_2 was one too many for this resource and unused: it was archived",
    ),
    (
        "a mount",
        MOUNT,
        remote(mounts=(at("/data.csv"),)),
        "Normal Mounted: the file of spec.resources[data] was mounted",
    ),
    ("a mount that was not kept", MOUNT, remote(mounts=()), None),
    ("one of which the answer tells nothing", MOUNT, remote(), None),
    ("taken out to be mounted anew", Unmount(ID, "r1", "data", SAID), remote(), None),
    (
        "taken out for good",
        Unmount(ID, "r1", "old", SAID),
        remote(),
        "Normal Unmounted: the file of old is not in the spec and was taken out",
    ),
    ("one that stays although it was taken out", Unmount(ID, "r1", "old", SAID), remote(mounts=(at("/old"),)), None),
    (
        "a token",
        Rotate(ID, "r1", "repo", SAID),
        Rotated(Version("u", "1")),
        "Normal TokenRotated: the token of spec.resources[repo] was renewed",
    ),
    (
        "an upload: the mount is the news",
        Upload("conf", "d1", SAID),
        Uploaded(OwnFile("f", "conf", "d1")),
        None,
    ),
    ("housekeeping", Discard("file_1", SAID), Discarded("file_1"), None),
    ("a creation: status tells it", Create(SAID), None, None),
]


@pytest.mark.parametrize(("reason", "verdict", "outcome", "expected"), CALLS, ids=[row[0] for row in CALLS])
def test_what_a_call_came_to(reason, verdict, outcome, expected):
    wish = spec(title="t", metadata={"team": "a"}, resources=[DATA])
    v = view(living(wish=wish), remote=remote())
    news = of_call(v, verdict, outcome)
    assert (f"{news.type} {news.reason}: {news.note}" if news else None) == expected
    assert of_call(v, verdict, LATER) is None, "what failed did not happen"


def _status(ready_=None, synced=None, **fields):
    rows = [(t, r) for t, r in (("Ready", ready_), ("Synced", synced)) if r]
    return {**fields, "conditions": [ready(r, f"message of {r}", type_=t) for t, r in rows]}


CHANGES = [
    ("nothing changed", _status("Idle", "Synced", id=ID), _status("Idle", "Synced", id=ID), []),
    ("from state to state", _status("Idle", id=ID), _status("Running", id=ID), []),
    (
        "it ended outside",
        _status("Idle", id=ID),
        _status("ArchivedOutside", "Stalled", id=ID),
        ["Warning ArchivedOutside"],
    ),
    ("told once", _status("Lost", id=ID), _status("Lost", id=ID), []),
    ("it was archived by its own wish", _status("Idle", id=ID), _status("Archived", "Synced", id=ID), []),
    (
        "it waits for a person",
        _status("Running", id=ID),
        _status("ActionRequired", "Synced", id=ID),
        ["Warning ActionRequired"],
    ),
    ("it does not any more", _status("ActionRequired", id=ID), _status("Running", "Synced", id=ID), []),
    (
        "a field is refused",
        _status("Idle", "Synced", id=ID),
        _status("Idle", "UpdateRefused", id=ID),
        ["Warning UpdateRefused"],
    ),
    (
        "one reason in both conditions is one Event",
        _status("Idle", id=ID),
        _status("KeyRefused", "KeyRefused", id=ID),
        ["Warning KeyRefused"],
    ),
    ("what passes by itself", _status("Idle", "Synced", id=ID), _status("Idle", "Unreachable", id=ID), []),
    (
        "it is right again",
        _status("Idle", "MountsDiffer", id=ID),
        _status("Idle", "Synced", id=ID),
        ["Normal Recovered"],
    ),
    ("the key too", _status("KeyRefused", "KeyRefused", id=ID), _status("Idle", "Synced", id=ID), ["Normal Recovered"]),
    (
        "one that goes does not recover",
        _status("Lost", "Stalled", id=ID),
        _status("Deleting", "Progressing", id=ID),
        [],
    ),
    ("from bad to bad", _status("Lost", id=ID), _status("WrongWorkspace", id=ID), ["Warning WrongWorkspace"]),
    ("many at once", _status("Idle", id=ID), _status("MassLoss", "Stalled", id=ID), ["Warning MassLoss"]),
    ("being replaced is work, not trouble", _status("Idle", id=ID), _status("Replacing", "Progressing", id=ID), []),
]


@pytest.mark.parametrize(("reason", "before", "after", "expected"), CHANGES, ids=[row[0] for row in CHANGES])
def test_what_changed_in_status(reason, before, after, expected):
    news = list(of_change(view(living()), before, after))
    assert [f"{one.type} {one.reason}" for one in news] == expected
    for one in news:
        assert one.note.startswith("message of"), "the words of the condition"


ADOPTED = spec(sessionId=ID)
OBSERVED = spec(sessionId=ID, managementPolicy="Observe")
IDS = [
    ("made", living(), created(), {}, "Created: session sesn_1 was created"),
    ("found", living(), created(by_post=False), {}, "Found: session sesn_1, made for this resource before, was found"),
    ("nobody knows how it came", living(), None, {}, "Found: session sesn_1, made for this resource before, was found"),
    ("replaced", living(), created(n=2), {"id": NEW}, "Replaced: session sesn_2 was replaced by sesn_1"),
    ("adopted", resource(wish=ADOPTED), created(by_post=False), {}, "Adopted: session sesn_1 is that of this resource"),
    ("observed", resource(wish=OBSERVED), None, {}, "Observing: session sesn_1 is that of this resource"),
    (
        "observed, and another one before",
        resource(wish=OBSERVED),
        None,
        {"id": NEW},
        "Observing: session sesn_1 is that of this resource",
    ),
    ("observed before and adopted now", resource(wish=ADOPTED), created(by_post=False), {"id": ID}, None),
]


@pytest.mark.parametrize(("reason", "of", "made", "before", "expected"), IDS, ids=[row[0] for row in IDS])
def test_how_a_session_came(reason, of, made, before, expected):
    news = list(of_change(view(of, memory_=memory(created=made)), before, {"id": ID}))
    assert [f"{one.reason}: {one.note}" for one in news] == ([expected] if expected else [])


def test_nothing_of_a_prompt_or_a_title_is_in_it():
    assert "secret" not in of_call(view(living()), TITLE, remote()).note
