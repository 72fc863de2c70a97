"""The verbs of the Session kind: one call each, its answer the newest sight, and no secret told to anybody."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tests.kinds.stage import CLUSTER, UID, calls, last, marker, over, resource

from managed_agents_operator.engine.claim import Claim
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.external import Changes, Made, Rival, Sent, Version
from managed_agents_operator.engine.looks import (
    Absent,
    Delivery,
    LookAgent,
    LookFile,
    LookKickoff,
    LookOwner,
    LookSearch,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    Stop,
    Stray,
)
from managed_agents_operator.engine.remote import Remote

TOKEN = "ghp_canary-0123456789"
CLAIM = Claim(uid=UID, n=2, at="2026-11-22T09:30:00Z", by="process-1", digest="0123456789abcdef")
PRIVATE = {
    "name": "repo",
    "githubRepository": {
        "url": "https://github.com/o/r",
        "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
    },
}
KICKOFF = [{"type": "user.message", "text": "Go."}]


@pytest.fixture
async def id(connection) -> str:
    seen = await connection.kind.create(resource(), CLAIM, {}, lambda: True)
    assert isinstance(seen, Made)
    return seen.remote.id


# creating


async def test_a_creation_carries_the_marker_of_its_claim(connection, control):
    made = await connection.kind.create(resource(title="T", initialEvents=KICKOFF), CLAIM, {}, lambda: True)
    [kept] = control.sessions()
    assert kept["metadata"] == marker(n=2)
    assert kept["events"] == [], "first events go out on their own"
    assert connection.observatory.snapshot(made.remote.id) == made.remote
    assert made.tokens == {}
    assert connection.observatory.keeps_metadata
    assert calls(control) == [("POST", "/v1/sessions")]


async def test_nothing_is_sent_with_another_key_than_the_claim_was_written_with(connection, control):
    claim = CLAIM.model_copy(update={"workspace": "wrkspc_of_the_key_before"})
    outcome = await connection.kind.create(resource(), claim, {}, lambda: True)
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "PermitExpired")
    assert calls(control) == []
    await connection.client.get_agent("agent_sample")
    right = CLAIM.model_copy(update={"workspace": connection.client.workspace_now()})
    assert isinstance(await connection.kind.create(resource(), right, {}, lambda: True), Made)


async def test_in_another_workspace_than_the_connection_names_nothing_is_called(connection, control):
    """Also by a server that does not look at the header which asks for it."""
    await connection.client.get_agent("agent_sample")
    here = connection.client.workspace_now()
    assert connection.kind.sight(resource()).link.blocked is None
    connection.client.configure(workspace="wrkspc_elsewhere", betas=())
    assert connection.kind.sight(resource()).link.blocked.reason == "WrongWorkspace"
    outcome = await connection.kind.create(resource(), CLAIM, {}, lambda: True)
    assert outcome.reason == "PermitExpired"
    connection.client.configure(workspace=here, betas=())
    assert connection.kind.sight(resource()).link.blocked is None


async def test_before_any_answer_nothing_is_made_in_a_workspace_that_must_be_the_right_one(connection, control):
    connection.client.configure(workspace="wrkspc_elsewhere", betas=())
    outcome = await connection.kind.create(resource(), CLAIM, {}, lambda: True)
    assert outcome.reason == "PermitExpired"
    assert calls(control) == []


async def test_nothing_is_sent_once_the_permit_is_over(connection, control):
    outcome = await connection.kind.create(resource(), CLAIM, {}, lambda: False)
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "PermitExpired")
    outcome = await connection.kind.send(resource(initialEvents=KICKOFF), "sesn_1", lambda: False)
    assert outcome.certain
    assert calls(control) == []


# What stands in the cluster; what is told; why.
TOKENS = [
    ({}, "Secret team/gh does not exist", "it is not there"),
    ({"token": "  \n"}, "token in Secret team/gh is empty", "a blank token would be refused, and name no Secret"),
    ({"token": b"\xff\xfe"}, "token in Secret team/gh is no text", "no header of git could carry it"),
    ({"other": "x"}, "token in Secret team/gh is missing", "the key is another"),
]


@pytest.mark.parametrize(("values", "told", "why"), TOKENS)
async def test_without_its_token_nothing_is_sent(connection, control, values, told, why):
    if values:
        connection.cupboard.put("Secret", "gh", **values)
    wish = resource(resources=[PRIVATE])
    outcome = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    assert (outcome.consequence, outcome.reason) == (Consequence.LATER, "SecretMissing"), why
    assert outcome.message == f"{told}: create it, nothing else is needed"
    assert await connection.kind.observe(wish, LookTokens()) == outcome.message
    assert calls(control) == []


async def test_a_cluster_that_does_not_answer_is_no_doubt_about_a_creation(connection, control):
    connection.cupboard.down = True
    wish = resource(resources=[PRIVATE])
    outcome = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    assert outcome.certain
    with pytest.raises(ClusterUnreachable):
        await connection.kind.observe(wish, LookTokens())
    assert calls(control) == []


async def test_a_token_is_sent_and_told_to_nobody(connection, control, caplog):
    caplog.set_level(logging.DEBUG)
    connection.cupboard.put("Secret", "gh", token=f"{TOKEN}\n")
    wish = resource(resources=[PRIVATE])
    assert await connection.kind.observe(wish, LookTokens()) == ""
    made = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    [kept] = control.sessions()
    assert list(kept["tokens"].values()) == [TOKEN]
    echo = {"error": {"type": "invalid_request_error", "message": f"authorization_token: '{TOKEN}' is no token"}}
    control.fault("answer", method="POST", status=400, body=echo)
    refused = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    control.fault("answer", method="POST", status=500, body=echo)
    unclear = await connection.kind.create(wish, CLAIM, {}, lambda: True)
    assert "authorizationTokenSecretRef" in refused.message
    assert made.tokens == {"repo": Version("uid-of-gh", "1")}
    told = [repr(made), repr(refused), repr(unclear), repr(connection.client), caplog.text]
    told.append(json.dumps(dict(connection.kind.project(wish, made.remote))))
    assert not [text for text in told if TOKEN in text]
    key = control.api_keys()[0]["secret"]
    assert not [text for text in told if key in text]


# What the API does; what follows.
OUTCOMES = [
    ({"kind": "answer", "status": 400}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 404}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 422}, Consequence.REFUSED, "InvalidSpec"),
    ({"kind": "answer", "status": 401}, Consequence.BLOCKED, "KeyRefused"),
    ({"kind": "answer", "status": 402}, Consequence.BLOCKED, "BillingRefused"),
    ({"kind": "answer", "status": 403}, Consequence.BLOCKED, "Forbidden"),
    ({"kind": "rate_limit", "retry_after": 5}, Consequence.LATER, "RateLimited"),
    ({"kind": "answer", "status": 409}, Consequence.UNCLEAR, "CallRefused"),
    ({"kind": "answer", "status": 500, "when": "after"}, Consequence.UNCLEAR, "Unreachable"),
    ({"kind": "answer", "status": 529}, Consequence.UNCLEAR, "Unreachable"),
    ({"kind": "garbage"}, Consequence.UNCLEAR, "Unreachable"),
    ({"kind": "cut", "when": "after"}, Consequence.UNCLEAR, "Unreachable"),
]


@pytest.mark.parametrize(("fault", "consequence", "reason"), OUTCOMES)
async def test_what_follows_from_a_creation_that_failed(connection, control, fault, consequence, reason):
    control.fault(method="POST", **fault)
    outcome = await connection.kind.create(resource(), CLAIM, {}, lambda: True)
    assert (outcome.consequence, outcome.reason) == (consequence, reason)
    assert len(calls(control)) == 1
    assert (connection.circuit.failure is not None) == (consequence is Consequence.BLOCKED)
    if consequence is Consequence.REFUSED:
        assert "; mend " in outcome.message


# changing


async def test_an_update_is_one_call_and_the_newest_sight(connection, control, id):
    since = last(control)
    seen = await connection.kind.update(id, Changes({"title": "New"}, ("title",)))
    assert seen.title == "New"
    assert connection.observatory.snapshot(id) == seen
    assert calls(control, since) == [("POST", f"/v1/sessions/{id}")]


EMPTY = {"kind": "answer", "status": 204, "when": "after", "body": "", "method": "POST"}


async def test_an_answer_without_a_word_is_looked_after(connection, control, id):
    control.fault(**EMPTY)
    seen = await connection.kind.update(id, Changes({"title": "New"}, ("title",)))
    assert isinstance(seen, Remote)
    assert seen.title == "New"
    control.fault(**EMPTY)
    ended = await connection.kind.delete(id, "Archive")
    assert ended.terminal


async def test_a_change_that_can_not_be_looked_after_was_made_all_the_same(connection, control, id):
    """The 429 of the GET says nothing of the POST."""
    control.fault(**EMPTY)
    control.fault("answer", method="GET", status=429)
    outcome = await connection.kind.update(id, Changes({"title": "New"}, ("title",)))
    assert (outcome.reason, outcome.consequence) == ("RateLimited", Consequence.UNCLEAR)
    assert control.session(id)["title"] == "New"


async def test_a_session_that_went_while_it_was_changed(connection, control, id):
    control.fault(**EMPTY)
    control.fault("answer", method="GET", status=404)
    outcome = await connection.kind.update(id, Changes({"title": "New"}, ("title",)))
    assert isinstance(outcome, Failure)
    assert outcome.consequence is Consequence.ABSENT
    assert connection.observatory.absence(id) is not None


async def test_an_answer_to_a_change_is_newer_than_a_page_asked_for_before(connection, control, id):
    asked_at = connection.clock.monotonic()
    [item] = (await connection.client.list_sessions()).value.items
    await connection.kind.update(id, Changes({"title": "New"}, ("title",)))
    connection.observatory.listed(item, asked_at)
    assert connection.observatory.snapshot(id).title == "New"


async def test_first_events_go_out_together(connection, control, id):
    wish = resource(initialEvents=[*KICKOFF, {"type": "user.message", "text": "On."}])
    sent = await connection.kind.send(wish, id, lambda: True)
    assert isinstance(sent, Sent)
    assert list(sent.event_ids) == [event["id"] for event in control.session(id)["events"]]
    assert sent.at.endswith("Z")


async def test_events_taken_without_a_word_are_sent_all_the_same(connection, control, id):
    control.modes(send_body=False, send_status=202)
    sent = await connection.kind.send(resource(initialEvents=KICKOFF), id, lambda: True)
    assert sent.event_ids == ()


async def test_an_interrupt_goes_alone(connection, control, id):
    await connection.kind.send(resource(initialEvents=KICKOFF), id, lambda: True)
    await connection.kind.interrupt(id)
    [*_, body] = [entry["body"] for entry in control.requests() if entry["path"].endswith("/events")]
    assert body == {"events": [{"type": "user.interrupt"}]}


# ending


@pytest.mark.parametrize("how", ["Archive", "Delete"])
async def test_an_end_is_seen(connection, control, id, how):
    ended = await connection.kind.delete(id, how)
    assert isinstance(ended, Absent) if how == "Delete" else ended.terminal
    again = await connection.kind.delete(id, how)
    assert isinstance(again, Absent | Remote), "ending what has ended is no trouble"


@pytest.mark.parametrize("how", ["Archive", "Delete"])
async def test_one_at_work_is_not_ended(connection, control, id, how):
    await connection.kind.send(resource(initialEvents=KICKOFF), id, lambda: True)
    outcome = await connection.kind.delete(id, how)
    assert outcome.consequence is Consequence.REFUSED
    assert connection.circuit.failure is None


# looking


async def look(connection, what, wish=None) -> Any:
    return await connection.kind.observe(wish or resource(), what)


async def test_each_look_is_answered_with_what_was_seen(connection, control, id):
    assert isinstance(await look(connection, LookSession(id)), Remote)
    assert isinstance(await look(connection, LookSession("sesn_none")), Absent)
    assert await look(connection, LookAgent("agent_sample")) is True
    assert await look(connection, LookAgent("agent_none")) is False
    assert await look(connection, LookFile("file_sample")) is True
    assert await look(connection, LookFile("file_none")) is False
    assert isinstance(await look(connection, LookStop(id)), Stop)
    stray = await look(connection, LookStray(id))
    assert isinstance(stray, Stray)
    assert not stray.spoken_to
    assert isinstance(await look(connection, LookStray("sesn_none")), Absent)
    wish = resource(initialEvents=KICKOFF)
    assert isinstance(await look(connection, LookKickoff(id), wish), Delivery)
    await connection.kind.send(wish, id, lambda: True)
    assert (await look(connection, LookKickoff(id), wish)).event_ids
    assert (await look(connection, LookStray(id))).spoken_to


LOOKS = [
    LookSession("sesn_1"),
    LookAgent("agent_1"),
    LookFile("file_1"),
    LookStray("sesn_1"),
    LookKickoff("sesn_1"),
    LookStop("sesn_1"),
]


@pytest.mark.parametrize("what", LOOKS, ids=lambda what: type(what).__name__)
@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_look_that_fails_tells_no_more_than_that(connection, control, what, status):
    control.fault("answer", status=status, times=None)
    outcome = await look(connection, what)
    assert isinstance(outcome, Failure)
    assert (connection.circuit.failure is not None) == (status == 401)
    assert connection.observatory.absence("sesn_1") is None


async def test_an_owner_is_looked_for_where_we_may_look(connection):
    connection.objects.held["team", "there"] = {"metadata": {"uid": "uid-there"}}
    assert await look(connection, LookOwner("team", "there")) == "uid-there"
    assert await look(connection, LookOwner("team", "gone")) == ""
    connection.kind._looking._namespaces = ("other",)
    assert await look(connection, LookOwner("team", "there")) == ""


async def test_a_search_is_ordered_and_given_up_once_the_id_is_known(connection, id):
    wish = LookSearch((UID,), "agent_sample", "2026-01-01T00:00:00Z", 0.0)
    assert await look(connection, wish) is True
    await over(connection.searches)
    assert [r.id for r in connection.kind.sight(resource()).search.matches] == [id]
    assert connection.kind.sight(resource({"id": id})).search is None


async def test_what_is_known_without_asking(connection, control, id):
    since = last(control)
    sight = connection.kind.sight(resource({"id": id}))
    assert sight.remote.id == id
    assert sight.strays == ()
    assert [r.id for r in connection.kind.sight(resource()).strays] == [id]
    connection.observatory.gone(id, "wrkspc_1", connection.clock.monotonic())
    gone = connection.kind.sight(resource({"id": id}))
    assert gone.remote is None
    assert gone.absent.workspace == "wrkspc_1"
    assert calls(control, since) == []


async def test_what_is_known_of_mounts_and_of_others(connection, control, id):
    wish = resource({"id": id}, sessionId=id, resources=[PRIVATE])
    rivals = [Rival("team", name, f"uid-{name}", connection.clock.wall(), has_it=False) for name in ("own", "other")]
    connection.roll.others[id] = tuple(rivals)
    connection.cupboard.put("Secret", "gh", token=TOKEN)
    since = last(control)
    sight = connection.kind.sight(wish)
    assert sight.sources == {("Secret", "gh"): Version("uid-of-gh", "1")}
    assert (sight.uploads, sight.uploads_at) == (None, float("-inf"))
    assert [rival.name for rival in sight.rivals] == ["other"]
    assert not sight.mass_loss
    assert connection.kind.sight(resource({"id": id})).rivals == (), "only asked where spec names a session"
    assert calls(control, since) == []


async def test_a_refused_key_is_told_to_all_and_lets_one_try(connection, control, id):
    control.fault("answer", status=401)
    await look(connection, LookSession(id))
    first = connection.kind.sight(resource({"id": id})).link
    assert first.blocked.reason == "KeyRefused"
    assert not first.trial
    connection.clock.now = first.retry_at + 1
    assert connection.kind.sight(resource({"id": id})).link.trial
    connection.kind.ticket(resource(), creates=False, look=True, ring=lambda: None)
    other = resource().model_copy(update={"metadata": resource().metadata.model_copy(update={"uid": "uid-other"})})
    assert not connection.kind.sight(other).link.trial
    assert connection.kind.sight(other).link.blocked is not None
    await look(connection, LookSession(id))
    assert connection.kind.sight(other).link.blocked is None


async def test_creations_and_all_else_have_a_budget_each(connection):
    tickets = [connection.kind.ticket(resource(), creates=c, look=False, ring=lambda: None) for c in (True, False)]
    assert all(ticket.granted for ticket in tickets)
    connection.kind.take(creates=True)
    connection.kind.take(creates=False)


def test_the_owner_of_a_marker_is_cluster_namespace_and_name():
    assert marker()["k8s_owner"] == f"{CLUSTER}/team/nightly"
