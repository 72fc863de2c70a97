"""Lines of the log, whatever those wrote whose names, titles and answers get into them.

Nothing that others wrote begins a line, moves a cursor or colours a terminal, is of endless length, or shows a key.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from managed_agents_operator import logs
from managed_agents_operator.logs import hide, set_up_logging

BEGIN = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +\w+: ")
FORGED = "2026-11-28T20:00:00.000Z INFO    telling: default/prod: Create sesn_forged"
ANYTHING = st.text(st.characters(codec="utf-8") | st.sampled_from("\n\r\x0b\x0c\x1b\x85\u2028\u2029\x9b\x7f\u202e"))
SECRET = "gl-pat-0123456789abcdef"


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(logs, "_HIDDEN", {})
    monkeypatch.setattr(logs, "_CUT", [])
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def said(form, message, *args, failure=None):
    """What stands in the log after one record."""
    set_up_logging(form, "debug")
    written = io.StringIO()
    handler = logging.root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    logging.getLogger("managed_agents_operator.engine.telling").warning(message, *args, exc_info=failure)
    return written.getvalue()


def trouble(text):
    """An exception with a traceback."""
    try:
        raise LookupError(text)
    except LookupError as error:
        return error


def is_tame(text):
    """Lines of printable characters alone."""
    return text.endswith("\n") and text.replace("\n", "").isprintable()


ATTACKS = [
    (f"sesn_1\n{FORGED}", "a line break"),
    (f"sesn_1\r\n{FORGED}", "that of other systems"),
    (f"sesn_1\r{FORGED}", "writes over what stands there"),
    (f"sesn_1\u2028{FORGED}", "a line break to many viewers"),
    (f"sesn_1\x85{FORGED}", "to some"),
    ("\x1b[2J\x1b[1;31mAll is lost\x1b]0;title\x07", "clears the screen, and names the window"),
    ("\x9b2J", "the same in one character"),
    ("\x08" * 40 + "nothing happened", "goes back"),
    ("\u202egnp.exe", "is read from the right"),
    ("\x00", "ends the text for some"),
    ("\ud800", "no character at all"),
    ('"}\n{"level": "info", "message": "forged"}', "a second document"),
    ('", "level": "info', "another level"),
]


@pytest.mark.parametrize(("text", "why"), ATTACKS)
def test_no_value_makes_a_line_of_text(text, why):
    told = said("text", "session %s can't be read", text)
    assert is_tame(told), why
    assert told.count("\n") == 1, why
    assert BEGIN.match(told)


@pytest.mark.parametrize(("text", "why"), ATTACKS)
def test_no_value_makes_a_line_of_json(text, why):
    told = said("json", "session %s can't be read", text)
    assert is_tame(told), why
    assert told.count("\n") == 1, why
    line = json.loads(told)
    assert (line["level"], line["message"]) == ("warning", f"session {text} can't be read"), "nothing of it is lost"


@pytest.mark.parametrize(("text", "why"), ATTACKS)
def test_no_exception_makes_a_line(text, why):
    lines = said("text", "a sweep failed", failure=trouble(text)).splitlines()
    assert [bool(BEGIN.match(line)) for line in lines] == [True] + [False] * (len(lines) - 1), why
    assert all(line.startswith("  ") and line.isprintable() for line in lines[1:]), why
    assert lines[1] == "  Traceback (most recent call last):"
    told = said("json", "a sweep failed", failure=trouble(text))
    assert is_tame(told), why
    assert text in json.loads(told)["exception"]


def test_what_is_printable_stays_as_it_is():
    told = said("text", "%s", "Nächtliche Prüfung 夜間 🌙 c:\\temp")
    assert told.endswith(": Nächtliche Prüfung 夜間 🌙 c:\\temp\n")
    assert "夜間 🌙" in said("json", "%s", "夜間 🌙")


@given(ANYTHING, ANYTHING, st.sampled_from(["text", "json"]))
def test_anything_is_logged_as_one_record(text, failure, form):
    told = said(form, "%s", text, failure=trouble(failure))
    assert is_tame(told)
    if form == "json":
        assert told.count("\n") == 1
        assert json.loads(told)["message"] == text
    else:
        assert [line for line in told.splitlines() if BEGIN.match(line)] == told.splitlines()[:1]


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["text", "json"]))
def test_a_hidden_key_shows_nowhere(before, after, form):
    hide(SECRET)
    told = said(form, "%s", before + SECRET + after, failure=trouble(before + SECRET + after))
    assert SECRET not in told
    assert is_tame(told)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_is_of_endless_length(form):
    told = said(form, "%s has no resource", "m" * 2_000_000, failure=trouble("m" * 2_000_000))
    assert len(told) < 50_000
    assert "…" in told


def test_keys_that_rotate_for_ever_use_no_memory_for_ever(monkeypatch):
    """One in use is never among those that are let go, however many others came and went."""
    monkeypatch.setattr(logs, "_MOST_HIDDEN", 10)
    hide("key-in-use-1")
    for n in range(100):
        hide(f"rotated-away-{n:03}")
        hide("key-in-use-1")
    assert len(logs._HIDDEN) == 10
    assert sorted(logs._CUT) == sorted(logs._HIDDEN)
    assert said("text", "%s", "key-in-use-1 rotated-away-099").endswith(": *** ***\n")
    assert "rotated-away-001" in said("text", "%s", "rotated-away-001"), "long since no key any more"


def test_a_key_within_another_is_cut_out_with_it():
    hide("abcdefgh")
    hide("abcdefghijkl")
    assert said("text", "%s", "abcdefghijkl").endswith(": ***\n")


def log_everything():
    log = logging.getLogger("managed_agents_operator.kube.tests")
    log.warning("key %s of %s", "very-secret", "sk-ant-api03-abc_DEF")
    try:
        raise ValueError("very-secret")
    except ValueError:
        log.exception("no way")
    logging.getLogger("kopf.objects").info("noise")
    logging.getLogger("kopf.objects").warning("worth it")


def test_lines_of_json(capsys):
    set_up_logging("json", "info", ["very-secret", "", "key"])
    log_everything()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("warning", "key *** of ***"),
        ("error", "no way"),
        ("warning", "worth it"),
    ]
    assert "ValueError: ***" in lines[1]["exception"]
    assert lines[0]["logger"] == "managed_agents_operator.kube.tests"
    assert lines[0]["time"].endswith("Z")


def test_lines_of_text(capsys):
    set_up_logging("text", "warning", ["very-secret"])
    log_everything()
    told = capsys.readouterr().err
    assert "WARNING tests: key *** of ***\n" in told
    assert "very-secret" not in told
    assert sys.stderr is not None
