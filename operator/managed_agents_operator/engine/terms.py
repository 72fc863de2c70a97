"""Who decides, by what bounds of time, and how times are written and read.

Part of every `View`; the composition root makes `Process` and `Terms` from the settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
"""How a time is written in a status: the API server refuses the whole of it for one that is not."""
_YEARS = range(1970, 9000)
"""Of all that can have been meant: before and after, no time to live can be added and none subtracted."""


def rfc3339(time: datetime, digits: Literal["seconds", "microseconds"] = "microseconds") -> str:
    """A time in UTC."""
    return time.astimezone(UTC).isoformat(timespec=digits).replace("+00:00", "Z")


def instant(told: str | None) -> datetime | None:
    """The time that a text tells, None if it tells none; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    if time.year not in _YEARS:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things may take, in seconds; from the settings."""

    grace: float = 30.0
    create_timeout: float = 60.0
    refused_retry: float = 600.0
    interrupt_again: float = 300.0
    fresh: float = 5.0
    """How old an observation may be for a mutation to hang on it."""
    outage_told: float = 300.0
    """How long an outage lasts before resources that wait for nothing are told."""

    @property
    def permit_life(self) -> float:
        """A permit must be over well within the grace that another process keeps."""
        return min(5.0, self.grace / 2)

    @property
    def doubt(self) -> float:
        """How long a creation or a send may stay unseen before it surely did not happen."""
        return self.grace + self.create_timeout


@dataclass(frozen=True, slots=True)
class Process:
    """Who decides: `by` is a random id, `cluster` the uid of the kube-system namespace, `started` when it began."""

    by: str
    cluster: str
    started: datetime
    connection: str = "environment"
