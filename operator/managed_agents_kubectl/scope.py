"""What all commands share: where to look, as whom, how to answer, and how to give up.

Filled by `cli` from the flags, handed to every command.
"""

from __future__ import annotations

from dataclasses import dataclass

OK, FAILED, USAGE, STALLED = 0, 1, 2, 3
"""Exit codes; the last one is of `status` alone."""
OPERATOR_NAMESPACE = "managed-agents-system"


class Failed(Exception):
    """What was asked for was not done. The text is one line that says why, and what to do."""


class Unclear(Failed):
    """Nobody knows whether it was done."""


@dataclass(slots=True)
class Scope:
    """The flags that every command has; None where one was not given."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    operator_namespace: str = OPERATOR_NAMESPACE
    request_timeout: float | None = None
    """Seconds for a single call, of the cluster or of the API."""
    own_key: bool = False
    """Sign with the key of the person's own environment, whatever connection a Session has."""


def bare(name: str) -> str:
    """The name in `session/NAME`, as kubectl prints it."""
    return name.rpartition("/")[2]
