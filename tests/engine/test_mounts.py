"""Which mount is which, whatever a server makes of paths and ids, and under which name the others are shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import resource, spec

from managed_agents_operator.api.status import MountedResource, Source
from managed_agents_operator.engine.mounts import rendered, rooted
from managed_agents_operator.engine.remote import Mount

URL = "https://github.com/Octo/Repo"


def shown(wanted: list[dict[str, Any]], mounted: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    return rendered(resource(wish=spec(resources=wanted)).spec.resources, [Mount(**m) for m in mounted], **more)


def file(path: str | None, id: str = "file_copy") -> dict[str, Any]:
    return {"id": "sesrsc_1", "type": "file", "file_id": id, "mount_path": path}


def repo(path: str | None, url: str = URL) -> dict[str, Any]:
    return {"id": "sesrsc_1", "type": "github_repository", "url": url, "mount_path": path}


# Declared; mounted; whether it is the same; why.
SAME = [
    ({"file": {"fileId": "file_1", "mountPath": "/data.csv"}}, file("/mnt/session/uploads/data.csv"), True, "rooted"),
    ({"file": {"fileId": "file_1", "mountPath": "/data.csv"}}, file("/data.csv"), True, "echoed as given"),
    ({"file": {"fileId": "file_1", "mountPath": "/data.csv"}}, file("data.csv"), True, "without the slash"),
    (
        {"file": {"fileId": "file_1", "mountPath": "/mnt/session/uploads/a"}},
        file("/mnt/session/uploads/a"),
        True,
        "given rooted, and not rooted twice",
    ),
    ({"file": {"fileId": "file_1"}}, file("/mnt/session/uploads/file_1"), True, "the default is the file's id"),
    ({"file": {"fileId": "file_1"}}, file(None, "file_1"), True, "no path: by id, where ids are kept"),
    ({"file": {"fileId": "file_1"}}, file(None), False, "no path and another id: nobody knows"),
    ({"file": {"fileId": "file_1", "mountPath": "/a"}}, file("/mnt/session/uploads/b"), False, "another place"),
    ({"file": {"fileId": "file_1", "mountPath": "/a"}}, repo("/mnt/session/uploads/a"), False, "another kind"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/Repo"), True, "the default place"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/Repo", URL + ".git"), True, "the address got its .git"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/repo", URL.lower()), True, "GitHub takes any case"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/Repo", URL + "/"), True, "a slash at the end"),
    ({"githubRepository": {"url": URL}}, repo(None), True, "a server that tells no place"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/other"), False, "the same repository elsewhere"),
    ({"githubRepository": {"url": URL, "mountPath": "/workspace/x"}}, repo("/workspace/x"), True, "where it was put"),
    ({"githubRepository": {"url": URL}}, repo("/workspace/Repo", URL + "2"), False, "another repository"),
    ({"memoryStore": {"id": "memstore_1"}}, {"type": "memory_store", "memory_store_id": "memstore_1"}, True, "by id"),
    ({"memoryStore": {"id": "memstore_1"}}, {"type": "memory_store", "memory_store_id": "memstore_2"}, False, "other"),
]


@pytest.mark.parametrize(("declared", "mounted", "same", "why"), SAME)
def test_a_mount_is_known_again(declared, mounted, same, why):
    [one] = shown([{"name": "mine", **declared}], [mounted])
    assert (one["name"] == "mine") == same, why


def test_two_files_and_two_clones_of_one_repository_are_told_apart():
    wanted = [
        {"name": "b", "file": {"fileId": "file_1", "mountPath": "/b"}},
        {"name": "a", "file": {"fileId": "file_1", "mountPath": "/a"}},
        {"name": "two", "githubRepository": {"url": URL, "mountPath": "/workspace/two"}},
        {"name": "one", "githubRepository": {"url": URL, "mountPath": "/workspace/one"}},
    ]
    mounted = [file("/mnt/session/uploads/a"), repo("/workspace/one"), file("/b"), repo("/workspace/two")]
    assert [(one["name"], one["mountPath"]) for one in shown(wanted, mounted)] == [
        ("b", "/b"),
        ("a", "/mnt/session/uploads/a"),
        ("two", "/workspace/two"),
        ("one", "/workspace/one"),
    ]


def test_nothing_that_is_null_is_shown():
    assert shown([], [{"type": "memory_store", "memory_store_id": "memstore_1", "access": None, "id": None}]) == [
        {"name": "memstore_1", "type": "memory_store", "memoryStoreId": "memstore_1"}
    ]


DECLARED = [{"name": "mine", "file": {"fileId": "file_1", "mountPath": "/a"}}]
GIVEN = Source(kind="File", file_id="file_1")
REPO = [{"name": "mine", "githubRepository": {"url": URL}}]


def _entry(name: str = "mine", **fields: Any) -> MountedResource:
    return MountedResource(name=name, id="sesrsc_1", **fields)


# Declared; mounted; what status showed; what a creation put in; what is shown beside the mount; why.
SOURCES = [
    (DECLARED, file("/a"), [_entry(source=GIVEN)], None, {"kind": "File", "fileId": "file_1"}, "stays beside it"),
    (DECLARED, file("/a"), [], None, {}, "never seen before: ours, of which the answer was lost"),
    (DECLARED, file("/a"), [_entry("sesrsc_1")], None, None, "it was there before the spec wanted it: somebody else's"),
    (DECLARED, file("/a"), [], {"mine": GIVEN}, {"kind": "File", "fileId": "file_1"}, "made with the session"),
    (DECLARED, file("/a"), [], {}, {}, "found after a search, and nobody knows with what"),
    (
        [],
        file("/a"),
        [_entry(source=GIVEN)],
        None,
        {"kind": "File", "fileId": "file_1"},
        "it left the spec: still ours",
    ),
    ([], file("/a"), [], None, None, "another client's"),
    (REPO, repo("/workspace/Repo"), [], None, None, "a repository without a token"),
]


@pytest.mark.parametrize(("declared", "mounted", "before", "made", "expected", "why"), SOURCES)
def test_what_went_into_a_mount(declared, mounted, before, made, expected, why):
    [one] = shown(declared, [mounted], before=before, made=made)
    assert one.get("source") == expected, why


def test_a_mount_that_left_the_spec_keeps_its_name_unless_another_one_took_it():
    before = [_entry(source=GIVEN)]
    [one] = shown([], [file("/a")], before=before)
    assert one["name"] == "mine"
    moved = [{"name": "mine", "file": {"fileId": "file_1", "mountPath": "/b"}}]
    both = shown(moved, [file("/a"), {**file("/b"), "id": "sesrsc_2"}], before=before)
    assert [(e["name"], e["id"]) for e in both] == [("mine", "sesrsc_2"), ("sesrsc_1", "sesrsc_1")]


MOUNTED = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["x", "x-2", "x-3", "mine", "memstore_1"]),
            "type": st.sampled_from(["file", "memory_store", "github_repository", "resource", "unheard_of"]),
            "memory_store_id": st.sampled_from(["memstore_1", "x"]),
            "mount_path": st.sampled_from(["/a", "/workspace/Repo"]),
            "url": st.just(URL),
        },
    ),
    max_size=8,
)


@given(mounted=MOUNTED, order=st.randoms())
def test_names_are_unique_and_do_not_hang_on_the_order(mounted, order):
    wanted = [{"name": "mine", "githubRepository": {"url": URL}}, {"name": "x", "memoryStore": {"id": "memstore_1"}}]
    names = [one["name"] for one in shown(wanted, mounted)]
    assert len(set(names)) == len(names) == len(mounted)
    turned = list(mounted)
    order.shuffle(turned)
    foreign = [one for one in shown(wanted, mounted) if one["name"] not in ("mine", "x")]
    if not any(m.get("url") or m.get("memory_store_id") for m in mounted):
        assert [one for one in shown(wanted, turned) if one["name"] not in ("mine", "x")] == foreign


@given(st.text(alphabet="/ab.", max_size=12))
def test_rooting_twice_is_rooting_once(path):
    assert rooted(rooted(path)) == rooted(path)
