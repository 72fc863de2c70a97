"""What the process tells about itself in numbers: every metric, named once, and how all of them are shown.

They are changed wherever things happen and shown by `kube.probes` at /metrics. No label has values without bound: they
come from a table, from what exists (and then the series goes with it), or are cut off at a number; nothing that people
wrote is one, but names of namespaces and connections. Alerts and a dashboard are made of these names
(`deploy/monitoring`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import disable_created_metrics as _disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from managed_agents_operator import __version__
from managed_agents_operator.telemetry.collectors import Followed as Followed
from managed_agents_operator.telemetry.collectors import Kind
from managed_agents_operator.telemetry.collectors import Tally as Tally

PREFIX = "managed_agents_"
REGISTRY = CollectorRegistry()
"""Ours, and beside them those of process and interpreter."""
_CODES = frozenset({*(str(int(status)) for status in HTTPStatus), "529"})
_CALL_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_SECONDS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600)
_SWEEP_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_PASS_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as people read of it. `name` is that of its family, with `_total` where it is a counter."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


METRICS: list[Metric] = []
"""All of ours, in the order of /metrics."""


def _named(name: str, kind: Literal["counter", "gauge", "histogram"], labels: tuple[str, ...], meaning: str) -> str:
    METRICS.append(Metric(PREFIX + name, kind, labels, meaning))
    return PREFIX + name


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(_named(name, "counter", labels, meaning), meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(_named(name, "gauge", labels, meaning), meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: Iterable[float]) -> Histogram:
    named = _named(name, "histogram", labels, meaning)
    return Histogram(named, meaning, labels, registry=REGISTRY, buckets=tuple(buckets))


def _followed(name: str, meaning: str, *labels: str, kind: Kind = "gauge") -> Followed:
    made = Followed(_named(name, kind, labels, meaning), meaning, labels, kind)
    REGISTRY.register(made)
    return made


def _tally(name: str, meaning: str, *labels: str, per: int = 1) -> Tally:
    kind: Kind = "counter" if name.endswith("_total") else "gauge"
    made = Tally(_named(name, kind, labels, meaning), meaning, labels, kind, per)
    REGISTRY.register(made)
    return made


# Each creation time would be a series of its own beside the number.
_disable_created_metrics()  # type: ignore[no-untyped-call]  # it just returns nothing
GCCollector(REGISTRY)
PlatformCollector(REGISTRY)
ProcessCollector(registry=REGISTRY)

BUILD = _gauge("build_info", "1, with the version of the operator.", "version")
BUILD.labels(__version__).set(1)
LEADING = _gauge("leading", "Whether this process is the one that works.")

SESSIONS = _tally("sessions", "Session resources, by the state of their session; none: there is none yet.",
                  "namespace", "state")  # fmt: skip
CONDITIONS = _tally("session_conditions", "Session resources that have a condition, by its status and reason.",
                    "namespace", "condition", "status", "reason")  # fmt: skip
COST = _tally("sessions_list_cost", "What the sessions that have a resource cost so far, at list prices, by currency.",
              "namespace", "currency", per=100)  # fmt: skip
TOKENS = _tally("sessions_tokens", "Tokens that the sessions that have a resource used so far, by their type.",
                "namespace", "type")  # fmt: skip
SPENT = _tally("list_cost_total", "List cost that was added to the status of sessions, by currency.",
               "namespace", "currency", per=100)  # fmt: skip
USED = _tally("tokens_total", "Tokens that were added to the status of sessions, by their type.",
              "namespace", "type")  # fmt: skip
AGENT_COST = _tally("agent_sessions_list_cost", "As sessions_list_cost, by agent, where that is asked for.",
                    "agent", "currency", per=100)  # fmt: skip
AGENT_TOKENS = _tally("agent_sessions_tokens", "As sessions_tokens, by agent, where that is asked for.",
                      "agent", "type")  # fmt: skip
AGENT_SPENT = _tally("agent_list_cost_total", "As list_cost_total, by agent, where that is asked for.",
                     "agent", "currency", per=100)  # fmt: skip
AGENT_USED = _tally("agent_tokens_total", "As tokens_total, by agent, where that is asked for.",
                    "agent", "type")  # fmt: skip

API_CALLS = _counter("api_requests_total", "Calls of the API; code is the HTTP status, unsent, lost or cancelled.",
                     "method", "endpoint", "code")  # fmt: skip
API_SECONDS = _histogram("api_request_duration_seconds", "How long calls of the API took, answered or not.",
                         "method", "endpoint", buckets=_CALL_SECONDS)  # fmt: skip
UNREACHABLE = _followed("api_unreachable", "Whether the last calls of a connection were not answered.", "connection")
CIRCUIT = _followed("circuit_open", "Whether the API refuses the key of a connection.", "connection")
QUOTA = _followed("quota_remaining", "Calls that may be made at once, by budget.", "connection", "budget")
WAITING = _followed("quota_waiting", "Calls that wait for their turn in a budget.", "connection", "budget")
OLDEST_WAIT = _followed("quota_oldest_wait_seconds", "How long the first of those has waited.",
                        "connection", "budget")  # fmt: skip
QUOTA_WAIT = _histogram("quota_wait_seconds", "How long calls waited for their turn, by what they were for.",
                        "budget", "priority", buckets=_WAIT_SECONDS)  # fmt: skip

SWEEP_INTERVAL = _gauge("sweep_interval_seconds", "How far apart sweeps are to begin.", "sweep")
SWEEP_AGE = _followed("sweep_age_seconds", "Since when no sweep came to its end.", "connection", "sweep")
SWEEP_SECONDS = _histogram("sweep_duration_seconds", "How long sweeps took that came to their end.",
                           "sweep", buckets=_SWEEP_SECONDS)  # fmt: skip
SWEEP_FAILURES = _counter("sweep_failures_total", "Sweeps that failed.", "sweep")
ORPHANS = _followed("orphans", "Living sessions with the marker of a resource that is not there.", "connection")

PASSES = _followed("passes_total", "Passes over single resources.", "connection", kind="counter")
PASS_SECONDS = _histogram("pass_duration_seconds", "How long passes took.", buckets=_PASS_SECONDS)
PASS_FAILURES = _counter("pass_failures_total", "Passes that ended by an exception: each one is a bug.")
QUEUE = _followed("queue_depth", "Resources that wait for a pass.", "connection")
QUEUE_AGE = _followed("queue_oldest_wait_seconds", "How long the first of those has waited.", "connection")

CLUSTER_CALLS = _counter("kubernetes_requests_total", "Requests of our own to the API server; code is the HTTP status "
                         "or lost.", "method", "resource", "code")  # fmt: skip
CLUSTER_SECONDS = _histogram("kubernetes_request_duration_seconds", "How long these took.",
                             "method", buckets=_CALL_SECONDS)  # fmt: skip
CLUSTER_BYTES = _counter("kubernetes_sent_bytes_total", "Bytes of the bodies sent to the API server.", "method")
EVENTS = _counter("events_total", "Kubernetes Events, by what became of them: written, failed or dropped.", "outcome")
DOORBELL_FAILURES = _counter("doorbell_failures_total", "Watch events that could not be taken in: each one is a bug.")
DIVERGENCES = _counter("resync_divergences_total", "Objects that a listing showed otherwise than the watch had.")

for _outcome in ("written", "failed", "dropped"):
    EVENTS.labels(_outcome)
for _sweep in ("hot", "full"):
    SWEEP_FAILURES.labels(_sweep)


@lru_cache(maxsize=1024)
def code(status: int) -> str:
    """An HTTP status as a label: one that nobody knows only by its class, since a server may answer any."""
    text = str(status)
    return text if text in _CODES else f"{text[0]}xx" if 100 <= status <= 599 else "other"


def exposition(accept: str = "") -> tuple[bytes, str]:
    """All metrics in the format that an Accept header asks for, and the Content-Type of it."""
    try:
        encode, content_type = choose_encoder(accept)
    except (ValueError, TypeError):
        # A version that is none.
        encode, content_type = choose_encoder("")
    return encode(REGISTRY), content_type
