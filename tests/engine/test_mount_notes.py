"""What is told of a mount that is not as the spec says."""

from __future__ import annotations

import pytest
from tests.engine.mounted import (
    CM,
    CONF,
    DATA,
    GH,
    OLD,
    REPO,
    REPO_THERE,
    STORE,
    THERE,
    at,
    entry,
    held,
    mounted_view,
    repo,
)
from tests.engine.views import NOW, memory

from managed_agents_operator.engine.mounting import mount_notes

NOTES = [
    ("all is there", mounted_view([DATA], [at("/data.csv")], [THERE]), None, ""),
    ("nothing is known of mounts", mounted_view([DATA], None), None, ""),
    ("on its way", mounted_view([DATA]), "Progressing", "being brought to the spec"),
    ("a repository that is not there", mounted_view([REPO]), "MountsDiffer", "spec.resources[repo] is not mounted"),
    ("a memory store that is not there", mounted_view([STORE]), "MountsDiffer", "spec.resources[notes] is not mounted"),
    (
        "no ConfigMap",
        mounted_view([CONF], sources={CM: None}),
        "SecretMissing",
        "ConfigMap team/cm of spec.resources[conf]",
    ),
    ("no Secret", mounted_view([REPO], [repo()], [REPO_THERE], sources={GH: None}), "SecretMissing", "Secret team/gh"),
    (
        "no such key",
        mounted_view([CONF], sources={CM: OLD}, memory_=memory(missing={"conf": "ConfigMap team/cm has no key k"})),
        "SecretMissing",
        "has no key k",
    ),
    (
        "somebody else's file",
        mounted_view([DATA], [at("/data.csv")], [entry("r1", "/data.csv")]),
        "MountsDiffer",
        "somebody else mounted a file where spec.resources[data]",
    ),
    (
        "no such file",
        mounted_view([DATA], memory_=memory(no_files={"file_1": NOW - 5})),
        "UpdateRefused",
        "the API has no file file_1: mend spec.resources[data].file.fileId",
    ),
    (
        "no such file of another mount",
        mounted_view([DATA], memory_=memory(no_files={"file_9": NOW - 5})),
        "Progressing",
        "being brought to the spec",
    ),
    ("refused", mounted_view([DATA], memory_=held("mount/data/file_1")), "UpdateRefused", "the API refused it"),
    (
        "refused for another generation",
        mounted_view([DATA], memory_=held("mount/data/file_1", generation=0)),
        "Progressing",
        "",
    ),
    (
        "the first of several",
        mounted_view([STORE, CONF], sources={CM: None}),
        "MountsDiffer",
        "spec.resources[notes]",
    ),
]


@pytest.mark.parametrize(("reason", "v", "synced", "part"), NOTES, ids=[row[0] for row in NOTES])
def test_what_is_told_of_it(reason, v, synced, part):
    told = mount_notes(v)
    assert (told[0] if told else None) == synced
    assert part in (told[1] if told else "")
