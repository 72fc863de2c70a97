"""What a call leaves behind in memory, whatever came of it."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    BLOCKED,
    GONE,
    ID,
    LATER,
    NOW,
    REFUSED,
    UNCLEAR,
    backoff,
    claim,
    created,
    digest_of,
    living,
    memory,
    permit,
    remote,
    resource,
    spec,
    stamp,
    view,
)

from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.external import Changes, Made, Sent
from managed_agents_operator.engine.looks import Absent
from managed_agents_operator.engine.memory import PERMIT_EXPIRED
from managed_agents_operator.engine.outcomes import learn, spent, torn
from managed_agents_operator.engine.remote import Remote
from managed_agents_operator.engine.verdict import Create, End, Interrupt, Report, Send, Update

SAID = Report("Creating")
CREATE = Create(SAID)
SEND = Send(ID, SAID)
ARCHIVE = End(ID, "Archive", SAID)
EXPIRED = Failure(Consequence.LATER, PERMIT_EXPIRED, "too late")
GENERATION = 3
CLAIMED = resource(claimed=claim(), generation=GENERATION)
PERMITTED = memory(permit=permit(CLAIMED), settled=claim().text, generation=GENERATION)
EVENTS = spec(initialEvents=[{"type": "user.message", "text": "go"}])


def _created(outcome, kept=PERMITTED):
    outcome = Made(outcome) if isinstance(outcome, Remote) else outcome
    v = view(CLAIMED, memory_=kept)
    return learn(v, spent(kept, CREATE), CREATE, outcome, NOW, 0.5)


def _sent(outcome, kept=None, **fields):
    kept = kept or memory(kick_permit=(f"{ID}/0/", NOW), kick_settled=f"{ID}/0/")
    v = view(living(wish=EVENTS, **fields), remote=remote(), memory_=kept)
    return learn(v, spent(kept, SEND), SEND, outcome, NOW, 0.5)


def test_before_a_post_its_permit_is_used_up_and_it_is_in_doubt():
    kept = spent(PERMITTED, CREATE)
    assert (kept.permit, kept.settled, kept.unanswered) == (None, None, claim())


def test_before_a_send_its_permit_is_used_up():
    kept = spent(memory(kick_permit=("x", 1.0), kick_settled="x"), SEND)
    assert (kept.kick_permit, kept.kick_settled) == (None, None)


def test_a_call_that_was_torn_off_is_in_doubt_from_then_on():
    kept = torn(memory(kick_listings=2), NOW)
    assert (kept.claim_seen_at, kept.kick_seen_at, kept.kick_listings) == (NOW, NOW, 0)


# a creation


def test_a_session_is_recorded_with_what_it_was_made_from():
    kept = _created(remote())
    made = kept.created
    assert (made.remote.id, made.n, made.digest, made.by_post) == (ID, 1, digest_of(), True)
    assert kept.unanswered is None
    assert kept.kick_settled == f"{ID}/0/"


def test_a_server_without_metadata_says_nothing_of_the_digest():
    assert _created(remote(marked={})).created.digest == claim().digest


def test_a_creation_of_unknown_outcome_is_searched_for_from_now_on():
    kept = _created(UNCLEAR)
    assert kept.unanswered == claim()
    assert (kept.claim_seen_at, kept.searches, kept.settled) == (NOW, 0, None)
    assert kept.backoff is None, "the search has pauses of its own"


def test_a_refused_creation_is_told_for_the_spec_that_was_sent():
    kept = _created(REFUSED)
    assert kept.facts["creation"] == {
        "n": 1,
        "by": "process-1",
        "at": claim().at,
        "outcome": "Refused",
        "generation": GENERATION,
    }
    assert kept.refusals["create"].message == REFUSED.message
    assert kept.settled == claim().text
    assert kept.unanswered is None


@pytest.mark.parametrize("failure", [LATER, BLOCKED, GONE])
def test_one_that_surely_was_not_made_needs_no_search_and_is_no_fault_of_the_spec(failure):
    kept = _created(failure)
    assert kept.settled == claim().text
    assert kept.unanswered is None
    assert "creation" not in kept.facts


def test_a_permit_that_was_over_once_is_no_reason_to_wait():
    assert _created(EXPIRED).backoff.until == 0.0


def test_one_that_is_over_each_time_is():
    """Else each try would write a claim, without end."""
    kept = _created(EXPIRED, kept=memory(permit=permit(CLAIMED), backoff=backoff(EXPIRED, tries=3)))
    assert kept.backoff.until == NOW + 8


# the first events


def test_events_that_were_sent_are_written_down():
    kept = _sent(Sent(("sevt_1",), stamp()))
    assert kept.facts["kickoff"]["state"] == "Sent"
    assert kept.facts["kickoff"]["eventIds"] == ["sevt_1"]


def test_events_of_unknown_outcome_are_looked_for_from_now_on():
    kept = _sent(UNCLEAR)
    assert (kept.kick_settled, kept.kick_seen_at, kept.kick_listings) == (None, NOW, 0)


def test_events_that_were_surely_not_taken_may_be_sent_with_a_new_permit():
    kept = _sent(LATER, status={"kickoff": {"tries": 1, "at": stamp(-1)}})
    assert kept.kick_settled == f"{ID}/1/{stamp(-1)}"
    assert kept.backoff is not None
    assert "kickoff" not in kept.facts


def test_events_that_were_refused_wait_for_others():
    kept = _sent(REFUSED)
    assert kept.facts["kickoff"]["state"] == "Refused"
    assert kept.refusals["kickoff"].message == REFUSED.message


# a change


def _updated(outcome, wish=None, step="title", fields=("title",), kept=None, **seen):
    kept = kept or memory()
    v = view(living(wish=wish or spec(title="new")), remote=remote(**seen), memory_=kept)
    verdict = Update(ID, Changes({"title": "new"}, fields), step, SAID)
    return learn(v, kept, verdict, outcome, NOW, 0.5)


def test_a_change_that_was_kept():
    kept = _updated(remote(title="new"))
    assert kept.refusals == {}
    assert kept.repeats["title"][1:] == (1, NOW)


def test_the_same_change_again_and_again_gets_pauses():
    kept, pauses = None, []
    for _ in range(4):
        kept = _updated(remote(title="new"), kept=kept)
        pauses.append(kept.repeats["title"][2] - NOW)
    assert pauses == [0, 10, 20, 40]


def test_a_change_that_was_taken_and_not_kept_is_not_made_again_for_minutes():
    kept = _updated(remote(title="theirs"))
    assert (kept.refusals["title"].reason, kept.refusals["title"].until) == ("NotKept", NOW + 600)


def test_of_several_all_are_held_that_were_sent_together():
    wish = spec(title="new", metadata={"a": "b"})
    kept = _updated(remote(), wish, "update", ("title", "metadata"))
    assert set(kept.refusals) == {"title", "metadata"}


def test_a_refused_change_of_an_idle_session_is_the_specs_fault():
    kept = _updated(REFUSED)
    assert kept.refusals["title"].reason == "UpdateRefused"
    assert kept.refusals["title"].until == NOW + 600
    assert kept.refusals["title"].message == f"the API refused the change of title: {REFUSED.message}; mend spec.title"


def test_a_refused_change_of_a_running_one_waits_for_idle():
    kept = _updated(REFUSED, state="running")
    assert kept.refusals["title"].reason == "NotIdle"
    assert kept.refusals["title"].idle


@pytest.mark.parametrize("failure", [UNCLEAR, LATER, GONE])
def test_any_other_failure_backs_off_and_asks_for_a_fresh_look(failure):
    kept = _updated(failure)
    assert kept.refusals == {}
    assert kept.backoff.failure == failure
    assert kept.fresh_after == NOW


# an end


def _ended(outcome, verdict=ARCHIVE, kept=None, state="idle"):
    kept, seen = kept or memory(), remote(state=state)
    return learn(view(living(deleting=True), remote=seen, memory_=kept), kept, verdict, outcome, NOW, 0.5)


def test_an_end_that_is_seen():
    assert _ended(remote(archived_at=stamp()), kept=memory(backoff=backoff())).backoff is None
    assert _ended(Absent(None, NOW)).ended == ID


def test_an_accepted_end_that_is_not_seen_is_not_asked_for_again_at_once():
    """A server may need a moment, or may never do it."""
    kept = _ended(remote(), kept=memory(backoff=backoff(tries=2)))
    assert kept.backoff.until == NOW + 4
    assert kept.ended is None
    assert kept.fresh_after == NOW


@pytest.mark.parametrize(("state", "remembered"), [("terminated", {"end"}), ("idle", set())])
def test_a_refused_end_is_looked_at_anew_and_remembered_of_one_that_has_ended(state, remembered):
    kept = _ended(REFUSED, kept=memory(poll_at=NOW + 20), state=state)
    assert set(kept.refusals) == remembered
    assert kept.poll_at == 0.0
    assert kept.fresh_after == NOW
    assert kept.backoff is not None


def test_a_session_that_should_not_be_is_forgotten_once_it_is_put_away():
    kept = memory(created=created())
    stray = End(ID, "Archive", None, stray=True)
    assert _ended(remote(archived_at=stamp()), stray, kept).created is None
    assert _ended(UNCLEAR, stray, kept).created is not None


def test_an_interrupt_counts_from_now_on():
    kept = learn(view(living()), memory(polls=5), Interrupt(ID, SAID), Sent((), stamp()), NOW, 0.5)
    assert (kept.interrupted, kept.polls, kept.poll_at) == ((ID, NOW), 0, NOW + 0.5)


def test_an_interrupt_that_failed_does_not():
    kept = learn(view(living()), memory(), Interrupt(ID, SAID), UNCLEAR, NOW, 0.5)
    assert kept.interrupted is None
    assert kept.backoff is not None
