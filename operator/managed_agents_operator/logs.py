"""Log lines: one record, one line, without keys and without anything that moves on a terminal.

Set up by `app`; whoever uses a key has it cut out by `hide`. What is told about single objects is in their conditions
and Events, and is named there; numbers are in `telemetry`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Literal

_KEY = re.compile(r"sk-ant-[\w-]+")
_SHORTEST = 8
"""Characters that a key has at least: anything shorter is in words that have nothing to do with it."""
_MOST_HIDDEN = 4096
"""Keys that are cut out of log lines: all that are used, and of those that were replaced the last ones. Each of them
costs every line a search."""
_LONGEST = 16_384
"""Characters of a message or a traceback: what others wrote may be megabytes."""

_HIDDEN: dict[str, None] = {}
"""The last used last."""
_CUT: list[str] = []
"""The same, the longest first, in case one holds another."""


class _Line(logging.Formatter):
    """One record as one line of text or JSON, with the lines of a traceback set in.

    Keys never pass, whoever logs them, and what others wrote makes no line, and nothing that moves on a terminal.
    """

    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        message = _clean(record.getMessage())
        trace = _clean(self.formatException(record.exc_info)) if record.exc_info else None
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._form == "json":
            line = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": message}
            told = json.dumps(line | ({"exception": trace} if trace else {}), ensure_ascii=False)
            return _printable(told, _as_json)
        lines = [f"{at} {record.levelname:7} {record.name.rpartition('.')[2]}: {_printable(message, _as_python)}"]
        # Lines that the text of an exception begins look like any other of the traceback.
        lines += [f"  {_printable(one, _as_python)}" for one in trace.split("\n")] if trace else []
        return "\n".join(lines)


def _clean(text: str) -> str:
    for secret in _CUT:
        text = text.replace(secret, "***")
    text = _KEY.sub("***", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _printable(text: str, escape: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else escape(one) for one in text)


def _as_python(one: str) -> str:
    return one.encode("unicode_escape").decode()


def _as_json(one: str) -> str:
    """As JSON may have it in a text. Outside of texts there is nothing that is not printable."""
    units = one.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def hide(*secrets: str) -> None:
    """Cut these out of every line from now on, until very many others were used since: tell it at each use."""
    fresh = False
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            fresh |= secret not in _HIDDEN
            _HIDDEN.pop(secret, None)
            _HIDDEN[secret] = None
    if not fresh:
        return
    for oldest in list(_HIDDEN)[:-_MOST_HIDDEN]:
        del _HIDDEN[oldest]
    _CUT[:] = sorted(_HIDDEN, key=len, reverse=True)


def set_up_logging(form: Literal["text", "json"], level: str, secrets: Collection[str] = ()) -> None:
    """Log to stderr from now on. `secrets` are cut out of every line."""
    hide(*secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(form))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    # The framework tells of every event of every object; its warnings are worth hearing.
    for chatty in ("kopf", "kubernetes", "aiohttp.access", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))
