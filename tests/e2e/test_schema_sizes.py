"""Objects as large as the schema allows are created, get a status, and are edited.

Rules have a price on each write, counted against a limit that no check of the CRD foresees: beyond it the object is
refused, whatever stands in it. So the limits of the schema hold only as far as objects of that size were written.
"""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e

BARE = {"agent": {"id": "a" * 128}, "environment": {"id": "e" * 128}}
STATUS = {"id": "sesn_1", "kickoff": {"sentAt": "2026-11-22T10:00:00Z"}}


def long(start, length):
    return start + "x" * (length - len(start))


def mounts(make):
    return BARE | {"resources": [{"name": long(f"m{n:03}", 63)} | make(n) for n in range(500)]}


def file(n):
    return {"file": {"fileId": long(f"file_{n}", 128), "mountPath": long(f"/d/{n:03}", 256)}}


def plain_file(n):
    return {"file": {"fileId": long(f"file_{n:03}", 128)}}


def content(kind, n):
    return {"file": {kind: {"name": "n" * 253, "key": long(f"k{n}", 253)}, "mountPath": long(f"/d/{n:03}", 256)}}


def config_map_file(n):
    return content("configMapKeyRef", n)


def secret_file(n):
    return content("secretKeyRef", n)


def repo(n):
    token = {"name": "s" * 253, "key": "k" * 253}
    url = long(f"https://github.com/o/r{n:03}", 256)
    return {"githubRepository": {"url": url, "checkout": {"branch": "b" * 250}, "authorizationTokenSecretRef": token}}


def messages(content):
    return BARE | {"initialEvents": [{"type": "user.message"} | content for _ in range(50)]}


def outcome():
    rubric = {"type": "text", "content": "r" * 262_144}
    return {"type": "user.define_outcome", "description": "d" * 65_536, "rubric": rubric}


WIDE = BARE | {
    "agent": {
        "id": "a" * 128,
        "overrides": {
            "model": {"id": "m" * 128},
            "system": "s" * 100_000,
            "tools": [{"type": "custom", "name": f"t{n}", "input_schema": {"type": "object"}} for n in range(256)],
            "mcpServers": [{"type": "url", "name": f"s{n}", "url": "https://example.com"} for n in range(20)],
            "skills": [{"type": "custom", "skill_id": long(f"k{n}", 100)} for n in range(20)],
        },
    },
    "vaults": [{"id": long(f"vlt_{n}", 128)} for n in range(50)],
    "title": "\U0001f642" * 500,
    "metadata": {long(f"k{n}", 64): "v" * 512 for n in range(14)},
    "budget": {"maxListCost": {"amount": "9" * 15}},
}

LARGE = [
    ("files", mounts(file)),
    ("files-without-paths", mounts(plain_file)),
    ("config-maps", mounts(config_map_file)),
    ("secrets", mounts(secret_file)),
    ("repositories", mounts(repo)),
    ("texts", messages({"text": "t" * 28_000})),
    ("blocks", messages({"content": [{"type": "text", "text": "t" * 150} for _ in range(100)]})),
    ("outcome", BARE | {"initialEvents": [outcome(), {"type": "user.message", "text": "t" * 262_144}]}),
    ("everything-else", WIDE),
    ("all", WIDE | mounts(file) | messages({"text": "t" * 12_000}) | {"agent": WIDE["agent"]}),
]

MOUNTED = [name for name, spec in LARGE if "resources" in spec]


@pytest.fixture(scope="module")
def large(kubectl, session):
    """Made, given a status, and cleared away."""
    made = [session(name, spec) for name, spec in LARGE]
    assert set(kubectl.each("create", objects=made).values()) == {None}
    known = [each | {"status": STATUS} for each in made]
    assert set(kubectl.each("replace", "--subresource=status", objects=known).values()) == {None}
    yield dict(LARGE)
    kubectl("delete", "--wait=false", objects=made)


def test_they_are_edited(kubectl, session, large):
    edited = [session(name, spec | {"title": "Another"}) for name, spec in large.items()]
    assert set(kubectl.each("replace", objects=edited).values()) == {None}


def test_their_status_is_patched(kubectl, large):
    for name in large:
        patch = {"status": {"state": "idle", "usage": {"outputTokens": 5}}}
        kubectl("patch", "sesn", name, "--subresource=status", "--type=merge", f"--patch={json.dumps(patch)}")


def with_mounts(session, large, name, change):
    return session(name, large[name] | {"resources": change(large[name]["resources"])})


def test_their_order_of_mounts_is_free(kubectl, session, large):
    turned = [with_mounts(session, large, name, lambda mounts: mounts[::-1]) for name in MOUNTED]
    assert set(kubectl.each("replace", objects=turned).values()) == {None}


@pytest.mark.parametrize("name", [name for name in MOUNTED if name != "repositories"])
def test_500_files_come_and_go(kubectl, session, large, name):
    kubectl("replace", objects=[with_mounts(session, large, name, lambda mounts: [])])
    others = [each | {"name": each["name"][::-1]} for each in large[name]["resources"]]
    kubectl("replace", objects=[with_mounts(session, large, name, lambda mounts: others)])
    kubectl("replace", objects=[session(name, large[name])])


def test_500_tokens_are_changed(kubectl, session, large):
    def other(mount):
        token = {"name": "t" * 253, "key": "u" * 253}
        return mount | {"githubRepository": mount["githubRepository"] | {"authorizationTokenSecretRef": token}}

    kubectl("replace", objects=[with_mounts(session, large, "repositories", lambda mounts: [*map(other, mounts)])])


def test_one_repository_of_500_is_noticed(kubectl, session, large):
    *others, last = large["repositories"]["resources"]
    for mounts, says in [
        ([*others, last | {"name": "renamed"}], "make another Session"),
        (others, "put them back"),
        ([*others, {"name": last["name"]} | plain_file(1)], "put them back"),
    ]:
        edited = session("repositories", large["repositories"] | {"resources": mounts})
        said = kubectl.refused("replace", objects=[edited])
        assert "spec.resources: Forbidden" in said
        assert says in said


@pytest.mark.parametrize("name", [name for name in MOUNTED if name != "repositories"])
def test_one_repository_among_files_is_noticed(kubectl, session, large, name):
    edited = with_mounts(session, large, name, lambda mounts: [*mounts[:-1], {"name": "repo"} | repo(1)])
    assert "can't be added to a session, only files can" in kubectl.refused("replace", objects=[edited])


def test_500_repositories_make_room_for_500_files_in_a_replacement(kubectl, session, large):
    replaced = {"onImmutableChange": "Replace"}
    for spec in (mounts(config_map_file), mounts(repo)):
        kubectl("replace", objects=[session("repositories", spec | replaced)])


def test_one_letter_of_a_large_event_is_noticed(kubectl, session, large):
    first, message = large["outcome"]["initialEvents"]
    changed = message | {"text": message["text"][:-1] + "x"}
    edited = session("outcome", large["outcome"] | {"initialEvents": [first, changed]})
    assert "spec.initialEvents: Forbidden" in kubectl.refused("replace", objects=[edited])


def test_two_equal_paths_of_500_are_noticed(kubectl, session):
    spec = mounts(file)
    spec["resources"][499]["file"]["mountPath"] = spec["resources"][0]["file"]["mountPath"]
    said = kubectl.refused("create", "--dry-run=server", objects=[session("twice", spec)])
    assert "two resources have the same mountPath" in said


def test_501_mounts_are_too_many(kubectl, session):
    spec = mounts(file)
    spec["resources"].append({"name": "last", "file": {"fileId": "file_1"}})
    said = kubectl.refused("create", "--dry-run=server", objects=[session("many", spec)])
    assert "spec.resources: Too many: 501: must have at most 500 items" in said
