"""Mounts of a live session and the files behind them: one change each, and the session as it is then."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import Any

import pytest
from tests.kinds.stage import CLUSTER, UID, calls, last, over, resource, wire

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Discarded, Made, Rotated, Uploaded, Version
from managed_agents_operator.engine.looks import (
    Absent,
    Content,
    LookContents,
    LookFile,
    LookSession,
    LookUploads,
    OwnFile,
)
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.kinds.sources import digest

CLAIM = Claim(uid=UID, n=1, at="2026-11-22T09:30:00Z", by="process-1", digest="0123456789abcdef")
CANARY = "canary-0123456789"
NOTES = {"name": "notes", "file": {"configMapKeyRef": {"name": "c", "key": "k"}, "mountPath": "/notes.csv"}}
REPOSITORY = {
    "name": "repo",
    "githubRepository": {
        "url": "https://github.com/o/r",
        "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
    },
}
WISH = resource(resources=[NOTES, REPOSITORY])
PATH = "/mnt/session/uploads/data.csv"


@pytest.fixture(autouse=True)
def filled(connection) -> None:
    connection.cupboard.put("Secret", "gh", token="ghp_first")
    connection.cupboard.put("ConfigMap", "c", k=CANARY)


@pytest.fixture
async def id(connection) -> str:
    made = await connection.kind.create(resource(resources=[REPOSITORY]), CLAIM, {}, lambda: True)
    assert isinstance(made, Made)
    return made.remote.id


async def uploaded(connection, wish=WISH, mount: str = "notes") -> OwnFile:
    contents = await connection.kind.observe(wish, LookContents((mount,)))
    outcome = await connection.kind.upload(wish, mount, contents[mount].digest)
    assert isinstance(outcome, Uploaded)
    return outcome.file


def own(control) -> list[dict[str, Any]]:
    return [file for file in control.files() if file["filename"].startswith("k8s-")]


async def known(connection) -> tuple[OwnFile, ...] | None:
    """What is known after a listing, if one is wanted."""
    after = connection.clock.monotonic()
    assert await connection.kind.observe(WISH, LookUploads(after)) is True
    await over(connection.uploads)
    return connection.kind.sight(WISH).uploads


# uploading


async def test_a_content_is_uploaded_as_it_stands(connection, control):
    contents = await connection.kind.observe(WISH, LookContents(("notes",)))
    assert contents == {"notes": Content(digest(CANARY.encode()), "uid-of-c", "2")}
    outcome = await connection.kind.upload(WISH, "notes", contents["notes"].digest)
    [kept] = own(control)
    assert outcome == Uploaded(OwnFile(kept["id"], "notes", contents["notes"].digest))
    assert kept["filename"] == f"k8s-{CLUSTER}-{UID}-notes-{contents['notes'].digest}"
    assert kept["sha256"] == hashlib.sha256(CANARY.encode()).hexdigest()
    assert await known(connection) == (outcome.file,)
    assert connection.kind.sight(WISH).uploads_at > 1000


# Where it shall lie; what it is called.
TYPES = [
    ("/a.csv", "text/csv"),
    ("/a.json", "application/json"),
    ("/a", "application/octet-stream"),
    ("/a.tar.gz", "application/octet-stream"),
    ("/a.word-of-tomorrow", "application/octet-stream"),
]


@pytest.mark.parametrize(("path", "kind"), TYPES)
async def test_the_media_type_is_that_of_the_path(connection, control, path, kind):
    await uploaded(connection, resource(resources=[{**NOTES, "file": {**NOTES["file"], "mountPath": path}}]))
    assert own(control)[0]["mime_type"] == kind


async def test_what_changed_meanwhile_is_not_uploaded(connection, control):
    contents = await connection.kind.observe(WISH, LookContents(("notes",)))
    connection.cupboard.put("ConfigMap", "c", k="new")
    outcome = await connection.kind.upload(WISH, "notes", contents["notes"].digest)
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "Progressing")
    assert calls(control) == []


OUTCOMES = [
    ({"kind": "answer", "status": 400}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 404}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 413}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 403}, Consequence.BLOCKED, "Forbidden"),
    ({"kind": "rate_limit", "retry_after": 5}, Consequence.LATER, "RateLimited"),
    ({"kind": "answer", "status": 409}, Consequence.UNCLEAR, "CallRefused"),
    ({"kind": "answer", "status": 500, "when": "after"}, Consequence.UNCLEAR, "Unreachable"),
    ({"kind": "answer", "status": 202, "body": "", "when": "after"}, Consequence.UNCLEAR, "Unreachable"),
    ({"kind": "cut", "when": "after"}, Consequence.UNCLEAR, "Unreachable"),
]


@pytest.mark.parametrize(("fault", "consequence", "reason"), OUTCOMES)
async def test_what_follows_from_an_upload_that_failed(connection, control, fault, consequence, reason):
    assert await known(connection) == ()
    control.fault(method="POST", path="^/v1/files$", **fault)
    outcome = await connection.kind.upload(WISH, "notes", digest(CANARY.encode()))
    assert isinstance(outcome, Failure)
    assert (outcome.consequence, outcome.reason) == (consequence, reason)
    if consequence is Consequence.REFUSED:
        assert outcome.message.endswith("; mend spec.resources[notes].file")
    sure = consequence is not Consequence.UNCLEAR
    assert connection.kind.sight(WISH).uploads == (() if sure else None), "a doubt is looked into"
    if consequence is not Consequence.BLOCKED:
        assert [file.id for file in await known(connection)] == [file["id"] for file in own(control)]


async def test_nothing_of_a_content_is_told(connection, control, caplog):
    caplog.set_level(logging.DEBUG)
    told = [repr(await uploaded(connection))]
    for status in (400, 500):
        control.fault("answer", method="POST", status=status, body={"error": {"message": f"'{CANARY}' is no CSV"}})
        told.append(repr(await connection.kind.upload(WISH, "notes", digest(CANARY.encode()))))
    await known(connection)
    told += [caplog.text, repr(connection.kind.sight(WISH))]
    assert not [text for text in told if CANARY in text]


# mounting


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("new_ids", [False, True])
async def test_a_file_is_mounted_and_taken_out_again(connection, control, id, silent, new_ids):
    control.modes(empty_resource_answers=silent, new_file_ids=new_ids)
    file, since = await uploaded(connection), last(control)
    seen = await connection.kind.mount(id, file.id, "/data.csv")
    assert isinstance(seen, Remote)
    repository, mounted = seen.mounts
    assert (mounted.type, mounted.mount_path, mounted.file_id == file.id) == ("file", PATH, not new_ids)
    assert repository.url == "https://github.com/o/r"
    assert connection.observatory.snapshot(id) == seen
    assert calls(control, since) == [
        ("POST", f"/v1/sessions/{id}/resources"),
        *([("GET", f"/v1/sessions/{id}")] if silent else []),
    ]
    since = last(control)
    left = await connection.kind.unmount(id, mounted.id)
    assert left.mounts == (repository,)
    assert left.seen_at > seen.seen_at
    assert connection.observatory.snapshot(id) == left
    assert calls(control, since) == [("DELETE", f"/v1/sessions/{id}/resources/{mounted.id}")]
    whole = await connection.kind.observe(WISH, LookSession(id))
    assert whole.mounts == left.mounts, "what was told is what is there"
    assert [one["id"] for one in own(control)] == [file.id], "the upload is not the mount's to remove"


async def test_without_a_path_none_is_sent(connection, control, id):
    await connection.kind.mount(id, "file_sample", None)
    [*_, entry] = control.requests(method="POST")
    assert entry["body"] == {"type": "file", "file_id": "file_sample"}


async def test_a_session_that_was_never_seen_is_read(connection, control, id):
    connection.observatory._entries.clear()
    seen = await connection.kind.mount(id, "file_sample", "/data.csv")
    assert [mounted.type for mounted in seen.mounts] == ["github_repository", "file"]
    connection.observatory._entries.clear()
    left = await connection.kind.unmount(id, seen.mounts[1].id)
    assert [mounted.type for mounted in left.mounts] == ["github_repository"]


async def test_a_sight_without_mounts_is_no_session_without_mounts(connection, control, id):
    """A server whose listings leave them out."""
    bare = wire(id=id, status="idle")
    connection.observatory._entries.clear()
    connection.observatory.put(bare, connection.clock.monotonic())
    seen = await connection.kind.mount(id, "file_sample", "/data.csv")
    assert [mounted.type for mounted in seen.mounts] == ["github_repository", "file"]


async def test_a_page_asked_for_before_does_not_undo_a_mount(connection, control, id):
    asked_at = connection.clock.monotonic()
    [item] = (await connection.client.list_sessions()).value.items
    seen = await connection.kind.mount(id, "file_sample", "/data.csv")
    connection.observatory.listed(item, asked_at)
    assert connection.observatory.snapshot(id).mounts == seen.mounts
    connection.board.clear()
    [item] = (await connection.client.list_sessions()).value.items
    connection.observatory.listed(item, connection.clock.monotonic())
    assert connection.observatory.snapshot(id).mounts == seen.mounts


async def test_an_answer_that_is_told_twice_is_one_mount(connection, control, id):
    seen = await connection.kind.mount(id, "file_sample", "/data.csv")
    [kept] = [one for one in control.session(id)["resources"] if one["type"] == "file"]
    control.fault("answer", method="POST", path="/resources$", status=200, body=kept)
    again = await connection.kind.mount(id, "file_sample", "/data.csv")
    assert again.mounts == seen.mounts


async def test_a_file_that_the_api_does_not_take(connection, control, id):
    outcome = await connection.kind.mount(id, "file_none", "/data.csv")
    assert (outcome.consequence, outcome.reason) == (Consequence.REFUSED, "InvalidSpec")
    assert "file_none" in outcome.message


async def test_a_404_to_a_mount_proves_nothing_of_the_session(connection, control, id):
    since = last(control)
    control.fault("answer", method="POST", status=404)
    outcome = await connection.kind.mount(id, "file_sample", "/data.csv")
    assert (outcome.consequence, outcome.reason) == (Consequence.REFUSED, "InvalidSpec"), "it is about the file"
    assert calls(control, since)[1:] == [("GET", f"/v1/sessions/{id}")]
    assert connection.observatory.absence(id) is None


@pytest.mark.parametrize("status", [400, 404])
async def test_an_upload_that_somebody_deleted_is_made_again(connection, control, id, status):
    """Without that it would be mounted in vain for ever, since its content did not change."""
    file = await uploaded(connection)
    await known(connection)
    control.fault("answer", method="POST", path="/resources$", status=status, times=2)
    outcome = await connection.kind.mount(id, file.id, "/notes.csv")
    assert outcome.consequence is Consequence.REFUSED, "the file is there, and refused as it is"
    assert connection.kind.sight(WISH).uploads == (file,)
    await connection.client.files.delete(file.id)
    outcome = await connection.kind.mount(id, file.id, "/notes.csv")
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "Progressing")
    assert connection.kind.sight(WISH).uploads == ()


async def test_a_creation_with_an_upload_that_somebody_deleted(connection, control):
    file = await uploaded(connection)
    await known(connection)
    await connection.client.files.delete(file.id)
    outcome = await connection.kind.create(WISH, CLAIM, {"notes": file.id}, lambda: True)
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "Progressing")
    assert connection.kind.sight(WISH).uploads == ()
    assert control.sessions() == []


@pytest.mark.parametrize("verb", ["mount", "unmount", "rotate"])
async def test_a_session_that_is_gone_is_seen_to_be(connection, control, id, verb):
    mount_id = connection.observatory.snapshot(id).mounts[0].id
    control.delete(id)
    outcome = await {
        "mount": lambda: connection.kind.mount(id, "file_sample", "/data.csv"),
        "unmount": lambda: connection.kind.unmount(id, mount_id),
        "rotate": lambda: connection.kind.rotate(WISH, id, mount_id, "repo"),
    }[verb]()
    assert isinstance(outcome, Failure if verb == "rotate" else Absent)
    assert not isinstance(outcome, Failure) or outcome.consequence is Consequence.ABSENT
    assert connection.observatory.absence(id) is not None


async def test_a_mount_that_is_gone_is_as_good_as_taken_out(connection, control, id):
    seen = await connection.kind.mount(id, "file_sample", "/data.csv")
    [kept, _] = control.session(id)["resources"]
    control.edit(id, resources=[kept])
    left = await connection.kind.unmount(id, seen.mounts[1].id)
    assert isinstance(left, Remote)
    assert [mounted.type for mounted in left.mounts] == ["github_repository"]


@pytest.mark.parametrize("verb", ["mount", "unmount"])
async def test_a_404_that_can_not_be_looked_into_is_no_more_than_that(connection, control, id, verb):
    control.fault("answer", method="POST" if verb == "mount" else "DELETE", status=404)
    control.fault("answer", method="GET", status=500)
    call = connection.kind.mount(id, "x", None) if verb == "mount" else connection.kind.unmount(id, "x")
    outcome = await call
    assert outcome.consequence is Consequence.ABSENT
    assert connection.observatory.absence(id) is None


async def test_a_mount_that_was_taken_and_can_not_be_read_is_in_doubt(connection, control, id):
    control.modes(empty_resource_answers=True)
    control.fault("rate_limit", method="GET", retry_after=3)
    outcome = await connection.kind.mount(id, "file_sample", "/data.csv")
    assert outcome.consequence is Consequence.UNCLEAR, "it was carried out"


async def test_a_session_at_work_may_refuse(connection, control, id):
    control.modes(mounts_while_running_refused=True)
    wish = resource(initialEvents=[{"type": "user.message", "text": "Go."}])
    await connection.kind.send(wish, id, lambda: True)
    mount_id = connection.observatory.snapshot(id).mounts[0].id
    for outcome in (
        await connection.kind.mount(id, "file_sample", "/data.csv"),
        await connection.kind.unmount(id, mount_id),
        await connection.kind.rotate(WISH, id, mount_id, "repo"),
    ):
        assert outcome.consequence is Consequence.REFUSED


@pytest.mark.parametrize("verb", ["mount", "unmount", "rotate", "discard", "upload"])
@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_change_that_fails_changes_nothing_that_is_known(connection, control, id, verb, status):
    before = connection.observatory.snapshot(id)
    control.fault("answer", status=status, times=None)
    outcome = await {
        "mount": lambda: connection.kind.mount(id, "file_sample", "/data.csv"),
        "unmount": lambda: connection.kind.unmount(id, before.mounts[0].id),
        "rotate": lambda: connection.kind.rotate(WISH, id, before.mounts[0].id, "repo"),
        "discard": lambda: connection.kind.discard(WISH, "file_sample"),
        "upload": lambda: connection.kind.upload(WISH, "notes", digest(CANARY.encode())),
    }[verb]()
    wanted = {401: Consequence.BLOCKED, 429: Consequence.LATER, 500: Consequence.UNCLEAR}
    assert outcome.consequence is wanted[status]
    assert (connection.circuit.failure is not None) == (status == 401)
    assert connection.observatory.snapshot(id) == before


# renewing


@pytest.mark.parametrize("silent", [False, True])
async def test_a_token_is_renewed_from_its_secret(connection, control, id, silent):
    control.modes(empty_resource_answers=silent)
    [repository] = connection.observatory.snapshot(id).mounts
    connection.cupboard.put("Secret", "gh", token=f"{CANARY}\n")
    outcome = await connection.kind.rotate(WISH, id, repository.id, "repo")
    assert outcome == Rotated(Version("uid-of-gh", "3"))
    assert control.session(id)["tokens"] == {repository.id: CANARY}


async def test_a_token_is_told_to_nobody(connection, control, id, caplog):
    caplog.set_level(logging.DEBUG)
    [repository] = connection.observatory.snapshot(id).mounts
    connection.cupboard.put("Secret", "gh", token=CANARY)
    told = [repr(await connection.kind.rotate(WISH, id, repository.id, "repo"))]
    for status in (400, 404, 500):
        control.fault("answer", method="POST", status=status, body={"error": {"message": f"'{CANARY}' is no token"}})
        told.append(repr(await connection.kind.rotate(WISH, id, repository.id, "repo")))
    assert "mend spec.resources[repo].githubRepository.authorizationTokenSecretRef" in told[1]
    told.append(caplog.text)
    assert not [text for text in told if CANARY in text]


async def test_without_its_secret_a_token_is_not_renewed(connection, control, id):
    [repository] = connection.observatory.snapshot(id).mounts
    del connection.cupboard.held["Secret", "gh"]
    since = last(control)
    outcome = await connection.kind.rotate(WISH, id, repository.id, "repo")
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "SecretMissing")
    assert calls(control, since) == []


# discarding


async def test_what_is_discarded_is_gone_and_known_to_be(connection, control):
    file = await uploaded(connection)
    other = replace(file, id="file_none")
    connection.uploads.added(UID, other)
    await known(connection)
    assert await connection.kind.discard(WISH, file.id) == Discarded(file.id)
    assert await connection.kind.discard(WISH, other.id) == Discarded(other.id), "it was not there"
    assert own(control) == []
    assert connection.kind.sight(WISH).uploads == ()


async def test_a_file_that_is_not_there_is_none_of_ours(connection, control):
    file = await uploaded(connection)
    await known(connection)
    assert await connection.kind.observe(WISH, LookFile(file.id)) is True
    await connection.client.files.delete(file.id)
    assert await connection.kind.observe(WISH, LookFile(file.id)) is False
    assert connection.kind.sight(WISH).uploads == ()


# creating


async def test_a_session_is_made_with_what_was_uploaded(connection, control):
    file = await uploaded(connection)
    made = await connection.kind.create(WISH, CLAIM, {"notes": file.id}, lambda: True)
    assert made.tokens == {"repo": Version("uid-of-gh", "1")}
    assert [mounted.mount_path for mounted in made.remote.mounts] == ["/mnt/session/uploads/notes.csv", "/workspace/r"]
    [copy] = [one for one in control.files(scoped=True) if one["scope"]]
    assert copy["sha256"] == hashlib.sha256(CANARY.encode()).hexdigest()
    assert [one.id for one in await known(connection)] == [file.id], "the session's copy is not ours"


async def test_a_creation_that_is_refused_for_a_file_names_its_mount(connection, control):
    outcome = await connection.kind.create(WISH, CLAIM, {"notes": "file_none"}, lambda: True)
    assert outcome.message.endswith("mend spec.resources[notes].file")
    wish = resource(resources=[{"name": "data", "file": {"fileId": "file_none"}}])
    outcome = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    assert outcome.message.endswith("mend spec.resources[data].file.fileId")
