"""When something happened, in the one spelling that status takes.

The API server refuses a whole status for one timestamp that is none, so that nothing else gets there.
"""

from __future__ import annotations

from datetime import UTC

from managed_agents_operator.engine.terms import RFC3339, instant


def moment(told: str | None) -> str | None:
    """RFC 3339 as it came where it is that, else mended, else None: what is no time can't be shown as one."""
    time = instant(told)
    if time is None or told is None:
        return None
    return told if RFC3339.fullmatch(told) else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
