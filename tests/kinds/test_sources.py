"""What of the cluster goes into a session: read when it is used, told in words when it is missing, never shown."""

from __future__ import annotations

import hashlib

import pytest
from tests.kinds.stage import Cupboard, resource

from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.looks import Content
from managed_agents_operator.engine.ports import SourceValue
from managed_agents_operator.kinds import sources

CANARY = "canary-0123456789"
REMEDY = ": create it, nothing else is needed"


def repository(name: str, secret: str | None = None, key: str = "token") -> dict:
    ref = {"authorizationTokenSecretRef": {"name": secret, "key": key}} if secret else {}
    return {"name": name, "githubRepository": {"url": f"https://github.com/o/{name}", **ref}}


def content(name: str, kind: str, of: str, key: str = "k") -> dict:
    field = {"ConfigMap": "configMapKeyRef", "Secret": "secretKeyRef"}[kind]
    return {"name": name, "file": {field: {"name": of, "key": key}, "mountPath": f"/{name}"}}


WISH = resource(
    resources=[
        repository("open"),
        repository("private", "gh"),
        content("notes", "ConfigMap", "c"),
        content("key", "Secret", "s"),
        {"name": "data", "file": {"fileId": "file_1"}},
        {"name": "store", "memoryStore": {"id": "memstore_1"}},
    ]
)


@pytest.fixture
def cupboard() -> Cupboard:
    cupboard = Cupboard()
    cupboard.put("Secret", "gh", token=f"  {CANARY}\r\n")
    cupboard.put("ConfigMap", "c", k="a,b\n")
    cupboard.put("Secret", "s", k=b"\xff\x00" + CANARY.encode())
    return cupboard


async def test_tokens_by_mount_and_the_version_they_came_from(cupboard):
    found = await sources.tokens(cupboard, WISH)
    assert {name: (token.value, token.version) for name, token in found.items()} == {
        "private": (CANARY, Version("uid-of-gh", "1"))
    }
    assert await sources.missing_tokens(cupboard, WISH) == ""
    one = await sources.token(cupboard, WISH, "private")
    assert one == found["private"]
    assert CANARY not in repr(found)


# What the Secret holds; what is told; why.
NO_TOKENS = [
    (None, "Secret team/gh does not exist", "it is not there"),
    ({"other": "x"}, "token in Secret team/gh is missing", "it has other keys"),
    ({"token": ""}, "token in Secret team/gh is empty", "nothing stands there"),
    ({"token": " \n\t"}, "token in Secret team/gh is empty", "nothing but blanks"),
    ({"token": b"\xc3\x28"}, "token in Secret team/gh is no text", "it is none"),
]


@pytest.mark.parametrize(("data", "told", "why"), NO_TOKENS)
async def test_a_token_that_is_missing_is_told_with_the_remedy(cupboard, data, told, why):
    del cupboard.held["Secret", "gh"]
    if data is not None:
        cupboard.put("Secret", "gh", **data)
    assert await sources.missing_tokens(cupboard, WISH) == told + REMEDY, why
    for found in (await sources.tokens(cupboard, WISH), await sources.token(cupboard, WISH, "private")):
        assert found == Failure(Consequence.LATER, "SecretMissing", told + REMEDY)


@pytest.mark.parametrize("mount", ["open", "notes", "none"])
async def test_a_token_that_spec_names_no_more_is_decided_anew(cupboard, mount):
    found = await sources.token(cupboard, WISH, mount)
    assert (found.consequence, found.reason) == (Consequence.LATER, "Progressing")


async def test_contents_by_mount_byte_for_byte(cupboard):
    found = await sources.contents(cupboard, WISH, ("notes", "key", "data", "private", "none"))
    assert found == {
        "notes": Content(hashlib.sha256(b"a,b\n").hexdigest()[:16], "uid-of-c", "2"),
        "key": Content(hashlib.sha256(b"\xff\x00" + CANARY.encode()).hexdigest()[:16], "uid-of-s", "3"),
    }
    assert CANARY not in repr(found)
    cupboard.put("ConfigMap", "c", k=b"")
    [empty] = (await sources.contents(cupboard, WISH, ("notes",))).values()
    assert empty.digest == sources.digest(b""), "an empty file is a file"


async def test_each_missing_content_is_told_beside_those_that_are_there(cupboard):
    del cupboard.held["ConfigMap", "c"]
    found = await sources.contents(cupboard, WISH, ("notes", "key"))
    assert found["notes"] == f"ConfigMap team/c does not exist{REMEDY}"
    assert isinstance(found["key"], Content)
    cupboard.put("ConfigMap", "c", other="x")
    assert (await sources.contents(cupboard, WISH, ("notes",)))["notes"] == f"k in ConfigMap team/c is missing{REMEDY}"


async def test_a_content_is_handed_out_while_it_is_what_was_asked_for(cupboard):
    wanted = sources.digest(b"a,b\n")
    found = await sources.content(cupboard, WISH, "notes", wanted)
    assert isinstance(found, SourceValue)
    assert (found.value, found.resource_version) == (b"a,b\n", "2")
    cupboard.put("ConfigMap", "c", k=CANARY)
    changed = await sources.content(cupboard, WISH, "notes", wanted)
    assert (changed.consequence, changed.reason) == (Consequence.LATER, "Progressing")
    assert CANARY not in repr(changed)
    del cupboard.held["ConfigMap", "c"]
    missing = await sources.content(cupboard, WISH, "notes", wanted)
    assert missing == Failure(Consequence.LATER, "SecretMissing", f"ConfigMap team/c does not exist{REMEDY}")
    gone = await sources.content(cupboard, WISH, "data", wanted)
    assert (gone.consequence, gone.reason) == (Consequence.LATER, "Progressing")


async def test_a_cluster_that_does_not_answer_is_surely_no_call(cupboard):
    cupboard.down = True
    for found in (
        await sources.tokens(cupboard, WISH),
        await sources.token(cupboard, WISH, "private"),
        await sources.content(cupboard, WISH, "notes", "0" * 16),
        await sources.content(cupboard, WISH, "key", "0" * 16),
    ):
        assert isinstance(found, Failure)
        assert found.consequence is Consequence.LATER
        assert "does not answer" in found.message
    with pytest.raises(ClusterUnreachable):
        await sources.missing_tokens(cupboard, WISH)
    with pytest.raises(ClusterUnreachable):
        await sources.contents(cupboard, WISH, ("notes",))


def test_versions_are_known_without_a_call(cupboard):
    cupboard.down = True
    del cupboard.held["Secret", "s"]
    cupboard.unwatched.add(("Secret", "gh"))
    assert sources.versions(cupboard, WISH) == {
        ("ConfigMap", "c"): Version("uid-of-c", "2"),
        ("Secret", "s"): None,
    }
    assert sources.versions(cupboard, resource()) == {}


def test_one_object_that_is_named_twice_is_one(cupboard):
    wish = resource(resources=[content("a", "ConfigMap", "c", "k"), content("b", "ConfigMap", "c", "other")])
    assert list(sources.versions(cupboard, wish)) == [("ConfigMap", "c")]
