"""How things are written for people: texts of others made harmless for a terminal, ages, money, short forms.

Pure; used by everything that prints.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from managed_agents_operator.engine.terms import instant

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def harmless(text: object) -> str:
    """On one line, and without anything that moves a terminal or turns what is read: those are shown as escapes."""
    told = str(text)
    return told if told.isprintable() else "".join(one if one.isprintable() else _escape(one) for one in told)


def lines(text: str) -> list[str]:
    """The same for a text of several lines; tabs become blanks."""
    return [harmless(line.replace("\t", "    ")) for line in re.split(r"\r\n|\n", text)]


def _escape(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode()


def short(text: str, most: int) -> str:
    """Its beginning, where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def compact(value: Any, most: int | None = None) -> str:
    """A JSON value on one line."""
    told = harmless(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")))
    return told if most is None else short(told, most)


def age(seconds: float) -> str:
    """As kubectl tells ages: two units while small, one where the second says nothing."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if days < 3:
        return f"{hours}h"
    return f"{days}d" if days < 730 else f"{days // 365}y"


def since(told: str | None, now: datetime) -> str:
    """How long ago a time of RFC 3339 was."""
    at = instant(told)
    return "<unknown>" if at is None else age((now - at).total_seconds())


def duration(text: str) -> float:
    """Seconds of `30s`, `5m`, `1h30m`, or of a bare number. Raises `ValueError`."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{harmless(text)!r} is no duration: write 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def clock(told: str | None) -> str:
    """A time of RFC 3339 in local time, to the second; blanks for one that is not there."""
    at = instant(told)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else " " * 19


def now() -> datetime:
    """In UTC."""
    return datetime.now(UTC)
