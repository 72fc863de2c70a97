"""What a process remembers of what it sees and writes: when doubt begins, when pauses grow, what permits a send."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    BLOCKED,
    BOOT,
    ID,
    LATER,
    LINK,
    NOW,
    backoff,
    claim,
    created,
    found,
    living,
    memory,
    permit,
    refusal,
    remote,
    resource,
    stamp,
)

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Sight
from managed_agents_operator.engine.learning import failed, guarded, looked, meet, recorded, stop_read
from managed_agents_operator.engine.looks import Absent, Delivery, LookKickoff, LookSearch, LookSession, LookStop, Stop
from managed_agents_operator.engine.memory import Memory
from managed_agents_operator.engine.mounts import UPLOADS, where
from managed_agents_operator.engine.verdict import Guard

WISH = {"managedagents.dev/reconcile-requested-at": "today"}
NOTHING = Sight(link=LINK)
LATER_STILL = NOW + 100


def _met(kept, of, sight=NOTHING, now=LATER_STILL):
    return meet(kept, of, sight, now)


def test_doubt_about_a_claim_begins_when_this_process_first_sees_it():
    first = _met(Memory(), resource(claimed=claim()), now=NOW)
    assert first.claim_seen_at == NOW
    assert _met(first, resource(claimed=claim())).claim_seen_at == NOW


@pytest.mark.parametrize("changed", [claim(at=stamp()), claim(by="process-2"), None])
def test_it_begins_anew_with_another_claim(changed):
    """The whole annotation counts: a claim of the same incarnation may permit another POST."""
    first = _met(Memory(), resource(claimed=claim()), now=NOW)
    again = _met(first, resource(claimed=changed, guarded=True))
    assert (again.claim_seen_at, again.searches) == (LATER_STILL, 0)


def test_a_permit_goes_with_its_claim():
    kept = memory(claim_text=claim().text, permit=permit(resource(claimed=claim())))
    assert _met(kept, resource(claimed=claim())).permit is not None
    assert _met(kept, resource(claimed=claim(by="process-2"))).permit is None
    assert _met(kept, resource()).permit is None


def test_doubt_about_a_kickoff_begins_anew_with_each_try_that_is_written():
    first = _met(Memory(), living(), now=NOW)
    assert _met(first, living()).kick_seen_at == NOW
    tried = _met(first, living(status={"kickoff": {"tries": 2, "at": stamp()}}))
    assert (tried.kick_seen_at, tried.kick_listings) == (LATER_STILL, 0)


def test_an_edit_ends_pauses_and_not_refusals():
    """Those name the generation that they are about."""
    kept = memory(backoff=backoff(), refusals={"title": refusal()}, repeats={"title": ("x", 3, NOW + 9)})
    edited = _met(kept, living(generation=2))
    assert edited.backoff is None
    assert edited.repeats == {}
    assert edited.refusals


def test_a_wish_frees_everything_once():
    kept = memory(backoff=backoff(), refusals={"title": refusal()})
    asked = _met(kept, living(annotations=WISH))
    assert asked.asked == ("today", LATER_STILL)
    assert (asked.backoff, asked.refusals, asked.retry) == (None, {}, True)
    again = _met(meet(asked, living(annotations=WISH), NOTHING, LATER_STILL + 1), living(annotations=WISH))
    assert again.asked == ("today", LATER_STILL)


def test_a_wish_that_was_heeded_is_none():
    status = {"lastHandledReconcileAt": "today"}
    assert _met(memory(), living(annotations=WISH, status=status)).asked is None


@pytest.mark.parametrize(
    ("reason", "sight", "kept"),
    [
        ("it still runs", Sight(remote=remote(state="running")), True),
        ("it stopped: the next spell of running may be interrupted again", Sight(remote=remote()), False),
        ("nothing is seen of it", Sight(), True),
        ("another one is idle", Sight(remote=remote(id="sesn_9")), True),
        ("it is a second one, and stopped", Sight(strays=(remote(),)), False),
    ],
)
def test_an_interrupt_counts_for_one_spell_of_running(reason, sight, kept):
    assert bool(_met(memory(interrupted=(ID, NOW)), living(), sight).interrupted) is kept, reason


def test_an_id_in_status_ends_the_doubt_about_a_creation():
    met = _met(memory(unanswered=claim()), living())
    assert met.unanswered is None
    assert met.last_id == ID


@pytest.mark.parametrize(
    ("reason", "of", "made", "kept"),
    [
        ("not recorded yet", resource(claimed=claim()), created(), True),
        ("recorded, though the answer to that write was lost", living(), created(), False),
        ("another one stands there: ours must still be put away", living(), created(remote(id="sesn_9")), True),
        ("one that was only found is no matter then", living(), created(remote(id="sesn_9"), by_post=False), False),
    ],
)
def test_a_session_that_was_made_is_not_forgotten_before_it_stands_in_status(reason, of, made, kept):
    assert (_met(memory(created=made), of).created is not None) is kept, reason


def _looked(kept, look, seen, *, poll=False):
    return looked(kept, look, seen, began=NOW - 1, now=NOW, jitter=0.5, poll=poll)


SEARCH = LookSearch(("uid-own",), None, stamp(), NOW)


def test_a_search_that_fails_backs_off_as_any_call():
    assert _looked(memory(), SEARCH, LATER).backoff.until == NOW + 1
    assert _looked(memory(), SEARCH, LATER).searches == 0
    assert _looked(memory(), SEARCH, True).searches == 1


def test_searches_that_fail_grow_apart():
    """An order that was taken is no answer: it may fail like the one before."""
    kept, pauses = memory(), []
    for _ in range(6):
        kept = _looked(_looked(kept, SEARCH, LATER), SEARCH, True)
        pauses.append(kept.backoff.until - NOW)
    assert pauses == [1, 2, 4, 8, 16, 32]


def test_a_listing_that_came_ends_the_pause_of_those_that_did_not():
    failing = memory(backoff=backoff(looking=True, since=NOW - 4))
    for sight, over in [
        (Sight(), False),
        (Sight(search=found(began_at=NOW - 9)), False),
        (Sight(search=found(began_at=NOW - 3)), True),
        (Sight(uploads_at=NOW - 3), True),
    ]:
        assert (_met(failing, resource(claimed=claim()), sight).backoff is None) is over, sight
    other = memory(backoff=backoff(since=NOW - 4))
    assert _met(other, living(), Sight(search=found(began_at=NOW - 3))).backoff is not None, "that of a change stays"


def test_looking_that_works_again_ends_its_own_pause_alone():
    """A call that changes something and failed is not mended by a look."""
    looking = memory(backoff=backoff(looking=True))
    assert _looked(looking, LookSession(ID), remote()).backoff is None
    assert _looked(memory(backoff=backoff()), LookSession(ID), remote()).backoff is not None


def test_looks_of_a_deletion_grow_apart():
    kept, pauses = memory(), []
    for _ in range(8):
        kept = _looked(kept, LookSession(ID), remote(), poll=True)
        pauses.append(kept.poll_at - NOW)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_listings_of_events_are_counted_by_when_they_began():
    kept = _looked(memory(), LookKickoff(ID), Delivery(None, worked=False))
    assert (kept.kick_listings, kept.kick_listed_at, kept.kick_look_at) == (1, NOW - 1, NOW + 1)


def test_an_id_that_is_gone_is_not_looked_for_again():
    assert _looked(memory(last_id=ID), LookSession(ID), Absent(None, NOW)).last_id is None
    assert _looked(memory(last_id=ID), LookSession("sesn_9"), Absent(None, NOW)).last_id == ID


def test_a_stop_that_is_awaited_is_read_with_growing_pauses():
    kept, pauses = memory(), []
    for _ in range(10):
        kept = stop_read(kept, LookStop(ID), Stop(None), remote(), NOW)
        pauses.append(kept.stop_due - NOW)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    changed = stop_read(kept, LookStop(ID), Stop(None), remote(usage={"outputTokens": 1}), NOW)
    assert changed.stop_due == NOW + 2


def test_a_claim_with_a_token_permits_one_post():
    answer = resource(claimed=claim())
    kept = guarded(memory(retry=True, unanswered=claim()), Guard(claim(), True, None), answer, BOOT, 5.0)
    assert (kept.permit.claim, kept.permit.resource, kept.permit.deadline) == (claim(), answer, BOOT + 5)
    assert kept.settled == claim().text
    assert not kept.retry


def test_a_repair_permits_nothing():
    kept = guarded(memory(permit=permit(resource())), Guard(claim(), False, None), resource(), BOOT, 5.0)
    assert kept.permit is None
    assert kept.settled is None


def test_pauses_grow_with_jitter_and_heed_what_the_other_side_says():
    assert failed(memory(), LATER, NOW, 0.0).backoff.until == NOW + 0.8
    assert failed(memory(), LATER, NOW, 1.0).backoff.until == pytest.approx(NOW + 1.2)
    assert failed(memory(backoff=backoff(tries=3)), LATER, NOW, 0.5).backoff.until == NOW + 8
    told = Failure(Consequence.LATER, "RateLimited", "wait", retry_at=NOW + 77)
    assert failed(memory(), told, NOW, 0.5).backoff.until == NOW + 77


def test_a_refused_key_is_the_connections_pause_not_ours():
    assert failed(memory(backoff=backoff()), BLOCKED, NOW, 0.5).backoff is None


RECORDED = [
    ("our own POST", memory(created=created()), {"id": ID}, f"{ID}/0/"),
    ("one that was found may have been kicked off already", memory(created=created(by_post=False)), {"id": ID}, None),
    ("it does not stand there", memory(created=created()), {"id": "sesn_9"}, None),
    ("nothing was made", memory(), {"id": ID}, None),
    (
        "a try that was written",
        memory(allows=True, facts={"kickoff": {"tries": 2, "at": stamp()}}),
        {"id": ID, "kickoff": {"tries": 2, "at": stamp()}},
        f"{ID}/2/{stamp()}",
    ),
    (
        "a try that was not",
        memory(allows=True, facts={"kickoff": {"tries": 2, "at": stamp()}}),
        {"id": ID, "kickoff": {"tries": 2, "at": stamp(-60)}},
        None,
    ),
]


@pytest.mark.parametrize(("reason", "kept", "status", "key"), RECORDED, ids=[row[0] for row in RECORDED])
def test_what_permits_a_send(reason, kept, status, key):
    after = recorded(kept, status, BOOT, 5.0)
    assert after.kick_permit == (None if key is None else (key, BOOT + 5))
    assert (after.facts, after.allows) == ({}, False)


def test_a_session_that_lost_a_dispute_is_kept_in_mind_until_it_is_put_away():
    """And the other one, which stands in status, was perhaps kicked off long ago."""
    after = recorded(memory(created=created(remote(id="sesn_9"))), {"id": ID}, BOOT, 5.0)
    assert after.created.remote.id == "sesn_9"
    assert after.kick_permit is None


TOLD = {"id": ID, "resources": [{"name": "r1", "id": "r1", "mountPath": "/data.csv", "source": {}}]}
THEIRS = {"id": ID, "resources": [{"name": "r1", "id": "r1", "mountPath": "/data.csv"}]}


@pytest.mark.parametrize(("status", "stays"), [(TOLD, False), (THEIRS, True), ({"id": ID}, True)])
def test_a_mount_is_in_doubt_until_status_says_that_it_is_ours(status, stays):
    kept = memory(mounts_in_doubt={(ID, where(f"{UPLOADS}/data.csv")): NOW})
    assert bool(recorded(kept, status, BOOT, 5.0).mounts_in_doubt) == stays


def test_claims_can_be_read_back():
    assert Claim.parse(claim().text) == claim()
