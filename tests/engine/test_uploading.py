"""Content of the cluster becomes files of the API: each once, known again after a crash, cleared when of no use."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.engine.views import FOREIGN, NOW, claim, living, memory, refusal, remote, resource, spec, view
from tests.engine.wording import words

from managed_agents_operator.api.status import Source
from managed_agents_operator.engine.external import Version
from managed_agents_operator.engine.learning import guarded
from managed_agents_operator.engine.looks import Content, LookContents, LookUploads, OwnFile
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.uploading import (
    EVER,
    all_needed,
    doubt_due,
    last_arrivals,
    may_be_there,
    needed,
    spare,
)
from managed_agents_operator.engine.verdict import Ask, Report

REPORT = Report("Creating", "it is being made", "Progressing", "it is being made")
CONF = {"name": "conf", "file": {"configMapKeyRef": {"name": "cm", "key": "k"}, "mountPath": "/conf"}}
CERT = {"name": "cert", "file": {"secretKeyRef": {"name": "tls", "key": "crt"}, "mountPath": "/cert"}}
DATA = {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data.csv"}}
HELD = Content("d1", "u", "7")
LOOK, BOTH = LookContents(("conf",)), LookContents(("conf", "cert"))
SEEN = {LOOK: {"conf": HELD}}
UP = OwnFile("file_up", "conf", "d1")
UPLOADS = claim(uploads=True)
SOURCE = Source(kind="ConfigMap", name="cm", key="k", uid="u", resource_version="7", file_id="file_up")


def _view(wanted=(CONF,), *, claimed=UPLOADS, memory_=None, seen=None, **sight):
    of = resource(wish=spec(resources=list(wanted)), claimed=claimed)
    return view(of, memory_=memory_ or memory(), seen=seen if seen is not None else SEEN, **sight)


def _doubt(since, looks=0):
    return memory(upload_doubt=(since, looks))


ONE = [
    ("what does it hold?", _view(seen={}), "look: Contents"),
    ("there is no such object", _view(sources={("ConfigMap", "cm"): None}), "passed over"),
    ("no such key", _view(seen={LOOK: {"conf": "has no key k"}}), "passed over"),
    ("no such key, as was seen before", _view(seen={}, memory_=memory(missing={"conf": "no key"})), "passed over"),
    ("it was not said yet that there may be uploads", _view(claimed=claim()), "repair n=1"),
    ("nor claimed at all", _view(claimed=None), "repair n=1"),
    ("a claim of another resource says nothing of ours", _view(claimed=FOREIGN), "repair n=1"),
    ("what is there already is looked for once", _view(), "look: Uploads"),
    ("nothing is", _view(uploads=()), "upload d1 for conf"),
    ("another content of it is", _view(uploads=(OwnFile("f", "conf", "d0"),)), "upload d1 for conf"),
    (
        "the same content for another mount is none: never shared",
        _view(uploads=(OwnFile("f", "x", "d1"),)),
        "upload d1 for conf",
    ),
    ("refused: not again", _view(uploads=(), memory_=memory(refusals={"upload/conf": refusal()})), "passed over"),
    ("another one refused", _view(uploads=(), memory_=memory(refusals={"upload/x": refusal()})), "upload d1 for conf"),
    (
        "refused for another generation",
        _view(uploads=(), memory_=memory(refusals={"upload/conf": refusal(generation=0)})),
        "upload d1 for conf",
    ),
    (
        "refused long ago",
        _view(uploads=(), memory_=memory(refusals={"upload/conf": refusal(until=NOW)})),
        "upload d1 for conf",
    ),
    # without an answer
    ("no answer: looked for at once", _view(uploads=(), uploads_at=NOW - 9, memory_=_doubt(NOW - 2)), "look: Uploads"),
    (
        "not again at once: others are not held up meanwhile",
        _view(uploads=(), uploads_at=NOW - 1, memory_=_doubt(NOW - 5, 3)),
        "passed over",
    ),
    (
        "but after a while",
        _view(uploads=(), uploads_at=NOW - 8, memory_=_doubt(NOW - 15, 3)),
        "look: Uploads",
    ),
    ("it came to light", _view(uploads=(UP,), memory_=_doubt(NOW - 5, 3)), None),
    (
        "for the whole time of doubt",
        _view(uploads=(), uploads_at=NOW - 5, memory_=_doubt(NOW - 80, 9)),
        "passed over",
    ),
    ("after that once more", _view(uploads=(), uploads_at=NOW - 20, memory_=_doubt(NOW - 91, 9)), "look: Uploads"),
    (
        "and it surely did not come",
        _view(uploads=(), uploads_at=NOW, memory_=_doubt(NOW - 91, 9)),
        "upload d1 for conf",
    ),
    ("after a restart a listing of all comes first", _view(memory_=Memory(generation=1)), "look: Uploads"),
]


@pytest.mark.parametrize(("reason", "v", "expected"), ONE, ids=[row[0] for row in ONE])
def test_one_upload(reason, v, expected):
    got = needed(v, v.resource.spec.resources[0], REPORT)
    assert (got == SOURCE) if expected is None else (words(got) == expected)


ALL = [
    ("no content in the spec", _view([DATA], seen={}), {}),
    ("all is looked at in one go", _view([CONF, CERT], seen={}), "look: Contents"),
    (
        "one is missing: nothing is made",
        _view([CONF, CERT], seen={BOTH: {"conf": HELD, "cert": "Secret team/tls does not exist"}}),
        "rest: Pending/SecretMissing",
    ),
    (
        "one after the other",
        _view([CONF, CERT], seen={BOTH: {"conf": HELD, "cert": HELD}}, uploads=(UP,)),
        "upload d1 for cert",
    ),
    (
        "one is refused: nothing is made, and it is told why",
        _view(uploads=(), memory_=memory(refusals={"upload/conf": refusal()})),
        "rest: Pending/UpdateRefused",
    ),
    (
        "one is in doubt: nothing is made",
        _view(uploads=(), uploads_at=NOW - 1, memory_=_doubt(NOW - 5, 3)),
        "rest: Pending/Progressing",
    ),
    (
        "it is looked for when that is due",
        _view(uploads=(), uploads_at=NOW - 8, memory_=_doubt(NOW - 15, 3)),
        "look: Uploads",
    ),
    ("all there", _view([DATA, CONF], uploads=(UP,)), {"conf": SOURCE}),
]


@pytest.mark.parametrize(("reason", "v", "expected"), ALL, ids=[row[0] for row in ALL])
def test_all_before_a_creation(reason, v, expected):
    got = all_needed(v, REPORT)
    assert (got if isinstance(expected, dict) else words(got)) == expected


def test_a_refused_upload_is_tried_again_in_time():
    v = _view(uploads=(), memory_=memory(refusals={"upload/conf": refusal(until=NOW + 60)}))
    rest = all_needed(v, REPORT)
    assert rest.until == NOW + 60
    assert rest.report.message == "the API refused it"


def test_one_in_doubt_is_looked_for_in_time():
    v = _view(uploads=(), uploads_at=NOW - 1, memory_=_doubt(NOW - 5, 3))
    assert all_needed(v, REPORT).until == doubt_due(v)
    assert doubt_due(v) > NOW


@pytest.mark.parametrize(
    ("reason", "v", "settled"),
    [
        ("the first claim of all made nothing", _view(claimed=None), True),
        ("a claim that may have made something may so still", _view(claimed=claim()), False),
        (
            "one that surely made nothing did not since",
            _view(claimed=claim(), memory_=memory(settled=claim().text)),
            True,
        ),
    ],
)
def test_a_claim_that_only_says_so_settles_nothing(reason, v, settled):
    guard = needed(v, v.resource.spec.resources[0], REPORT)
    assert (guard.token, guard.claim.uploads) == (False, True)
    after = guarded(v.memory, guard, v.resource, 0.0, 5.0)
    assert (after.settled == guard.claim.text) is settled, reason


def test_what_stands_in_the_claim_stays():
    v = _view(claimed=claim(n=3, replaces="sesn_0", by="process-0"))
    guard = needed(v, v.resource.spec.resources[0], REPORT)
    assert guard.claim == claim(n=3, replaces="sesn_0", by="process-0", uploads=True)


def _lives(*used, claimed=UPLOADS, deleting=False, memory_=None, uploads_at=NOW, **sight):
    """Its uploads were listed a moment ago, if at all."""
    entries = [{"name": f, "id": f"r_{f}", "source": {"kind": "ConfigMap", "fileId": f}} for f in used]
    of = living(claimed=claimed, deleting=deleting, status={"resources": entries} if entries else {})
    seen = {"remote": remote(mounts=()), "uploads_at": uploads_at, **sight}
    return view(of, memory_=memory_ or memory(), **seen)


def _just_started(v):
    return replace(v, process=replace(v.process, started=v.wall - timedelta(seconds=5)))


ARRIVED = last_arrivals(_lives())
"""An upload of the process before the one of these views has arrived by then, or never does."""


A, B = OwnFile("file_a", "conf", "d0"), OwnFile("file_b", "conf", "d1")
SPARE = [
    ("there never were any", _lives(claimed=claim()), "passed over"),
    ("there may be some: a look", _lives(), "look: Uploads"),
    ("status knows of some although the claim was put back", _lives("file_a", claimed=claim()), "look: Uploads"),
    ("none is there", _lives(uploads=()), "passed over"),
    (
        "of the process before this one some may have arrived since: a second look",
        _lives(uploads=(A,), uploads_at=ARRIVED - 1),
        "look: Uploads",
    ),
    ("a look since then counts", _lives(uploads=(A,), uploads_at=ARRIVED), "discard file_a"),
    (
        "while they may still arrive, what is known to be there goes",
        _just_started(_lives(uploads=(A,), uploads_at=NOW - 5)),
        "discard file_a",
    ),
    ("all are in use", _lives("file_a", "file_b", uploads=(A, B)), "passed over"),
    ("one is not", _lives("file_b", uploads=(A, B)), "discard file_a"),
    ("none is", _lives(uploads=(B, A)), "discard file_a"),
    ("the resource goes: all go", _lives("file_a", deleting=True, uploads=(A,)), "discard file_a"),
    (
        "one that can't be removed holds up no other",
        _lives(uploads=(A, B), memory_=memory(refusals={"discard/file_a": refusal()})),
        "discard file_b",
    ),
    (
        "nor the end of the resource",
        _lives(deleting=True, uploads=(A,), memory_=memory(refusals={"discard/file_a": refusal()})),
        "passed over",
    ),
    (
        "after a while once more",
        _lives(uploads=(A,), memory_=memory(refusals={"discard/file_a": refusal(until=NOW)})),
        "discard file_a",
    ),
    ("found although nothing told of it", _lives(claimed=claim(), uploads=(A,)), "discard file_a"),
]


@pytest.mark.parametrize(("reason", "v", "expected"), SPARE, ids=[row[0] for row in SPARE])
def test_what_is_of_no_use(reason, v, expected):
    assert words(spare(v, REPORT)) == expected


def test_all_are_listed_once_by_each_process():
    """However old the listing is, it counts, since this process knows what it did since."""
    assert spare(_lives(), REPORT) == Ask(LookUploads(EVER), REPORT)
    assert spare(_lives(), None) == Ask(LookUploads(EVER), None)


def test_and_once_more_when_nothing_of_the_process_before_can_arrive_any_more():
    v = _lives(uploads=(), uploads_at=ARRIVED - 1)
    assert v.wall + timedelta(seconds=ARRIVED - NOW) == v.process.started + timedelta(seconds=v.terms.doubt)
    assert spare(v, REPORT) == Ask(LookUploads(ARRIVED), REPORT)


@pytest.mark.parametrize(
    ("reason", "source", "expected"),
    [
        ("a file of the API was not uploaded by us", {"kind": "File", "fileId": "file_1"}, False),
        ("nor was a token", {"kind": "Secret", "name": "gh", "uid": "u"}, False),
        ("a Secret that is a file", {"kind": "Secret", "name": "tls", "fileId": "file_1"}, True),
        ("nobody knows what went in", {}, False),
    ],
)
def test_whether_there_may_be_any(reason, source, expected):
    entries = [{"name": "x", "id": "r1", "source": source}]
    assert may_be_there(view(living(status={"resources": entries}))) is expected, reason


def test_versions_alone_tell_whether_to_look():
    """A ConfigMap that is there is read, whatever version of it was seen."""
    v = _view(seen={}, sources={("ConfigMap", "cm"): Version("u", "9")})
    assert needed(v, v.resource.spec.resources[0], REPORT) == Ask(LOOK, REPORT)
