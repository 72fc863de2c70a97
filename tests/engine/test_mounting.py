"""Rung `mounting`: files come and go, one step a pass, none held up by one that can't be done."""

from __future__ import annotations

import pytest
from tests.engine.mounted import (
    CM,
    CONF,
    DATA,
    FILE,
    GH,
    LOOK,
    NEW,
    OLD,
    OTHER,
    REPO,
    REPO_THERE,
    SAME,
    THERE,
    UPLOADS,
    at,
    entry,
    held,
    mounted_view,
    repo,
)
from tests.engine.views import ID, NOW, memory, refusal, resource, spec, view
from tests.engine.wording import words

from managed_agents_operator.engine.looks import LookFile
from managed_agents_operator.engine.mounting import mounting, mounts_due

NINE = {**DATA, "file": {**DATA["file"], "fileId": "file_9"}}
"""Another file in the place of the first."""
FILES = [
    ("nothing wanted, nothing there", mounted_view(), "passed over"),
    ("an answer that did not tell of mounts", mounted_view([DATA], None), "passed over"),
    ("no session", view(resource(wish=spec(resources=[DATA]))), "passed over"),
    ("a file is not there", mounted_view([DATA]), "mount file_1 as data"),
    ("while it works too", mounted_view([DATA], state="running"), "mount file_1 as data"),
    ("on a fresh look alone", mounted_view([DATA], seen_at=NOW - 60), f"look: Session {ID}"),
    ("it is there", mounted_view([DATA], [at("/data.csv")], [THERE]), "passed over"),
    ("it lies below the uploads", mounted_view([DATA], [at("/mnt/session/uploads/data.csv")], [THERE]), "passed over"),
    ("a server that gives mounts no id", mounted_view([DATA], [at("/data.csv", id=None)]), "passed over"),
    (
        "another file by now: is it there at all?",
        mounted_view([NINE], [at("/data.csv")], [THERE]),
        "look: File file_9",
    ),
    (
        "it is: the old one goes first",
        mounted_view(
            [NINE],
            [at("/data.csv")],
            [THERE],
            seen={LookFile("file_9"): True},
        ),
        "unmount r1 of data",
    ),
    (
        "it is not: the old one stays",
        mounted_view([NINE], [at("/data.csv")], [THERE], memory_=memory(no_files={"file_9": NOW - 5})),
        "passed over",
    ),
    (
        "it was not ten minutes ago: asked again",
        mounted_view([NINE], [at("/data.csv")], [THERE], memory_=memory(no_files={"file_9": NOW - 600})),
        "look: File file_9",
    ),
    (
        "another one is not: nothing of this one",
        mounted_view([NINE], [at("/data.csv")], [THERE], memory_=memory(no_files={"file_8": NOW - 5})),
        "look: File file_9",
    ),
    (
        "what is not there holds up no other",
        mounted_view([NINE, OTHER], [at("/data.csv")], [THERE], memory_=memory(no_files={"file_9": NOW - 5})),
        "mount file_2 as other",
    ),
    (
        "ours, of which nobody knows any more what it holds: mounted anew",
        mounted_view([DATA], [at("/data.csv")], [entry("data", "/data.csv", {})], seen={LookFile("file_1"): True}),
        "unmount r1 of data",
    ),
    (
        "unless the server keeps the ids of files",
        mounted_view([DATA], [at("/data.csv", file_id="file_1")], [entry("data", "/data.csv", {})]),
        "rest: nothing to say knowing resources",
    ),
    (
        "somebody else's file lies there: it is not touched",
        mounted_view([DATA], [at("/data.csv")], [entry("r1", "/data.csv")]),
        "passed over",
    ),
    (
        "it moves: the new place first",
        mounted_view([{**DATA, "file": {**DATA["file"], "mountPath": "/new.csv"}}], [at("/data.csv")], [THERE]),
        "mount file_1 as data",
    ),
    (
        "then the old one goes",
        mounted_view(
            [{**DATA, "file": {**DATA["file"], "mountPath": "/new.csv"}}],
            [at("/data.csv"), at("/new.csv", id="r2")],
            [entry("data", "/new.csv", FILE, id="r2"), entry("r1", "/data.csv", FILE)],
        ),
        "unmount r1 of r1",
    ),
]

GOES = [
    (
        "it came from the spec and is not in it any more",
        mounted_view([], [at("/data.csv")], [THERE]),
        "unmount r1 of data",
    ),
    ("on a fresh look alone", mounted_view([], [at("/data.csv")], [THERE], seen_at=NOW - 9), f"look: Session {ID}"),
    ("others' stay", mounted_view([], [at("/x")], [entry("r1", "/x")]), "passed over"),
    ("what nobody ever saw stays", mounted_view([], [at("/x")]), "passed over"),
    ("a repository is never taken out", mounted_view([], [repo()], [REPO_THERE]), "passed over"),
    (
        "refused: not again",
        mounted_view([], [at("/data.csv")], [THERE], memory_=held("unmount/r1")),
        "passed over",
    ),
]

HELD = [
    ("refused: the next one", mounted_view([DATA, OTHER], memory_=held("mount/data/file_1")), "mount file_2 as other"),
    (
        "all refused",
        mounted_view([DATA, OTHER], memory_=held("mount/data/file_1", "mount/other/file_2")),
        "passed over",
    ),
    (
        "what goes is not held up by it",
        mounted_view([DATA], [at("/x")], [entry("x", "/x", FILE)], memory_=held("mount/data/file_1")),
        "unmount r1 of x",
    ),
    (
        "nor is a token",
        mounted_view([DATA, REPO], [repo()], [REPO_THERE], memory_=held("mount/data/file_1"), sources={GH: NEW}),
        "rotate r1 of repo",
    ),
    (
        "nor by a token",
        mounted_view([REPO, DATA], [repo()], [REPO_THERE], memory_=held("rotate/repo"), sources={GH: NEW}),
        "mount file_1 as data",
    ),
    (
        "a ConfigMap that is not there holds up none",
        mounted_view([CONF, DATA], sources={CM: None}),
        "mount file_1 as data",
    ),
    (
        "nor does a key that is not in it",
        mounted_view([CONF, DATA], sources={CM: OLD}, seen={LOOK: {"conf": "ConfigMap team/cm has no key k"}}),
        "mount file_1 as data",
    ),
    (
        "nor an upload that was refused",
        mounted_view([CONF, DATA], claimed=UPLOADS, uploads=(), seen=SAME, memory_=held("upload/conf")),
        "mount file_1 as data",
    ),
    (
        "nor somebody else's file in its place",
        mounted_view([DATA, OTHER], [at("/data.csv")], [entry("r1", "/data.csv")]),
        "mount file_2 as other",
    ),
    (
        "for another generation: tried",
        mounted_view([DATA], memory_=held("mount/data/file_1", generation=0)),
        "mount file_1 as data",
    ),
    (
        "long ago: tried again",
        mounted_view([DATA], memory_=held("mount/data/file_1", until=NOW)),
        "mount file_1 as data",
    ),
    (
        "another file in its place: tried",
        mounted_view([DATA], memory_=held("mount/data/file_0")),
        "mount file_1 as data",
    ),
    (
        "refused while it worked, and it works",
        mounted_view([DATA], memory_=held("mount/data/file_1", idle=True), state="running"),
        "passed over",
    ),
    (
        "and it is idle by now",
        mounted_view([DATA], memory_=held("mount/data/file_1", idle=True)),
        "mount file_1 as data",
    ),
    (
        "the new one was refused before: the old one stays",
        mounted_view(
            [DATA],
            [at("/data.csv")],
            [entry("data", "/data.csv", {"kind": "File", "fileId": "file_0"})],
            memory_=held("mount/data/file_1"),
        ),
        "passed over",
    ),
]

ROWS = [*FILES, *GOES, *HELD]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_mounting(reason, v, expected):
    assert words(mounting(v)) == expected


def test_when_the_next_refused_one_is_due():
    refusals = {"mount/data/file_1": refusal(until=NOW + 60), "rotate/repo": refusal(until=NOW + 30)}
    kept = memory(refusals={**refusals, "upload/x": refusal(until=NOW - 1), "title": refusal(until=NOW + 5)})
    assert mounts_due(mounted_view([DATA], memory_=kept)) == NOW + 30
    assert mounts_due(mounted_view([DATA])) is None


def test_when_a_file_that_is_not_there_is_asked_for_again():
    v = mounted_view([NINE], [at("/data.csv")], [THERE], memory_=memory(no_files={"file_9": NOW - 5}))
    assert mounts_due(v) == NOW - 5 + v.terms.refused_retry
