"""How sessions behave when they work: how long a turn takes, what it uses, how it ends.

The world has one for all sessions; the control API can give a single session its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from managed_agents_simulator.sessions.usage import Usage

STOPS = ("end_turn", "requires_action", "retries_exhausted", "refusal", "terminated")
"""How a turn may end by itself. `terminated` is an unrecoverable error; running into the budget comes by itself."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a turn is like."""

    stop_reason: str = "end_turn"
    """How a turn ends, one of `STOPS`."""
    turn_seconds: float = 6.0
    """How long a turn takes at speed 1."""
    interrupt_seconds: float = 0.5
    """How long an interrupt takes to be obeyed, at speed 1."""
    reschedules: bool = False
    """Whether a transient error sends each turn through `rescheduling`."""
    reschedule_seconds: float = 2.0
    """How long that lasts, at speed 1."""
    input_tokens: int = 9_000
    output_tokens: int = 2_400
    cache_read_input_tokens: int = 48_000
    cache_creation_5m: int = 6_000
    cache_creation_1h: int = 0
    web_searches: int = 1
    outcome_revisions: int = 1
    """How often a defined outcome is sent back before it is satisfied; too often and it is given up."""
    outcome_result: str = ""
    """A result that replaces the one the revisions lead to, for example `failed`."""
    repository_error: str = ""
    """An error type, such as `repository_clone_error`, that follows the creation of a session with a repository."""
    reply: str = "Done. I looked into it and wrote down what I found."
    """What the agent says at the end of a turn."""

    @property
    def gain(self) -> Usage:
        """What one turn uses."""
        return Usage(*(getattr(self, f.name) for f in fields(Usage)))

    def changed(self, changes: dict[str, Any]) -> Behaviour:
        """This behaviour with some fields replaced. Raises ValueError that names an unknown or mistyped one."""
        known = {f.name: getattr(self, f.name) for f in fields(Behaviour)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no part of a behaviour is called {name!r}; there are {', '.join(known)}")
            kinds: tuple[type, ...] = (int, float) if isinstance(known[name], float) else (type(known[name]),)
            if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(known[name], bool):
                raise ValueError(f"{name} takes {kinds[-1].__name__}, not {value!r}")
        if changes.get("stop_reason", "end_turn") not in STOPS:
            raise ValueError(f"stop_reason is one of {', '.join(STOPS)}, not {changes['stop_reason']!r}")
        return replace(self, **changes)
