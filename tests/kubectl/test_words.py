"""Texts of others, ages and durations as people see them."""

from __future__ import annotations

import pytest

from managed_agents_kubectl import words

HARMLESS = [
    ("plain text, ünïcode", "plain text, ünïcode", "what is printable stays"),
    ("\x1b[2Jgone", "\\x1b[2Jgone", "no escape reaches a terminal"),
    ("a\nb\tc\r", "a\\nb\\tc\\r", "one line stays one"),
    ("abc\u202edef", "abc\\u202edef", "nor may the direction of writing be turned"),
    ("\x9b31m", "\\x9b31m", "the eight-bit form of an escape is one"),
    ("\ud800", "\\ud800", "half a character, which could not be written at all"),
    (None, "None", "whatever it is"),
]


@pytest.mark.parametrize(("text", "shown", "reason"), HARMLESS)
def test_what_others_wrote_moves_no_terminal(text, shown, reason):
    assert words.harmless(text) == shown, reason
    assert words.harmless(text).isprintable()


def test_a_text_of_several_lines_keeps_them():
    assert words.lines("a\r\n\tb\n\x1b]0;title\x07") == ["a", "    b", "\\x1b]0;title\\x07"]


AGES = [
    (-5, "0s", "a clock may be behind"),
    (119, "119s", "seconds up to two minutes"),
    (125, "2m5s", "then both"),
    (120, "2m", "no seconds where there are none"),
    (3599, "59m", "no seconds beyond ten minutes"),
    (4 * 3600 + 60, "4h1m", "hours with minutes"),
    (20 * 3600, "20h", "and without"),
    (3 * 86400, "3d", "days"),
    (800 * 86400, "2y", "years"),
]


@pytest.mark.parametrize(("seconds", "told", "reason"), AGES)
def test_ages_are_told_as_kubectl_does(seconds, told, reason):
    assert words.age(seconds) == told, reason


DURATIONS = [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("90", 90), ("1.5s", 1.5), ("250ms", 0.25)]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_a_duration_is_read(text, seconds):
    assert words.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5x", "m5", "-5s", "5m and more", "\x1b"])
def test_what_is_no_duration_says_what_is(text):
    with pytest.raises(ValueError, match="write 30s, 5m or 1h30m") as refused:
        words.duration(text)
    assert str(refused.value).isprintable()
