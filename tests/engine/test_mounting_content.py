"""Rung `mounting`: content of ConfigMaps and Secrets, and tokens, as they change."""

from __future__ import annotations

import pytest
from tests.engine.mounted import (
    BETTER,
    CHANGED,
    CM,
    CONF,
    CONF_THERE,
    DATA,
    FILE,
    GH,
    NEW,
    OLD,
    REPO,
    REPO_THERE,
    SAME,
    UP,
    UPLOAD,
    UPLOADS,
    at,
    entry,
    mounted_view,
    repo,
)
from tests.engine.views import ID, NOW
from tests.engine.wording import words

from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.mounting import clearing, mounting

CONF_AT = (at("/conf"),)


def _changed(mounts=CONF_AT, uploads=BETTER, **fields):
    """A ConfigMap changed, and the new content is mounted."""
    known = {"claimed": UPLOADS, "uploads": uploads, "uploads_at": NOW, "sources": {CM: NEW}, **fields}
    return mounted_view([CONF], mounts, [BETTER_THERE], **known)


BETTER_THERE = entry("conf", "/conf", {**UPLOAD, "resourceVersion": "2", "fileId": "file_up2"})
SETTLED = _changed()
BY_ID = {**CONF, "file": DATA["file"]}

CONTENT = [
    ("a ConfigMap: what does it hold?", mounted_view([CONF], claimed=UPLOADS, uploads=()), "look: Contents"),
    ("it is said first that there may be uploads", mounted_view([CONF], uploads=(), seen=SAME), "repair n=1"),
    ("uploaded", mounted_view([CONF], claimed=UPLOADS, uploads=(), seen=SAME), "upload d1 for conf"),
    ("then mounted", mounted_view([CONF], claimed=UPLOADS, uploads=UP, seen=SAME), "mount file_up as conf"),
    (
        "it holds the same in a newer version: noted",
        mounted_view([CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=UP, seen=SAME, sources={CM: NEW}),
        "rest: nothing to say knowing resources",
    ),
    (
        "the same version: not even read",
        mounted_view([CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=UP, sources={CM: OLD}),
        "passed over",
    ),
    (
        "which version is there is not known yet",
        mounted_view([CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=UP),
        "passed over",
    ),
    (
        "it holds something else: uploaded before the old one goes",
        mounted_view([CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=UP, seen=CHANGED, sources={CM: NEW}),
        "upload d2 for conf",
    ),
    (
        "then the old one goes",
        mounted_view(
            [CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=BETTER, seen=CHANGED, sources={CM: NEW}
        ),
        "unmount r1 of conf",
    ),
    (
        "a crash in between: the new one comes",
        mounted_view([CONF], [], [], claimed=UPLOADS, uploads=BETTER, seen=CHANGED, sources={CM: NEW}),
        "mount file_up2 as conf",
    ),
    (
        "all is there: what is of no use any more is no matter of this rung",
        SETTLED,
        "passed over",
    ),
    (
        "the ConfigMap went: what is mounted stays",
        mounted_view([CONF], [at("/conf")], [CONF_THERE], claimed=UPLOADS, uploads=UP, sources={CM: None}),
        "passed over",
    ),
    (
        "another key of it",
        mounted_view(
            [{**CONF, "file": {**CONF["file"], "configMapKeyRef": {"name": "cm", "key": "k2"}}}],
            [at("/conf")],
            [CONF_THERE],
            claimed=UPLOADS,
            uploads=UP,
        ),
        "look: Contents",
    ),
    (
        "its file id now: nor is that upload",
        mounted_view([BY_ID], [at("/data.csv")], [entry("conf", "/data.csv", FILE)], claimed=UPLOADS, uploads=UP),
        "passed over",
    ),
]

TOKENS = [
    ("the very token", mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: OLD}), "passed over"),
    (
        "another version of its Secret",
        mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: NEW}),
        "rotate r1 of repo",
    ),
    (
        "a Secret that was deleted and made anew",
        mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: Version("u2", "1")}),
        "rotate r1 of repo",
    ),
    (
        "another Secret in the spec",
        mounted_view(
            [
                {
                    **REPO,
                    "githubRepository": {
                        **REPO["githubRepository"],
                        "authorizationTokenSecretRef": {"name": "gh", "key": "t2"},
                    },
                }
            ],
            [repo()],
            [REPO_THERE],
            sources={GH: OLD},
        ),
        "rotate r1 of repo",
    ),
    (
        "nobody knows which token it was: the one of now",
        mounted_view([REPO], [repo()], [entry("repo", "/workspace/r", type="github_repository")], sources={GH: OLD}),
        "rotate r1 of repo",
    ),
    ("no Secret is there", mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: None}), "passed over"),
    ("nobody knows yet whether it is", mounted_view([REPO], [repo()], [REPO_THERE]), "passed over"),
    ("the repository is not mounted at all", mounted_view([REPO], sources={GH: NEW}), "passed over"),
    (
        "on a fresh look alone",
        mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: NEW}, seen_at=NOW - 9),
        f"look: Session {ID}",
    ),
    (
        "without a token there is nothing to renew",
        mounted_view([{"name": "repo", "githubRepository": {"url": "https://github.com/o/r"}}], [repo()], [REPO_THERE]),
        "passed over",
    ),
]

CLEARING = [
    ("what is of no use any more goes", SETTLED, "discard file_up"),
    (
        "its file id now: the upload is of no use any more",
        mounted_view(
            [BY_ID],
            [at("/data.csv")],
            [entry("conf", "/data.csv", FILE)],
            claimed=UPLOADS,
            uploads=UP,
            uploads_at=NOW,
        ),
        "discard file_up",
    ),
    ("on a fresh look alone", _changed(seen_at=NOW - 9), f"look: Session {ID}"),
    ("what is there is looked for first", _changed(uploads=None), "look: Uploads"),
    (
        "nor is a list believed that another key may have been shown",
        _changed(uploads=None, seen_at=NOW - 9),
        f"look: Session {ID}",
    ),
    (
        "not while something is still to be mounted",
        mounted_view([CONF], claimed=UPLOADS, uploads=BETTER, uploads_at=NOW, sources={CM: None}),
        "passed over",
    ),
    ("an answer that did not tell of mounts", _changed(mounts=None), "passed over"),
    (
        "there never were any",
        mounted_view([DATA], [at("/data.csv")], [entry("data", "/data.csv", FILE)]),
        "passed over",
    ),
    ("all are in use", _changed(uploads=BETTER[1:]), "passed over"),
]


@pytest.mark.parametrize(("reason", "v", "expected"), CLEARING, ids=[row[0] for row in CLEARING])
def test_clearing(reason, v, expected):
    assert words(clearing(v)) == expected


ROWS = [*CONTENT, *TOKENS]


@pytest.mark.parametrize(("reason", "v", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_content(reason, v, expected):
    assert words(mounting(v)) == expected


def test_what_is_noted_names_the_new_version_and_nothing_else_changes():
    v = mounted_view(
        [CONF, DATA],
        [at("/conf"), at("/data.csv", id="r2")],
        [CONF_THERE, entry("data", "/data.csv", FILE, id="r2")],
        claimed=UPLOADS,
        uploads=UP,
        seen=SAME,
        sources={CM: NEW},
    )
    noted = {entry["name"]: entry["source"] for entry in mounting(v).facts["resources"]}
    assert noted == {"conf": {**UPLOAD, "resourceVersion": "2"}, "data": FILE}
