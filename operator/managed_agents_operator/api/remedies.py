"""What a condition or an Event of ours means, and what to do about it: the door to the tables in `reasons`.

Called by the `kubectl` plugin (`condition`, `event`), and by `guide` for the tables of deploy/README.md (`markdown`).
Pure; knows no status and no cluster. Messages, which name ids and fields, are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from managed_agents_operator.api.connection import CLUSTER_CONNECTION, CONNECTION
from managed_agents_operator.api.reasons.deeds import DEEDS
from managed_agents_operator.api.reasons.fares import FARES
from managed_agents_operator.api.reasons.names import given
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.reason import HEALS, Deed, Reason
from managed_agents_operator.api.reasons.synced import FINISHED, SYNCED
from managed_agents_operator.api.session import KIND

_OF_BOTH: Mapping[Any, Reason] = {**SYNCED, **READY}
_OF_CONNECTIONS = {"Ready": FARES, "Reconciling": FARES, "Stalled": FARES}
CONDITIONS: Mapping[str, Mapping[str, Mapping[Any, Reason]]] = {
    KIND: {"Ready": READY, "Synced": SYNCED, "Finished": FINISHED, "Reconciling": _OF_BOTH, "Stalled": _OF_BOTH},
    CONNECTION: _OF_CONNECTIONS,
    CLUSTER_CONNECTION: _OF_CONNECTIONS,
}
"""The reasons of each condition type of each kind; Reconciling and Stalled repeat that of another one."""


def condition(kind: str, type_: str, reason: str) -> Reason | None:
    """What a condition of one of our kinds says; None for one that this version of the operator does not give."""
    return CONDITIONS.get(kind, {}).get(type_, {}).get(reason)


def event(kind: str, reason: str) -> Deed | Reason | None:
    """What an Event about one of our kinds says; None for one that this version of the operator does not give."""
    if kind == KIND and (deed := given(reason, DEEDS)) is not None:
        return DEEDS[deed]
    tables = CONDITIONS.get(kind, {}).values()
    return next((table[reason] for table in tables if reason in table), None)


def markdown() -> str:
    """The tables of all conditions and Events, with what to do."""
    sections = {
        "Ready of a Session": _table("Ready", READY),
        "Synced of a Session": _table("Synced", SYNCED),
        "Finished of a Session": _table("Finished", FINISHED),
        "Ready of a Connection or ClusterConnection": _table("Ready", FARES),
        "Events about Sessions": _table("Type", DEEDS),
    }
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in sections.items())


def _table(column: str, reasons: Mapping[Any, Reason | Deed]) -> str:
    head = ("Reason", column, "Meaning", "What to do", "Clears")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *_rows(reasons)))


def _rows(reasons: Mapping[Any, Reason | Deed]) -> Iterator[tuple[str, ...]]:
    for name, told in reasons.items():
        said = told.type if isinstance(told, Deed) else f"{told.status}, {told.effect}".removesuffix(", ")
        yield (f"`{name}`", said, told.meaning, told.remedy, HEALS[told.heals])
