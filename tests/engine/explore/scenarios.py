"""What is explored: a resource, what may go wrong with it, and what people may do to it, how often each.

Each scenario is explored to its end, so that its bounds are what it costs: each thing as often as its bound says, and
every combination of so many of them as may come together. Larger bounds come from the environment of `make explore`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.engine.world.gates import Fault, Gate
from tests.engine.world.play import EVENTS, SPEC

Act = tuple[str, Any]
"""A name of `people` and what it is given."""
POSTS = ("create", "send")
CALLS = ("update", "archive", "delete", "interrupt")
WRITES = ("patch_object", "patch_status")


def faults(at: Gate, flight: float) -> Iterator[tuple[str, Fault]]:
    """What may go wrong at a gate, and out of which bound it is taken: `lost` or `refused`."""
    if at.done:
        yield "lost", "unclear"  # done, and the answer is lost
    elif at.call.endswith(" sent"):
        if flight:
            yield "lost", "unclear"  # on its way, and arrives when nobody waits for it any more
    elif at.call in POSTS + CALLS:
        yield "lost", "unclear"  # the request is lost
        yield "refused", "later"
        yield "refused", "refused"
    else:
        yield "lost", "unreachable"


@dataclass(frozen=True)
class Scenario:
    """`bounds` is how often each thing may happen at the most, `together` how many of all these things in one way.

    `lag` and `flight` are the API's, in seconds. With `overlap` a process that stood still lives on beside the one that
    took its place, else it ends its pass and is gone. `start` is what has happened already. `violated`: lag or flight
    are longer than the operator was told, so that two sessions may live for a time.
    """

    name: str
    spec: Mapping[str, Any]
    bounds: Mapping[str, int]
    together: int = 3
    acts: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    lag: float = 0.0
    flight: float = 0.0
    names_workspace: bool = True
    overlap: bool = False
    violated: bool = False
    start: tuple[tuple[Any, ...], ...] = ()

    def within(self, bounds: Mapping[str, int], together: int | None = None) -> Scenario:
        """The same with these bounds, for what may happen in it at all; what is not named keeps its own."""
        bounds = {name: bounds.get(name, most) for name, most in self.bounds.items()}
        return replace(self, bounds=bounds, together=self.together if together is None else together)


REPLACED = {**SPEC, "onImmutableChange": "Replace"}
OTHER = {"id": "agent_2"}
PROMPT = {"lag": 20.0, "flight": 55.0}
"""As slow as the operator was told that it may be: a permit and the lag are over within the grace."""

SCENARIOS = (
    Scenario(
        "creation",
        SPEC,
        {"crash": 2, "lost": 2, "refused": 1},
        together=5,
        **PROMPT,
    ),
    Scenario(
        "kick-off",
        EVENTS,
        {"crash": 2, "lost": 2},
        together=4,
        **PROMPT,
    ),
    Scenario(
        "refused creation and kick-off",
        EVENTS,
        {"crash": 1, "lost": 1, "refused": 2},
        together=4,
        **PROMPT,
    ),
    Scenario(
        "deletion",
        EVENTS,
        {"delete": 1, "force": 1, "crash": 2, "lost": 2},
        acts={"delete": (("delete", None),), "force": (("force", None),)},
        **PROMPT,
    ),
    Scenario(
        "wiped status and replace",
        EVENTS,
        {"wipe": 1, "replace": 1, "crash": 2, "lost": 2},
        acts={"wipe": (("wipe", None),), "replace": (("replace", None),)},
        **PROMPT,
    ),
    Scenario(
        "restored backup",
        EVENTS,
        {"backup": 1, "restore": 1, "crash": 2, "lost": 2},
        acts={"backup": (("back_up", None),), "restore": (("restore", True), ("restore", False))},
        **PROMPT,
    ),
    Scenario(
        "two processes",
        SPEC,
        {"freeze": 1, "second": 1, "crash": 2, "lost": 2},
        **PROMPT,
    ),
    Scenario(
        "two processes that go on side by side",
        SPEC,
        {"freeze": 1, "second": 1, "crash": 2, "lost": 2},
        overlap=True,
        **PROMPT,
    ),
    Scenario(
        "replaced on change",
        REPLACED,
        {"edit": 2, "crash": 2, "lost": 2},
        acts={"edit": (("edit", {"agent": OTHER}), ("edit", {"agent": SPEC["agent"]}))},
        **PROMPT,
    ),
    Scenario(
        "edits",
        EVENTS,
        {"edit": 2, "delete": 1, "crash": 2, "lost": 2},
        acts={
            "edit": (("edit", {"title": "one"}), ("edit", {"agent": OTHER}), ("edit", {"metadata": {"team": "x"}})),
            "delete": (("delete", None),),
        },
        **PROMPT,
    ),
    Scenario(
        "ended outside",
        EVENTS,
        {"outside": 2, "delete": 1, "crash": 2, "lost": 2},
        acts={"delete": (("delete", None),)},
        outside=("archive", "terminate", "delete", "speak"),
        **PROMPT,
    ),
    Scenario(
        "replaced when lost",
        {**EVENTS, "onLost": "Replace"},
        {"outside": 1, "delete": 1, "crash": 2, "lost": 2},
        acts={"delete": (("delete", None),)},
        outside=("archive", "delete"),
        **PROMPT,
    ),
    Scenario(
        "lag beyond the grace",
        EVENTS,
        {"delete": 1, "crash": 2, "lost": 2},
        acts={"delete": (("delete", None),)},
        lag=200.0,
        flight=55.0,
        violated=True,
    ),
    Scenario(
        "flight beyond the time-out",
        EVENTS,
        {"delete": 1, "crash": 2, "lost": 2},
        acts={"delete": (("delete", None),)},
        lag=20.0,
        flight=200.0,
        violated=True,
    ),
)
"""All that `make explore` goes through."""
