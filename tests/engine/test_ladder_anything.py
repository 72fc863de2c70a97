"""The ladder has an answer to anything, and never one that it must not give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.anything import VIEWS, answered, at_least

from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import SYNCED
from managed_agents_operator.engine.ladder import calls, decide
from managed_agents_operator.engine.looks import (
    ORDERED,
)
from managed_agents_operator.engine.reconcile import LOOKS
from managed_agents_operator.engine.verdict import (
    Allow,
    Ask,
    Create,
    End,
    Guard,
    Interrupt,
    Mutation,
    Rest,
    Send,
    Update,
)


@at_least(600)
@given(VIEWS)
def test_there_is_an_answer_to_everything(v):
    verdict = decide(v)
    report = getattr(verdict, "report", None)
    if report is not None:
        assert report.ready is None or report.ready in READY
        assert report.synced is None or report.synced in SYNCED
        assert len(report.message) < 1024


@at_least(600)
@given(VIEWS)
def test_who_rests_comes_again_later_or_never(v):
    """Never at once: that would be a pass without end."""
    verdict = decide(v)
    if isinstance(verdict, Rest) and verdict.until is not None:
        assert verdict.until > v.now


@at_least(600)
@given(VIEWS, st.data())
def test_a_pass_never_looks_for_ever(v, data):
    """Each look is asked for once, and there are fewer of them than a pass may take."""
    asked = []
    verdict = decide(v)
    while isinstance(verdict, Ask) and not isinstance(verdict.look, ORDERED):
        assert verdict.look not in asked, "asked for again although it was answered"
        asked.append(verdict.look)
        assert len(asked) <= LOOKS
        v = answered(v, verdict.look, data)
        verdict = decide(v)


@at_least(600)
@given(VIEWS)
def test_nothing_is_sent_without_a_permit(v):
    verdict = decide(v)
    if isinstance(verdict, Create):
        assert v.permitted is not None
        assert v.id is None
    if isinstance(verdict, Send):
        assert v.memory.kick_permit is not None
        assert v.boot < v.memory.kick_permit[1]
        assert v.memory.kick_permit[0] == v.kick_key


@at_least(600)
@given(VIEWS)
def test_an_observer_changes_nothing(v):
    verdict = decide(v)
    if v.resource.spec.management_policy == "Observe" and v.memory.created is None:
        assert not isinstance(verdict, Mutation | Guard | Allow)


@at_least(600)
@given(VIEWS)
def test_nothing_new_is_made_while_archive_is_wished_for(v):
    if v.resource.spec.archived:
        assert not isinstance(decide(v), Create | Send)


@at_least(600)
@given(VIEWS)
def test_whoever_is_suspended_or_deleted_makes_nothing(v):
    verdict = decide(v)
    if v.deleting or (v.resource.spec.suspend and not v.deleting):
        assert not isinstance(verdict, Create | Send)
        assert not (isinstance(verdict, Guard) and verdict.token)


@at_least(600)
@given(VIEWS)
def test_nothing_is_called_while_the_key_is_refused(v):
    if v.sight.link.blocked is not None and not v.sight.link.trial:
        assert not calls(decide(v))


@at_least(600)
@given(VIEWS)
def test_nobody_elses_session_is_touched(v):
    verdict = decide(v)
    if isinstance(verdict, Update | Interrupt | End | Send) and v.remote and verdict.id == v.remote.id:
        assert v.ours(v.remote)
