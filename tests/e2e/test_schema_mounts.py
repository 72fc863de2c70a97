"""What may be mounted, and what a person reads who asked for something that may not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e

ACCEPTED = None
URL = "https://github.com/o/r"


def mounts(*resources):
    named = [{"name": f"r{n}"} | resource for n, resource in enumerate(resources)]
    return {"agent": {"id": "agent_1"}, "environment": {"id": "env_1"}, "resources": named}


def listed(*resources):
    return mounts() | {"resources": list(resources)}


def file(**fields):
    return {"file": {"fileId": "file_1"} | fields}


def repo(**fields):
    return {"githubRepository": {"url": URL} | fields}


def memory(**fields):
    return {"memoryStore": {"id": "memstore_1"} | fields}


def content(kind="configMapKeyRef", **fields):
    return {"file": {kind: {"name": "inputs", "key": "data.csv"} | fields, "mountPath": "/data.csv"}}


def token(**fields):
    return mounts(repo(authorizationTokenSecretRef={"name": "gh", "key": "token"} | fields))


KIND = "each of spec.resources needs exactly one of file, githubRepository, memoryStore: set one and remove the others"
ABSOLUTE = "mountPath must be absolute and must not end with /: write /data/input.csv"
PARTS = "mountPath must not contain //, . or .. as a part: write the path out"
ADDRESS = "url must be https://github.com/<owner>/<repo>, without .git, a trailing slash or a path"
CHECKOUT = "checkout needs exactly one of branch, commit: set one and remove the others"
WORKSPACE = "mountPath of a repository must lie under /workspace/: write /workspace/<name>"
NAME = "name of a resource has lower case letters, digits and - and begins and ends with a letter or digit"
SOURCE = "file needs exactly one of fileId, configMapKeyRef, secretKeyRef: set one and remove the others"
NO_PATH = "a file from a ConfigMap or Secret needs mountPath: set it, since nothing else says where the file lies"
CONFIG_MAP = "name of a ConfigMap has lower case letters, digits, - and . and begins and ends with a letter or digit"
SECRET = "name of a Secret has lower case letters, digits, - and . and begins and ends with a letter or digit"
TWICE = "two resources have the same mountPath (absent: the file id, or /workspace/<repo>): set another on one of them"
TABLE = [
    ("mount of two kinds", mounts(file() | memory()), KIND),
    ("mount of no kind", mounts({}), KIND),
    ("mount without name", listed(file()), "spec.resources[0].name: Required value"),
    ("mount named in capitals", listed({"name": "Data"} | file()), NAME),
    ("mount named by nothing", listed({"name": ""} | file()), NAME),
    (
        "mount name of 64",
        listed({"name": "n" * 64} | file()),
        "spec.resources[0].name: Too long: may not be",
    ),
    (
        "two of one name",
        listed({"name": "a"} | file(), {"name": "a"} | memory()),
        'Duplicate value: {"name":"a"}',
    ),
    ("file of nothing", mounts({"file": {}}), SOURCE),
    ("path of nothing", mounts({"file": {"mountPath": "/a"}}), SOURCE),
    ("id and ConfigMap", mounts({"file": file()["file"] | content()["file"]}), SOURCE),
    ("ConfigMap and Secret", mounts({"file": content()["file"] | content("secretKeyRef")["file"]}), SOURCE),
    ("file from a ConfigMap", mounts(content()), ACCEPTED),
    ("file from a Secret", mounts(content("secretKeyRef")), ACCEPTED),
    ("ConfigMap without path", mounts({"file": {"configMapKeyRef": {"name": "a", "key": "b"}}}), NO_PATH),
    ("Secret without path", mounts({"file": {"secretKeyRef": {"name": "a", "key": "b"}}}), NO_PATH),
    ("ConfigMap without key", mounts({"file": {"configMapKeyRef": {"name": "a"}}}), "KeyRef.key: Required value"),
    ("ConfigMap in capitals", mounts(content(name="Inputs")), CONFIG_MAP),
    ("ConfigMap of no name", mounts(content(name="")), CONFIG_MAP),
    ("key of a ConfigMap with a slash", mounts(content(key="a/b")), "key of a ConfigMap has letters, digits, -, _"),
    ("path relative", mounts(file(mountPath="data.csv")), ABSOLUTE),
    ("path with a slash at its end", mounts(file(mountPath="/a/")), ABSOLUTE),
    ("path upwards", mounts(file(mountPath="/a/../b")), PARTS),
    ("path ending upwards", mounts(file(mountPath="/a/..")), PARTS),
    ("path upwards at once", mounts(file(mountPath="/../etc/passwd")), PARTS),
    ("path of nothing but upwards", mounts(file(mountPath="/..")), PARTS),
    ("path to where it is", mounts(file(mountPath="/./a")), PARTS),
    ("path with two slashes", mounts(file(mountPath="/a//b")), PARTS),
    ("path with dots in a name", mounts(file(mountPath="/..a/b...c")), ACCEPTED),
    ("path of 257", mounts(file(mountPath="/" + "p" * 256)), "file.mountPath: Too long: may not be more than 256"),
    ("repository outside", mounts(repo(mountPath="/srv/r")), WORKSPACE),
    ("repository upwards", mounts(repo(mountPath="/workspace/../etc")), PARTS),
    ("url with .git", mounts(repo(url=f"{URL}.git")), ADDRESS),
    ("url of ssh", mounts(repo(url="git@github.com:o/r")), ADDRESS),
    ("url of http", mounts(repo(url="http://github.com/o/r")), ADDRESS),
    ("url with a slash at its end", mounts(repo(url=f"{URL}/")), ADDRESS),
    ("url with a path", mounts(repo(url=f"{URL}/tree/main")), ADDRESS),
    ("url of another host", mounts(repo(url="https://gitlab.com/o/r")), ADDRESS),
    ("no url", mounts({"githubRepository": {}}), "spec.resources[0].githubRepository.url: Required value"),
    ("branch and commit", mounts(repo(checkout={"branch": "b", "commit": "c" * 40})), CHECKOUT),
    ("checkout of nothing", mounts(repo(checkout={})), CHECKOUT),
    ("commit", mounts(repo(checkout={"commit": "c" * 40})), ACCEPTED),
    (
        "commit too short",
        mounts(repo(checkout={"commit": "abc"})),
        "checkout.commit in body should be at least 7 chars",
    ),
    ("token without key", mounts(repo(authorizationTokenSecretRef={"name": "gh"})), "SecretRef.key: Required value"),
    ("Secret in capitals", token(name="GH"), SECRET),
    (
        "key with a slash",
        token(key="a/b"),
        "key of a Secret has letters, digits, -, _ and .: write it as it stands below",
    ),
    ("8 memory stores", mounts(*[memory()] * 8), ACCEPTED),
    ("9 memory stores", mounts(*[memory()] * 9), "resources may have at most 8 memory stores: remove some"),
    ("access typo", mounts(memory(access="readonly")), 'supported values: "read_write", "read_only"'),
    (
        "instructions of 4,097",
        mounts(memory(instructions="i" * 4097)),
        "memoryStore.instructions: Too long: may not be",
    ),
    ("one path twice", mounts(file(mountPath="/a"), file(mountPath="/a")), TWICE),
    ("one path twice, once rooted", mounts(file(mountPath="/a"), file(mountPath="/mnt/session/uploads/a")), TWICE),
    ("one file twice", mounts(file(), file()), TWICE),
    ("one path from two sources", mounts(file(mountPath="/data.csv"), content()), TWICE),
    ("one content at two paths", mounts(content(), {"file": content()["file"] | {"mountPath": "/b"}}), ACCEPTED),
    ("repositories of one name", mounts(repo(), repo(url="https://github.com/p/r")), TWICE),
    ("a given path and a default", mounts(repo(), repo(url="https://github.com/o/s", mountPath="/workspace/r")), TWICE),
    ("a default and the like path of a file", mounts(repo(), file(mountPath="/workspace/r")), ACCEPTED),
]


@pytest.fixture(scope="module")
def answers(created):
    return created([spec for _, spec, _ in TABLE])


@pytest.mark.parametrize(("row", "says"), [(n, s) for n, (_, _, s) in enumerate(TABLE)], ids=[c for c, _, _ in TABLE])
def test_creation(answers, row, says):
    if says is ACCEPTED:
        assert answers[row] is None
    else:
        assert answers[row] is not None, "was accepted"
        assert says in answers[row]
