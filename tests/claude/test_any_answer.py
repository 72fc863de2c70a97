"""Any answer is a value or one of our errors, and any id is one part of a path or never leaves this process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.claude.conftest import FakeClock
from tests.kinds.answers import DOCUMENTS, ODD_TEXTS, TEXTS, sent

from managed_agents_operator.claude import client, files, resources
from managed_agents_operator.claude.answers import Received
from managed_agents_operator.claude.bounds import LONGEST_CURSOR, usable
from managed_agents_operator.claude.errors import BadRequest, ClaudeError, Unreadable
from managed_agents_operator.claude.exchange import Exchange
from managed_agents_operator.claude.models import File, Page, Session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
READERS: dict[str, Callable[[Any], Any]] = {
    "session": client._session,
    "session or nothing": client._session_or_none,
    "agent": client._agent,
    "sessions": client._sessions,
    "events": client._events,
    "sent events": client._sent,
    "file": files._file,
    "files": files._page,
    "resource or nothing": resources._resource_or_none,
}


def read(body: bytes, reader: str) -> Any:
    """The value, or the error; anything else comes out."""
    try:
        return Received(200, {}, body).answer(READERS[reader], lambda: NOON).value
    except ClaudeError as error:
        return error


def ids(value: Any) -> list[str]:
    """All that may become a part of a path."""
    if isinstance(value, Page):
        return [found for item in value.items for found in ids(item)]
    if isinstance(value, Session | File):
        return [value.id]
    return [value["id"]] if isinstance(value, dict) and isinstance(value.get("id"), str) else []


@given(DOCUMENTS)
def test_any_json_is_a_value_or_an_error(document: Any) -> None:
    body = sent(document)
    for reader in READERS:
        got = read(body, reader)
        if isinstance(got, ClaudeError):
            assert type(got) is Unreadable
            assert got.message.isprintable()
            assert len(got.message) < 200, "nothing of the answer is in it"
        elif reader != "agent":
            assert all(usable(id) for id in ids(got))
        if isinstance(got, Page):
            assert got.next_page is None or 0 < len(got.next_page) <= LONGEST_CURSOR + len("page=")


@given(st.binary(max_size=60) | st.sampled_from([b"9" * 5000, b"[" * 3000, b'{"id":' * 3000, b'"\\ud800"', b"\x00"]))
def test_any_bytes_are_a_value_or_an_error(body: bytes) -> None:
    for reader in READERS:
        got = read(body, reader)
        assert type(got) is Unreadable or not isinstance(got, ClaudeError)


UNUSABLE = ["", ".", "..", "a/b", "../b", "a\\b", "a\nb", "\x00", "a\u2028b", "a" * 513]
LISTS = ("sessions", "files")


@pytest.mark.parametrize("id", UNUSABLE)
def test_an_id_that_no_path_can_hold_is_none(id: str) -> None:
    """Nobody could ever look at such a session again, or end it. In a list it may be one that we look for."""
    for reader in ("session", "file"):
        assert isinstance(read(sent({"id": id}), reader), Unreadable), reader
    for reader in LISTS:
        assert isinstance(read(sent({"data": [{"id": "ok"}, {"id": id}]}), reader), Unreadable), reader


CURSORS: list[Any] = [
    ("a+b/c=&d %2F", True, "signs of URLs"),
    ("\r\nx-api-key: forged\x00", True, "quoted like all"),
    ("x" * 4096, True, "long"),
    ("x" * 4097, False, "no URL can hold it"),
    (7, True, "a number"),
    (True, True, "whatever that means to them"),
    ({"a": 1}, False, "no text"),
    (1.5, False, "no text"),
]


@pytest.mark.parametrize(("cursor", "taken", "why"), CURSORS)
@pytest.mark.parametrize("reader", ["sessions", "events", "files"])
def test_a_cursor_is_a_text_that_a_url_can_hold(reader: str, cursor: object, taken: bool, why: str) -> None:
    got = read(sent({"data": [], "next_page": cursor}), reader)
    assert isinstance(got, Page) is taken, why


@given(TEXTS | st.text(), TEXTS | st.text())
@example("a" * 512, "")
def test_an_id_is_one_part_of_the_path_or_refused(id: str, value: str) -> None:
    exchange = Exchange("https://host/prefix", dict, workspace=None, send_timeout=1, clock=FakeClock(), budget=None)
    try:
        url = exchange._url(["sessions", id, "events"], [("page", value)])
    except BadRequest:
        assert not usable(id)
        return
    assert usable(id)
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    parts = urlsplit(url)
    head, own, tail = parts.path.rsplit("/", 2)
    assert (parts.netloc, head, tail) == ("host", "/prefix/v1/sessions", "events")
    assert unquote(own) == id
    assert parse_qsl(parts.query, keep_blank_values=True) == [("page", value), ("beta", "true")]
    assert parts.fragment == ""


@pytest.mark.parametrize("id", ODD_TEXTS)
async def test_no_id_asks_for_another_path(server, connect, id: str) -> None:
    """As a server sees it, below all that URLs go through on their way."""
    server.says(200, {"id": "sesn_1", "data": []})
    one = await connect()
    for call in (
        one.get_session(id),
        one.delete_session(id),
        one.archive_session(id),
        one.send_events(id, []),
        one.get_agent(id),
        one.files.delete(id),
        one.resources.remove("sesn_1", id),
        one.resources.rotate(id, "sesrsc_1", "token"),
        one.list_sessions(agent_id=id[:512], page=id[:LONGEST_CURSOR] or None),
    ):
        try:
            await call
        except BadRequest:
            assert not usable(id)
    for request in server.requests:
        path, _, query = request.target.partition("?")
        names = [unquote(part) for part in path.split("/")]
        assert names[:2] == ["", "v1"]
        assert [n for n in names[2:] if n != id] in MEANT, request.target
        assert ("beta", "true") in parse_qsl(query)
    assert len(server.requests) == (9 if usable(id) else 1)


MEANT = [
    ["sessions"],
    ["sessions", "archive"],
    ["sessions", "events"],
    ["agents"],
    ["files"],
    ["sessions", "sesn_1", "resources"],
    ["sessions", "resources", "sesrsc_1"],
]


SCHEMES = st.sampled_from(["http://", "https://", "HTTP://", "file://", "gopher://", "//", "http:", ""])
HOSTS = st.sampled_from(
    ["host", "host:80", "me:pw@host", "host\\@evil.com", "host@evil.com", "[::1]:8", "ho st", "\r\nhost"]
)
ENDS = st.sampled_from(["", "/", "/a/b/", "?q=1", "#f", "/a\r\nx: y", "/@evil.com", "/../..", "\\evil.com", "/a b"])


@given(st.builds(str.__add__, SCHEMES, st.builds(str.__add__, HOSTS | TEXTS, ENDS | TEXTS)) | st.text())
def test_a_base_url_names_one_host_and_no_password(text: str) -> None:
    """What the schema of a Connection does not see: the one in the environment of the operator."""
    try:
        exchange = Exchange(text, dict, workspace=None, send_timeout=1, clock=FakeClock(), budget=None)
    except ValueError as refused:
        said = str(refused)
    else:
        said = ""
    if said:
        assert said.startswith("the base URL must")
        assert "pw" not in said
        return
    url = exchange._url(["sessions", "sesn_1"], [])
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert not set("@\\ ") & set(parts.netloc)
    assert parts.path.endswith("/v1/sessions/sesn_1")
    assert (parts.query, parts.fragment) == ("beta=true", "")
    assert not {"\r", "\n", "\t"} & set(url)
