"""What the process tells about itself: counters, named once, and log lines.

Counters are incremented wherever things happen and shown by `kube.probes` at /metrics; `app` sets the log up. What is
told about single objects is in their conditions and Events, and is named there.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Literal

_PREFIX = "managed_agents_"
_KEY = re.compile(r"sk-ant-[\w-]+")
_SHORTEST = 8
"""Characters that a key has at least: anything shorter is in words that have nothing to do with it."""
_MOST_HIDDEN = 4096
"""Keys that are cut out of log lines: all that are used, and of those that were replaced the last ones. Each of them
costs every line a search."""
_LONGEST = 16_384
"""Characters of a message or a traceback: what others wrote may be megabytes."""


class Metric:
    """A number per set of labels, in Prometheus' text form. Labels are fixed by their first use."""

    def __init__(self, name: str, meaning: str, kind: Literal["counter", "gauge"] = "counter") -> None:
        self.name = _PREFIX + name
        self._head = f"# HELP {self.name} {meaning}\n# TYPE {self.name} {kind}\n"
        self._values: dict[tuple[tuple[str, str], ...], float] = {}
        self._asked: dict[tuple[tuple[str, str], ...], Callable[[], float]] = {}
        METRICS.append(self)

    def inc(self, by: float = 1, **labels: str) -> None:
        """Add to the number with these labels."""
        key = tuple(sorted(labels.items()))
        self._values[key] = self._values.get(key, 0) + by

    def set(self, value: float, **labels: str) -> None:
        """Put the number with these labels."""
        self._values[tuple(sorted(labels.items()))] = value

    def follow(self, number: Callable[[], float], **labels: str) -> None:
        """Ask for the number with these labels whenever it is shown."""
        self._asked[tuple(sorted(labels.items()))] = number

    def drop(self, **labels: str) -> None:
        """Show no number with these labels any more."""
        self._asked.pop(tuple(sorted(labels.items())), None)

    def value(self, **labels: str) -> float:
        """The number with these labels, 0 when nothing was counted."""
        return self._values.get(tuple(sorted(labels.items())), 0)

    def text(self) -> str:
        """All numbers of this metric, with its help."""
        values = self._values | {key: number() for key, number in self._asked.items()}
        return self._head + "".join(f"{self.name}{_labels(key)} {_number(value)}\n" for key, value in values.items())


METRICS: list[Metric] = []
_HIDDEN: dict[str, None] = {}
"""The last used last."""
_CUT: list[str] = []
"""The same, the longest first, in case one holds another."""

CLUSTER_CALLS = Metric("kubernetes_requests_total", "Requests of our own to the API server, by method and status.")
CLUSTER_BYTES = Metric("kubernetes_sent_bytes_total", "Bytes of the bodies sent to the API server, by method.")
EVENTS = Metric("events_total", "Kubernetes Events, by what became of them: written, failed or dropped.")
DOORBELL_FAILURES = Metric("doorbell_failures_total", "Watch events that could not be taken in: each one is a bug.")
DIVERGENCES = Metric("resync_divergences_total", "Objects that a listing showed otherwise than the watch had.")
QUOTA = Metric("quota_remaining", "Calls that may be made at once, by connection and budget.", "gauge")
WAITING = Metric("quota_waiting", "Calls that wait for their turn, by connection and budget.", "gauge")
OLDEST_WAIT = Metric(
    "quota_oldest_wait_seconds", "How long the first of them has waited, by connection and budget.", "gauge"
)
CIRCUIT = Metric("circuit_open", "Whether the API refuses the key of a connection.", "gauge")
PASSES = Metric("passes_total", "Passes over single resources, by connection.")
LEADING = Metric("leading", "Whether this process is the one that works.", "gauge")


def exposition() -> str:
    """Everything counted so far, as /metrics answers it."""
    return "".join(metric.text() for metric in METRICS)


def _number(value: float) -> str:
    """All its digits: a counter that is rounded stands still for a while, and then jumps."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _labels(key: tuple[tuple[str, str], ...]) -> str:
    quoted = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in key)
    return "{" + ",".join(quoted) + "}" if key else ""


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
