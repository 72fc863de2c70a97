"""What there is to say of one reason. The tables beside consist of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Heals = Literal["", "itself", "person"]
"""Empty: nothing is wrong. itself: it passes without anybody's help. person: it stays until somebody does something,
and clears by itself once that is done."""

HEALS: Mapping[Heals, str] = {"": "", "itself": "by itself", "person": "once that is done"}
"""The same for people: when it clears."""


Effect = Literal["", "Reconciling", "Stalled"]
"""The condition for kstatus that is True with a reason."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: the status of the condition it comes with, what it means, what to do, and whether it heals.

    `effect` is the condition that Ready turns True beside itself. Texts are whole sentences without Markdown, since
    they stand in messages, on terminals and in tables.
    """

    status: Literal["True", "False"]
    effect: Effect
    meaning: str
    remedy: str
    heals: Heals


@dataclass(frozen=True, slots=True)
class Deed:
    """One reason of an Event that tells of something done, or of something that could not be."""

    type: Literal["Normal", "Warning"]
    meaning: str
    remedy: str
    heals: Heals = ""
