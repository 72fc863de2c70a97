"""What of the mounts may be changed: files and tokens always, repositories and memory stores until a session exists."""

from __future__ import annotations

import pytest
from tests.e2e.edits import ACCEPTED, BARE, ELSE, FRESH, GONE, LIVE, answers, edits, matches

pytestmark = pytest.mark.e2e

KEY = {"name": "inputs", "key": "data.csv"}
FILE = {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}}
CONTENT = {"name": "text", "file": {"configMapKeyRef": KEY, "mountPath": "/text.md"}}
PUBLIC = {"name": "public", "githubRepository": {"url": "https://github.com/o/public"}}
REPOSITORY = {
    "name": "repo",
    "githubRepository": {
        "url": "https://github.com/o/r",
        "checkout": {"branch": "main"},
        "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
    },
}
MEMORY = {"name": "memory", "memoryStore": {"id": "memstore_1"}}
SPEC = BARE | {"resources": [FILE, REPOSITORY, MEMORY, CONTENT, PUBLIC]}
FILES = BARE | {"resources": [FILE, CONTENT]}

KEPT = (
    "spec.resources: Forbidden: resources that are repositories (but for their tokens) or memory stores are fixed for"
    f" the life of a session: put them back, {ELSE}"
)
ADDED = (
    "spec.resources: Forbidden: resources that are repositories or memory stores can't be added to a session, only"
    f" files can: take them out, {ELSE}"
)

REPO = "resources.1.githubRepository"
TOKEN = f"{REPO}.authorizationTokenSecretRef"
STORE = "resources.2.memoryStore"

FREE = [
    ("another order", SPEC, {"resources": SPEC["resources"][::-1]}, ACCEPTED),
    ("no mounts written out", BARE, {"resources": []}, ACCEPTED),
    ("a default written out", SPEC, {f"{STORE}.access": "read_write"}, ACCEPTED),
    ("another file", SPEC, {"resources.0.file.fileId": "file_2"}, ACCEPTED),
    ("path of a file", SPEC, {"resources.0.file.mountPath": "/other.csv"}, ACCEPTED),
    ("path of a file removed", SPEC, {"resources.0.file.mountPath": GONE}, ACCEPTED),
    ("name of a file", SPEC, {"resources.0.name": "renamed"}, ACCEPTED),
    ("a file more", SPEC, {"resources.5": {"name": "more", "file": {"fileId": "file_2"}}}, ACCEPTED),
    ("a file less", SPEC, {"resources.0": GONE}, ACCEPTED),
    ("first file", BARE, {"resources": [FILE]}, ACCEPTED),
    ("first content", BARE, {"resources": [CONTENT]}, ACCEPTED),
    ("last files removed", FILES, {"resources": GONE}, ACCEPTED),
    ("all files removed beside others", SPEC, {"resources": [PUBLIC, REPOSITORY, MEMORY]}, ACCEPTED),
    ("another key", SPEC, {"resources.3.file.configMapKeyRef.key": "other"}, ACCEPTED),
    (
        "content in place of a file",
        SPEC,
        {"resources.0.file": {"secretKeyRef": KEY, "mountPath": "/data.csv"}},
        ACCEPTED,
    ),
    ("a file in place of content", SPEC, {"resources.3.file": {"fileId": "file_3"}}, ACCEPTED),
    (
        "a Secret in place of a ConfigMap",
        SPEC,
        {"resources.3.file": {"secretKeyRef": KEY, "mountPath": "/text.md"}},
        ACCEPTED,
    ),
    ("token of another Secret", SPEC, {f"{TOKEN}.name": "new"}, ACCEPTED),
    ("token of another key", SPEC, {f"{TOKEN}.key": "new"}, ACCEPTED),
    ("token removed", SPEC, {TOKEN: GONE}, ACCEPTED),
    ("token given late", SPEC, {"resources.4.githubRepository.authorizationTokenSecretRef": KEY}, ACCEPTED),
]

BOUND = [
    ("url", SPEC, {f"{REPO}.url": "https://github.com/o/s"}, KEPT),
    ("branch", SPEC, {f"{REPO}.checkout.branch": "next"}, KEPT),
    ("commit for a branch", SPEC, {f"{REPO}.checkout": {"commit": "c" * 40}}, KEPT),
    ("default branch", SPEC, {f"{REPO}.checkout": GONE}, KEPT),
    ("branch given late", SPEC, {"resources.4.githubRepository.checkout": {"branch": "main"}}, KEPT),
    ("path of a repository", SPEC, {f"{REPO}.mountPath": "/workspace/x"}, KEPT),
    ("path and token of a repository", SPEC, {f"{REPO}.mountPath": "/workspace/x", TOKEN: GONE}, KEPT),
    ("name of a repository", SPEC, {"resources.1.name": "renamed"}, KEPT),
    ("memory store", SPEC, {f"{STORE}.id": "memstore_2"}, KEPT),
    ("access", SPEC, {f"{STORE}.access": "read_only"}, KEPT),
    ("instructions", SPEC, {f"{STORE}.instructions": "i"}, KEPT),
    ("name of a memory store", SPEC, {"resources.2.name": "renamed"}, KEPT),
    ("a repository less", SPEC, {"resources.1": GONE}, KEPT),
    ("a memory store less", SPEC, {"resources.2": GONE}, KEPT),
    ("all removed", SPEC, {"resources": GONE}, KEPT),
    ("a repository more", FILES, {"resources.2": REPOSITORY}, ADDED),
    ("a memory store more", FILES, {"resources.2": MEMORY}, ADDED),
    ("first repository", BARE, {"resources": [PUBLIC]}, ADDED),
    ("a file for a repository", SPEC, {"resources.1": {"name": "repo", "file": {"fileId": "file_9"}}}, KEPT),
    ("a repository for a file", FILES, {"resources.0": REPOSITORY | {"name": "data"}}, ADDED),
    ("a memory store for a repository", SPEC, {"resources.4": {"name": "public", "memoryStore": {"id": "m"}}}, KEPT),
    ("a repository for a memory store", SPEC, {"resources.2": PUBLIC | {"name": "memory"}, "resources.4": GONE}, KEPT),
    ("one bound among files that change", SPEC, {"resources.0": GONE, "resources.0.name": "renamed"}, KEPT),
]

TABLE = [
    *edits("mounts-fresh", FRESH, [*FREE, *BOUND], binds=False),
    *edits("mounts-live", LIVE, [*FREE, *BOUND]),
    *edits("mounts-replaced", LIVE, [*FREE, *BOUND], binds=False, replace=True),
]


@pytest.fixture(scope="module")
def said(kubectl, session):
    """To each edit."""
    yield from answers(kubectl, session, TABLE)


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_edit(said, row):
    assert matches(said[row.name], row.says), said[row.name]
