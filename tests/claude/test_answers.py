"""The words that are kept of an error, and the time that a server asks us to wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator.claude.answers import LONGEST_MESSAGE, LONGEST_PAUSE, Received, clean, retry_after
from managed_agents_operator.claude.errors import ClaudeError, RateLimited, ServerFault

KEY = "sk-local-0123456789"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def message(status: int, body: bytes, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(ClaudeError) as failure:
        Received(status, headers or {}, body, (KEY,)).answer(lambda raw: raw, lambda: NOON)
    return failure.value.message


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(400, b'{"type":"error","error":{"type":"t","message":"bad name"}}', "bad name", id="the envelope"),
        pytest.param(400, b'{"error": "bad name"}', "bad name", id="error as text"),
        pytest.param(400, b'{"message": "bad name"}', "bad name", id="a message without envelope"),
        pytest.param(400, b'{"detail": "bad name"}', "bad name", id="a framework's own word"),
        pytest.param(400, b'"bad name"', "bad name", id="a JSON text"),
        pytest.param(400, b"bad name", "bad name", id="bare text"),
        pytest.param(400, b"bad\x00\x1b[31m \t name\r\n", "bad [31m name", id="control characters are left out"),
        pytest.param(400, '{"error": "bad\u202e\u0085name"}'.encode(), "bad name", id="invisible ones too"),
        pytest.param(400, b"\xff\xfe bad", "\ufffd\ufffd bad", id="what is no UTF-8 does no harm"),
        pytest.param(502, b"<html><h1>Bad</h1></html>", "HTTP 502 Bad Gateway", id="a page is replaced by the status"),
        pytest.param(502, b"", "HTTP 502 Bad Gateway", id="nothing"),
        pytest.param(529, b"", "HTTP 529 Overloaded", id="nothing with a status of the API's own"),
        pytest.param(599, b"", "HTTP 599", id="nothing with a status of nobody's"),
        pytest.param(400, b'{"error": {"type": "t"}}', "HTTP 400 Bad Request", id="an envelope without message"),
        pytest.param(400, b'{"error": ["a"]}', "HTTP 400 Bad Request", id="an error that is a list"),
        pytest.param(400, b'{"error": null}', "HTTP 400 Bad Request", id="an error that is null"),
        pytest.param(400, b"[1]", "HTTP 400 Bad Request", id="JSON of another kind"),
        pytest.param(401, f"wrong key {KEY}".encode(), "wrong key …", id="our key"),
        pytest.param(401, b"wrong key sk-ant-api03-a_b-C", "wrong key …", id="somebody else's key"),
        pytest.param(400, b"no such thing (request id: req_011CV)", "no such thing", id="request id in brackets"),
        pytest.param(400, b"req_011CV: no such thing", ": no such thing", id="request id in front"),
        pytest.param(400, b"no such thing, request_id=req_011", "no such thing", id="request id as a pair"),
    ],
)
def test_the_message_is_the_words_for_people(status: int, body: bytes, expected: str) -> None:
    assert message(status, body) == expected


def test_the_request_id_of_the_header_is_left_out_too() -> None:
    """An independent server may have ids of another form."""
    headers = {"request-id": "7f3a-11"}
    assert message(500, b'{"error": "it broke (request id: 7f3a-11)"}', headers) == "it broke"


def test_redirects_say_why_they_are_not_followed() -> None:
    assert "not followed" in message(307, b'{"message": "see https://elsewhere/?t=1"}')


def test_a_short_key_is_taken_out_as_a_word_only() -> None:
    """A test key of one letter must not turn every message into dots."""
    assert clean("k is not a key", ["k"]) == "… is not a key"
    assert clean(f"in_{KEY}_between", [KEY]) == "in_…_between"


@given(st.text(max_size=2000), st.sampled_from(["", KEY, f"({KEY})", f"x={KEY};", "req_01abc", "\x00\u2028"]))
def test_no_message_is_long_split_or_secret(text: str, middle: str) -> None:
    told = clean(text + " " + middle + " " + text[::-1], (KEY,), "req-77")
    assert len(told) <= LONGEST_MESSAGE
    assert KEY not in told
    assert "req_01abc" not in told
    assert told.isprintable()


@given(st.integers(300, 599) | st.integers(100, 199), st.binary(max_size=200) | st.text().map(str.encode))
def test_any_answer_that_is_no_success_is_one_of_our_errors(status: int, body: bytes) -> None:
    assert message(status, body)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda j: st.lists(j) | st.dictionaries(st.text(), j)))
def test_any_json_can_be_an_error(document: object) -> None:
    assert message(500, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "7"}, 7, id="seconds"),
        pytest.param({"retry-after": "0"}, 0, id="at once"),
        pytest.param({"retry-after": "1.5"}, 1.5, id="a fraction"),
        pytest.param({"retry-after-ms": "250", "retry-after": "7"}, 0.25, id="milliseconds go first"),
        pytest.param({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30, id="a date"),
        pytest.param({"retry-after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30, id="a date without a zone"),
        pytest.param({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0, id="a date that is past"),
        pytest.param({"retry-after": "Tue, 23 Nov 2027 11:00:00 GMT"}, LONGEST_PAUSE, id="a date next year"),
        pytest.param({"retry-after": "999999999"}, LONGEST_PAUSE, id="decades"),
        pytest.param({"retry-after": "inf"}, LONGEST_PAUSE, id="for ever"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "nan"}, None, id="no number"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param({"retry-after": ""}, None, id="empty"),
    ],
)
def test_the_time_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: NOON) == seconds


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerFault), (529, ServerFault)])
def test_errors_that_ask_to_wait_say_how_long(status: int, kind: type[RateLimited | ServerFault]) -> None:
    with pytest.raises(kind) as failure:
        Received(status, {"retry-after": "7"}, b"").answer(lambda raw: raw, lambda: NOON)
    assert failure.value.retry_after == 7


def test_a_request_id_that_is_none_is_not_kept() -> None:
    for odd in (KEY, "a b", "", "x" * 500):
        with pytest.raises(ClaudeError) as failure:
            Received(500, {"request-id": odd}, b"", (KEY,)).answer(lambda raw: raw, lambda: NOON)
        assert failure.value.request_id is None


WORKSPACES = [
    ("wrkspc_1", "wrkspc_1", "as they are"),
    ("w" * 128, "w" * 128, "as long as one of a Connection may be"),
    ("w" * 129, None, "longer than any of a Connection"),
    ("", None, "nothing"),
    ("wrk spc", None, "two words"),
    ("wrkspc\x1b[2J", None, "moves a terminal"),
    ("wrkspc\xe4", None, "no header of ours can carry it"),
]


@pytest.mark.parametrize(("told", "workspace", "why"), WORKSPACES)
def test_a_workspace_is_one_that_could_be_asked_for(told: str, workspace: str | None, why: str) -> None:
    """It gets into status and into messages, and is compared with what stands there."""
    headers = {"anthropic-workspace-id": told}
    assert Received(200, headers, b"{}").answer(lambda raw: raw, lambda: NOON).workspace == workspace, why
    with pytest.raises(ClaudeError) as failure:
        Received(404, headers, b"{}").answer(lambda raw: raw, lambda: NOON)
    assert failure.value.workspace == workspace, why
