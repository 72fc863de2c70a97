"""What a run costs: CPU and memory as the system tells, calls as the simulator, writes as the cluster."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SENT = r'^managed_agents_kubernetes_sent_bytes_total{method="PATCH"} (\S+)$'
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def megabytes(pid: int, line: str = "VmRSS") -> float:
    """Memory of a process: what is resident now, or its peak (`VmHWM`)."""
    for text in Path(f"/proc/{pid}/status").read_text().splitlines():
        if text.startswith(f"{line}:"):
            return int(text.split()[1]) / 1024
    raise ValueError(f"{pid} has no {line}")


@dataclass
class Reading:
    """One moment of the counters."""

    cpu: float
    writes: int
    call: int
    bytes: int


@dataclass
class Cost:
    """What was spent between two readings: seconds, writes by resource, calls by sort."""

    cpu: float
    writes: Counter[str]
    calls: Counter[str]
    bytes: int
    """Of the bodies of all patches."""

    @property
    def written(self) -> int:
        """Writes to Sessions."""
        return sum(n for resource, n in self.writes.items() if resource.partition("/")[0] == "sessions")

    @property
    def events(self) -> int:
        """Events written."""
        return self.writes["events"]


class Meter:
    """Reads the counters of one world."""

    def __init__(self, world):
        self._world = world

    @property
    def pid(self):
        return self._world.operator.process.pid

    def read(self):
        """The counters now."""
        last = max((call["n"] for call in self._world.control.requests()), default=0)
        return Reading(cpu_seconds(self.pid), len(self._world.cluster.audit), last, self._sent())

    def since(self, before):
        """What was spent since, by the operator alone."""
        written = self._world.cluster.audit.writes(user=self._world.account, since=before.writes)
        calls = self._world.control.requests(since=before.call)
        return Cost(
            cpu_seconds(self.pid) - before.cpu,
            Counter(write.resource for write in written),
            Counter(_sort(call) for call in calls),
            self._sent() - before.bytes,
        )

    def _sent(self):
        told = re.search(SENT, self._world.operator.metrics(), re.MULTILINE)
        return int(float(told[1])) if told else 0


def _sort(call):
    if (call["method"], call["path"]) == ("GET", "/v1/sessions"):
        return "hot page" if "statuses" in str(call["query"]) else "full page"
    return f"{call['method']} {'/v1/sessions' if call['path'] == '/v1/sessions' else 'one'}"
