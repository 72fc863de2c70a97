"""What a call about mounts, uploads and tokens leaves behind in memory, whatever came of it."""

from __future__ import annotations

import pytest
from tests.engine.mounted import CONF, DATA, FILE, NEW, REPO, REPO_THERE, THERE, TOKEN, at, entry, mounted_view, repo
from tests.engine.views import GONE, ID, LATER, NOW, REFUSED, UNCLEAR, backoff, memory, refusal, remote, resource, spec

from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Discarded, Rotated, Uploaded, Version
from managed_agents_operator.engine.looks import OwnFile
from managed_agents_operator.engine.mount_outcomes import what_went_in
from managed_agents_operator.engine.mounts import UPLOADS, where
from managed_agents_operator.engine.outcomes import learn, spent, torn
from managed_agents_operator.engine.verdict import Discard, Mount, Report, Rotate, Unmount, Upload

SAID = Report(None, "", "Progressing", "on its way")
SOURCE = Source(kind="File", file_id="file_1")
MOUNT = Mount(ID, "data", "/data.csv", SOURCE, SAID)
UNMOUNT = Unmount(ID, "r1", "data", SAID)
UPLOAD = Upload("conf", "d1", SAID)
ROTATE = Rotate(ID, "r1", "repo", SAID)
DISCARD = Discard("file_up", SAID)
UP = Uploaded(OwnFile("file_up", "conf", "d1"))
NO_SECRET = Failure(Consequence.LATER, "SecretMissing", "Secret team/gh does not exist")


def _after(verdict, outcome, *, state="idle", kept=None, wanted=(DATA, CONF, REPO), there=(), entries=()):
    before = kept or memory(backoff=backoff())
    v = mounted_view(wanted, there, entries, state=state, memory_=before)
    return learn(v, spent(before, verdict), verdict, outcome, NOW, 0.5)


TAKEN = [
    ("an upload", UPLOAD, UP, "upload/conf"),
    ("a mount", MOUNT, remote(mounts=(at("/data.csv"),)), "mount/data/file_1"),
    ("a mount of another file in that place", MOUNT, remote(mounts=(at("/data.csv"),)), "mount/data/file_0"),
    ("an unmount", UNMOUNT, remote(mounts=()), "unmount/r1"),
    ("a token", ROTATE, Rotated(NEW), "rotate/repo"),
    ("a removal", DISCARD, Discarded("file_up"), "discard/file_up"),
]


@pytest.mark.parametrize(("reason", "verdict", "outcome", "step"), TAKEN, ids=[row[0] for row in TAKEN])
def test_what_was_taken_is_held_back_no_more(reason, verdict, outcome, step):
    kept = memory(backoff=backoff(), refusals={step: refusal(), "mount/other/f": refusal(), f"{step}/2": refusal()})
    after = _after(verdict, outcome, kept=kept)
    others = {"mount/other/f"} | ({f"{step}/2"} if verdict is not MOUNT else set())
    assert (after.backoff, set(after.refusals)) == (None, others)


STEPS = [
    (UPLOAD, "upload/conf", "the content of spec.resources[conf].file"),
    (MOUNT, "mount/data/file_1", "spec.resources[data].file.fileId file_1"),
    (UNMOUNT, "unmount/r1", "the file of spec.resources[data]"),
    (ROTATE, "rotate/repo", "the token of spec.resources[repo].githubRepository"),
    (DISCARD, "discard/file_up", "the removal of the uploaded file file_up"),
]


@pytest.mark.parametrize(("verdict", "step", "where"), STEPS)
def test_what_is_refused_holds_up_no_other_step(verdict, step, where):
    after = _after(verdict, REFUSED)
    assert after.backoff is None, "a back-off would hold up all of them"
    assert set(after.refusals) == {step}
    told = after.refusals[step]
    assert (told.reason, told.message, told.until, told.idle) == (
        "UpdateRefused",
        f"the API refused {where}: no such agent",
        NOW + 600,
        False,
    )


@pytest.mark.parametrize(("verdict", "step", "where"), STEPS)
def test_what_is_refused_while_it_works_is_tried_once_it_is_idle(verdict, step, where):
    told = _after(verdict, REFUSED, state="running").refusals[step]
    files_alone = verdict in (UPLOAD, DISCARD)
    assert told.idle is not files_alone, "an upload does not ask what the session does"
    assert told.reason == ("UpdateRefused" if files_alone else "NotIdle")


@pytest.mark.parametrize(("verdict", "step", "where"), STEPS)
@pytest.mark.parametrize("failure", [LATER, UNCLEAR, GONE])
def test_what_may_be_taken_later_waits(verdict, step, where, failure):
    after = _after(verdict, failure)
    assert after.refusals == {}
    assert after.backoff is not None
    assert after.fresh_after == NOW, "what was seen before proves nothing any more"


@pytest.mark.parametrize("verdict", [UPLOAD, ROTATE])
def test_what_is_not_there_to_be_read_holds_up_no_other_step(verdict):
    after = _after(verdict, NO_SECRET)
    assert after.backoff is None
    assert [(r.reason, r.message) for r in after.refusals.values()] == [("SecretMissing", NO_SECRET.message)]


@pytest.mark.parametrize(
    ("reason", "verdict", "outcome", "expected"),
    [
        ("no answer", UPLOAD, UNCLEAR, (NOW, 0)),
        ("surely not carried out", UPLOAD, LATER, None),
        ("refused", UPLOAD, REFUSED, None),
        ("a mount is seen in the session itself", MOUNT, UNCLEAR, None),
    ],
)
def test_an_upload_without_an_answer_is_in_doubt(reason, verdict, outcome, expected):
    assert _after(verdict, outcome).upload_doubt == expected, reason


def test_an_upload_ends_the_doubt():
    assert _after(UPLOAD, UP, kept=memory(upload_doubt=(NOW - 5, 2))).upload_doubt is None


UNHEARD = (ID, where(f"{UPLOADS}/data.csv"))
DOUBTS = [
    ("an answer", remote(mounts=(at("/data.csv"),)), {}),
    ("a refusal", REFUSED, {}),
    ("a call that was not sent", LATER, {}),
    ("no answer", UNCLEAR, {UNHEARD: NOW}),
]


@pytest.mark.parametrize(("reason", "outcome", "expected"), DOUBTS, ids=[row[0] for row in DOUBTS])
def test_a_mount_without_an_answer_is_in_doubt(reason, outcome, expected):
    assert _after(MOUNT, outcome, kept=memory()).mounts_in_doubt == expected


@pytest.mark.parametrize("outcome", [REFUSED, LATER, UNCLEAR], ids=["refused", "not sent", "no answer"])
def test_one_that_was_not_heard_of_may_be_what_the_next_is_refused_for(outcome):
    after = _after(MOUNT, outcome, kept=memory(mounts_in_doubt={UNHEARD: NOW - 5}))
    assert after.mounts_in_doubt == {UNHEARD: NOW if outcome is UNCLEAR else NOW - 5}
    until = [refusal.until for refusal in after.refusals.values()]
    assert all(NOW < at < NOW + 60 for at in until), "the place is looked at again soon"


def test_a_mount_that_was_torn_off_is_in_doubt():
    assert torn(spent(memory(), MOUNT), NOW).mounts_in_doubt == {UNHEARD: NOW}


def test_another_mount_tells_that_the_one_unheard_is_ours_too():
    other = (ID, where(f"{UPLOADS}/conf"))
    kept = memory(mounts_in_doubt={other: NOW})
    after = _after(MOUNT, remote(mounts=(at("/data.csv"), at("/conf", id="r9"))), kept=kept, wanted=(DATA,))
    told = {entry["mountPath"]: entry.get("source") for entry in after.facts["resources"]}
    assert told == {"/data.csv": {"kind": "File", "fileId": "file_1"}, "/conf": {}}
    assert after.mounts_in_doubt == {other: NOW}, "until status says so"


def test_what_went_into_a_mount_goes_to_status():
    after = _after(MOUNT, remote(mounts=(at("/mnt/session/uploads/data.csv"), at("/x", id="r9"))), wanted=[DATA])
    assert {e["name"]: e.get("source") for e in after.facts["resources"]} == {"data": FILE, "r9": None}


def test_the_place_of_a_file_without_a_path_is_its_id():
    verdict = Mount(ID, "data", None, SOURCE, SAID)
    wanted = [{"name": "data", "file": {"fileId": "file_1"}}]
    after = _after(verdict, remote(mounts=(at("/mnt/session/uploads/file_1"),)), wanted=wanted)
    assert after.facts["resources"][0]["source"] == FILE
    assert after.refusals == {}


def test_a_mount_that_is_not_kept_is_not_made_again_at_once():
    after = _after(MOUNT, remote(mounts=()))
    told = after.refusals["mount/data/file_1"]
    assert (told.reason, told.until) == ("NotKept", NOW + 600)
    assert "resources" not in after.facts


def test_the_token_that_was_sent_is_the_one_in_status():
    after = _after(
        ROTATE,
        Rotated(NEW),
        wanted=[REPO, DATA],
        there=[repo(), at("/data.csv", id="r2")],
        entries=[REPO_THERE, {**THERE, "id": "r2"}],
    )
    told = {e["name"]: e["source"] for e in after.facts["resources"]}
    assert told == {"repo": {**TOKEN, "resourceVersion": "2"}, "data": FILE}


def test_a_token_whose_repository_left_the_spec_meanwhile_is_no_matter():
    assert _after(ROTATE, Rotated(NEW), wanted=[DATA], entries=[entry("x", "/x")]).facts == {}


def test_what_a_creation_put_into_each_mount():
    wish = resource(wish=spec(resources=[DATA, CONF, REPO, {"name": "m", "memoryStore": {"id": "memstore_1"}}])).spec
    up = Source(kind="ConfigMap", name="cm", key="k", uid="u", resource_version="1", file_id="file_up")
    went = what_went_in(wish, {"conf": up}, {"repo": Version("u", "1")})
    assert went == {"data": SOURCE, "conf": up, "repo": Source.model_validate(TOKEN)}
    assert what_went_in(wish, {}, {}) == {"data": SOURCE}, "of what is not known nothing is said"
